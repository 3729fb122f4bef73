//! The file for an upload: who is in it, in how many parts, and who is marked as exported.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use lambda_http::http::header::{CONTENT_DISPOSITION, LINK};
use leadfeed_shared::domain::lead::{Lead, LeadState};
use leadfeed_shared::domain::tally::{Counts, Label};
use leadfeed_shared::fakes::samples;
use leadfeed_shared::ports::{Lanes as _, Ledger as _, Tallies as _};
use serde_json::json;

use crate::csv::{CSV, rows, sign_up_with};
use crate::stage::{Answer, Stage};

/// All parts, following the links.
async fn parts(stage: &Stage, query: &str) -> Vec<Answer> {
    let mut parts = Vec::new();
    let mut target = format!("{CSV}?{query}");
    loop {
        let part = stage.get(&target).await;
        assert_eq!(part.status, 200, "{}", part.body);
        let link = part.headers.get(LINK).map(|link| link.to_str().unwrap());
        let next = link.map(|link| link.split(['<', '>']).nth(1).unwrap().to_owned());
        parts.push(part);
        match next {
            Some(next) => target = next,
            None => return parts,
        }
    }
}

#[tokio::test]
async fn upload_has_one_row_per_address_from_its_newest_lead() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    for (email, name) in [
        ("ada@example.com", "Old"),
        ("bo@example.com", "Bo"),
        ("ADA@example.com", "New"),
    ] {
        sign_up_with(&stage, &form, &[("email", email), ("first_name", name)]).await;
        stage.memory.clock.advance(SignedDuration::from_mins(2));
    }
    let names = |answer: &Answer| -> Vec<String> {
        let rows = rows(&answer.bytes);
        rows.iter().map(|row| row["First Name"].clone()).collect()
    };

    let sheet = stage
        .get(&format!("{CSV}?look=true&dialect=spreadsheet"))
        .await;
    let upload = stage.get(CSV).await;
    stage.memory.clock.advance(SignedDuration::from_millis(1));
    let again = stage.get(CSV).await;
    let exported = stage.get(&format!("{CSV}?status=exported")).await;

    assert_eq!(names(&sheet), ["New", "Bo", "Old"], "every lead is in it");
    assert_eq!(names(&upload), ["New", "Bo"]);
    assert_eq!(upload.headers["leadfeed-rows"], "2");
    assert_eq!(names(&again), [""; 0], "the older lead was marked, too");
    assert_eq!(exported.bytes, upload.bytes);
}

#[tokio::test]
async fn suppressed_addresses_are_in_no_file() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let ada = stage.sign_up(&form, "ada@example.com").await;
    stage.sign_up(&form, "bo@example.com").await;
    stage.memory.drain_all().await;
    let person = json!({"email": "Ada@example.com"});
    let list = "/v1/customers/engines/suppressions";
    assert_eq!(stage.post(list, person.clone()).await.status, 200);

    for query in [
        "status=all",
        "dialect=spreadsheet&look=true",
        "",
        "status=exported",
    ] {
        let answer = stage.get(&format!("{CSV}?{query}")).await;
        let rows = rows(&answer.bytes);
        assert_eq!(rows.len(), 1, "{query}");
        let email = rows[0].values().any(|cell| cell == "bo@example.com");
        assert!(email, "{query}: {rows:?}");
    }

    let customer = "engines".parse().unwrap();
    let record = stage.memory.ledger.lead(&customer, &ada).await.unwrap();
    assert_eq!(record.unwrap().exported_at, None, "not marked as exported");
    let removals = "/v1/customers/engines/suppression-removals";
    stage.post(removals, person).await;
    let answer = stage.get(CSV).await;
    assert_eq!(rows(&answer.bytes)[0]["Email Address"], "ada@example.com");
}

#[tokio::test]
async fn formula_like_addresses_are_omitted_from_uploads_and_escaped_in_spreadsheets() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    for email in ["=1+1@example.com", "-1@example.com", "a+1@example.com"] {
        stage.sign_up(&form, email).await;
    }
    let addresses = async |query: &str| -> BTreeSet<String> {
        let file = stage.get(&format!("{CSV}?look=true&{query}")).await.bytes;
        let text = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&file);
        let rows = rows(text).into_iter();
        rows.map(|row| row["Email Address"].clone()).collect()
    };

    let upload = addresses("dialect=upload").await;
    let sheet = addresses("dialect=spreadsheet").await;

    assert_eq!(upload, BTreeSet::from(["a+1@example.com".to_owned()]));
    let quoted = ["'=1+1@example.com", "'-1@example.com", "a+1@example.com"];
    assert_eq!(sheet, quoted.map(str::to_owned).into());
}

#[tokio::test]
async fn large_file_is_split_into_numbered_parts_with_each_lead_once() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let long = "x".repeat(3_900);
    let mut emails = Vec::new();
    for i in 0..90 {
        let email = format!("p{i}@example.com");
        let custom: Vec<_> = (0..15).map(|i| format!("custom_fields[F{i}]")).collect();
        let mut fields = vec![("email", email.as_str())];
        fields.extend(custom.iter().map(|name| (name.as_str(), long.as_str())));
        sign_up_with(&stage, &form, &fields).await;
        stage.memory.clock.advance(SignedDuration::from_mins(1));
        emails.insert(0, email);
    }

    let parts = parts(&stage, "status=all&dialect=spreadsheet").await;

    assert_eq!(parts.len(), 2);
    let mut read = Vec::new();
    for (i, part) in parts.iter().enumerate() {
        assert!(part.bytes.len() <= 4_000_000);
        let name = part.headers[CONTENT_DISPOSITION].to_str().unwrap();
        assert!(name.contains(&format!("part-{}.csv", i + 1)), "{name}");
        let rows = rows(&part.bytes);
        assert_eq!(
            part.headers["leadfeed-rows"],
            rows.len().to_string().as_str()
        );
        read.extend(rows.iter().map(|row| row["Email Address"].clone()));
    }
    assert_eq!(read, emails, "each lead exactly once");
}

