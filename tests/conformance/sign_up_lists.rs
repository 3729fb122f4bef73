//! The lists of a `sign_up_form` call.

use cc_sandbox::settings::ListGone;
use jiff::SignedDuration;
use serde_json::json;

use crate::fact::facts;
use crate::sign_up_limits::{NO_ID, answers};
use crate::site::{Api, SHOP_OWNER, Site, USUAL_SCOPE, address, ids};

facts! {
    Sandbox SWAGGER: an_unknown_list_is_400_or_404_as_read,
    Sandbox SWAGGER: a_deleted_list_is_400_or_404_as_read,
    Token OVERVIEW: a_list_id_is_a_uuid,
    Sandbox SWAGGER: fifty_lists_are_taken_and_fifty_one_are_not,
    Sandbox LISTS_POST: a_contact_is_on_at_most_fifty_lists,
}

async fn gone(site: &Site, list: &str) {
    let readings = [
        (ListGone::BadRequest, 400, "contacts.api.validation.error"),
        (ListGone::NotFound, 404, "contacts.api.not_found"),
        (ListGone::Wordless, 400, "contacts.api.validation.error"),
    ];
    for (reading, status, key) in readings {
        site.settings(|settings| settings.readings.list_gone = reading);
        let refused = answers(site, json!({ "list_memberships": [list] }), status).await;
        assert_eq!(refused.error_key(), key);
    }
}

async fn an_unknown_list_is_400_or_404_as_read(site: Site) {
    gone(&site, NO_ID).await;
}

async fn a_deleted_list_is_400_or_404_as_read(site: Site) {
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
    gone(&site, &list).await;
}

async fn a_list_id_is_a_uuid(site: Site) {
    for id in ["1", "04fe9a97a57943c5bb1a58ed29bf0a6a", ""] {
        answers(&site, json!({ "list_memberships": [id] }), 400).await;
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

async fn fifty_lists_are_taken_and_fifty_one_are_not(site: Site) {
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
