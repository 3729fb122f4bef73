//! Leads as a file.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, LINK};
use leadfeed_shared::domain::lead::LeadState;
use leadfeed_shared::domain::submission::Submission;
use leadfeed_shared::domain::tally::Counts;
use leadfeed_shared::ports::{Ledger as _, Tallies as _};
use serde_json::json;

use crate::stage::{Answer, Stage};

const CSV: &str = "/v1/customers/engines/leads.csv";

/// Rows by heading, as a reader sees them.
fn rows(file: &[u8]) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(file);
    reader.deserialize().map(|row| row.unwrap()).collect()
}

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

async fn sign_up_with(stage: &Stage, form: &str, fields: &[(&str, &str)]) {
    let intake = stage.memory.intake();
    let form = intake.open_form(form).await.unwrap();
    let fields = fields.iter().copied().chain([("consent", "yes")]);
    let fields = Submission::from_pairs(fields).unwrap();
    intake
        .accept(&form, fields, &Default::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_file_says_of_each_person_what_the_ledger_says() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let odd = [
        ("email", "ada@example.com"),
        ("first_name", "Ada, \"the\" first"),
        ("last_name", "Łovelace"),
        ("phone_number", "+1 555 0100"),
        ("street", "1 Main St"),
        ("postal_code", "01234"),
        ("custom_fields[Engine]", "-5"),
        ("custom_fields[First Name]", "other"),
    ];
    sign_up_with(&stage, &form, &odd).await;
    stage.memory.clock.advance(SignedDuration::from_mins(1));
    sign_up_with(
        &stage,
        &form,
        &[
            ("email", "bo@example.com"),
            ("custom_fields[Since]", "2020"),
        ],
    )
    .await;

    let answer = stage.get(CSV).await;

    let text = String::from_utf8(answer.bytes.clone()).unwrap();
    assert_eq!(
        text.lines().next().unwrap(),
        "Email Address,First Name,Last Name,Job Title,Company,Phone Number - Home,Home Address Line 1,City,\
         State / Province,Zip / Postal Code,Country,Since,Engine,First Name (custom)"
    );
    let rows = rows(&answer.bytes);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["Email Address"], "bo@example.com", "newest first");
    assert_eq!(
        (rows[0]["Since"].as_str(), rows[0]["Engine"].as_str()),
        ("2020", "")
    );
    let ada = &rows[1];
    for (heading, value) in [
        ("First Name", "Ada, \"the\" first"),
        ("Last Name", "Łovelace"),
        ("Phone Number - Home", "+1 555 0100"),
        ("Zip / Postal Code", "01234"),
        ("Engine", "-5"),
        ("First Name (custom)", "other"),
    ] {
        assert_eq!(ada[heading], value);
    }
    assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
    assert_eq!(
        answer.headers[CONTENT_DISPOSITION],
        "attachment; filename=\"engines-undelivered-2026-11-23-part-1.csv\""
    );
}

#[tokio::test]
async fn a_spreadsheet_takes_nothing_for_a_formula() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let evil = [
        ("email", "ada@example.com"),
        ("first_name", "=HYPERLINK(\"http://evil\")"),
        ("phone_number", "+1 555 0100"),
        ("custom_fields[@x]", "＝1"),
        ("custom_fields[Note]", "x;=cmd|'/c calc'!A1;y"),
    ];
    sign_up_with(&stage, &form, &evil).await;

    let upload = stage.get(&format!("{CSV}?look=true")).await;
    let sheet = stage
        .get(&format!("{CSV}?look=true&dialect=spreadsheet"))
        .await;

    let upload = &rows(&upload.bytes)[0];
    assert_eq!(upload["First Name"], "HYPERLINK(\"http://evil\")");
    assert_eq!(upload["Phone Number - Home"], "+1 555 0100");
    let sheet = sheet.bytes.strip_prefix("\u{feff}".as_bytes()).unwrap();
    let sheet = &rows(sheet)[0];
    assert_eq!(sheet["First Name"], "'=HYPERLINK(\"http://evil\")");
    assert_eq!(sheet["Phone Number - Home"], "'+1 555 0100");
    assert_eq!(sheet["'@x"], "'＝1");
    assert_eq!(sheet["Note"], "x;'=cmd|'/c calc'!A1;y");
    assert_eq!(upload["Note"], "x;=cmd|'/c calc'!A1;y");
    assert_eq!(sheet["Status"], "queued");
}

