//! What `sign_up_form` does to contacts.

use cc_sandbox::contract::{Permission, Source};
use cc_sandbox::settings::UnsubscribedSignUp;
use cc_sandbox::world::SeedContact;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::fact::facts;
use crate::reply::Reply;
use crate::site::{Api, CLUB_OWNER, OWNER, Site, USUAL_SCOPE, address};

facts! {
    Token SIGN_UP: a_new_address_is_201_created,
    Token SIGN_UP: a_known_address_is_200_updated_with_the_same_id,
    Token SIGN_UP: address_is_case_insensitive,
    Token SIGN_UP: sign_up_changes_only_the_properties_it_sends,
    Token SIGN_UP: sign_up_adds_lists_and_removes_none,
    Sandbox SIGN_UP: sign_up_adds_and_updates_custom_fields,
    Token SIGN_UP: phone_street_address_and_birthday_are_stored,
    Sandbox SIGN_UP: new_contact_is_explicit_with_opt_in_source_contact,
    Sandbox FORUM_PENDING: with_confirmed_opt_in_a_new_contact_is_pending,
    Sandbox FORUM_PENDING_UPDATE: a_pending_contact_can_be_updated_and_stays_pending,
    Sandbox SIGN_UP: pending_contact_becomes_explicit_when_it_confirms,
    Sandbox SIGN_UP: an_implicit_contact_becomes_explicit,
    Sandbox SIGN_UP: sign_up_silently_resubscribes_an_unsubscribed_contact,
    Sandbox SIGN_UP: resubscribed_contact_is_pending_under_confirmed_opt_in_depending_on_reading,
    Token SWAGGER: a_deleted_contact_is_restored,
    Sandbox FORUM_ABUSE: sixth_sign_up_in_a_day_is_rejected_as_an_invalid_address,
    Sandbox FORUM_ABUSE: flagged_address_is_rejected_for_48_hours,
    Sandbox FORUM_ABUSE: sign_up_attempts_are_counted_across_accounts,
    Sandbox FORUM_ABUSE: flagging_an_address_does_not_affect_others,
    Sandbox SWAGGER: one_of_two_concurrent_sign_ups_of_one_contact_is_a_conflict,
    Token SWAGGER: concurrent_sign_ups_of_different_contacts_all_succeed,
}

const SIGN_UP: &str = "/v3/contacts/sign_up_form";

async fn a_new_address_is_201_created(site: Site) {
    let created = site
        .owner()
        .await
        .sign_up(&address(), json!({}))
        .await
        .expect(201)
        .json();
    assert_eq!(created["action"], "created");
    assert_eq!(created["contact_id"].as_str().map(str::len), Some(36));
    assert_eq!(created.as_object().map(serde_json::Map::len), Some(2));
}

async fn a_known_address_is_200_updated_with_the_same_id(site: Site) {
    let (api, address) = (site.owner().await, address());
    let created = api.sign_up(&address, json!({})).await.expect(201).json();
    let updated = api.sign_up(&address, json!({})).await.expect(200).json();
    assert_eq!(updated["action"], "updated");
    assert_eq!(updated["contact_id"], created["contact_id"]);
}

async fn address_is_case_insensitive(site: Site) {
    let (api, address) = (site.owner().await, address());
    api.sign_up(&address, json!({})).await.expect(201);
    api.sign_up(&address.to_uppercase(), json!({}))
        .await
        .expect(200);
}

async fn sign_up_changes_only_the_properties_it_sends(site: Site) {
    let (api, address) = (site.owner().await, address());
    api.sign_up(&address, json!({ "first_name": "A", "company_name": "C" }))
        .await
        .expect(201);
    api.sign_up(&address, json!({ "first_name": "B" }))
        .await
        .expect(200);
    let contact = api.contact(&address).await;
    assert_eq!(
        (&contact["first_name"], &contact["company_name"]),
        (&json!("B"), &json!("C"))
    );
}

async fn sign_up_adds_lists_and_removes_none(site: Site) {
    let (api, address) = (site.owner().await, address());
    let name = format!("Second {address}");
    let list = api
        .post("/v3/contact_lists", &json!({ "name": name }))
        .await
        .expect(201)
        .json();
    api.sign_up(&address, json!({})).await.expect(201);
    api.sign_up(&address, json!({ "list_memberships": [list["list_id"]] }))
        .await
        .expect(200);
    let contact = api.contact(&address).await;
    assert_eq!(
        contact["list_memberships"],
        json!([api.list().await, list["list_id"]])
    );
}

