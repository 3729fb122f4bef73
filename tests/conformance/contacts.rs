//! `/contacts`: create, replace, delete, ask to come back.

use serde_json::{Value, json};

use crate::fact::{Fact, fact};
use crate::site::{Api, OWNER, Site, address, address_of_length, merged};

pub fn facts() -> Vec<Fact> {
    vec![
        fact!(Token, SWAGGER, a_contact_is_created_with_201),
        fact!(Token, SWAGGER, create_source_is_required),
        fact!(Token, SWAGGER, one_of_address_and_names_is_required),
        fact!(Token, SWAGGER, the_nested_address_has_at_most_80_characters),
        fact!(
            Token,
            FORUM_CONFLICT,
            a_known_address_is_a_conflict_in_these_words
        ),
        fact!(Token, FORUM_CONFLICT, a_deleted_address_is_a_conflict_too),
        fact!(
            Token,
            SWAGGER,
            three_phones_and_three_addresses_are_the_most
        ),
        fact!(Token, SWAGGER, a_contact_takes_no_unknown_property),
        fact!(Sandbox, SWAGGER, choices_are_set_by_their_ids),
        fact!(Token, SWAGGER, a_put_needs_an_update_source),
        fact!(Token, SWAGGER, a_put_makes_null_of_what_it_leaves_out),
        fact!(Token, SWAGGER, a_put_keeps_the_sub_resources_it_leaves_out),
        fact!(Token, SWAGGER, a_put_replaces_the_lists_it_sends),
        fact!(
            Token,
            SWAGGER,
            a_put_restores_a_deleted_contact_only_for_the_account
        ),
        fact!(Token, SWAGGER, a_put_cannot_take_anothers_address),
        fact!(Token, SWAGGER, an_unknown_contact_is_not_found),
        fact!(
            Sandbox,
            SWAGGER,
            a_contact_that_opted_out_is_not_opted_in_by_the_account
        ),
        fact!(Token, FORUM_NEVER_DELETED, a_deleted_contact_is_still_there),
        fact!(
            Sandbox,
            RESUBSCRIBE,
            a_resubscribe_mail_leaves_the_contact_unsubscribed
        ),
        fact!(Sandbox, RESUBSCRIBE, a_resubscribe_mail_goes_out_once),
        fact!(
            Token,
            RESUBSCRIBE,
            only_an_unsubscribed_contact_is_asked_back
        ),
        fact!(Sandbox, RESUBSCRIBE, a_resubscribe_needs_lists),
        fact!(
            Sandbox,
            RESUBSCRIBE,
            a_contact_that_confirms_is_explicit_again
        ),
        fact!(Token, SWAGGER, contacts_are_counted_by_permission),
    ]
}

const CONTACTS: &str = "/v3/contacts";

fn body(address: &str, more: Value) -> Value {
    let body = json!({
        "email_address": { "address": address, "permission_to_send": "explicit" },
        "create_source": "Account",
    });
    merged(body, more)
}

async fn created(api: &Api<'_>, address: &str, more: Value) -> Value {
    api.post(CONTACTS, &body(address, more))
        .await
        .expect(201)
        .json()
}

fn path_of(contact: &Value) -> String {
    format!(
        "{CONTACTS}/{}",
        contact["contact_id"].as_str().unwrap_or_default()
    )
}

async fn a_contact_is_created_with_201(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = created(&api, &address, json!({ "first_name": "A" })).await;
    assert_eq!(contact["email_address"]["address"], address);
    assert_eq!(contact["first_name"], "A");
    assert_eq!(contact["create_source"], "Account");
    assert_eq!(
        api.get(&path_of(&contact)).await.expect(200).json()["first_name"],
        "A"
    );
}

async fn create_source_is_required(site: Site) {
    let api = site.owner().await;
    let refused = api
        .post(CONTACTS, &json!({ "first_name": "A" }))
        .await
        .expect(400);
    assert_eq!(refused.error_key(), "contacts.api.validation.error");
    assert!(
        refused.error_message().contains("create_source"),
        "{}",
        refused.text
    );
    let odd = json!({ "first_name": "A", "create_source": "Robot" });
    api.post(CONTACTS, &odd).await.expect(400);
}

async fn one_of_address_and_names_is_required(site: Site) {
    let api = site.owner().await;
    api.post(CONTACTS, &json!({ "create_source": "Account" }))
        .await
        .expect(400);
    let named = json!({ "create_source": "Account", "last_name": "B" });
    api.post(CONTACTS, &named).await.expect(201);
}

async fn the_nested_address_has_at_most_80_characters(site: Site) {
    let api = site.owner().await;
    created(&api, &address_of_length(80), json!({})).await;
    api.post(CONTACTS, &body(&address_of_length(81), json!({})))
        .await
        .expect(400);
}

#[track_caller]
fn assert_conflict(reply: crate::site::Reply, contact: &Value) {
    let reply = reply.expect(409);
    assert_eq!(reply.error_key(), "contacts.api.conflict");
    let id = contact["contact_id"].as_str().unwrap_or_default();
    let words = format!("Validation failed: Email already exists for contact {id}");
    assert_eq!(reply.error_message(), words);
}

async fn a_known_address_is_a_conflict_in_these_words(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = created(&api, &address, json!({})).await;
    assert_conflict(
        api.post(CONTACTS, &body(&address, json!({}))).await,
        &contact,
    );
}

async fn a_deleted_address_is_a_conflict_too(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = created(&api, &address, json!({})).await;
    api.delete(&path_of(&contact)).await.expect(204);
    assert_conflict(
        api.post(CONTACTS, &body(&address, json!({}))).await,
        &contact,
    );
}

