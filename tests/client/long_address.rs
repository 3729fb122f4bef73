//! Addresses longer than `sign_up_form` accepts.

use cc_sandbox::contract::{self, FieldType, PhoneKind, Source};
use cc_sandbox::world::{self, CustomField, FieldData, SeedContact};
use jiff::Timestamp;
use leadfeed_shared::domain::crm::{Blame, CrmError, OptionalField};
use leadfeed_shared::domain::ids::RemoteId;
use leadfeed_shared::domain::lead::{DeliveryAction, Permission};
use leadfeed_shared::ports::{Contacts as _, LeftOut, Made, SignUp, SignedUp};
use serde_json::json;

use crate::bench::{Bench, bare, sign_up, url};

const LONG: &str = "augusta.ada.king.countess.of.lovelace.1815@analytical-engines.example";

#[tokio::test]
async fn a_long_address_becomes_a_contact_like_any_other() {
    let bench = Bench::start().await;

    let lead = sign_up(LONG, bench.list());
    let explicit = Permission::Explicit;
    let made = bench.api.make(&bench.token, &lead, explicit).await.unwrap();

    let Made::New(made) = made else {
        panic!("it was there")
    };
    assert_eq!(made.action, DeliveryAction::Created);
    let shown = bench.shown(LONG).await;
    assert_eq!(shown["contact_id"], made.contact.unwrap().as_str());
    assert_eq!(shown["first_name"], "Ada");
    assert_eq!(shown["phone_numbers"][0]["phone_number"], "+1 555 0100");
    assert_eq!(shown["street_addresses"][0]["postal_code"], "SW1Y");
    assert_eq!(shown["email_address"]["permission_to_send"], "explicit");
    assert_eq!(
        bench.calls().first().map(String::as_str),
        Some("POST /v3/contacts")
    );
}

#[tokio::test]
async fn a_long_address_is_asked_to_confirm_where_that_is_asked_for() {
    let bench = Bench::start().await;

    let (lead, pending) = (bare(LONG, bench.list()), Permission::PendingConfirmation);
    let made = bench.api.make(&bench.token, &lead, pending);
    made.await.unwrap();

    let shown = bench.shown(LONG).await;
    assert_eq!(
        shown["email_address"]["permission_to_send"],
        "pending_confirmation"
    );
}

/// Sends a lead of a known long address.
async fn add(bench: &Bench, lead: &SignUp) -> SignedUp {
    let explicit = Permission::Explicit;
    let made = bench.api.make(&bench.token, lead, explicit).await.unwrap();
    let Made::Known(contact) = made else {
        panic!("it was not there")
    };
    let added = bench.api.replace(&bench.token, &contact, lead).await;
    added.unwrap()
}

