//! Promises of the ledger about what a person asks of a lead.

use leadfeed_shared::domain::ids::LeadId;
use leadfeed_shared::domain::lead::{LeadState, QuarantineReason, RefusalReason, WaitReason};
use leadfeed_shared::domain::tally::{Counts, EXPORTED};
use leadfeed_shared::ports::{Claim, Due, Requeue, Settlement};

use super::Leads;
use super::claims::{claim, delivered, record, settle, settled, waiting};
use crate::promise::eventually;
use crate::samples::{at, lead};
use crate::{fresh, promises};

promises! { Leads:
    a_lead_leaves_in_a_file_once_and_is_no_longer_due,
    what_is_held_or_done_leaves_in_no_file,
    a_lead_is_replayed_if_it_waits_or_was_refused_and_after_a_file_only_if_asked,
    a_requeue_whose_answer_was_lost_is_done_by_the_same_request_again,
    an_erased_lead_is_empty_and_found_by_nobody,
    a_person_is_found_by_address_however_it_is_written,
}

fn refused() -> Settlement {
    refused_for(RefusalReason::CcRefused)
}

fn refused_for(why: RefusalReason) -> Settlement {
    let detail = Some("no".into());
    Settlement {
        state: LeadState::Refused { why, detail },
        ..delivered()
    }
}

async fn a_lead_leaves_in_a_file_once_and_is_no_longer_due<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let queued = record(&ledger, &customer, 0).await;
    let person = settled(&ledger, &customer, &waiting(WaitReason::NoList, None)).await;
    let refused = settled(&ledger, &customer, &refused()).await;
    let export = async |id: &LeadId, second: i64| {
        let export = ledger.export(&customer, id, at(second), at(99));
        export.await.unwrap()
    };

    for lead in [&queued, &person, &refused] {
        assert!(export(&lead.id, 20).await);
        assert!(!export(&lead.id, 21).await, "twice");
        assert!(export(&lead.id, 20).await, "the answer was lost");
        let read = ledger.lead(&customer, &lead.id).await.unwrap().unwrap();
        assert_eq!((read.exported_at, read.due_at), (Some(at(20)), None));
        let claim = claim(&ledger, lead, "ada", 9_000).await;
        assert_eq!(claim, Claim::Settled);
        let for_person = Due::ForPerson { since: at(9) };
        for from in [Requeue::Stuck, Requeue::Waits(for_person)] {
            let requeued = ledger.requeue(&customer, &lead.id, from, at(9_000), at(9_060));
            assert!(!requeued.await.unwrap());
        }
    }

    let none = async || ledger.waiting(&customer, None, 10).await.unwrap();
    assert_eq!(eventually(none, Vec::is_empty).await, []);
    let counts = ledger.count(&customer, queued.id.day()).await.unwrap();
    assert_eq!(counts, Counts::from([(EXPORTED.to_owned(), 3)]));
}

async fn what_is_held_or_done_leaves_in_no_file<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let export = async |id: &LeadId| ledger.export(&customer, id, at(20), at(99)).await.unwrap();
    let held = record(&ledger, &customer, 0).await;
    claim(&ledger, &held, "ada", 0).await;
    let done = settled(&ledger, &customer, &delivered()).await;
    let import = settled(&ledger, &customer, &waiting(WaitReason::Import, None)).await;
    let left = settled(
        &ledger,
        &customer,
        &refused_for(RefusalReason::OptedOutAfterConsent),
    )
    .await;

    for lead in [held, done, import, left] {
        assert!(!export(&lead.id).await);
    }
    assert!(!export(&fresh::lead(0)).await, "not there");
}

