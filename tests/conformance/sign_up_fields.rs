//! How `sign_up_form` handles custom fields.

use cc_sandbox::settings::SignUpCustomFields;
use serde_json::{Value, json};

use crate::fact::facts;
use crate::sign_up_limits::{UNKNOWN_ID, sign_up_expecting};
use crate::site::{SHOP_OWNER, Site, USUAL_SCOPE, address, ids};

facts! {
    Sandbox WORDPRESS: more_than_25_custom_fields_need_the_max50_reading,
    Sandbox SWAGGER: max50_reading_accepts_50_custom_fields_but_not_51,
    Sandbox SWAGGER: a_custom_field_value_is_at_most_255_characters,
    Token API_EVANGELIST: unknown_custom_field_is_rejected,
    Sandbox CUSTOM_FIELDS: sign_up_cannot_set_a_select_field,
    Sandbox CUSTOM_FIELDS: custom_field_value_must_match_the_fields_type,
    Sandbox SWAGGER: a_contact_has_at_most_25_custom_fields,
}

/// Sends this many custom fields of the account that has enough of them.
async fn sign_up_with_custom_fields(site: &Site, count: usize) -> u16 {
    let api = site.sign_in(SHOP_OWNER, USUAL_SCOPE).await;
    let page = api
        .get("/v3/contact_custom_fields?limit=100")
        .await
        .expect(200)
        .json();
    let fields = ids(&page["custom_fields"], "custom_field_id");
    let fields = fields.into_iter().take(count);
    let fields: Vec<_> = fields
        .map(|id| json!({ "custom_field_id": id, "value": "v" }))
        .collect();
    assert_eq!(fields.len(), count);
    api.sign_up(&address(), json!({ "custom_fields": fields }))
        .await
        .status
}

async fn more_than_25_custom_fields_need_the_max50_reading(site: Site) {
    assert_eq!(sign_up_with_custom_fields(&site, 25).await, 201);
    assert_eq!(sign_up_with_custom_fields(&site, 26).await, 400);
    site.settings(|settings| settings.readings.sign_up_custom_fields = SignUpCustomFields::Max50);
    assert_eq!(sign_up_with_custom_fields(&site, 26).await, 201);
}

async fn max50_reading_accepts_50_custom_fields_but_not_51(site: Site) {
    site.settings(|settings| settings.readings.sign_up_custom_fields = SignUpCustomFields::Max50);
    assert_eq!(sign_up_with_custom_fields(&site, 50).await, 201);
    assert_eq!(sign_up_with_custom_fields(&site, 51).await, 400);
}

pub fn one_field(id: &str, value: &str) -> Value {
    json!({ "custom_fields": [{ "custom_field_id": id, "value": value }] })
}

async fn a_custom_field_value_is_at_most_255_characters(site: Site) {
    let field = site.owner().await.field("Favourite_loaf").await;
    sign_up_expecting(&site, one_field(&field, &"v".repeat(255)), 201).await;
    sign_up_expecting(&site, one_field(&field, &"v".repeat(256)), 400).await;
}

async fn unknown_custom_field_is_rejected(site: Site) {
    let refused = sign_up_expecting(&site, one_field(UNKNOWN_ID, "v"), 400).await;
    assert_eq!(refused.error_key(), "contacts.api.validation.error");
}

async fn sign_up_cannot_set_a_select_field(site: Site) {
    let field = site.owner().await.field("Shop").await;
    sign_up_expecting(&site, one_field(&field, "North"), 400).await;
    let by_choice = json!({ "custom_fields": [{ "custom_field_id": field, "choice_ids": [1] }] });
    sign_up_expecting(&site, by_choice, 400).await;
}

async fn custom_field_value_must_match_the_fields_type(site: Site) {
    let api = site.owner().await;
    let (date, number) = (api.field("First_visit").await, api.field("Visits").await);
    sign_up_expecting(&site, one_field(&date, "2020-02-29"), 201).await;
    sign_up_expecting(&site, one_field(&date, "soon"), 400).await;
    sign_up_expecting(&site, one_field(&number, "12.5"), 201).await;
    sign_up_expecting(&site, one_field(&number, "many"), 400).await;
}

async fn a_contact_has_at_most_25_custom_fields(site: Site) {
    let (api, address) = (site.sign_in(SHOP_OWNER, USUAL_SCOPE).await, address());
    let page = api.get("/v3/contact_custom_fields").await.expect(200);
    let fields = ids(&page.json()["custom_fields"], "custom_field_id");
    let with = |some: &[String]| {
        let fields = some.iter();
        let fields = fields.map(|id| json!({ "custom_field_id": id, "value": "v" }));
        json!({ "custom_fields": fields.collect::<Vec<_>>() })
    };
    for (some, status) in [
        (&fields[..25], 201),
        (&fields[..2], 200),
        (&fields[25..26], 400),
    ] {
        let answer = api.sign_up(&address, with(some)).await.expect(status);
        let names_custom_fields = answer.text.contains("custom_fields");
        assert_eq!(names_custom_fields, status == 400, "{}", answer.text);
    }
}