#[tokio::test]
async fn a_known_long_address_keeps_all_it_has_and_gains_what_the_lead_brings() {
    let bench = Bench::start().await;
    let (lists, fields) = bench.account(|account| {
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
    let contacts = url(&bench.sandbox, "/v3/contacts");
    bench.ask(reqwest::Method::POST, contacts, before).await;
    let before = bench.shown(LONG).await;
    let mut lead = bare(LONG, lists[0].parse().unwrap());
    lead.contact.last_name = "Lovelace".into();
    lead.contact.phone_number = "+1 555 0100".into();

    let changed = add(&bench, &lead).await;

    assert_eq!(changed.action, DeliveryAction::Updated);
    let after = bench.shown(LONG).await;
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
async fn a_deleted_long_address_comes_back_and_a_pending_one_stays_pending() {
    let bench = Bench::start().await;
    for (deleted, permission, expected) in [
        (true, contract::Permission::Implicit, "explicit"),
        (
            false,
            contract::Permission::PendingConfirmation,
            "pending_confirmation",
        ),
    ] {
        let now = bench.sandbox.clock().now();
        let address = &LONG.replace("1815", if deleted { "1852" } else { "1843" });
        bench.sandbox.with(|lab| {
            let (world, mut context) = lab.at(now);
            let seed = SeedContact {
                email: address.clone(),
                permission,
                lists: vec![],
                deleted,
                opt_out_source: None::<Source>,
                opt_out_date: None,
            };
            world.accounts[0].seed_contact(seed, &mut context).unwrap();
        });

        let lead = bare(address, bench.list());
        add(&bench, &lead).await;

        let shown = bench.shown(address).await;
        assert_eq!(shown["email_address"]["permission_to_send"], expected);
        assert!(shown["deleted_at"].is_null());
    }
}

fn id(n: usize) -> RemoteId {
    format!("00000000-0000-4000-8000-{n:012}").parse().unwrap()
}

/// A contact of the long address with values for the first `held` of the account's fields.
async fn with_fields(bench: &Bench, held: usize, all: usize) {
    let lead = bare(LONG, bench.list());
    let made = bench.api.make(&bench.token, &lead, Permission::Explicit);
    made.await.unwrap();
    let now = Timestamp::now();
    bench.account(|account| {
        account.fields.clear();
        for n in 0..all {
            let (label, id) = (format!("Field {n}"), id(n).as_str().parse().unwrap());
            let field = CustomField::new(&label, FieldType::String, id, now);
            account.fields.push(field);
        }
        let contact = account.contact_by_email(LONG).unwrap().id;
        let contact = account.contact_mut(contact).unwrap();
        contact.fields = (0..held).map(held_field).collect();
    });
}

fn held_field(n: usize) -> FieldData {
    FieldData {
        field: id(n).as_str().parse().unwrap(),
        value: Some("old".into()),
        choices: vec![],
    }
}

/// How many fields the contact has, and how many of them have a new value.
async fn fields(bench: &Bench) -> (usize, usize) {
    let shown = bench.shown(LONG).await;
    let fields = shown["custom_fields"].as_array().unwrap();
    let new = fields.iter().filter(|field| field["value"] == "new");
    (fields.len(), new.count())
}

#[tokio::test]
async fn a_contact_with_more_than_a_replacement_may_name_keeps_it_all() {
    let bench = Bench::start().await;
    with_fields(&bench, 30, 31).await;
    let mut lead = bare(LONG, bench.list());
    lead.contact.last_name = "Lovelace".into();

    let changed = add(&bench, &lead).await;
    assert_eq!(changed.left_out, []);
    lead.custom_fields = vec![(id(30), "new".into())];
    let changed = add(&bench, &lead).await;

    assert_eq!(changed.left_out, [LeftOut::Field(id(30))]);
    assert_eq!(fields(&bench).await, (30, 0));
    assert_eq!(bench.shown(LONG).await["last_name"], "Lovelace");
}

#[tokio::test]
async fn what_a_contact_has_no_room_for_is_left_out_and_told_and_the_rest_is_said() {
    let bench = Bench::start().await;
    with_fields(&bench, 24, 26).await;
    bench.account(|account| {
        let contact = account.contact_by_email(LONG).unwrap().id;
        let contact = account.contact_mut(contact).unwrap();
        let kinds = [PhoneKind::Home, PhoneKind::Work, PhoneKind::Mobile];
        contact.phones = kinds.map(phone).into();
    });
    let mut lead = bare(LONG, bench.list());
    let new = [0, 24, 25].map(|n| (id(n), "new".to_owned()));
    lead.custom_fields = new.into();
    lead.contact.phone_number = "+1 555 0100".into();
    lead.contact.street_address.city = "Ockham".into();

    let changed = add(&bench, &lead).await;

    let phone = LeftOut::Part(OptionalField::Phone);
    assert_eq!(changed.left_out, [LeftOut::Field(id(25)), phone]);
    assert_eq!(fields(&bench).await, (25, 2));
    let shown = bench.shown(LONG).await;
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
async fn a_contact_that_is_on_all_the_lists_it_can_be_on_is_refused_as_at_a_sign_up() {
    let bench = Bench::start().await;
    with_fields(&bench, 0, 0).await;
    let full: Vec<_> = (0..50).map(|n| id(n).as_str().parse().unwrap()).collect();
    bench.account(|account| {
        let contact = account.contact_by_email(LONG).unwrap().id;
        account.contact_mut(contact).unwrap().lists = full;
    });
    let lead = bare(LONG, bench.list());
    let made = bench.api.make(&bench.token, &lead, Permission::Explicit);
    let Made::Known(contact) = made.await.unwrap() else {
        panic!("it was not there")
    };

    let refused = bench.api.replace(&bench.token, &contact, &lead).await;

    let refused = refused.unwrap_err();
    assert!(matches!(refused, CrmError::Invalid(_)));
    assert_eq!(refused.blames(&lead.contact.email), [Blame::List]);
    let calls = bench.calls();
    assert!(
        !calls.iter().any(|call| call.starts_with("PUT")),
        "{calls:?}"
    );
}