async fn a_lead_is_replayed_if_it_waits_or_was_refused_and_after_a_file_only_if_asked<L: Leads>(
    ledger: L,
) {
    let customer = fresh::customer();
    let replay = async |id: &LeadId, again, second| {
        let from = Requeue::Asked { again };
        let replay = ledger.requeue(&customer, id, from, at(second), at(90));
        replay.await.unwrap()
    };
    let person = settled(&ledger, &customer, &waiting(WaitReason::NoList, None)).await;
    let refused = settled(&ledger, &customer, &refused()).await;
    for lead in [&person, &refused] {
        assert!(replay(&lead.id, false, 30).await);
        let read = ledger.lead(&customer, &lead.id).await.unwrap().unwrap();
        assert_eq!((read.state, read.due_at), (LeadState::Queued, Some(at(90))));
        assert!(!replay(&lead.id, true, 31).await, "it is queued");
    }

    assert!(
        ledger
            .export(&customer, &person.id, at(40), at(99))
            .await
            .unwrap()
    );
    assert!(
        !replay(&person.id, false, 41).await,
        "nobody asked for this"
    );
    assert!(replay(&person.id, true, 42).await);
    assert!(matches!(
        claim(&ledger, &person, "ada", 50).await,
        Claim::Taken(_)
    ));
    let done = settled(&ledger, &customer, &delivered()).await;
    assert!(!replay(&done.id, true, 51).await, "delivered");
}

async fn a_requeue_whose_answer_was_lost_is_done_by_the_same_request_again<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let quota = waiting(WaitReason::Quota, Some(50));
    let aside = lead(&customer, 5);
    let why = QuarantineReason::TooFast;
    ledger
        .set_aside(&aside, why, at(86_400 * 730))
        .await
        .unwrap();
    for (lead, from) in [
        (record(&ledger, &customer, 0).await, Requeue::Stuck),
        (
            settled(&ledger, &customer, &quota).await,
            Requeue::Waits(Due::At(at(50))),
        ),
        (
            settled(&ledger, &customer, &refused()).await,
            Requeue::Asked { again: false },
        ),
        (aside, Requeue::Aside),
    ] {
        let requeue = async |second| {
            let requeue = ledger.requeue(&customer, &lead.id, from, at(second), at(200));
            requeue.await.unwrap()
        };
        let lines = async || {
            let read = ledger.lead(&customer, &lead.id).await.unwrap().unwrap();
            read.timeline.len()
        };
        let before = lines().await;

        assert!(requeue(100).await, "{from:?}");
        assert!(requeue(100).await, "{from:?}: the answer was lost");
        assert!(!requeue(101).await, "{from:?}: another's");
        assert_eq!(lines().await, before + 1);
        claim(&ledger, &lead, "ada", 110).await;
        assert!(requeue(100).await, "{from:?}: a drain was faster");
        assert!(settle(&ledger, &lead, "ada", &delivered()).await);
        assert!(!requeue(100).await, "{from:?}: more became of it");
    }
}

async fn an_erased_lead_is_empty_and_found_by_nobody<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let lead = record(&ledger, &customer, 0).await;
    claim(&ledger, &lead, "ada", 0).await;
    let blank = lead.without_person();
    let erase = async || ledger.erase(&blank, at(60), at(99)).await.unwrap();

    assert!(erase().await);
    assert!(!erase().await, "twice");

    assert!(!settle(&ledger, &lead, "ada", &delivered()).await);
    let read = ledger.lead(&customer, &lead.id).await.unwrap().unwrap();
    assert_eq!((&read.state, read.due_at), (&LeadState::Erased, None));
    assert_eq!(read.lead.seal, lead.seal);
    assert!(!serde_json::to_string(&read).unwrap().contains("ada+news"));
    let email = &lead.contact.email;
    let found = async || ledger.leads_of(&customer, email).await.unwrap();
    assert_eq!(eventually(found, Vec::is_empty).await, []);
    let claim = claim(&ledger, &lead, "ada", 9_000).await;
    assert_eq!(claim, Claim::Settled);
}

async fn a_person_is_found_by_address_however_it_is_written<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let lead = record(&ledger, &customer, 0).await;
    let email = lead.contact.email.as_str().to_uppercase().parse().unwrap();

    let found = async || ledger.leads_of(&customer, &email).await.unwrap();

    assert_eq!(
        eventually(found, |found| !found.is_empty()).await,
        [lead.id]
    );
    let others = ledger.leads_of(&fresh::customer(), &email).await.unwrap();
    assert_eq!(others, []);
}