#[tokio::test]
async fn a_date_is_written_as_constant_contact_reads_it() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let born = [
        ("email", "ada@example.com"),
        ("custom_fields[Birthday]", "1990-12-10"),
    ];
    sign_up_with(&stage, &form, &born).await;

    let upload = stage.get(&format!("{CSV}?look=true")).await;
    let sheet = stage
        .get(&format!("{CSV}?look=true&dialect=spreadsheet"))
        .await;

    assert_eq!(rows(&upload.bytes)[0]["Birthday"], "1990-12-10");
    let sheet = &rows(&sheet.bytes)[0];
    assert_eq!(sheet["Birthday"], "1990-12-10");
    assert_eq!(sheet["Signed up on"], "2026-11-23");
    assert_eq!(sheet["Signed up at (UTC)"], "09:30:00");
}

#[tokio::test]
async fn fields_whose_labels_differ_in_case_are_one_column_and_lose_nothing() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let twice = [
        ("email", "ada@example.com"),
        ("custom_fields[Engine]", "steam"),
        ("custom_fields[engine]", "difference"),
        ("custom_fields[First Name]", "Augusta"),
        ("custom_fields[first name (Custom)]", "Augusta"),
    ];
    sign_up_with(&stage, &form, &twice).await;

    let answer = stage.get(CSV).await;

    let text = String::from_utf8(answer.bytes.clone()).unwrap();
    let heading = text.lines().next().unwrap();
    assert!(
        heading.ends_with(",Country,Engine,First Name (custom)"),
        "{heading}"
    );
    let ada = &rows(&answer.bytes)[0];
    assert_eq!(ada["Engine"], "steam; difference");
    assert_eq!(ada["First Name (custom)"], "Augusta");
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
    stage.drain().await;
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
async fn what_is_too_much_for_one_upload_comes_in_numbered_parts() {
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

    let parts = parts(&stage, "status=all").await;

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
async fn a_file_is_given_to_its_own_customers_page_only() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    let path = stage.manage_path().await;
    let file = format!("{path}/leads.csv");

    let (status, headers, text) = stage.page("POST", &file, "status=all").await;
    let (forged, ..) = stage
        .page("POST", &file.replace("/manage/", "/manage/A"), "")
        .await;
    let looms = stage.get("/v1/customers/looms/leads.csv?status=all").await;
    stage.memory.clock.advance(SignedDuration::from_hours(24));
    let (expired, ..) = stage.page("POST", &file, "status=all").await;

    assert_eq!((status, forged, expired), (200, 403, 410));
    assert!(text.contains("ada@example.com"));
    assert_eq!(headers[CACHE_CONTROL], "no-store");
    assert!(rows(&looms.bytes).is_empty());
}

#[tokio::test]
async fn a_file_made_while_leads_move_has_each_lead_once() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    for i in 0..5 {
        stage.sign_up(&form, &format!("p{i}@example.com")).await;
        stage.memory.clock.advance(SignedDuration::from_mins(1));
    }

    let file = stage.get(&format!("{CSV}?status=all")).await;
    stage.sign_up(&form, "late@example.com").await;
    stage.drain().await;
    let after = stage.get(&format!("{CSV}?status=all")).await;
    let delivered = stage.get(&format!("{CSV}?status=delivered")).await;

    let emails = |answer: &Answer| {
        let rows = rows(&answer.bytes);
        let mut emails: Vec<_> = rows
            .iter()
            .map(|row| row["Email Address"].clone())
            .collect();
        emails.sort();
        emails
    };
    assert_eq!(emails(&file).len(), 5);
    assert_eq!(emails(&after).len(), 6);
    assert!(emails(&delivered).is_empty(), "all wait");
}

#[tokio::test]
async fn who_went_out_in_a_file_is_not_sent_unless_asked() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = stage.sign_up(&form, "ada@example.com").await;
    stage.drain().await;

    let file = stage.get(CSV).await;
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
async fn a_page_of_nobody_offers_nothing_to_download() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let path = stage.manage_path().await;
    let page = async || stage.page("GET", &format!("{path}/file"), "").await.2;

    let empty = page().await;
    stage.sign_up(&form, "ada@example.com").await;
    let one = page().await;

    assert!(empty.contains("Nobody is in this file"), "{empty}");
    assert!(!empty.contains("<form") && !empty.contains("How to upload it"));
    assert!(one.contains("1 person") && one.contains("Download part 1"));
}

#[tokio::test]
async fn a_file_of_nobody_has_its_headings() {
    let stage = Stage::with_customers().await;

    let answer = stage.get(CSV).await;

    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.bytes).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert!(text.starts_with("Email Address,"));
    for (query, fault) in [
        ("status=some", ("status", "unknown_value")),
        ("dialect=excel", ("dialect", "unknown_value")),
        ("cursor=x", ("cursor", "malformed")),
        ("look=maybe", ("look", "unknown_value")),
    ] {
        let answer = stage.get(&format!("{CSV}?{query}")).await;
        assert_eq!((answer.status, answer.faults()), (422, vec![fault]));
    }
}
