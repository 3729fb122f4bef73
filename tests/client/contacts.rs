use cc_sandbox::contract::{self, Source};
use cc_sandbox::settings::ListGone;
use cc_sandbox::world::SeedContact;
use jiff::Timestamp;
use leadfeed_shared::domain::crm::Blame;
use leadfeed_shared::domain::email::EmailAddress;
use leadfeed_shared::domain::lead::{DeliveryAction, Permission};
use leadfeed_shared::ports::{Contacts, OptOuts};

use crate::bench::{Bench, bare, email, sign_up};

fn left(bench: &Bench, address: &str, at: Timestamp) {
    bench.sandbox.with(|lab| {
        let (world, mut scene) = lab.at(at);
        let seed = SeedContact {
            email: address.into(),
            permission: contract::Permission::Unsubscribed,
            lists: vec![],
            deleted: false,
            opt_out_source: Some(Source::Contact),
            opt_out_date: Some(at),
        };
        world.accounts[0].seed_contact(seed, &mut scene).unwrap();
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
        assert_eq!(
            refused.blame(&lead.contact.email),
            Some(blame),
            "{reading:?}"
        );
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
async fn a_deleted_contact_is_read_though_the_day_is_all_that_is_told_of_its_deletion() {
    let bench = Bench::start().await;
    left(&bench, "gone@example.com", at(10));
    let here = bare("here@example.com", bench.list());
    bench.api.sign_up(&bench.token, &here).await.unwrap();
    bench.delete("here@example.com");

    let found = bench.api.find(&bench.token, &here.contact.email).await;
    let since = bench.api.opt_outs_since(&bench.token, at(0)).await;

    let found = found.unwrap().unwrap();
    assert!(found.lists.is_empty() && found.opted_out_at.is_none());
    let expected = OptOuts::from([("gone@example.com".into(), at(10))]);
    assert_eq!(since, Ok(Some(expected)));
    let shown = bench.shown("here@example.com").await;
    assert_eq!(shown["deleted_at"].as_str().map(str::len), Some(10));
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
