//! `PUT /contacts/{contact_id}`.

use cc_sandbox::settings::UnsubscribedSignUp;
use serde_json::{Value, json};

use crate::contacts::{assert_conflict, create_contact, path_of, permission_of, unsubscribed};
use crate::fact::facts;
use crate::site::{OWNER, Site, address, merged};

facts! {
    Token SWAGGER: put_requires_an_update_source,
    Token SWAGGER: put_clears_omitted_properties,
    Token SWAGGER: put_keeps_omitted_sub_resources,
    Token SWAGGER: put_replaces_list_memberships,
    Sandbox SWAGGER: put_replaces_custom_fields,
    Token SWAGGER: put_rejects_opt_in_source,
    Sandbox SWAGGER: put_cannot_set_temp_hold,
    Sandbox SWAGGER: put_can_unsubscribe_a_contact_with_a_reason,
    Sandbox SWAGGER: resubscribing_put_is_pending_under_confirmed_opt_in_depending_on_reading,
    Token SWAGGER: put_restores_a_deleted_contact_only_with_update_source_account,
    Token SWAGGER: put_cannot_use_another_contacts_address,
    Sandbox SWAGGER: account_cannot_opt_in_a_contact_that_opted_out,
}

fn update(address: &str, more: Value) -> Value {
    let body = json!({ "email_address": { "address": address }, "update_source": "Account" });
    merged(body, more)
}

async fn put_requires_an_update_source(site: Site) {
    let api = site.owner().await;
    let contact = create_contact(&api, &address(), json!({})).await;
    api.put(&path_of(&contact), &json!({ "first_name": "B" }))
        .await
        .expect(400);
}

async fn put_clears_omitted_properties(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = create_contact(
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

async fn put_keeps_omitted_sub_resources(site: Site) {
    let (api, address) = (site.owner().await, address());
    let lists = json!({
        "list_memberships": [api.list().await],
        "phone_numbers": [{ "phone_number": "555 0100", "kind": "work" }],
    });
    let contact = create_contact(&api, &address, lists).await;
    api.put(&path_of(&contact), &update(&address, json!({})))
        .await
        .expect(200);
    let kept = api.contact(&address).await;
    assert_eq!(kept["list_memberships"].as_array().map(Vec::len), Some(1));
    assert_eq!(kept["phone_numbers"].as_array().map(Vec::len), Some(1));
}

async fn put_replaces_list_memberships(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = create_contact(
        &api,
        &address,
        json!({ "list_memberships": [api.list().await] }),
    )
    .await;
    let none = update(&address, json!({ "list_memberships": [] }));
    api.put(&path_of(&contact), &none).await.expect(200);
    assert_eq!(api.contact(&address).await["list_memberships"], json!([]));
}

async fn put_replaces_custom_fields(site: Site) {
    let (api, address) = (site.owner().await, address());
    let (loaf, visits) = (api.field("Favourite_loaf").await, api.field("Visits").await);
    let with = |id: &str, value: &str| json!({ "custom_fields": [{ "custom_field_id": id, "value": value }] });
    let contact = create_contact(&api, &address, with(&loaf, "rye")).await;
    let put = update(&address, with(&visits, "3"));
    api.put(&path_of(&contact), &put).await.expect(200);
    let expected = json!([{ "custom_field_id": visits, "value": "3" }]);
    assert_eq!(api.contact(&address).await["custom_fields"], expected);
}

async fn put_rejects_opt_in_source(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = create_contact(&api, &address, json!({})).await;
    let mut put = update(&address, json!({}));
    put["email_address"]["opt_in_source"] = json!("Contact");
    api.put(&path_of(&contact), &put).await.expect(400);
}

/// A body that sets the permission of the contact's address.
fn body_with_permission(address: &str, permission: &str, source: &str) -> Value {
    json!({
        "email_address": { "address": address, "permission_to_send": permission },
        "update_source": source,
    })
}

async fn put_cannot_set_temp_hold(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = create_contact(&api, &address, json!({})).await;
    let hold = body_with_permission(&address, "temp_hold", "Account");
    api.put(&path_of(&contact), &hold).await.expect(400);
}

async fn put_can_unsubscribe_a_contact_with_a_reason(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = create_contact(&api, &address, json!({})).await;
    let mut put = body_with_permission(&address, "unsubscribed", "Account");
    put["email_address"]["opt_out_reason"] = json!("moved away");
    let updated = api.put(&path_of(&contact), &put).await.expect(200).json();
    assert_eq!(updated["email_address"]["opt_out_reason"], "moved away");
    assert_eq!(updated["email_address"]["opt_out_source"], "Account");
}

async fn resubscribing_put_is_pending_under_confirmed_opt_in_depending_on_reading(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = unsubscribed(&site, &api, &address).await;
    site.account_of(OWNER, |account| account.confirmed_opt_in = true);
    let resubscribe_body = body_with_permission(&address, "explicit", "Contact");
    for _ in 0..2 {
        api.put(&path_of(&contact), &resubscribe_body)
            .await
            .expect(200);
        assert_eq!(permission_of(&api, &address).await, "pending_confirmation");
    }

    site.settings(|settings| settings.readings.unsubscribed_sign_up = UnsubscribedSignUp::Explicit);
    let address = crate::site::address();
    site.account_of(OWNER, |account| account.confirmed_opt_in = false);
    let contact = unsubscribed(&site, &api, &address).await;
    site.account_of(OWNER, |account| account.confirmed_opt_in = true);
    let resubscribe_body = body_with_permission(&address, "explicit", "Contact");
    api.put(&path_of(&contact), &resubscribe_body)
        .await
        .expect(200);
    assert_eq!(permission_of(&api, &address).await, "explicit");
}

async fn put_restores_a_deleted_contact_only_with_update_source_account(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = create_contact(&api, &address, json!({})).await;
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

async fn put_cannot_use_another_contacts_address(site: Site) {
    let (api, taken) = (site.owner().await, address());
    let holder = create_contact(&api, &taken, json!({})).await;
    let other = create_contact(&api, &address(), json!({})).await;
    assert_conflict(
        api.put(&path_of(&other), &update(&taken, json!({}))).await,
        &holder,
    );
}

async fn account_cannot_opt_in_a_contact_that_opted_out(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = unsubscribed(&site, &api, &address).await;
    let opt_in =
        json!({ "email_address": { "address": address, "permission_to_send": "explicit" } });
    api.put(&path_of(&contact), &update(&address, opt_in))
        .await
        .expect(400);
}