async fn sign_up_adds_and_updates_custom_fields(site: Site) {
    let (api, address) = (site.owner().await, address());
    let (loaf, visits) = (api.field("Favourite_loaf").await, api.field("Visits").await);
    let with = |id: &str, value: &str| json!({ "custom_fields": [{ "custom_field_id": id, "value": value }] });
    api.sign_up(&address, with(&loaf, "rye")).await.expect(201);
    api.sign_up(&address, with(&visits, "3")).await.expect(200);
    api.sign_up(&address, with(&loaf, "spelt"))
        .await
        .expect(200);
    let expected = json!([
        { "custom_field_id": loaf, "value": "spelt" },
        { "custom_field_id": visits, "value": "3" },
    ]);
    assert_eq!(api.contact(&address).await["custom_fields"], expected);
}

async fn phone_street_address_and_birthday_are_stored(site: Site) {
    let (api, address) = (site.owner().await, address());
    let more = json!({
        "phone_number": "+1 555 0100",
        "street_address": { "kind": "work", "street": "1 Mill Lane", "postal_code": "02451" },
        "birthday_month": 2, "birthday_day": 29, "anniversary": "12/31/2020",
    });
    api.sign_up(&address, more).await.expect(201);
    let contact = api.contact(&address).await;
    assert_eq!(contact["phone_numbers"][0]["phone_number"], "+1 555 0100");
    assert_eq!(contact["street_addresses"][0]["street"], "1 Mill Lane");
    assert_eq!(
        (&contact["birthday_month"], &contact["birthday_day"]),
        (&json!(2), &json!(29))
    );
}

async fn permission_of(api: &Api<'_>, address: &str) -> Value {
    api.contact(address).await["email_address"]["permission_to_send"].clone()
}

async fn new_contact_is_explicit_with_opt_in_source_contact(site: Site) {
    let (api, address) = (site.owner().await, address());
    api.sign_up(&address, json!({})).await.expect(201);
    let email = api.contact(&address).await["email_address"].clone();
    assert_eq!(email["permission_to_send"], "explicit");
    assert_eq!(email["opt_in_source"], "Contact");
    assert_eq!(email["confirm_status"], "off");
}

async fn with_confirmed_opt_in_a_new_contact_is_pending(site: Site) {
    let (api, address) = (site.sign_in(CLUB_OWNER, USUAL_SCOPE).await, address());
    api.sign_up(&address, json!({})).await.expect(201);
    let email = api.contact(&address).await["email_address"].clone();
    assert_eq!(email["permission_to_send"], "pending_confirmation");
    assert_eq!(email["confirm_status"], "pending");
}

async fn a_pending_contact_can_be_updated_and_stays_pending(site: Site) {
    let (api, address) = (site.sign_in(CLUB_OWNER, USUAL_SCOPE).await, address());
    api.sign_up(&address, json!({})).await.expect(201);
    api.sign_up(&address, json!({ "first_name": "B" }))
        .await
        .expect(200);
    let contact = api.contact(&address).await;
    assert_eq!(contact["first_name"], "B");
    assert_eq!(permission_of(&api, &address).await, "pending_confirmation");
}

async fn pending_contact_becomes_explicit_when_it_confirms(site: Site) {
    let (api, address) = (site.sign_in(CLUB_OWNER, USUAL_SCOPE).await, address());
    api.sign_up(&address, json!({})).await.expect(201);
    let now = site.sandbox().clock().now();
    site.account_of(CLUB_OWNER, |account| {
        let id = account
            .contact_by_email(&address)
            .map(|contact| contact.id)
            .expect("the contact");
        account.contact_mut(id).expect("the contact").confirm(now);
    });
    let email = api.contact(&address).await["email_address"].clone();
    assert_eq!(
        (&email["permission_to_send"], &email["confirm_status"]),
        (&json!("explicit"), &json!("confirmed"))
    );
}

/// An existing contact with a given permission.
fn seed(site: &Site, owner: &str, address: &str, permission: Permission) {
    let now = site.sandbox().clock().now();
    let id = site.account_of(owner, |account| account.encoded_id.clone());
    site.sandbox().with(|lab| {
        let (world, mut context) = lab.at(now);
        let seed = SeedContact {
            email: address.to_owned(),
            permission,
            lists: Vec::new(),
            deleted: false,
            opt_out_source: Some(Source::Contact),
            opt_out_date: None,
        };
        let account = world.account_mut(&id).expect("the account");
        account.seed_contact(seed, &mut context).expect("a seed");
    });
}

