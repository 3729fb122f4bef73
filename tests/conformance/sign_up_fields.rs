//! How `sign_up_form` handles custom fields.

use cc_sandbox::settings::SignUpCustomFields;
use serde_json::{Value, json};

use crate::fact::facts;
use crate::sign_up_limits::{NO_ID, answers};
use crate::site::{SHOP_OWNER, Site, USUAL_SCOPE, address, ids};

facts! {
    Sandbox WORDPRESS: twenty_six_custom_fields_have_two_readings,
    Sandbox SWAGGER: fifty_one_custom_fields_are_too_many,
    Sandbox SWAGGER: a_custom_field_value_is_at_most_255_characters,
    Token API_EVANGELIST: an_unknown_custom_field_is_refused,
    Sandbox CUSTOM_FIELDS: a_select_field_cannot_be_set_here,
    Sandbox CUSTOM_FIELDS: a_value_must_suit_the_fields_type,
    Sandbox SWAGGER: a_contact_has_at_most_25_custom_fields,
}

/// Sends this many custom fields of the account that has enough of them.
async fn custom_fields(site: &Site, count: usize) -> u16 {
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

async fn twenty_six_custom_fields_have_two_readings(site: Site) {
    assert_eq!(custom_fields(&site, 25).await, 201);
    assert_eq!(custom_fields(&site, 26).await, 400);
    site.settings(|settings| settings.readings.sign_up_custom_fields = SignUpCustomFields::Max50);
    assert_eq!(custom_fields(&site, 26).await, 201);
}

async fn fifty_one_custom_fields_are_too_many(site: Site) {
    site.settings(|settings| settings.readings.sign_up_custom_fields = SignUpCustomFields::Max50);
    assert_eq!(custom_fields(&site, 50).await, 201);
    assert_eq!(custom_fields(&site, 51).await, 400);
}

pub fn one_field(id: &str, value: &str) -> Value {
    json!({ "custom_fields": [{ "custom_field_id": id, "value": value }] })
}

async fn a_custom_field_value_is_at_most_255_characters(site: Site) {
    let field = site.owner().await.field("Favourite_loaf").await;
    answers(&site, one_field(&field, &"v".repeat(255)), 201).await;
    answers(&site, one_field(&field, &"v".repeat(256)), 400).await;
}

async fn an_unknown_custom_field_is_refused(site: Site) {
    let refused = answers(&site, one_field(NO_ID, "v"), 400).await;
    assert_eq!(refused.error_key(), "contacts.api.validation.error");
}

async fn a_select_field_cannot_be_set_here(site: Site) {
    let field = site.owner().await.field("Shop").await;
    answers(&site, one_field(&field, "North"), 400).await;
    let by_choice = json!({ "custom_fields": [{ "custom_field_id": field, "choice_ids": [1] }] });
    answers(&site, by_choice, 400).await;
}

async fn a_value_must_suit_the_fields_type(site: Site) {
    let api = site.owner().await;
    let (date, number) = (api.field("First_visit").await, api.field("Visits").await);
    answers(&site, one_field(&date, "2020-02-29"), 201).await;
    answers(&site, one_field(&date, "soon"), 400).await;
    answers(&site, one_field(&number, "12.5"), 201).await;
    answers(&site, one_field(&number, "many"), 400).await;
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
        let blames = answer.text.contains("custom_fields");
        assert_eq!(blames, status == 400, "{}", answer.text);
    }
}
