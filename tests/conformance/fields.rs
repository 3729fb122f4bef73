//! Custom fields.

use serde_json::{Value, json};

use crate::fact::facts;
use crate::reply::Reply;
use crate::site::{Api, SHOP_OWNER, Site, USUAL_SCOPE, address};

facts! {
    Sandbox SWAGGER: a_page_of_fields_has_ids_labels_names_and_types,
    Sandbox WORDPRESS: default_page_holds_50_fields_and_limit_raises_it,
    Token SWAGGER: field_page_limit_is_at_most_100,
    Token CUSTOM_FIELDS: field_name_is_its_label_with_underscores_for_spaces,
    Token SWAGGER: a_label_is_unique,
    Token SWAGGER: a_label_is_at_most_50_characters,
    Token CUSTOM_FIELDS: every_plain_field_type_is_accepted_and_an_unknown_one_rejected,
    Token CUSTOM_FIELDS: choices_are_required_for_select_fields_and_rejected_for_others,
    Token SWAGGER: choice_has_its_field_id_and_timestamps,
    Token SWAGGER: radio_and_checkbox_fields_have_at_most_20_choices_dropdowns_100,
    Token SWAGGER: currency_code_is_three_letters,
    Token SWAGGER: number_field_is_an_integer_or_has_1_to_4_decimal_places,
    Sandbox SWAGGER: number_value_must_match_the_fields_metadata,
    Token SWAGGER: field_rejects_unknown_properties,
    Sandbox SWAGGER: an_account_has_at_most_a_hundred_fields,
}

const FIELDS: &str = "/v3/contact_custom_fields";

fn unique_label() -> String {
    address().replace("@example.com", "")
}

async fn create_field(api: &Api<'_>, label: &str, kind: &str) -> Value {
    api.post(FIELDS, &json!({ "label": label, "type": kind }))
        .await
        .expect(201)
        .json()
}

async fn a_page_of_fields_has_ids_labels_names_and_types(site: Site) {
    let page = site.owner().await.get(FIELDS).await.expect(200).json();
    let fields = page["custom_fields"].as_array().expect("fields");
    assert!(!fields.is_empty());
    for field in fields {
        for name in [
            "custom_field_id",
            "label",
            "name",
            "type",
            "created_at",
            "updated_at",
        ] {
            assert!(field[name].is_string(), "{name}: {field}");
        }
    }
}

async fn default_page_holds_50_fields_and_limit_raises_it(site: Site) {
    let api = site.sign_in(SHOP_OWNER, USUAL_SCOPE).await;
    let count = async |path: &str| {
        let page = api.get(path).await.expect(200).json();
        page["custom_fields"].as_array().map(Vec::len)
    };
    assert_eq!(count(FIELDS).await, Some(50));
    assert_eq!(count("/v3/contact_custom_fields?limit=100").await, Some(60));
}

async fn field_page_limit_is_at_most_100(site: Site) {
    site.owner()
        .await
        .get(&format!("{FIELDS}?limit=101"))
        .await
        .expect(400);
}

async fn field_name_is_its_label_with_underscores_for_spaces(site: Site) {
    let label = format!("A {} b", unique_label());
    let field = create_field(&site.owner().await, &label, "string").await;
    assert_eq!(field["label"], json!(label));
    assert_eq!(field["name"], json!(label.replace(' ', "_")));
}

async fn a_label_is_unique(site: Site) {
    let api = site.owner().await;
    let label = unique_label();
    create_field(&api, &label, "string").await;
    api.post(FIELDS, &json!({ "label": label, "type": "date" }))
        .await
        .expect(409);
}

async fn a_label_is_at_most_50_characters(site: Site) {
    let api = site.owner().await;
    let longest = format!("{:50}", unique_label()).replace(' ', "x");
    create_field(&api, &longest, "string").await;
    for label in ["x".repeat(51), String::new()] {
        api.post(FIELDS, &json!({ "label": label, "type": "string" }))
            .await
            .expect(400);
    }
}

async fn every_plain_field_type_is_accepted_and_an_unknown_one_rejected(site: Site) {
    let api = site.owner().await;
    for kind in [
        "string",
        "date",
        "datetime",
        "number",
        "currency",
        "boolean",
        "text_area",
    ] {
        assert_eq!(
            create_field(&api, &unique_label(), kind).await["type"],
            kind
        );
    }
    api.post(
        FIELDS,
        &json!({ "label": unique_label(), "type": "colour" }),
    )
    .await
    .expect(400);
}

