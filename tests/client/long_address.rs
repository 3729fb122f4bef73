//! Addresses longer than `sign_up_form` accepts.

use cc_sandbox::contract::{self, FieldType, PhoneKind, Source};
use cc_sandbox::world::{self, CustomField, FieldData, SeedContact};
use jiff::Timestamp;
use leadfeed_shared::domain::crm::{Blame, CrmError, OptionalField};
use leadfeed_shared::domain::ids::RemoteId;
use leadfeed_shared::domain::lead::{DeliveryAction, Permission};
use leadfeed_shared::ports::{Contacts as _, CreateOutcome, LeftOut, SignUp, SignedUp};
use serde_json::json;

use crate::harness::{Harness, minimal_sign_up, sign_up, url};

const LONG: &str = "augusta.ada.king.countess.of.lovelace.1815@analytical-engines.example";

#[tokio::test]
async fn long_address_is_created_through_the_contacts_endpoint() {
    let harness = Harness::start().await;

    let lead = sign_up(LONG, harness.list());
    let explicit = Permission::Explicit;
    let created = harness
        .api
        .make(&harness.token, &lead, explicit)
        .await
        .unwrap();

    let CreateOutcome::New(created) = created else {
        panic!("the contact existed already")
    };
    assert_eq!(created.action, DeliveryAction::Created);
    let shown = harness.contact_json(LONG).await;
    assert_eq!(shown["contact_id"], created.contact.unwrap().as_str());
    assert_eq!(shown["first_name"], "Ada");
    assert_eq!(shown["phone_numbers"][0]["phone_number"], "+1 555 0100");
    assert_eq!(shown["street_addresses"][0]["postal_code"], "SW1Y");
    assert_eq!(shown["email_address"]["permission_to_send"], "explicit");
    assert_eq!(
        harness.calls().first().map(String::as_str),
        Some("POST /v3/contacts")
    );
}

#[tokio::test]
async fn long_address_can_be_created_as_pending_confirmation() {
    let harness = Harness::start().await;

    let (lead, pending) = (
        minimal_sign_up(LONG, harness.list()),
        Permission::PendingConfirmation,
    );
    let created = harness.api.make(&harness.token, &lead, pending);
    created.await.unwrap();

    let shown = harness.contact_json(LONG).await;
    assert_eq!(
        shown["email_address"]["permission_to_send"],
        "pending_confirmation"
    );
}

/// Sends a lead whose long address the account already has.
async fn update_existing(harness: &Harness, lead: &SignUp) -> SignedUp {
    let explicit = Permission::Explicit;
    let created = harness
        .api
        .make(&harness.token, lead, explicit)
        .await
        .unwrap();
    let CreateOutcome::Known(contact) = created else {
        panic!("the contact did not exist")
    };
    let updated = harness.api.replace(&harness.token, &contact, lead).await;
    updated.unwrap()
}

