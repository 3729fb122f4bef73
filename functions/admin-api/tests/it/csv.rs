//! Leads as a file.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use leadfeed_shared::app::admin::Properties;

use crate::stage::{Answer, Stage};

pub const CSV: &str = "/v1/customers/engines/leads.csv";

/// Rows by heading, as a CSV reader parses them.
pub fn rows(file: &[u8]) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(file);
    reader.deserialize().map(|row| row.unwrap()).collect()
}

pub async fn sign_up_with(stage: &Stage, form: &str, fields: &[(&str, &str)]) {
    let form = stage.memory.intake().form(form).await.unwrap();
    stage.memory.sign_up(&form, fields).await;
}

#[tokio::test]
async fn file_has_the_submitted_fields_of_each_lead_newest_first() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let fields = [
        ("email", "ada@example.com"),
        ("first_name", "Ada, \"the\" first"),
        ("last_name", "Łovelace"),
        ("phone_number", "+1 555 0100"),
        ("street", "1 Main St"),
        ("postal_code", "01234"),
        ("custom_fields[Engine]", "-5"),
        ("custom_fields[First Name]", "other"),
    ];
    sign_up_with(&stage, &form, &fields).await;
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
        "Email Address,First Name,Last Name,Job Title,Company,Phone Number - Home,Home Address Line 1,\
         Home Address Line 2,City,State / Province,Zip / Postal Code,Country,Since,Engine,First Name (custom)"
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
async fn spreadsheet_escapes_cells_that_look_like_formulas() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let formulas = [
        ("email", "ada@example.com"),
        ("first_name", "=HYPERLINK(\"http://evil\")"),
        ("phone_number", "+1 555 0100"),
        ("custom_fields[@x]", "＝1"),
        ("custom_fields[Note]", "x;=cmd|'/c calc'!A1;y"),
    ];
    sign_up_with(&stage, &form, &formulas).await;

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
    assert_eq!(sheet["Status"], "On the way");
}

#[tokio::test]
async fn dates_in_files_are_written_in_iso_format() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let fields = [
        ("email", "ada@example.com"),
        ("custom_fields[Birthday]", "1990-12-10"),
    ];
    sign_up_with(&stage, &form, &fields).await;

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
async fn custom_fields_differing_only_in_case_are_merged_without_losing_values() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let fields = [
        ("email", "ada@example.com"),
        ("custom_fields[Engine]", "steam"),
        ("custom_fields[engine]", "difference"),
        ("custom_fields[First Name]", "Augusta"),
        ("custom_fields[first name (Custom)]", "Augusta"),
    ];
    sign_up_with(&stage, &form, &fields).await;

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
async fn exported_lead_expires_after_its_customers_retention_time() {
    let stage = Stage::with_customers().await;
    stage.set_retention(30).await;
    let form = stage.form().await;
    let lead = stage.sign_up(&form, "ada@example.com").await;

    stage.get(&format!("{CSV}?look=true")).await;
    let after_preview = stage.remaining_retention(&lead);
    stage.get(CSV).await;

    assert_eq!(after_preview, None, "it can still be delivered");
    let month = SignedDuration::from_hours(24 * 30);
    assert_eq!(stage.remaining_retention(&lead), Some(month));
}

#[tokio::test]
async fn file_is_served_only_for_its_own_customer_and_a_valid_link() {
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
    let query = Properties::from_query([("status", "all")]);
    let (admin, engines) = (&stage.api.admin, "engines".parse().unwrap());
    let part = admin.export(&engines, query, Timestamp::MAX).await.unwrap();
    let own_cursor = format!("status=all&cursor={}", part.here);
    let again = stage.get(&format!("{CSV}?{own_cursor}")).await;
    let target = format!("/v1/customers/looms/leads.csv?{own_cursor}");
    let by_cursor = stage.get(&target).await;
    stage.memory.clock.advance(SignedDuration::from_hours(24));
    let (expired, ..) = stage.page("POST", &file, "status=all").await;

    assert_eq!((status, forged, expired), (200, 403, 410));
    assert!(text.contains("ada@example.com"));
    assert_eq!(headers[CACHE_CONTROL], "no-store");
    assert_eq!(
        headers[CONTENT_DISPOSITION],
        "attachment; filename=\"engines-all-2026-11-23-part-1.csv\""
    );
    assert!(rows(&looms.bytes).is_empty());
    assert_eq!((again.status, by_cursor.status), (200, 422));
    assert_eq!(by_cursor.field_errors(), [("cursor", "malformed")]);
    assert!(!String::from_utf8(by_cursor.bytes).unwrap().contains("ada"));
}

