use cc_sandbox::contract::{self, Source};
use cc_sandbox::settings::ListGone;
use cc_sandbox::world::SeedContact;
use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::adapters::ConstantContact;
use leadfeed_shared::domain::crm::Blame;
use leadfeed_shared::domain::email::EmailAddress;
use leadfeed_shared::domain::lead::{DeliveryAction, Permission};
use leadfeed_shared::ports::{Contacts, OptOuts};
use serde_json::json;

use crate::bench::{Bench, bare, email, http, sign_up};
use crate::wire::{Wire, answer};

fn left(bench: &Bench, address: &str, at: Timestamp) {
    bench.sandbox.with(|lab| {
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
async fn a_sign_up_makes_a_contact_and_the_next_one_updates_it() {
    let bench = Bench::start().await;
    let field = bench.account(|account| account.fields[0].id.to_string());
    let mut lead = sign_up("ada+news@example.com", bench.list());
    lead.custom_fields = vec![(field.parse().unwrap(), "difference".into())];

    let made = bench.api.sign_up(&bench.token, &lead).await.unwrap();
    let again = bare("ADA+news@example.com", bench.list());
    let changed = bench.api.sign_up(&bench.token, &again).await.unwrap();

    assert_eq!(made.action, DeliveryAction::Created);
    assert_eq!(changed.action, DeliveryAction::Updated);
    assert_eq!(made.contact, changed.contact);
    let shown = bench.shown("ada+news@example.com").await;
    assert_eq!(shown["contact_id"], made.contact.unwrap().as_str());
    assert_eq!(shown["last_name"], "Łovelace");
    assert_eq!(shown["street_addresses"][0]["city"], "London");
    assert_eq!(shown["phone_numbers"][0]["phone_number"], "+1 555 0100");
    assert_eq!(shown["custom_fields"][0]["value"], "difference");
    assert_eq!(shown["list_memberships"][0], bench.list().as_str());
    assert_eq!(shown["email_address"]["permission_to_send"], "explicit");
}

#[tokio::test]
async fn a_list_that_is_gone_is_blamed_where_the_answer_has_words() {
    let bench = Bench::start().await;
    let gone = "00000000-0000-4000-8000-000000000000".parse().unwrap();
    let lead = bare("ada@example.com", gone);
    for (reading, blame) in [
        (ListGone::BadRequest, Blame::List),
        (ListGone::NotFound, Blame::List),
        (ListGone::Wordless, Blame::Unclear),
    ] {
        let sandbox = &bench.sandbox;
        sandbox.with(|lab| lab.settings.readings.list_gone = reading);

        let refused = bench.api.sign_up(&bench.token, &lead).await;

        let refused = refused.unwrap_err();
        assert_eq!(refused.blames(&lead.contact.email), [blame], "{reading:?}");
    }
}

#[tokio::test]
async fn an_opt_out_is_found_by_its_address() {
    let bench = Bench::start().await;
    left(&bench, "Gone+1@example.com", at(0));
    let here = bare("here@example.com", bench.list());
    bench.api.sign_up(&bench.token, &here).await.unwrap();
    let ask = async |address| {
        bench
            .api
            .find(&bench.token, &email(address))
            .await
            .map(|found| found.and_then(|found| found.opted_out_at))
    };

    assert_eq!(ask("gone+1@example.com").await, Ok(Some(at(0))));
    assert_eq!(ask("here@example.com").await, Ok(None));
    assert_eq!(ask("nobody@example.com").await, Ok(None));
}

#[tokio::test]
async fn a_contact_is_found_as_it_is() {
    let bench = Bench::start().await;
    let here = sign_up("here@example.com", bench.list());
    let made = bench.api.sign_up(&bench.token, &here).await.unwrap();

    let found = bench.api.find(&bench.token, &here.contact.email).await;

    let found = found.unwrap().unwrap();
    assert_eq!(Some(found.contact), made.contact);
    assert_eq!(found.lists, here.lists);
    assert_eq!(found.permission, Some(Permission::Explicit));
    assert_eq!(found.opted_out_at, None);
    let said = here.contact;
    assert_eq!(
        [
            found.first_name,
            found.last_name,
            found.job_title,
            found.company_name
        ],
        [
            said.first_name,
            said.last_name,
            said.job_title,
            said.company_name
        ]
    );
}

#[tokio::test]
async fn a_contact_made_under_confirmed_opt_in_is_pending() {
    let bench = Bench::start().await;
    bench.account(|account| account.confirmed_opt_in = true);
    let here = bare("here@example.com", bench.list());
    bench.api.sign_up(&bench.token, &here).await.unwrap();

    let found = bench.api.find(&bench.token, &here.contact.email).await;

    let pending = Some(Permission::PendingConfirmation);
    assert_eq!(found.unwrap().unwrap().permission, pending);
}

#[tokio::test]
async fn opt_outs_are_listed_from_a_moment_on() {
    let bench = Bench::start().await;
    for (address, second) in [
        ("a@example.com", 10),
        ("b@example.com", 20),
        ("c@example.com", 30),
    ] {
        left(&bench, address, at(second));
    }
    let back = bare("c@example.com", bench.list());
    bench.api.sign_up(&bench.token, &back).await.unwrap();

    let since = bench
        .api
        .opt_outs_since(&bench.token, at(20))
        .await
        .unwrap();

    let expected = OptOuts::from([("b@example.com".into(), at(20))]);
    assert_eq!(since, Some(expected));
}

#[tokio::test]
async fn an_opt_out_of_an_address_that_nobody_could_sign_up_with_is_listed() {
    let bench = Bench::start().await;
    let stored = "Ada@exam_ple.com";
    assert!(stored.parse::<EmailAddress>().is_err());
    left(&bench, stored, at(10));

    let since = bench.api.opt_outs_since(&bench.token, at(0)).await;

    let expected = OptOuts::from([(stored.to_lowercase(), at(10))]);
    assert_eq!(since, Ok(Some(expected)));
}

#[tokio::test]
async fn who_was_deleted_is_gone_like_who_has_left_until_they_sign_up_again() {
    let bench = Bench::start().await;
    left(&bench, "gone@example.com", at(10));
    let here = bare("here@example.com", bench.list());
    bench.api.sign_up(&bench.token, &here).await.unwrap();
    let before = Timestamp::now();
    bench.delete("here@example.com");
    let after = Timestamp::now() + SignedDuration::from_millis(1);

    let found = bench.api.find(&bench.token, &here.contact.email).await;
    let since = bench.api.opt_outs_since(&bench.token, at(0)).await;

    let found = found.unwrap().unwrap();
    let deleted = found.opted_out_at.unwrap();
    assert!(found.lists.is_empty());
    assert!(deleted >= before - SignedDuration::from_millis(1) && deleted <= after);
    let expected = OptOuts::from([
        ("gone@example.com".into(), at(10)),
        ("here@example.com".into(), deleted),
    ]);
    assert_eq!(since, Ok(Some(expected)));
    let shown = bench.shown("here@example.com").await;
    assert_eq!(shown["deleted_at"].as_str().map(str::len), Some(10));

    bench.api.sign_up(&bench.token, &here).await.unwrap();
    let back = bench.api.find(&bench.token, &here.contact.email).await;
    assert_eq!(back.unwrap().unwrap().opted_out_at, None);
}

#[tokio::test]
async fn a_deletion_of_which_the_day_alone_is_told_was_as_late_on_it_as_can_be() {
    let told = |deleted: &str, opted_out: Option<&str>| {
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
    let (day, end) = ("2026-07-08", time("2026-07-09T00:00:00Z"));
    let on_it = "2026-07-08T10:30:00Z";
    let by_their_clock = "2026-07-08T23:30:00-05:00";
    for (deleted, opted_out, expected) in [
        (day, None, end),
        ("2026-07-08T00:00:00Z", None, end),
        (day, Some(on_it), time(on_it)),
        (day, Some(by_their_clock), time(by_their_clock)),
        (day, Some("2026-01-01T10:30:00Z"), end),
        ("", None, Timestamp::MAX),
    ] {
        let wire = Wire::answering(vec![answer(200, &told(deleted, opted_out))]).await;
        let api = ConstantContact::new(http(), wire.url("/v3"));

        let found = api.find(&"access".into(), &email("ada@example.com")).await;

        let gone = found.unwrap().unwrap().opted_out_at;
        assert_eq!(gone, Some(expected), "{deleted} {opted_out:?}");
    }
}

#[tokio::test]
async fn more_opt_outs_than_a_page_holds_are_not_half_told() {
    let bench = Bench::start().await;
    for i in 0..501 {
        left(&bench, &format!("gone{i}@example.com"), at(i));
    }
    let ask = async |second| {
        let told = bench.api.opt_outs_since(&bench.token, at(second)).await;
        told.unwrap().map(|told| told.len())
    };

    assert_eq!(ask(0).await, None);
    assert_eq!(ask(101).await, Some(400));
}
