//! The file as it is uploaded: who is in it, in how many parts, and who is marked as gone out.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use lambda_http::http::header::{CONTENT_DISPOSITION, LINK};
use leadfeed_shared::domain::lead::{Lead, LeadState};
use leadfeed_shared::domain::tally::Counts;
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
async fn an_upload_has_one_row_of_each_address_which_is_its_newest_leads() {
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
    let once_more = stage.get(&format!("{CSV}?status=exported")).await;

    assert_eq!(names(&sheet), ["New", "Bo", "Old"], "each with its way");
    assert_eq!(names(&upload), ["New", "Bo"]);
    assert_eq!(upload.headers["leadfeed-rows"], "2");
    assert_eq!(names(&again), [""; 0], "the older one was marked with it");
    assert_eq!(once_more.bytes, upload.bytes);
}

#[tokio::test]
async fn whom_the_customer_does_not_want_mailed_is_in_no_file() {
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
    assert_eq!(record.unwrap().exported_at, None, "not even marked");
    let removals = "/v1/customers/engines/suppression-removals";
    stage.post(removals, person).await;
    let answer = stage.get(CSV).await;
    assert_eq!(rows(&answer.bytes)[0]["Email Address"], "ada@example.com");
}

#[tokio::test]
async fn an_address_that_begins_like_a_formula_is_in_no_upload_and_quoted_in_a_spreadsheet() {
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
async fn what_is_too_much_for_one_file_comes_in_numbered_parts() {
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
    assert_eq!(read, emails, "nobody twice, nobody missing");
}

#[tokio::test]
async fn who_went_out_in_a_file_is_not_sent_unless_asked() {
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
    let put_back = stage.post("/v1/customers/engines/replays", json!({})).await;
    assert_eq!(
        (&put_back.body["leads"], &put_back.body["exported"]),
        (&json!({}), &json!(1))
    );

    let asked = json!({"status": "exported"});
    let asked = stage.post("/v1/customers/engines/replays", asked).await;
    assert_eq!(asked.body["leads"], json!({"exported": 1}));
    let record = stage.memory.ledger.lead(&customer, &lead).await.unwrap();
    let record = record.unwrap();
    assert_eq!(
        (record.state, record.exported_at),
        (LeadState::Queued, None)
    );
}

#[tokio::test]
async fn a_button_pressed_twice_gives_the_same_people_and_nobody_who_came_since() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    let path = stage.manage_path().await;
    let press = async |button: &str| {
        stage
            .page("POST", &format!("{path}/leads.csv"), button)
            .await
            .2
    };

    stage.memory.clock.advance(SignedDuration::from_mins(1));
    let button = button_of(&stage.page("GET", &format!("{path}/file"), "").await.2);
    let first = press(&button).await;
    stage.memory.clock.advance(SignedDuration::from_mins(1));
    stage.sign_up(&form, "bo@example.com").await;
    let second = press(&button).await;

    assert!(first.contains("ada@example.com"));
    assert_eq!(second, first);
    let later = button_of(&stage.page("GET", &format!("{path}/file"), "").await.2);
    let later = press(&later).await;
    assert!(later.contains("bo@example.com") && !later.contains("ada@example.com"));
    let customer = "engines".parse().unwrap();
    let tallies = stage.memory.directory.tallies(&customer).await.unwrap();
    let exported: i64 = tallies.iter().map(|day| day.counts["exported"]).sum();
    assert_eq!(exported, 2);
}

#[tokio::test]
async fn parts_that_take_longer_to_mark_than_to_look_at_have_everybody_once_and_as_many_as_the_page_says()
 {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let ada = stage.sign_up(&form, "ada@example.com").await;
    let like = stage.lead(&ada);
    let mut emails = BTreeSet::from(["ada@example.com".to_owned()]);
    for i in 1..3_000 {
        let lead = another(&stage, &like, i);
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
    let (mut read, mut page_at) = (Vec::new(), format!("{path}/file"));
    loop {
        let page = stage.slowly(call, stage.page("GET", &page_at, "")).await.2;
        let button = button_of(&page);
        let pressed = stage.slowly(call, stage.page("POST", &download, &button));
        let rows = rows(pressed.await.2.as_bytes());
        assert!(page.contains(&format!(": {} people", rows.len())), "{page}");
        read.extend(rows.iter().map(|row| row["Email Address"].clone()));
        match page
            .split("class=\"button quiet\" href=\"")
            .nth(1)
            .unwrap()
            .split_once('"')
        {
            Some((next, _)) if next.contains("cursor=") => page_at = next.replace("&#38;", "&"),
            _ => break,
        }
    }

    assert_eq!(read.len(), 3_000, "nobody twice");
    assert_eq!(BTreeSet::from_iter(read), emails, "nobody missing");
}

/// A lead like this one of another person, so many seconds later.
fn another(stage: &Stage, like: &Lead, second: i64) -> Lead {
    let at = like.received_at + SignedDuration::from_secs(second);
    samples::another(
        like,
        second.unsigned_abs().into(),
        at,
        &stage.api.admin.keys,
    )
}

/// What the page's form sends.
fn button_of(page: &str) -> String {
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