async fn choices_are_required_for_select_fields_and_rejected_for_others(site: Site) {
    let api = site.owner().await;
    let choices = json!([{ "choice_label": "Red", "display_order": 1 }]);
    let body = |kind: &str| json!({ "label": unique_label(), "type": kind, "choices": choices });
    for kind in ["single_select", "multi_select"] {
        let field = api.post(FIELDS, &body(kind)).await.expect(201).json();
        assert_eq!(field["choices"][0]["choice_label"], "Red");
        assert!(field["choices"][0]["choice_id"].is_u64());
        api.post(FIELDS, &json!({ "label": unique_label(), "type": kind }))
            .await
            .expect(400);
    }
    api.post(FIELDS, &body("string")).await.expect(400);
}

async fn choice_has_its_field_id_and_timestamps(site: Site) {
    let choices = json!([{ "choice_label": "Red" }]);
    let body = json!({ "label": unique_label(), "type": "single_select", "choices": choices });
    let api = site.owner().await;
    let field = api.post(FIELDS, &body).await.expect(201).json();
    let choice = &field["choices"][0];
    assert_eq!(choice["custom_field_id"], field["custom_field_id"]);
    assert!(choice["created_at"].is_string() && choice["updated_at"].is_string());
}

async fn radio_and_checkbox_fields_have_at_most_20_choices_dropdowns_100(site: Site) {
    let api = site.owner().await;
    for (display, count, status) in [
        ("radio", 20, 201),
        ("radio", 21, 400),
        ("checkbox", 21, 400),
        ("dropdown", 100, 201),
        ("dropdown", 101, 400),
    ] {
        let choices = vec![json!({ "choice_label": "Red" }); count];
        let body = json!({
            "label": unique_label(), "type": "single_select", "choices": choices,
            "metadata": { "display_type": display },
        });
        api.post(FIELDS, &body).await.expect(status);
    }
}

/// Requests a field with metadata.
async fn with_metadata(api: &Api<'_>, kind: &str, metadata: Value) -> Reply {
    let body = json!({ "label": unique_label(), "type": kind, "metadata": metadata });
    api.post(FIELDS, &body).await
}

async fn currency_code_is_three_letters(site: Site) {
    let api = site.owner().await;
    for (code, status) in [("USD", 201), ("US", 400), ("US$", 400), ("EURO", 400)] {
        let currency = json!({ "currency_code": code });
        with_metadata(&api, "currency", currency)
            .await
            .expect(status);
    }
}

async fn number_field_is_an_integer_or_has_1_to_4_decimal_places(site: Site) {
    let api = site.owner().await;
    for (metadata, status) in [
        (json!({ "integer": true }), 201),
        (json!({ "integer": false, "decimal_places": 4 }), 201),
        (json!({ "integer": false, "decimal_places": 5 }), 400),
        (json!({ "integer": false }), 400),
    ] {
        with_metadata(&api, "number", metadata).await.expect(status);
    }
}

async fn number_value_must_match_the_fields_metadata(site: Site) {
    let api = site.owner().await;
    let plain = (json!({}), ["12.5", "3"], ["-3", "1e3", "1.", "inf"]);
    let whole = (
        json!({ "integer": true }),
        ["12", "0"],
        ["12.5", "-1", "", "+1"],
    );
    let places = json!({ "decimal_places": 1, "allow_negative": true });
    let signed = (places, ["-12.5", "3"], ["12.55", "--1", "-", "1.2.3"]);
    for (metadata, good, bad) in [plain, whole, signed] {
        let field = with_metadata(&api, "number", metadata)
            .await
            .expect(201)
            .json();
        let expect_status = async |value: &str, status| {
            let value = json!({ "custom_field_id": field["custom_field_id"], "value": value });
            let more = json!({ "custom_fields": [value] });
            api.sign_up(&address(), more).await.expect(status);
        };
        for value in good {
            expect_status(value, 201).await;
        }
        for value in bad {
            expect_status(value, 400).await;
        }
    }
}

async fn field_rejects_unknown_properties(site: Site) {
    let body = json!({ "label": unique_label(), "type": "string", "name": "n" });
    site.owner().await.post(FIELDS, &body).await.expect(400);
}

async fn an_account_has_at_most_a_hundred_fields(site: Site) {
    let api = site.sign_in(SHOP_OWNER, USUAL_SCOPE).await;
    for n in 60..100 {
        create_field(&api, &format!("More {n}"), "string").await;
    }
    api.post(
        FIELDS,
        &json!({ "label": "one too many", "type": "string" }),
    )
    .await
    .expect(400);
}
