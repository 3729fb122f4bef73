//! Limits on the size and the values of an import.

use serde_json::{Value, json};

use crate::fact::facts;
use crate::imports::{IMPORT, finish_activity};
use crate::site::{Site, address, merged};

facts! {
    Token SWAGGER: import_requires_rows_and_1_to_50_lists,
    Token SWAGGER: import_rejects_tags_and_unknown_sms_permissions,
    Token SWAGGER: import_row_rejects_unknown_property_names,
    Token SWAGGER: a_row_has_at_most_25_custom_fields_and_3_phones,
    Token SWAGGER: import_row_texts_have_maximum_lengths,
    Sandbox IMPORT: import_accepts_40_000_rows_but_not_40_001,
    Sandbox IMPORT: rows_beyond_4_mb_are_dropped_silently,
}

/// Imports one row, with extra body properties, and expects `status`.
async fn assert_import_status(site: &Site, row: Value, more: Value, status: u16) {
    let api = site.owner().await;
    let body = json!({ "import_data": [row], "list_ids": [api.list().await] });
    api.post(IMPORT, &merged(body, more)).await.expect(status);
}

async fn import_requires_rows_and_1_to_50_lists(site: Site) {
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

async fn import_rejects_tags_and_unknown_sms_permissions(site: Site) {
    let row = json!({ "email": address() });
    assert_import_status(&site, row.clone(), json!({ "tag_ids": [] }), 400).await;
    assert_import_status(
        &site,
        row.clone(),
        json!({ "sms_permission_to_send": "sure" }),
        400,
    )
    .await;
    assert_import_status(
        &site,
        row,
        json!({ "sms_permission_to_send": "not_set" }),
        201,
    )
    .await;
}

async fn import_row_rejects_unknown_property_names(site: Site) {
    for name in [
        "email_address",
        "phone_number",
        "postal_code",
        "list_memberships",
        "notes",
        "home_country",
    ] {
        assert_import_status(
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
    assert_import_status(&site, row, json!({}), 400).await;
    let mut row = json!({ "email": address() });
    for name in ["phone", "home_phone", "work_phone", "mobile_phone"] {
        row[name] = json!("555 0100");
    }
    assert_import_status(&site, row, json!({}), 400).await;
}

async fn import_row_texts_have_maximum_lengths(site: Site) {
    let lengths = [
        ("first_name", 50),
        ("work_phone", 50),
        ("street", 255),
        ("zip", 50),
    ];
    for (name, max) in lengths {
        for (len, status) in [(max, 201), (max + 1, 400)] {
            assert_import_status(
                &site,
                json!({ "email": address(), name: "x".repeat(len) }),
                json!({}),
                status,
            )
            .await;
        }
    }
}

fn numbered_rows(count: usize, filler: usize) -> Value {
    let row =
        |n: usize| json!({ "email": format!("row{n}@example.com"), "street": "x".repeat(filler) });
    (0..count).map(row).collect()
}

async fn import_accepts_40_000_rows_but_not_40_001(site: Site) {
    let api = site.owner().await;
    let row = |n: usize| json!({ "email": format!("row{n}@example.com") });
    let rows: Vec<_> = (0..40_001).map(row).collect();
    let list = api.list().await;
    let body = |count: usize| json!({ "list_ids": [list], "import_data": rows[..count] });
    api.post(IMPORT, &body(40_001)).await.expect(400);
    let activity = api.post(IMPORT, &body(40_000)).await.expect(201).json();
    let activity = finish_activity(&site, &api, &activity).await;
    assert_eq!(activity["status"]["person_count"], 40_000);
}

async fn rows_beyond_4_mb_are_dropped_silently(site: Site) {
    let api = site.owner().await;
    let rows = numbered_rows(20_000, 200);
    // The lists come first: at the end they would be dropped too.
    let body = format!(
        r#"{{"list_ids":["{}"],"import_data":{rows}}}"#,
        api.list().await
    );
    let complete_rows = body.as_bytes()[..4_000_000]
        .windows(9)
        .filter(|text| text == b"\"street\":")
        .count();
    let request = api
        .request(reqwest::Method::POST, IMPORT)
        .header("content-type", "application/json");
    let activity = site.send(request.body(body)).await.expect(201).json();
    let activity = finish_activity(&site, &api, &activity).await;
    assert_eq!(activity["state"], "completed");
    assert_eq!(activity["activity_errors"], json!([]));
    let kept = activity["status"]["person_count"]
        .as_u64()
        .unwrap_or_default();
    assert!(
        kept < 20_000 && kept.abs_diff(complete_rows as u64) <= 1,
        "{kept} of {complete_rows}"
    );
}