#[tokio::test]
async fn updating_a_long_address_keeps_existing_data_and_adds_the_leads() {
    let harness = Harness::start().await;
    let (lists, fields) = harness.account(|account| {
        let lists: Vec<_> = account
            .lists
            .iter()
            .map(|list| list.id.to_string())
            .collect();
        let text = account
            .fields
            .iter()
            .filter(|field| !field.kind.has_choices());
        let fields: Vec<_> = text.map(|field| field.id.to_string()).collect();
        (lists, fields)
    });
    let before = json!({
        "email_address": { "address": LONG, "permission_to_send": "implicit" },
        "create_source": "Account",
        "first_name": "Augusta",
        "job_title": "Mathematician",
        "birthday_month": 12,
        "birthday_day": 10,
        "anniversary": "07/08/1835",
        "custom_fields": [{ "custom_field_id": fields[0], "value": "difference" }],
        "phone_numbers": [{ "phone_number": "555 0199", "kind": "home" }],
        "street_addresses": [{ "kind": "home", "city": "Ockham" }],
        "list_memberships": [lists[1]],
        "notes": [{ "content": "wrote the first program" }],
    });
    let contacts = url(&harness.sandbox, "/v3/contacts");
    harness
        .call_api(reqwest::Method::POST, contacts, before)
        .await;
    let before = harness.contact_json(LONG).await;
    let mut lead = minimal_sign_up(LONG, lists[0].parse().unwrap());
    lead.contact.last_name = "Lovelace".into();
    lead.contact.phone_number = "+1 555 0100".into();

    let updated = update_existing(&harness, &lead).await;

    assert_eq!(updated.action, DeliveryAction::Updated);
    let after = harness.contact_json(LONG).await;
    for same in [
        "contact_id",
        "first_name",
        "job_title",
        "birthday_month",
        "birthday_day",
        "anniversary",
        "custom_fields",
        "notes",
        "create_source",
    ] {
        assert_eq!(after[same], before[same], "{same}");
    }
    assert_eq!(after["last_name"], "Lovelace");
    assert_eq!(after["list_memberships"], json!([lists[1], lists[0]]));
    assert_eq!(after["street_addresses"][0]["city"], "Ockham");
    let phones = after["phone_numbers"].as_array().unwrap();
    let phones: Vec<_> = phones
        .iter()
        .map(|p| (&p["phone_number"], &p["kind"]))
        .collect();
    assert_eq!(
        phones,
        [
            (&json!("555 0199"), &json!("home")),
            (&json!("+1 555 0100"), &json!("other"))
        ]
    );
    assert_eq!(after["email_address"]["permission_to_send"], "explicit");
}

#[tokio::test]
async fn deleted_long_address_is_restored_and_a_pending_one_stays_pending() {
    let harness = Harness::start().await;
    for (year, deleted, permission, expected) in [
        ("1843", true, contract::Permission::Implicit, "explicit"),
        ("1844", true, contract::Permission::Unsubscribed, "explicit"),
        (
            "1845",
            false,
            contract::Permission::PendingConfirmation,
            "pending_confirmation",
        ),
    ] {
        let now = harness.sandbox.clock().now();
        let address = &LONG.replace("1815", year);
        harness.sandbox.with(|lab| {
            let (world, mut context) = lab.at(now);
            let seed = SeedContact {
                email: address.clone(),
                permission,
                lists: vec![],
                deleted,
                opt_out_source: Some(Source::Contact),
                opt_out_date: None,
            };
            world.accounts[0].seed_contact(seed, &mut context).unwrap();
        });

        let lead = minimal_sign_up(address, harness.list());
        update_existing(&harness, &lead).await;

        let shown = harness.contact_json(address).await;
        assert_eq!(shown["email_address"]["permission_to_send"], expected);
        assert!(shown["deleted_at"].is_null());
    }
}

fn id(n: usize) -> RemoteId {
    format!("00000000-0000-4000-8000-{n:012}").parse().unwrap()
}

/// A contact of the long address with values for the first `filled` of the account's fields.
async fn create_contact_with_fields(harness: &Harness, filled: usize, all: usize) {
    let lead = minimal_sign_up(LONG, harness.list());
    let created = harness
        .api
        .make(&harness.token, &lead, Permission::Explicit);
    created.await.unwrap();
    let now = Timestamp::now();
    harness.account(|account| {
        account.fields.clear();
        for n in 0..all {
            let (label, id) = (format!("Field {n}"), id(n).as_str().parse().unwrap());
            let field = CustomField::new(&label, FieldType::String, id, now);
            account.fields.push(field);
        }
        let contact = account.contact_by_email(LONG).unwrap().id;
        let contact = account.contact_mut(contact).unwrap();
        contact.fields = (0..filled).map(filled_field).collect();
    });
}

fn filled_field(n: usize) -> FieldData {
    FieldData {
        field: id(n).as_str().parse().unwrap(),
        value: Some("old".into()),
        choices: vec![],
    }
}