#[tokio::test]
async fn exported_lead_is_replayed_only_when_exported_leads_are_requested() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = stage.sign_up(&form, "ada@example.com").await;
    stage.memory.drain_all().await;

    let file = stage.get(CSV).await;
    stage.memory.clock.advance(SignedDuration::from_millis(1));
    let again = stage.get(CSV).await;
    let once_more = stage.get(&format!("{CSV}?status=exported")).await;

    assert_eq!(rows(&file.bytes).len(), 1);
    assert!(rows(&again.bytes).is_empty());
    assert_eq!(once_more.bytes, file.bytes);
    let customer = "engines".parse().unwrap();
    assert_eq!(
        stage
            .memory
            .ledger
            .waiting(&customer, None, 9)
            .await
            .unwrap(),
        []
    );
    let tallies = stage.memory.directory.tallies(&customer).await.unwrap();
    let counts = Counts::from([("exported".into(), 1), ("waiting.not_connected".into(), 0)]);
    assert_eq!(tallies[0].counts, counts);
    let replayed = stage.post("/v1/customers/engines/replays", json!({})).await;
    assert_eq!(
        (&replayed.body["leads"], &replayed.body["exported"]),
        (&json!({}), &json!(1))
    );

    let requested = json!({"status": "exported"});
    let requested = stage.post("/v1/customers/engines/replays", requested).await;
    assert_eq!(requested.body["leads"], json!({"exported": 1}));
    let record = stage.memory.ledger.lead(&customer, &lead).await.unwrap();
    let record = record.unwrap();
    assert_eq!(
        (record.state, record.exported_at),
        (LeadState::Queued, None)
    );
}

#[tokio::test]
async fn downloading_a_file_twice_returns_the_same_people_without_newer_leads() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    let path = stage.manage_path().await;
    let download = async |button: &str| {
        stage
            .page("POST", &format!("{path}/leads.csv"), button)
            .await
            .2
    };

    stage.memory.clock.advance(SignedDuration::from_mins(1));
    let button = download_form(&stage.page("GET", &format!("{path}/file"), "").await.2);
    let first = download(&button).await;
    stage.memory.clock.advance(SignedDuration::from_mins(1));
    stage.sign_up(&form, "bo@example.com").await;
    let second = download(&button).await;

    assert!(first.contains("ada@example.com"));
    assert_eq!(second, first);
    let later = download_form(&stage.page("GET", &format!("{path}/file"), "").await.2);
    let later = download(&later).await;
    assert!(later.contains("bo@example.com") && !later.contains("ada@example.com"));
    let customer = "engines".parse().unwrap();
    let tallies = stage.memory.directory.tallies(&customer).await.unwrap();
    let exported: i64 = tallies.iter().map(|day| day.counts[&Label::Exported]).sum();
    assert_eq!(exported, 2);
}

#[tokio::test]
async fn slow_downloads_have_each_person_once_and_as_many_rows_as_the_preview_says() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let ada = stage.sign_up(&form, "ada@example.com").await;
    let template = stage.lead(&ada);
    let mut emails = BTreeSet::from(["ada@example.com".to_owned()]);
    for i in 1..3_000 {
        let lead = from_another_person(&stage, &template, i);
        let queued = stage
            .memory
            .ledger
            .record(&lead, &LeadState::Queued, lead.received_at);
        queued.await.unwrap();
        emails.insert(lead.contact.email.as_str().to_owned());
    }
    stage.memory.clock.advance(SignedDuration::from_hours(1));
    let path = stage.manage_path().await;
    let call = SignedDuration::from_millis(70);

    let download = format!("{path}/leads.csv");
    let (mut read, mut page_path) = (Vec::new(), format!("{path}/file"));
    loop {
        let page = stage
            .with_slow_calls(call, stage.page("GET", &page_path, ""))
            .await
            .2;
        let button = download_form(&page);
        let downloaded = stage.with_slow_calls(call, stage.page("POST", &download, &button));
        let rows = rows(downloaded.await.2.as_bytes());
        assert!(page.contains(&format!(": {} people", rows.len())), "{page}");
        read.extend(rows.iter().map(|row| row["Email Address"].clone()));
        match page
            .split("class=\"button quiet\" href=\"")
            .nth(1)
            .unwrap()
            .split_once('"')
        {
            Some((next, _)) if next.contains("cursor=") => page_path = next.replace("&#38;", "&"),
            _ => break,
        }
    }

    assert_eq!(read.len(), 3_000, "nobody twice");
    assert_eq!(BTreeSet::from_iter(read), emails, "nobody missing");
}

/// A lead like this one, from another person and this many seconds later.
fn from_another_person(stage: &Stage, template: &Lead, second: i64) -> Lead {
    let at = template.received_at + SignedDuration::from_secs(second);
    samples::lead_of_another_person(
        template,
        second.unsigned_abs().into(),
        at,
        &stage.api.admin.keys,
    )
}

/// What the download button of a page sends.
fn download_form(page: &str) -> String {
    let form = page.split("leads.csv\">").nth(1).unwrap();
    let fields = form
        .split("</form>")
        .next()
        .unwrap()
        .split("name=\"")
        .skip(1);
    let pairs = fields.map(|field| {
        let mut parts = field.split('"');
        (parts.next().unwrap(), parts.nth(1).unwrap())
    });
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}
