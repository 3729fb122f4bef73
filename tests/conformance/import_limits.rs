//! Limits on the size and the values of an import.

use serde_json::{Value, json};

use crate::fact::facts;
use crate::imports::{IMPORT, ended};
use crate::site::{Site, address, merged};

facts! {
    Token SWAGGER: rows_and_lists_are_both_required,
    Token SWAGGER: an_import_takes_no_tags_and_no_options,
    Token SWAGGER: a_row_has_its_own_vocabulary,
    Token SWAGGER: a_row_has_at_most_25_custom_fields_and_3_phones,
    Token SWAGGER: a_rows_texts_have_their_lengths,
    Sandbox IMPORT: more_than_40_000_rows_are_refused,
    Sandbox IMPORT: what_lies_beyond_4_mb_is_dropped_without_a_word,
}

/// The answer to an import of one row, with other properties in the body.
async fn answers(site: &Site, row: Value, more: Value, status: u16) {
    let api = site.owner().await;
    let body = json!({ "import_data": [row], "list_ids": [api.list().await] });
    api.post(IMPORT, &merged(body, more)).await.expect(status);
}

async fn rows_and_lists_are_both_required(site: Site) {
    let api = site.owner().await;
    let rows = json!([{ "email": address() }]);
    let list = api.list().await;
    let bodies = [
        json!({ "import_data": rows }),
        json!({ "list_ids": [list] }),
        json!({ "import_data": [], "list_ids": [list] }),
        json!({ "import_data": rows, "list_ids": [] }),
        json!({ "import_data": rows, "list_ids": vec![list; 51] }),
    ];
    for body in bodies {
        api.post(IMPORT, &body).await.expect(400);
    }
}

async fn an_import_takes_no_tags_and_no_options(site: Site) {
    let row = json!({ "email": address() });
    answers(&site, row.clone(), json!({ "tag_ids": [] }), 400).await;
    answers(
        &site,
        row.clone(),
        json!({ "sms_permission_to_send": "sure" }),
        400,
    )
    .await;
    answers(
        &site,
        row,
        json!({ "sms_permission_to_send": "not_set" }),
        201,
    )
    .await;
}

async fn a_row_has_its_own_vocabulary(site: Site) {
    for name in [
        "email_address",
        "phone_number",
        "postal_code",
        "list_memberships",
        "notes",
        "home_country",
    ] {
        answers(
            &site,
            json!({ "email": address(), name: "x" }),
            json!({}),
            400,
        )
        .await;
    }
}

async fn a_row_has_at_most_25_custom_fields_and_3_phones(site: Site) {
    let mut row = json!({ "email": address() });
    for n in 0..26 {
        row[format!("cf:f{n}")] = json!("x");
    }
    answers(&site, row, json!({}), 400).await;
    let mut row = json!({ "email": address() });
    for name in ["phone", "home_phone", "work_phone", "mobile_phone"] {
        row[name] = json!("555 0100");
    }
    answers(&site, row, json!({}), 400).await;
}

async fn a_rows_texts_have_their_lengths(site: Site) {
    let lengths = [
        ("first_name", 50),
        ("work_phone", 50),
        ("street", 255),
        ("zip", 50),
    ];
    for (name, max) in lengths {
        for (len, status) in [(max, 201), (max + 1, 400)] {
            answers(
                &site,
                json!({ "email": address(), name: "x".repeat(len) }),
                json!({}),
                status,
            )
            .await;
        }
    }
}

fn many(count: usize, filler: usize) -> Value {
    let row =
        |n: usize| json!({ "email": format!("row{n}@example.com"), "street": "x".repeat(filler) });
    (0..count).map(row).collect()
}

async fn more_than_40_000_rows_are_refused(site: Site) {
    let api = site.owner().await;
    let row = |n: usize| json!({ "email": format!("row{n}@example.com") });
    let rows: Vec<_> = (0..40_001).map(row).collect();
    let list = api.list().await;
    let body = |count: usize| json!({ "list_ids": [list], "import_data": rows[..count] });
    api.post(IMPORT, &body(40_001)).await.expect(400);
    let activity = api.post(IMPORT, &body(40_000)).await.expect(201).json();
    let activity = ended(&site, &api, &activity).await;
    assert_eq!(activity["status"]["person_count"], 40_000);
}

async fn what_lies_beyond_4_mb_is_dropped_without_a_word(site: Site) {
    let api = site.owner().await;
    let rows = many(20_000, 200);
    // The lists come first: at the end they would be dropped too.
    let body = format!(
        r#"{{"list_ids":["{}"],"import_data":{rows}}}"#,
        api.list().await
    );
    let fits = body.as_bytes()[..4_000_000]
        .windows(9)
        .filter(|text| text == b"\"street\":")
        .count();
    let request = api
        .request(reqwest::Method::POST, IMPORT)
        .header("content-type", "application/json");
    let activity = site.send(request.body(body)).await.expect(201).json();
    let activity = ended(&site, &api, &activity).await;
    assert_eq!(activity["state"], "completed");
    assert_eq!(activity["activity_errors"], json!([]));
    let kept = activity["status"]["person_count"]
        .as_u64()
        .unwrap_or_default();
    assert!(
        kept < 20_000 && kept.abs_diff(fits as u64) <= 1,
        "{kept} of {fits}"
    );
}
