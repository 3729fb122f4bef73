//! `/contacts`: create, read, delete.

use serde_json::{Value, json};

use crate::fact::facts;
use crate::site::{Api, CLUB_OWNER, OWNER, Site, USUAL_SCOPE, address, address_of_length, merged};

facts! {
    Token SWAGGER: a_contact_is_created_with_201,
    Token SWAGGER: missing_create_source_gets_this_message_and_an_unknown_one_is_rejected,
    Token SWAGGER: new_email_address_rejects_opt_in_opt_out_and_confirm_properties,
    Token SWAGGER: contact_rejects_null_values,
    Token SWAGGER: contact_omits_properties_without_a_value,
    Sandbox SWAGGER: contact_without_opt_in_has_no_opt_in_date_or_source,
    Token SWAGGER: the_latest_note_comes_first,
    Token SWAGGER: contact_requires_an_email_address_or_a_name,
    Token SWAGGER: email_address_is_at_most_80_characters,
    Token FORUM_CONFLICT: creating_a_contact_with_a_known_address_is_a_conflict_with_this_message,
    Token FORUM_CONFLICT: creating_a_contact_with_a_deleted_contacts_address_is_a_conflict,
    Token SWAGGER: contact_has_at_most_3_phones_and_3_street_addresses,
    Token SWAGGER: contact_rejects_unknown_properties,
    Sandbox SWAGGER: select_field_is_set_by_valid_choice_ids,
    Token SWAGGER: an_unknown_contact_is_not_found,
    Token FORUM_NEVER_DELETED: deleted_contact_can_still_be_read,
    Token SWAGGER: deleted_contact_shows_the_deletion_day_and_opt_out_details,
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

pub async fn create_contact(api: &Api<'_>, address: &str, more: Value) -> Value {
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
    let contact = create_contact(&api, &address, json!({ "first_name": "A" })).await;
    assert_eq!(contact["email_address"]["address"], address);
    assert_eq!(contact["first_name"], "A");
    assert_eq!(contact["create_source"], "Account");
    assert_eq!(
        api.get(&path_of(&contact)).await.expect(200).json()["first_name"],
        "A"
    );
}

async fn missing_create_source_gets_this_message_and_an_unknown_one_is_rejected(site: Site) {
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
    let unknown_source = json!({ "first_name": "A", "create_source": "Robot" });
    api.post(CONTACTS, &unknown_source).await.expect(400);
}

async fn new_email_address_rejects_opt_in_opt_out_and_confirm_properties(site: Site) {
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

async fn contact_rejects_null_values(site: Site) {
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

async fn contact_omits_properties_without_a_value(site: Site) {
    let (api, address) = (site.owner().await, address());
    let street = json!({ "street_addresses": [{ "kind": "home", "city": "Waltham" }] });
    create_contact(&api, &address, street).await;
    let contact = api.contact(&address).await;
    assert!(!contact.to_string().contains("null"), "{contact}");
}

async fn contact_without_opt_in_has_no_opt_in_date_or_source(site: Site) {
    let (api, unset) = (site.owner().await, address());
    let permission = json!({
        "email_address": { "address": unset, "permission_to_send": "not_set" },
    });
    let contact = create_contact(&api, &unset, permission).await;
    assert_eq!(contact["email_address"].get("opt_in_date"), None);

    let (club, pending) = (site.sign_in(CLUB_OWNER, USUAL_SCOPE).await, address());
    let contact = create_contact(&club, &pending, json!({})).await;
    let email = &contact["email_address"];
    assert_eq!(email["permission_to_send"], "pending_confirmation");
    assert_eq!(email.get("opt_in_source"), None);
}

async fn the_latest_note_comes_first(site: Site) {
    let (api, address) = (site.owner().await, address());
    let notes = json!({ "notes": [{ "content": "one" }, { "content": "two" }] });
    create_contact(&api, &address, notes).await;
    assert_eq!(api.contact(&address).await["notes"][0]["content"], "two");
}

async fn contact_requires_an_email_address_or_a_name(site: Site) {
    let api = site.owner().await;
    api.post(CONTACTS, &json!({ "create_source": "Account" }))
        .await
        .expect(400);
    let named = json!({ "create_source": "Account", "last_name": "B" });
    api.post(CONTACTS, &named).await.expect(201);
}

async fn email_address_is_at_most_80_characters(site: Site) {
    let api = site.owner().await;
    create_contact(&api, &address_of_length(80), json!({})).await;
    api.post(CONTACTS, &body(&address_of_length(81), json!({})))
        .await
        .expect(400);
}

#[track_caller]
pub fn assert_conflict(reply: crate::reply::Reply, contact: &Value) {
    let reply = reply.expect(409);
    assert_eq!(reply.error_key(), "contacts.api.conflict");
    let id = contact["contact_id"].as_str().unwrap_or_default();
    let message = format!("Validation failed: Email already exists for contact {id}");
    assert_eq!(reply.error_message(), message);
}

async fn creating_a_contact_with_a_known_address_is_a_conflict_with_this_message(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = create_contact(&api, &address, json!({})).await;
    assert_conflict(
        api.post(CONTACTS, &body(&address, json!({}))).await,
        &contact,
    );
}

async fn creating_a_contact_with_a_deleted_contacts_address_is_a_conflict(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = create_contact(&api, &address, json!({})).await;
    api.delete(&path_of(&contact)).await.expect(204);
    assert_conflict(
        api.post(CONTACTS, &body(&address, json!({}))).await,
        &contact,
    );
}

async fn contact_has_at_most_3_phones_and_3_street_addresses(site: Site) {
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

async fn contact_rejects_unknown_properties(site: Site) {
    let api = site.owner().await;
    api.post(
        CONTACTS,
        &body(&address(), json!({ "phone_number": "555" })),
    )
    .await
    .expect(400);
}

async fn select_field_is_set_by_valid_choice_ids(site: Site) {
    let (api, address) = (site.owner().await, address());
    let field = api.field("Shop").await;
    let with =
        |ids: Value| json!({ "custom_fields": [{ "custom_field_id": field, "choice_ids": ids }] });
    create_contact(&api, &address, with(json!(["2"]))).await;
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

async fn deleted_contact_can_still_be_read(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = create_contact(&api, &address, json!({})).await;
    api.delete(&path_of(&contact)).await.expect(204);
    let deleted = api.get(&path_of(&contact)).await.expect(200).json();
    assert!(deleted["deleted_at"].is_string(), "{deleted}");
}

async fn deleted_contact_shows_the_deletion_day_and_opt_out_details(site: Site) {
    let (api, address) = (site.owner().await, address());
    let contact = create_contact(&api, &address, json!({})).await;
    assert_eq!(contact["email_address"].get("opt_out_date"), None);
    api.delete(&path_of(&contact)).await.expect(204);
    let deleted = api.get(&path_of(&contact)).await.expect(200).json();
    let day = deleted["deleted_at"].as_str().unwrap_or_default();
    assert!(day.parse::<jiff::civil::Date>().is_ok(), "{day}");
    assert_eq!(day.len(), 10);
    let email = &deleted["email_address"];
    assert!(email["opt_out_source"].is_string() && email["opt_out_date"].is_string());
}

/// A contact that opted out itself.
pub async fn unsubscribed(site: &Site, api: &Api<'_>, address: &str) -> Value {
    let contact = create_contact(api, address, json!({})).await;
    let now = site.sandbox().clock().now();
    site.account_of(OWNER, |account| {
        let id = account
            .contact_by_email(address)
            .map(|contact| contact.id)
            .expect("the contact");
        let contact = account.contact_mut(id).expect("the contact");
        contact.unsubscribe(cc_sandbox::contract::Source::Contact, None, now);
    });
    contact
}

pub async fn permission_of(api: &Api<'_>, address: &str) -> Value {
    api.contact(address).await["email_address"]["permission_to_send"].clone()
}

async fn contacts_are_counted_by_permission(site: Site) {
    let api = site.owner().await;
    let count = async || api.get("/v3/contacts/counts").await.expect(200).json();
    let before = count().await;
    create_contact(&api, &address(), json!({})).await;
    let after = count().await;
    for name in ["total", "explicit"] {
        let increase = after[name]
            .as_u64()
            .zip(before[name].as_u64())
            .map(|(a, b)| a - b);
        assert_eq!(increase, Some(1), "{name}");
    }
}
