//! `/contacts`: create, read, delete.

use serde_json::{Value, json};

use crate::fact::facts;
use crate::site::{Api, CLUB_OWNER, OWNER, Site, USUAL_SCOPE, address, address_of_length, merged};

facts! {
    Token SWAGGER: a_contact_is_created_with_201,
    Token SWAGGER: create_source_is_required_in_these_words,
    Token SWAGGER: a_new_address_takes_nothing_beside_its_permission,
    Token SWAGGER: null_is_not_a_value_of_a_contact,
    Token SWAGGER: what_a_contact_does_not_have_is_left_out,
    Sandbox SWAGGER: only_who_opted_in_has_an_opt_in_date,
    Token SWAGGER: the_latest_note_comes_first,
    Token SWAGGER: one_of_address_and_names_is_required,
    Token SWAGGER: the_nested_address_has_at_most_80_characters,
    Token FORUM_CONFLICT: a_known_address_is_a_conflict_in_these_words,
    Token FORUM_CONFLICT: a_deleted_address_is_a_conflict_too,
    Token SWAGGER: three_phones_and_three_addresses_are_the_most,
    Token SWAGGER: a_contact_takes_no_unknown_property,
    Sandbox SWAGGER: choices_are_set_by_their_ids,
    Token SWAGGER: an_unknown_contact_is_not_found,
    Token FORUM_NEVER_DELETED: a_deleted_contact_is_still_there,
    Token SWAGGER: a_deleted_contact_tells_the_day_and_who_opted_it_out,
    Token SWAGGER: contacts_are_counted_by_permission,
}

const CONTACTS: &str = "/v3/contacts";

fn body(address: &str, more: Value) -> Value {
    let body = json!({
        "email_address": { "address": address, "permission_to_send": "explicit" },
        "create_source": "Account",
    });
    merged(body, more)
}

pub async fn created(api: &Api<'_>, address: &str, more: Value) -> Value {
    api.post(CONTACTS, &body(address, more))
        .await
        .expect(201)
        .json()
}

pub fn path_of(contact: &Value) -> String {
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

async fn create_source_is_required_in_these_words(site: Site) {
    let api = site.owner().await;
    let refused = api
        .post(CONTACTS, &json!({ "first_name": "A" }))
        .await
        .expect(400);
    assert_eq!(refused.error_key(), "contacts.api.validation.error");
    assert_eq!(
        refused.error_message(),
        "create_source is missing, create_source does not have a valid value"
    );
    let odd = json!({ "first_name": "A", "create_source": "Robot" });
    api.post(CONTACTS, &odd).await.expect(400);
}

async fn a_new_address_takes_nothing_beside_its_permission(site: Site) {
    let api = site.owner().await;
    for (name, value) in [
        ("opt_in_source", "Contact"),
        ("opt_out_reason", "none"),
        ("confirm_status", "off"),
    ] {
        let mut body = body(&address(), json!({}));
        body["email_address"][name] = json!(value);
        api.post(CONTACTS, &body).await.expect(400);
    }
}

async fn null_is_not_a_value_of_a_contact(site: Site) {
    let api = site.owner().await;
    for name in ["first_name", "birthday_day", "list_memberships", "notes"] {
        api.post(CONTACTS, &body(&address(), json!({ name: null })))
            .await
            .expect(400);
    }
    let street = json!({ "street_addresses": [{ "kind": "home", "city": null }] });
    api.post(CONTACTS, &body(&address(), street))
        .await
        .expect(400);
}

async fn what_a_contact_does_not_have_is_left_out(site: Site) {
    let (api, address) = (site.owner().await, address());
    let street = json!({ "street_addresses": [{ "kind": "home", "city": "Waltham" }] });
    created(&api, &address, street).await;
    let contact = api.contact(&address).await;
    assert!(!contact.to_string().contains("null"), "{contact}");
}

async fn only_who_opted_in_has_an_opt_in_date(site: Site) {
    let (api, unset) = (site.owner().await, address());
    let permission = json!({
        "email_address": { "address": unset, "permission_to_send": "not_set" },
    });
    let contact = created(&api, &unset, permission).await;
    assert_eq!(contact["email_address"].get("opt_in_date"), None);

    let (club, pending) = (site.sign_in(CLUB_OWNER, USUAL_SCOPE).await, address());
    let contact = created(&club, &pending, json!({})).await;
    let email = &contact["email_address"];
    assert_eq!(email["permission_to_send"], "pending_confirmation");
    assert_eq!(email.get("opt_in_source"), None);
}

async fn the_latest_note_comes_first(site: Site) {
    let (api, address) = (site.owner().await, address());
    let notes = json!({ "notes": [{ "content": "one" }, { "content": "two" }] });
    created(&api, &address, notes).await;
    assert_eq!(api.contact(&address).await["notes"][0]["content"], "two");
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
pub fn assert_conflict(reply: crate::reply::Reply, contact: &Value) {
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
    created(&api, &address, with(json!(["2"]))).await;
    assert_eq!(
        api.contact(&address).await["custom_fields"][0]["choice_ids"],
        json!(["2"])
    );
    for ids in [json!(["9"]), json!([2]), json!(["two"])] {
        api.post(CONTACTS, &body(&crate::site::address(), with(ids)))
            .await
            .expect(400);
    }
}

async fn an_unknown_contact_is_not_found(site: Site) {
    let api = site.owner().await;
    let path = "/v3/contacts/04fe9a97-a579-43c5-bb1a-58ed29bf0a6a";
    api.get(path).await.expect(404);
    api.put(path, &json!({ "update_source": "Account" }))
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

async fn a_deleted_contact_tells_the_day_and_who_opted_it_out(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = created(&api, &address, json!({})).await;
    assert_eq!(contact["email_address"].get("opt_out_date"), None);
    api.delete(&path_of(&contact)).await.expect(204);
    let gone = api.get(&path_of(&contact)).await.expect(200).json();
    let day = gone["deleted_at"].as_str().unwrap_or_default();
    assert!(day.parse::<jiff::civil::Date>().is_ok(), "{day}");
    assert_eq!(day.len(), 10);
    let email = &gone["email_address"];
    assert!(email["opt_out_source"].is_string() && email["opt_out_date"].is_string());
}

/// A contact that opted out itself.
pub async fn unsubscribed(site: &Site, api: &Api<'_>, address: &str) -> Value {
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

pub async fn standing(api: &Api<'_>, address: &str) -> Value {
    api.contact(address).await["email_address"]["permission_to_send"].clone()
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