async fn three_phones_and_three_addresses_are_the_most(site: Site) {
    let api = site.owner().await;
    let phone = json!({ "phone_number": "555 0100", "kind": "home" });
    let street = json!({ "kind": "home", "city": "Waltham" });
    for (count, status) in [(3, 201), (4, 400)] {
        let phones = json!({ "phone_numbers": vec![phone.clone(); count] });
        api.post(CONTACTS, &body(&address(), phones))
            .await
            .expect(status);
        let streets = json!({ "street_addresses": vec![street.clone(); count] });
        api.post(CONTACTS, &body(&address(), streets))
            .await
            .expect(status);
    }
}

async fn a_contact_takes_no_unknown_property(site: Site) {
    let api = site.owner().await;
    api.post(
        CONTACTS,
        &body(&address(), json!({ "phone_number": "555" })),
    )
    .await
    .expect(400);
}

async fn choices_are_set_by_their_ids(site: Site) {
    let (api, address) = (site.owner().await, address());
    let field = api.field("Shop").await;
    let with =
        |ids: Value| json!({ "custom_fields": [{ "custom_field_id": field, "choice_ids": ids }] });
    created(&api, &address, with(json!([2]))).await;
    assert_eq!(
        api.contact(&address).await["custom_fields"][0]["choice_ids"],
        json!([2])
    );
    api.post(CONTACTS, &body(&crate::site::address(), with(json!([9]))))
        .await
        .expect(400);
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

async fn an_unknown_contact_is_not_found(site: Site) {
    let api = site.owner().await;
    let path = "/v3/contacts/04fe9a97-a579-43c5-bb1a-58ed29bf0a6a";
    api.get(path).await.expect(404);
    api.put(path, &update(&address(), json!({})))
        .await
        .expect(404);
    let refused = api.delete(path).await.expect(404);
    assert_eq!(refused.error_key(), "contacts.api.not_found");
}

async fn a_deleted_contact_is_still_there(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = created(&api, &address, json!({})).await;
    api.delete(&path_of(&contact)).await.expect(204);
    let kept = api.get(&path_of(&contact)).await.expect(200).json();
    assert!(kept["deleted_at"].is_string(), "{kept}");
}

/// A contact that left by its own act.
async fn unsubscribed(site: &Site, api: &Api<'_>, address: &str) -> Value {
    let contact = created(api, address, json!({})).await;
    let now = site.sandbox().clock().now();
    site.account_of(OWNER, |account| {
        let id = account
            .contact_by_email(address)
            .map(|contact| contact.id)
            .expect("it");
        let contact = account.contact_mut(id).expect("it");
        contact.unsubscribe(cc_sandbox::contract::Source::Contact, None, now);
    });
    contact
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

fn resubscribe_path(contact: &Value) -> String {
    format!(
        "/v3/contacts/resubscribe/{}",
        contact["contact_id"].as_str().unwrap_or_default()
    )
}

async fn standing(api: &Api<'_>, address: &str) -> Value {
    api.contact(address).await["email_address"]["permission_to_send"].clone()
}

async fn a_resubscribe_mail_leaves_the_contact_unsubscribed(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = unsubscribed(&site, &api, &address).await;
    let lists = json!({ "list_ids": [api.list().await] });
    api.put(&resubscribe_path(&contact), &lists)
        .await
        .expect(200);
    assert_eq!(standing(&api, &address).await, "unsubscribed");
    assert_eq!(
        api.contact(&address).await["list_memberships"],
        lists["list_ids"]
    );
}

async fn a_resubscribe_mail_goes_out_once(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = unsubscribed(&site, &api, &address).await;
    let lists = json!({ "list_ids": [api.list().await] });
    api.put(&resubscribe_path(&contact), &lists)
        .await
        .expect(200);
    api.put(&resubscribe_path(&contact), &lists)
        .await
        .expect(409);
}

async fn only_an_unsubscribed_contact_is_asked_back(site: Site) {
    let api = site.owner().await;
    let contact = created(&api, &address(), json!({})).await;
    let lists = json!({ "list_ids": [api.list().await] });
    api.put(&resubscribe_path(&contact), &lists)
        .await
        .expect(409);
}

async fn a_resubscribe_needs_lists(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = unsubscribed(&site, &api, &address).await;
    for body in [
        json!({}),
        json!({ "list_ids": [] }),
        json!({ "list_ids": ["x"] }),
    ] {
        api.put(&resubscribe_path(&contact), &body)
            .await
            .expect(400);
    }
}

async fn a_contact_that_confirms_is_explicit_again(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = unsubscribed(&site, &api, &address).await;
    let lists = json!({ "list_ids": [api.list().await] });
    api.put(&resubscribe_path(&contact), &lists)
        .await
        .expect(200);
    let now = site.sandbox().clock().now();
    site.account_of(OWNER, |account| {
        let id = account
            .contact_by_email(&address)
            .map(|contact| contact.id)
            .expect("it");
        account.contact_mut(id).expect("it").confirm(now);
    });
    assert_eq!(standing(&api, &address).await, "explicit");
}

async fn contacts_are_counted_by_permission(site: Site) {
    let api = site.owner().await;
    let count = async || api.get("/v3/contacts/counts").await.expect(200).json();
    let before = count().await;
    created(&api, &address(), json!({})).await;
    let after = count().await;
    for name in ["total", "explicit"] {
        let grown = after[name]
            .as_u64()
            .zip(before[name].as_u64())
            .map(|(a, b)| a - b);
        assert_eq!(grown, Some(1), "{name}");
    }
}