#[tokio::test]
async fn files_before_and_after_leads_change_state_have_each_lead_once() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    for i in 0..5 {
        stage.sign_up(&form, &format!("p{i}@example.com")).await;
        stage.memory.clock.advance(SignedDuration::from_mins(1));
    }

    let file = stage.get(&format!("{CSV}?status=all")).await;
    stage.sign_up(&form, "late@example.com").await;
    stage.memory.drain_all().await;
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
    let mut expected: Vec<_> = (0..5).map(|i| format!("p{i}@example.com")).collect();
    assert_eq!(emails(&file), expected);
    expected.insert(0, "late@example.com".to_owned());
    assert_eq!(emails(&after), expected);
    assert!(emails(&delivered).is_empty(), "all are waiting");
}

#[tokio::test]
async fn preview_of_an_empty_file_offers_no_download() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let path = stage.manage_path().await;
    let page = async || stage.page("GET", &format!("{path}/file"), "").await.2;

    let empty = page().await;
    stage.sign_up(&form, "ada@example.com").await;
    let one = page().await;

    assert!(empty.contains("This file is empty"), "{empty}");
    assert!(!empty.contains("<form") && !empty.contains("How to upload it"));
    assert!(one.contains("Part 1: 1 person.") && one.contains("Download part 1"));
}

#[tokio::test]
async fn empty_file_has_its_headings() {
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
        assert_eq!((answer.status, answer.field_errors()), (422, vec![fault]));
    }
}

#[tokio::test]
async fn custom_field_with_the_label_of_the_shared_column_gets_another_heading() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    for person in ["a", "b"] {
        let email = format!("{person}@example.com");
        let made_up: Vec<_> = (0..70)
            .map(|i| format!("custom_fields[{person}{i}]"))
            .collect();
        let mut fields = vec![
            ("email", email.as_str()),
            ("custom_fields[other fields]", "mine"),
        ];
        fields.extend(made_up.iter().map(|name| (name.as_str(), "x")));
        sign_up_with(&stage, &form, &fields).await;
        stage.memory.clock.advance(SignedDuration::from_mins(1));
    }

    for dialect in ["upload", "spreadsheet"] {
        let file = stage
            .get(&format!("{CSV}?status=all&dialect={dialect}"))
            .await;

        let mut reader = csv::Reader::from_reader(&file.bytes[..]);
        let headings = reader.headers().unwrap();
        assert!(headings.iter().any(|name| name == "Other fields"));
        let different: BTreeSet<_> = headings.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!(different.len(), headings.len(), "{dialect}");
        assert_eq!(rows(&file.bytes)[0]["other fields (custom)"], "mine");
    }
}

#[tokio::test]
async fn surplus_custom_fields_share_a_column_and_keep_the_file_in_one_part() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    for person in ["a", "b", "c"] {
        let email = format!("{person}@example.com");
        let made_up: Vec<_> = (0..70)
            .map(|i| format!("custom_fields[{person}{i}]"))
            .collect();
        let mut fields = vec![("email", email.as_str())];
        fields.extend(made_up.iter().map(|name| (name.as_str(), "x")));
        sign_up_with(&stage, &form, &fields).await;
        stage.memory.clock.advance(SignedDuration::from_mins(1));
    }

    for (dialect, extra_columns) in [("upload", 1), ("spreadsheet", 7)] {
        let query = format!("{CSV}?status=all&dialect={dialect}");
        let file = stage.get(&query).await;

        assert!(!file.headers.contains_key("link"), "one part");
        let rows = rows(&file.bytes);
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0].len(), 11 + extra_columns + 100 + 1);
        for row in &rows {
            let person = &row["Email Address"][..1];
            for i in 0..70 {
                let label = format!("{person}{i}");
                let own_column = row.get(&label).is_some_and(|cell| cell == "x");
                let shared_column = row["Other fields"]
                    .split("; ")
                    .any(|other| other == format!("{label}: x"));
                assert!(own_column || shared_column, "{dialect} {label}");
            }
        }
    }
}
