use cc_sandbox::contract::{self, Source};
use cc_sandbox::settings::ListGone;
use cc_sandbox::world::SeedContact;
use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::adapters::ConstantContact;
use leadfeed_shared::domain::crm::Blame;
use leadfeed_shared::domain::email::EmailAddress;
use leadfeed_shared::domain::lead::{DeliveryAction, Permission};
use leadfeed_shared::ports::{Contacts, OptOuts};
use serde_json::{Value, json};

use crate::harness::{Harness, email, http, minimal_sign_up, sign_up};
use crate::scripted_server::{ScriptedServer, json_reply};

fn seed_opt_out(harness: &Harness, address: &str, at: Timestamp) {
    harness.sandbox.with(|lab| {
        let (world, mut context) = lab.at(at);
        let seed = SeedContact {
            email: address.into(),
            permission: contract::Permission::Unsubscribed,
            lists: vec![],
            deleted: false,
            opt_out_source: Some(Source::Contact),
            opt_out_date: Some(at),
        };
        world.accounts[0].seed_contact(seed, &mut context).unwrap();
    });
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

#[tokio::test]
async fn first_sign_up_creates_a_contact_and_the_next_updates_it() {
    let harness = Harness::start().await;
    let field = harness.account(|account| account.fields[0].id.to_string());
    let mut lead = sign_up("ada+news@example.com", harness.list());
    lead.custom_fields = vec![(field.parse().unwrap(), "difference".into())];

    let created = harness.api.sign_up(&harness.token, &lead).await.unwrap();
    let again = minimal_sign_up("ADA+news@example.com", harness.list());
    let updated = harness.api.sign_up(&harness.token, &again).await.unwrap();

    assert_eq!(created.action, DeliveryAction::Created);
    assert_eq!(updated.action, DeliveryAction::Updated);
    assert_eq!(created.contact, updated.contact);
    let shown = harness.contact_json("ada+news@example.com").await;
    assert_eq!(shown["contact_id"], created.contact.unwrap().as_str());
    assert_eq!(shown["last_name"], "Łovelace");
    assert_eq!(shown["street_addresses"][0]["city"], "London");
    assert_eq!(shown["phone_numbers"][0]["phone_number"], "+1 555 0100");
    assert_eq!(shown["custom_fields"][0]["value"], "difference");
    assert_eq!(shown["list_memberships"][0], harness.list().as_str());
    assert_eq!(shown["email_address"]["permission_to_send"], "explicit");
}

#[tokio::test]
async fn missing_list_is_blamed_if_the_error_has_a_message() {
    let harness = Harness::start().await;
    let missing = "00000000-0000-4000-8000-000000000000".parse().unwrap();
    let lead = minimal_sign_up("ada@example.com", missing);
    for (reading, blame) in [
        (ListGone::BadRequest, Blame::List),
        (ListGone::NotFound, Blame::List),
        (ListGone::Wordless, Blame::Unclear),
    ] {
        let sandbox = &harness.sandbox;
        sandbox.with(|lab| lab.settings.readings.list_gone = reading);

        let refused = harness.api.sign_up(&harness.token, &lead).await;

        let refused = refused.unwrap_err();
        assert_eq!(refused.blames(&lead.contact.email), [blame], "{reading:?}");
    }
}

#[tokio::test]
async fn find_returns_the_opt_out_time_of_an_address() {
    let harness = Harness::start().await;
    seed_opt_out(&harness, "Gone+1@example.com", at(0));
    let here = minimal_sign_up("here@example.com", harness.list());
    harness.api.sign_up(&harness.token, &here).await.unwrap();
    let opt_out_time = async |address| {
        harness
            .api
            .find(&harness.token, &email(address))
            .await
            .map(|found| found.and_then(|found| found.opted_out_at))
    };

    assert_eq!(opt_out_time("gone+1@example.com").await, Ok(Some(at(0))));
    assert_eq!(opt_out_time("here@example.com").await, Ok(None));
    assert_eq!(opt_out_time("nobody@example.com").await, Ok(None));
}

#[tokio::test]
async fn find_returns_lists_permission_and_names() {
    let harness = Harness::start().await;
    let here = sign_up("here@example.com", harness.list());
    let created = harness.api.sign_up(&harness.token, &here).await.unwrap();

    let found = harness.api.find(&harness.token, &here.contact.email).await;

    let found = found.unwrap().unwrap();
    assert_eq!(Some(found.contact), created.contact);
    assert_eq!(found.lists, here.lists);
    assert_eq!(found.permission, Some(Permission::Explicit));
    assert_eq!(found.opted_out_at, None);
    let sent = here.contact;
    assert_eq!(
        [
            found.first_name,
            found.last_name,
            found.job_title,
            found.company_name
        ],
        [
            sent.first_name,
            sent.last_name,
            sent.job_title,
            sent.company_name
        ]
    );
}

#[tokio::test]
async fn contact_created_under_confirmed_opt_in_is_pending() {
    let harness = Harness::start().await;
    harness.account(|account| account.confirmed_opt_in = true);
    let here = minimal_sign_up("here@example.com", harness.list());
    harness.api.sign_up(&harness.token, &here).await.unwrap();

    let found = harness.api.find(&harness.token, &here.contact.email).await;

    let pending = Some(Permission::PendingConfirmation);
    assert_eq!(found.unwrap().unwrap().permission, pending);
}

#[tokio::test]
async fn opt_outs_since_includes_the_given_time_and_skips_resubscribed_contacts() {
    let harness = Harness::start().await;
    for (address, second) in [
        ("a@example.com", 10),
        ("b@example.com", 20),
        ("c@example.com", 30),
    ] {
        seed_opt_out(&harness, address, at(second));
    }
    let back = minimal_sign_up("c@example.com", harness.list());
    harness.api.sign_up(&harness.token, &back).await.unwrap();

    let since = harness
        .api
        .opt_outs_since(&harness.token, at(20))
        .await
        .unwrap();

    let expected = OptOuts::from([("b@example.com".into(), at(20))]);
    assert_eq!(since, Some(expected));
}

#[tokio::test]
async fn opt_outs_since_lists_addresses_that_our_parser_rejects() {
    let harness = Harness::start().await;
    let stored = "Ada@exam_ple.com";
    assert!(stored.parse::<EmailAddress>().is_err());
    seed_opt_out(&harness, stored, at(10));

    let since = harness.api.opt_outs_since(&harness.token, at(0)).await;

    let expected = OptOuts::from([(stored.to_lowercase(), at(10))]);
    assert_eq!(since, Ok(Some(expected)));
}

#[tokio::test]
async fn deleted_contact_counts_as_opted_out_until_it_signs_up_again() {
    let harness = Harness::start().await;
    seed_opt_out(&harness, "gone@example.com", at(10));
    let here = minimal_sign_up("here@example.com", harness.list());
    harness.api.sign_up(&harness.token, &here).await.unwrap();
    let before = Timestamp::now();
    harness.delete_contact("here@example.com");
    let after = Timestamp::now() + SignedDuration::from_millis(1);

    let found = harness.api.find(&harness.token, &here.contact.email).await;
    let since = harness.api.opt_outs_since(&harness.token, at(0)).await;

    let found = found.unwrap().unwrap();
    let deleted = found.opted_out_at.unwrap();
    assert!(found.lists.is_empty());
    assert!(deleted >= before - SignedDuration::from_millis(1) && deleted <= after);
    let expected = OptOuts::from([
        ("gone@example.com".into(), at(10)),
        ("here@example.com".into(), deleted),
    ]);
    assert_eq!(since, Ok(Some(expected)));
    let shown = harness.contact_json("here@example.com").await;
    assert_eq!(shown["deleted_at"].as_str().map(str::len), Some(10));

    harness.api.sign_up(&harness.token, &here).await.unwrap();
    let back = harness.api.find(&harness.token, &here.contact.email).await;
    assert_eq!(back.unwrap().unwrap().opted_out_at, None);
}

#[tokio::test]
async fn deletion_date_without_a_time_counts_as_the_end_of_that_day_in_any_time_zone() {
    let contacts_page = |deleted: &str, opted_out: Option<&str>| {
        let contact = json!({
            "contact_id": "5e7b1a1c-0000-11ee-8c99-0242ac120003",
            "email_address": {
                "address": "ada@example.com",
                "permission_to_send": "explicit",
                "opt_out_date": opted_out,
            },
            "deleted_at": deleted,
        });
        json!({ "contacts": [contact] }).to_string()
    };
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let (day, end) = ("2026-07-08", time("2026-07-09T12:00:00Z")); // where the day ends last
    let that_day = "2026-07-08T10:30:00Z";
    let that_day_with_offset = "2026-07-08T23:30:00-05:00";
    for (deleted, opted_out, expected) in [
        (day, None, end),
        ("2026-07-08T00:00:00Z", None, end),
        (day, Some(that_day), time(that_day)),
        (day, Some(that_day_with_offset), time(that_day_with_offset)),
        (day, Some("2026-01-01T10:30:00Z"), end),
        ("", None, Timestamp::MAX),
    ] {
        let server =
            ScriptedServer::start(vec![json_reply(200, &contacts_page(deleted, opted_out))]).await;
        let api = ConstantContact::new(http(), server.url("/v3"));

        let found = api.find(&"access".into(), &email("ada@example.com")).await;

        let opted_out_at = found.unwrap().unwrap().opted_out_at;
        assert_eq!(opted_out_at, Some(expected), "{deleted} {opted_out:?}");
    }
}

#[tokio::test]
async fn contact_without_a_permission_does_not_make_a_page_unreadable() {
    let contact = |address: &str, permission: Value| {
        json!({
            "contact_id": "5e7b1a1c-0000-11ee-8c99-0242ac120003",
            "email_address": {
                "address": address, "permission_to_send": permission, "opt_out_date": at(10).to_string(),
            },
        })
    };
    let contacts = [
        contact("null@example.com", Value::Null),
        contact("gone@example.com", json!("unsubscribed")),
    ];
    let page = json!({ "contacts": contacts }).to_string();
    let server = ScriptedServer::start(vec![json_reply(200, &page)]).await;
    let api = ConstantContact::new(http(), server.url("/v3"));

    let since = api.opt_outs_since(&"access".into(), at(0)).await;

    let expected = OptOuts::from([("gone@example.com".into(), at(10))]);
    assert_eq!(since, Ok(Some(expected)));
}

#[tokio::test]
async fn opt_outs_since_returns_none_if_they_exceed_one_page() {
    let harness = Harness::start().await;
    for i in 0..501 {
        seed_opt_out(&harness, &format!("gone{i}@example.com"), at(i));
    }
    let count_since = async |second| {
        let opt_outs = harness.api.opt_outs_since(&harness.token, at(second)).await;
        opt_outs.unwrap().map(|opt_outs| opt_outs.len())
    };

    assert_eq!(count_since(0).await, None);
    assert_eq!(count_since(101).await, Some(400));
}
