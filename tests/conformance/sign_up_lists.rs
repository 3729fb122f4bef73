//! The lists of a `sign_up_form` call.

use cc_sandbox::settings::ListGone;
use jiff::SignedDuration;
use serde_json::json;

use crate::fact::facts;
use crate::sign_up_limits::{UNKNOWN_ID, sign_up_expecting};
use crate::site::{Api, SHOP_OWNER, Site, USUAL_SCOPE, address, ids};

facts! {
    Sandbox SWAGGER: unknown_list_is_400_or_404_depending_on_reading,
    Sandbox SWAGGER: deleted_list_is_400_or_404_depending_on_reading,
    Token OVERVIEW: list_id_must_be_a_uuid,
    Sandbox SWAGGER: sign_up_accepts_50_lists_but_not_51,
    Sandbox LISTS_POST: a_contact_is_on_at_most_fifty_lists,
}

async fn assert_list_rejected(site: &Site, list: &str) {
    let readings = [
        (ListGone::BadRequest, 400, "contacts.api.validation.error"),
        (ListGone::NotFound, 404, "contacts.api.not_found"),
        (ListGone::Wordless, 400, "contacts.api.validation.error"),
    ];
    for (reading, status, key) in readings {
        site.settings(|settings| settings.readings.list_gone = reading);
        let refused = sign_up_expecting(site, json!({ "list_memberships": [list] }), status).await;
        assert_eq!(refused.error_key(), key);
    }
}

async fn unknown_list_is_400_or_404_depending_on_reading(site: Site) {
    assert_list_rejected(&site, UNKNOWN_ID).await;
}

async fn deleted_list_is_400_or_404_depending_on_reading(site: Site) {
    let api = site.owner().await;
    let list = api
        .post("/v3/contact_lists", &json!({ "name": "Gone" }))
        .await
        .expect(201)
        .json();
    let list = list["list_id"].as_str().unwrap_or_default().to_owned();
    api.delete(&format!("/v3/contact_lists/{list}"))
        .await
        .expect(202);
    site.sandbox().advance(SignedDuration::from_mins(1));
    assert_list_rejected(&site, &list).await;
}

async fn list_id_must_be_a_uuid(site: Site) {
    for id in ["1", "04fe9a97a57943c5bb1a58ed29bf0a6a", ""] {
        sign_up_expecting(&site, json!({ "list_memberships": [id] }), 400).await;
    }
}

async fn shop_lists(api: &Api<'_>) -> Vec<String> {
    let page = api
        .get("/v3/contact_lists?limit=500")
        .await
        .expect(200)
        .json();
    ids(&page["lists"], "list_id")
}

async fn sign_up_accepts_50_lists_but_not_51(site: Site) {
    let api = site.sign_in(SHOP_OWNER, USUAL_SCOPE).await;
    let lists = shop_lists(&api).await;
    api.sign_up(&address(), json!({ "list_memberships": lists[..50] }))
        .await
        .expect(201);
    api.sign_up(&address(), json!({ "list_memberships": lists[..51] }))
        .await
        .expect(400);
}

async fn a_contact_is_on_at_most_fifty_lists(site: Site) {
    let (api, address) = (site.sign_in(SHOP_OWNER, USUAL_SCOPE).await, address());
    let lists = shop_lists(&api).await;
    api.sign_up(&address, json!({ "list_memberships": lists[..50] }))
        .await
        .expect(201);
    api.sign_up(&address, json!({ "list_memberships": lists[..50] }))
        .await
        .expect(200);
    api.sign_up(&address, json!({ "list_memberships": lists[50..51] }))
        .await
        .expect(400);
}