/// How many fields the contact has, and how many of them have a new value.
async fn count_fields(harness: &Harness) -> (usize, usize) {
    let shown = harness.contact_json(LONG).await;
    let fields = shown["custom_fields"].as_array().unwrap();
    let new = fields.iter().filter(|field| field["value"] == "new");
    (fields.len(), new.count())
}

#[tokio::test]
async fn contact_with_more_fields_than_a_put_allows_keeps_them_all() {
    let harness = Harness::start().await;
    create_contact_with_fields(&harness, 30, 31).await;
    let mut lead = minimal_sign_up(LONG, harness.list());
    lead.contact.last_name = "Lovelace".into();

    let updated = update_existing(&harness, &lead).await;
    assert_eq!(updated.left_out, []);
    lead.custom_fields = vec![(id(30), "new".into())];
    let updated = update_existing(&harness, &lead).await;

    assert_eq!(updated.left_out, [LeftOut::Field(id(30))]);
    assert_eq!(count_fields(&harness).await, (30, 0));
    assert_eq!(harness.contact_json(LONG).await["last_name"], "Lovelace");
}

#[tokio::test]
async fn only_data_beyond_the_contacts_limits_is_left_out_and_reported() {
    let harness = Harness::start().await;
    create_contact_with_fields(&harness, 24, 26).await;
    harness.account(|account| {
        let contact = account.contact_by_email(LONG).unwrap().id;
        let contact = account.contact_mut(contact).unwrap();
        let kinds = [PhoneKind::Home, PhoneKind::Work, PhoneKind::Mobile];
        contact.phones = kinds.map(phone).into();
    });
    let mut lead = minimal_sign_up(LONG, harness.list());
    let new = [0, 24, 25].map(|n| (id(n), "new".to_owned()));
    lead.custom_fields = new.into();
    lead.contact.phone_number = "+1 555 0100".into();
    lead.contact.street_address.city = "Ockham".into();

    let updated = update_existing(&harness, &lead).await;

    let phone = LeftOut::Part(OptionalField::Phone);
    assert_eq!(updated.left_out, [LeftOut::Field(id(25)), phone]);
    assert_eq!(count_fields(&harness).await, (25, 2));
    let shown = harness.contact_json(LONG).await;
    assert_eq!(shown["phone_numbers"].as_array().map(Vec::len), Some(3));
    assert_eq!(shown["street_addresses"][0]["city"], "Ockham");
}

fn phone(kind: PhoneKind) -> world::Phone {
    world::Phone {
        id: id(100).as_str().parse().unwrap(),
        number: format!("555 010{}", kind as u8),
        kind: Some(kind),
        source: Source::Contact,
        created_at: Timestamp::now(),
    }
}

#[tokio::test]
async fn contact_already_on_50_lists_is_refused_blaming_the_list_without_a_put() {
    let harness = Harness::start().await;
    create_contact_with_fields(&harness, 0, 0).await;
    let full: Vec<_> = (0..50).map(|n| id(n).as_str().parse().unwrap()).collect();
    harness.account(|account| {
        let contact = account.contact_by_email(LONG).unwrap().id;
        account.contact_mut(contact).unwrap().lists = full;
    });
    let lead = minimal_sign_up(LONG, harness.list());
    let created = harness
        .api
        .make(&harness.token, &lead, Permission::Explicit);
    let CreateOutcome::Known(contact) = created.await.unwrap() else {
        panic!("the contact did not exist")
    };

    let refused = harness.api.replace(&harness.token, &contact, &lead).await;

    let refused = refused.unwrap_err();
    assert!(matches!(refused, CrmError::Invalid(_)));
    assert_eq!(refused.blames(&lead.contact.email), [Blame::List]);
    let calls = harness.calls();
    assert!(
        !calls.iter().any(|call| call.starts_with("PUT")),
        "{calls:?}"
    );
}
