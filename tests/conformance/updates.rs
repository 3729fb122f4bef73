//! `PUT /contacts/{contact_id}`.

use cc_sandbox::settings::UnsubscribedSignUp;
use serde_json::{Value, json};

use crate::contacts::{assert_conflict, created, path_of, standing, unsubscribed};
use crate::fact::facts;
use crate::site::{OWNER, Site, address, merged};

facts! {
    Token SWAGGER: a_put_needs_an_update_source,
    Token SWAGGER: a_put_makes_null_of_what_it_leaves_out,
    Token SWAGGER: a_put_keeps_the_sub_resources_it_leaves_out,
    Token SWAGGER: a_put_replaces_the_lists_it_sends,
    Sandbox SWAGGER: a_put_replaces_the_custom_fields_it_sends,
    Token SWAGGER: a_put_takes_no_opt_in_source,
    Sandbox SWAGGER: a_put_puts_nobody_on_hold,
    Sandbox SWAGGER: a_put_says_why_a_contact_left,
    Sandbox SWAGGER: with_confirmed_opt_in_a_put_brings_nobody_back_unconfirmed,
    Token SWAGGER: a_put_restores_a_deleted_contact_only_for_the_account,
    Token SWAGGER: a_put_cannot_take_anothers_address,
    Sandbox SWAGGER: a_contact_that_opted_out_is_not_opted_in_by_the_account,
}

fn update(address: &str, more: Value) -> Value {
    let body = json!({ "email_address": { "address": address }, "update_source": "Account" });
    merged(body, more)
}

async fn a_put_needs_an_update_source(site: Site) {
    let api = site.owner().await;
    let contact = created(&api, &address(), json!({})).await;
    api.put(&path_of(&contact), &json!({ "first_name": "B" }))
        .await
        .expect(400);
}

async fn a_put_makes_null_of_what_it_leaves_out(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = created(
        &api,
        &address,
        json!({ "first_name": "A", "job_title": "J" }),
    )
    .await;
    let put = api
        .put(
            &path_of(&contact),
            &update(&address, json!({ "job_title": "K" })),
        )
        .await;
    let updated = put.expect(200).json();
    assert_eq!(
        (&updated["first_name"], &updated["job_title"]),
        (&Value::Null, &json!("K"))
    );
}

async fn a_put_keeps_the_sub_resources_it_leaves_out(site: Site) {
    let (api, address) = (site.owner().await, address());
    let lists = json!({
        "list_memberships": [api.list().await],
        "phone_numbers": [{ "phone_number": "555 0100", "kind": "work" }],
    });
    let contact = created(&api, &address, lists).await;
    api.put(&path_of(&contact), &update(&address, json!({})))
        .await
        .expect(200);
    let kept = api.contact(&address).await;
    assert_eq!(kept["list_memberships"].as_array().map(Vec::len), Some(1));
    assert_eq!(kept["phone_numbers"].as_array().map(Vec::len), Some(1));
}

async fn a_put_replaces_the_lists_it_sends(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = created(
        &api,
        &address,
        json!({ "list_memberships": [api.list().await] }),
    )
    .await;
    let none = update(&address, json!({ "list_memberships": [] }));
    api.put(&path_of(&contact), &none).await.expect(200);
    assert_eq!(api.contact(&address).await["list_memberships"], json!([]));
}

async fn a_put_replaces_the_custom_fields_it_sends(site: Site) {
    let (api, address) = (site.owner().await, address());
    let (loaf, visits) = (api.field("Favourite_loaf").await, api.field("Visits").await);
    let with = |id: &str, value: &str| json!({ "custom_fields": [{ "custom_field_id": id, "value": value }] });
    let contact = created(&api, &address, with(&loaf, "rye")).await;
    let put = update(&address, with(&visits, "3"));
    api.put(&path_of(&contact), &put).await.expect(200);
    let expected = json!([{ "custom_field_id": visits, "value": "3" }]);
    assert_eq!(api.contact(&address).await["custom_fields"], expected);
}

async fn a_put_takes_no_opt_in_source(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = created(&api, &address, json!({})).await;
    let mut put = update(&address, json!({}));
    put["email_address"]["opt_in_source"] = json!("Contact");
    api.put(&path_of(&contact), &put).await.expect(400);
}

/// The body that gives the contact's own address a permission.
fn permit(address: &str, permission: &str, source: &str) -> Value {
    json!({
        "email_address": { "address": address, "permission_to_send": permission },
        "update_source": source,
    })
}

async fn a_put_puts_nobody_on_hold(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = created(&api, &address, json!({})).await;
    let hold = permit(&address, "temp_hold", "Account");
    api.put(&path_of(&contact), &hold).await.expect(400);
}

async fn a_put_says_why_a_contact_left(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = created(&api, &address, json!({})).await;
    let mut put = permit(&address, "unsubscribed", "Account");
    put["email_address"]["opt_out_reason"] = json!("moved away");
    let left = api.put(&path_of(&contact), &put).await.expect(200).json();
    assert_eq!(left["email_address"]["opt_out_reason"], "moved away");
    assert_eq!(left["email_address"]["opt_out_source"], "Account");
}

async fn with_confirmed_opt_in_a_put_brings_nobody_back_unconfirmed(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = unsubscribed(&site, &api, &address).await;
    site.account_of(OWNER, |account| account.confirmed_opt_in = true);
    let back = permit(&address, "explicit", "Contact");
    for _ in 0..2 {
        api.put(&path_of(&contact), &back).await.expect(200);
        assert_eq!(standing(&api, &address).await, "pending_confirmation");
    }

    site.settings(|settings| settings.readings.unsubscribed_sign_up = UnsubscribedSignUp::Explicit);
    let address = crate::site::address();
    site.account_of(OWNER, |account| account.confirmed_opt_in = false);
    let contact = unsubscribed(&site, &api, &address).await;
    site.account_of(OWNER, |account| account.confirmed_opt_in = true);
    let back = permit(&address, "explicit", "Contact");
    api.put(&path_of(&contact), &back).await.expect(200);
    assert_eq!(standing(&api, &address).await, "explicit");
}

async fn a_put_restores_a_deleted_contact_only_for_the_account(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = created(&api, &address, json!({})).await;
    let path = path_of(&contact);
    api.delete(&path).await.expect(204);
    api.put(
        &path,
        &update(&address, json!({ "update_source": "Contact" })),
    )
    .await
    .expect(400);
    api.put(&path, &update(&address, json!({})))
        .await
        .expect(200);
    assert_eq!(api.contact(&address).await.get("deleted_at"), None);
}

async fn a_put_cannot_take_anothers_address(site: Site) {
    let (api, taken) = (site.owner().await, address());
    let holder = created(&api, &taken, json!({})).await;
    let other = created(&api, &address(), json!({})).await;
    assert_conflict(
        api.put(&path_of(&other), &update(&taken, json!({}))).await,
        &holder,
    );
}

async fn a_contact_that_opted_out_is_not_opted_in_by_the_account(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = unsubscribed(&site, &api, &address).await;
    let opt_in =
        json!({ "email_address": { "address": address, "permission_to_send": "explicit" } });
    api.put(&path_of(&contact), &update(&address, opt_in))
        .await
        .expect(400);
}