async fn an_implicit_contact_becomes_explicit(site: Site) {
    let (api, address) = (site.owner().await, address());
    seed(&site, OWNER, &address, Permission::Implicit);
    api.sign_up(&address, json!({})).await.expect(200);
    assert_eq!(permission_of(&api, &address).await, "explicit");
}

async fn sign_up_silently_resubscribes_an_unsubscribed_contact(site: Site) {
    let (api, address) = (site.owner().await, address());
    seed(&site, OWNER, &address, Permission::Unsubscribed);
    assert_eq!(permission_of(&api, &address).await, "unsubscribed");
    api.sign_up(&address, json!({})).await.expect(200);
    let email = api.contact(&address).await["email_address"].clone();
    assert_eq!(email["permission_to_send"], "explicit");
    assert_eq!(email.get("opt_out_date"), None);
}

async fn resubscribed_contact_is_pending_under_confirmed_opt_in_depending_on_reading(site: Site) {
    let api = site.sign_in(CLUB_OWNER, USUAL_SCOPE).await;
    let readings = [
        (UnsubscribedSignUp::Pending, "pending_confirmation"),
        (UnsubscribedSignUp::Explicit, "explicit"),
    ];
    for (reading, expected) in readings {
        site.settings(|settings| settings.readings.unsubscribed_sign_up = reading);
        let address = address();
        seed(&site, CLUB_OWNER, &address, Permission::Unsubscribed);
        api.sign_up(&address, json!({})).await.expect(200);
        assert_eq!(permission_of(&api, &address).await, expected);
    }
}

async fn a_deleted_contact_is_restored(site: Site) {
    let (api, address) = (site.owner().await, address());
    let created = api.sign_up(&address, json!({})).await.expect(201).json();
    let id = created["contact_id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    api.delete(&format!("/v3/contacts/{id}")).await.expect(204);
    let restored = api.sign_up(&address, json!({})).await.expect(200).json();
    assert_eq!(restored["contact_id"], id.as_str());
    assert_eq!(api.contact(&address).await.get("deleted_at"), None);
}

#[track_caller]
fn assert_flagged(reply: Reply) {
    let reply = reply.expect(400);
    assert_eq!(reply.error_key(), "contacts.api.validation.error");
    assert!(
        reply.error_message().contains("invalid email address"),
        "{}",
        reply.text
    );
}

async fn flag(api: &Api<'_>, address: &str) {
    for _ in 0..5 {
        api.sign_up(address, json!({}))
            .await
            .expect_one_of(&[200, 201]);
    }
    assert_flagged(api.sign_up(address, json!({})).await);
}

async fn sixth_sign_up_in_a_day_is_rejected_as_an_invalid_address(site: Site) {
    flag(&site.owner().await, &address()).await;
}

async fn flagged_address_is_rejected_for_48_hours(site: Site) {
    let address = address();
    flag(&site.owner().await, &address).await;
    site.sandbox().advance(SignedDuration::from_hours(47));
    assert_flagged(site.owner().await.sign_up(&address, json!({})).await);
    site.sandbox().advance(SignedDuration::from_hours(1));
    site.owner()
        .await
        .sign_up(&address, json!({}))
        .await
        .expect(200);
}

async fn sign_up_attempts_are_counted_across_accounts(site: Site) {
    let address = address();
    flag(&site.owner().await, &address).await;
    let club = site.sign_in(CLUB_OWNER, USUAL_SCOPE).await;
    assert_flagged(club.sign_up(&address, json!({})).await);
}

async fn flagging_an_address_does_not_affect_others(site: Site) {
    let api = site.owner().await;
    flag(&api, &address()).await;
    api.sign_up(&address(), json!({})).await.expect(201);
}

async fn one_of_two_concurrent_sign_ups_of_one_contact_is_a_conflict(site: Site) {
    site.settings(|settings| settings.contact_write_ms = 200);
    let (api, address) = (site.owner().await, address());
    let body = json!({ "email_address": address, "list_memberships": [api.list().await] });
    let (one, two) = tokio::join!(api.post(SIGN_UP, &body), api.post(SIGN_UP, &body));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);

    api.post(SIGN_UP, &body).await.expect(200);
}

async fn concurrent_sign_ups_of_different_contacts_all_succeed(site: Site) {
    let api = site.owner().await;
    let list = api.list().await;
    let bodies: Vec<_> = (0..3)
        .map(|_| json!({ "email_address": address(), "list_memberships": [list] }))
        .collect();
    let replies =
        futures::future::join_all(bodies.iter().map(|body| api.post(SIGN_UP, body))).await;
    for reply in replies {
        reply.expect(201);
    }
}
