//! Promises of the ledger about leads that are put back into the queue.

use leadfeed_shared::domain::ids::LeadId;
use leadfeed_shared::domain::lead::{LeadState, QuarantineReason, WaitReason};
use leadfeed_shared::ports::{Claim, Due, Requeue};

use super::Leads;
use super::claims::{claim, delivered, record, settle, settled, waiting};
use super::exits::refused;
use crate::promise::eventually;
use crate::samples::{at, far, lead};
use crate::{fresh, promises};

promises! { Leads:
    a_waiting_or_unqueued_lead_is_requeued_and_no_other,
    a_lead_is_requeued_from_the_wait_it_was_seen_in_and_from_no_later_one,
    a_stuck_lead_is_requeued_once_it_is_due,
    a_quarantined_lead_is_released_once_and_no_other,
    a_lead_is_replayed_if_it_waits_or_was_refused_and_after_a_file_only_if_asked,
    a_requeue_whose_answer_was_lost_is_done_by_the_same_request_again,
}

async fn a_waiting_or_unqueued_lead_is_requeued_and_no_other<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let requeue = async |id: &LeadId, from, second| {
        let requeued = ledger.requeue(&customer, id, from, at(second), at(70));
        requeued.await.unwrap()
    };
    let [past, soon] = [9, 900].map(|second| Requeue::Waits(Due::At(at(second))));
    let for_person = Requeue::Waits(Due::ForPerson { since: at(9) });
    let stuck = Requeue::Stuck;
    let received = lead(&customer, 0);
    ledger
        .record(&received, &LeadState::Received, at(60))
        .await
        .unwrap();
    let person = settled(&ledger, &customer, &waiting(WaitReason::NoList, None)).await;
    let later = settled(
        &ledger,
        &customer,
        &waiting(WaitReason::Upstream, Some(900)),
    )
    .await;
    for (lead, from) in [(received, stuck), (person, for_person), (later, soon)] {
        assert!(requeue(&lead.id, from, 10).await);
        let read = ledger.lead(&customer, &lead.id).await.unwrap().unwrap();
        assert_eq!((read.state, read.due_at), (LeadState::Queued, Some(at(70))));
        assert!(!requeue(&lead.id, from, 11).await, "twice");
    }

    let held = record(&ledger, &customer, 0).await;
    claim(&ledger, &held, "ada", 0).await;
    let done = settled(&ledger, &customer, &delivered()).await;
    for from in [stuck, past, soon, for_person] {
        assert!(!requeue(&held.id, from, 10).await, "held");
        assert!(!requeue(&done.id, from, 10).await, "delivered");
    }
}

async fn a_lead_is_requeued_from_the_wait_it_was_seen_in_and_from_no_later_one<L: Leads>(
    ledger: L,
) {
    let customer = fresh::customer();
    for (why, due) in [
        (WaitReason::Quota, Some(20)),
        (WaitReason::Reconnect, None),
        (WaitReason::Upstream, Some(20)),
    ] {
        let lead = settled(&ledger, &customer, &waiting(why, due)).await;
        let listed = async || {
            let waiting = ledger.waiting(&customer, None, 10).await.unwrap();
            waiting.into_iter().find(|(id, _)| *id == lead.id)
        };
        let (_, seen) = eventually(listed, Option::is_some).await.unwrap();
        let taken = claim(&ledger, &lead, "grace", 21).await;
        assert!(matches!(taken, Claim::Taken(_)));
        let mut again = waiting(why, due.map(|_| 30));
        again.at = at(22);
        assert!(settle(&ledger, &lead, "grace", &again).await);

        for from in [Requeue::Waits(seen), Requeue::Stuck] {
            let requeued = ledger.requeue(&customer, &lead.id, from, at(40), at(100));
            assert!(!requeued.await.unwrap(), "{why:?}");
        }
        let read = ledger.lead(&customer, &lead.id).await.unwrap().unwrap();
        assert_eq!((read.state, read.due_at), (again.state, again.due_at));
    }
}

async fn a_stuck_lead_is_requeued_once_it_is_due<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let requeue = async |id: &LeadId, now| {
        ledger
            .requeue(&customer, id, Requeue::Stuck, at(now), at(now + 60))
            .await
            .unwrap()
    };
    let queued = record(&ledger, &customer, 0).await;
    let claimed = record(&ledger, &customer, 0).await;
    claim(&ledger, &claimed, "ada", 0).await;

    for (lead, due) in [(queued, 60), (claimed, 100)] {
        assert!(!requeue(&lead.id, due - 1).await, "not due");
        assert!(requeue(&lead.id, due).await, "due");
        let read = ledger.lead(&customer, &lead.id).await.unwrap().unwrap();
        assert_eq!(
            (read.state, read.due_at),
            (LeadState::Queued, Some(at(due + 60)))
        );
        assert!(
            !settle(&ledger, &lead, "ada", &delivered()).await,
            "the claim is over"
        );
    }
}

async fn a_quarantined_lead_is_released_once_and_no_other<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let (robots, persons) = (lead(&customer, 5), lead(&customer, 6));
    let why = QuarantineReason::TooFast;
    ledger.set_aside(&robots, why, far()).await.unwrap();
    ledger
        .record(&persons, &LeadState::Received, at(66))
        .await
        .unwrap();
    let requeue = async |id: &LeadId, from, second| {
        let requeue = ledger.requeue(&customer, id, from, at(second), at(160));
        requeue.await.unwrap()
    };
    let aside = Requeue::Aside;

    for from in [Requeue::Stuck, Requeue::OnRequest { again: true }] {
        assert!(!requeue(&robots.id, from, 99).await, "{from:?}");
    }
    assert!(requeue(&robots.id, aside, 100).await);
    assert!(!requeue(&robots.id, aside, 101).await);
    assert!(!requeue(&persons.id, aside, 100).await);
    assert!(!requeue(&fresh::lead(7), aside, 100).await);

    let released = ledger.lead(&customer, &robots.id).await.unwrap().unwrap();
    assert_eq!(
        (released.state, released.due_at),
        (LeadState::Queued, Some(at(160)))
    );
    assert_eq!(released.timeline.len(), 2);
}

async fn a_lead_is_replayed_if_it_waits_or_was_refused_and_after_a_file_only_if_asked<L: Leads>(
    ledger: L,
) {
    let customer = fresh::customer();
    let replay = async |id: &LeadId, again, second| {
        let from = Requeue::OnRequest { again };
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
            .export(&customer, &person.id, at(40), far())
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
    ledger.set_aside(&aside, why, far()).await.unwrap();
    for (lead, from) in [
        (record(&ledger, &customer, 0).await, Requeue::Stuck),
        (
            settled(&ledger, &customer, &quota).await,
            Requeue::Waits(Due::At(at(50))),
        ),
        (
            settled(&ledger, &customer, &refused()).await,
            Requeue::OnRequest { again: false },
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
