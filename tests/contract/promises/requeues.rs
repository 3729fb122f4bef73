//! Promises of the ledger about leads that are put back into the queue.

use leadfeed_shared::domain::ids::LeadId;
use leadfeed_shared::domain::lead::{LeadState, QuarantineReason, WaitReason};
use leadfeed_shared::ports::{Claim, Due, Requeue};

use super::Leads;
use super::claims::{claim, delivered, record, settle, settled, waiting};
use super::exits::refused;
use crate::promise::eventually;
use crate::samples::{at, far_future, lead};
use crate::{fresh, promises};

promises! { Leads:
    only_a_waiting_or_unqueued_lead_is_requeued,
    requeue_is_rejected_if_the_lead_has_started_another_wait_since,
    stuck_lead_is_requeued_only_once_it_is_due_and_loses_its_claim,
    only_a_quarantined_lead_is_released_and_only_once,
    waiting_or_refused_lead_is_replayed_but_an_exported_one_only_explicitly,
    repeating_a_requeue_after_a_lost_answer_succeeds_without_requeueing_twice,
}

async fn only_a_waiting_or_unqueued_lead_is_requeued<L: Leads>(ledger: L) {
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
    let lead_for_person = settled(&ledger, &customer, &waiting(WaitReason::NoList, None)).await;
    let later = settled(
        &ledger,
        &customer,
        &waiting(WaitReason::Upstream, Some(900)),
    )
    .await;
    for (lead, from) in [
        (received, stuck),
        (lead_for_person, for_person),
        (later, soon),
    ] {
        assert!(requeue(&lead.id, from, 10).await);
        let read = ledger.lead(&customer, &lead.id).await.unwrap().unwrap();
        assert_eq!((read.state, read.due_at), (LeadState::Queued, Some(at(70))));
        assert!(!requeue(&lead.id, from, 11).await, "twice");
    }

    let claimed = record(&ledger, &customer, 0).await;
    claim(&ledger, &claimed, "ada", 0).await;
    let delivered = settled(&ledger, &customer, &delivered()).await;
    for from in [stuck, past, soon, for_person] {
        assert!(!requeue(&claimed.id, from, 10).await, "claimed");
        assert!(!requeue(&delivered.id, from, 10).await, "delivered");
    }
}

async fn requeue_is_rejected_if_the_lead_has_started_another_wait_since<L: Leads>(ledger: L) {
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

async fn stuck_lead_is_requeued_only_once_it_is_due_and_loses_its_claim<L: Leads>(ledger: L) {
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
            "the claim has ended"
        );
    }
}

async fn only_a_quarantined_lead_is_released_and_only_once<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let (quarantined, received) = (lead(&customer, 5), lead(&customer, 6));
    let why = QuarantineReason::TooFast;
    ledger
        .quarantine(&quarantined, why, far_future())
        .await
        .unwrap();
    ledger
        .record(&received, &LeadState::Received, at(66))
        .await
        .unwrap();
    let requeue = async |id: &LeadId, from, second| {
        let requeue = ledger.requeue(&customer, id, from, at(second), at(160));
        requeue.await.unwrap()
    };
    let release = Requeue::Quarantined;

    for from in [Requeue::Stuck, Requeue::OnRequest { again: true }] {
        assert!(!requeue(&quarantined.id, from, 99).await, "{from:?}");
    }
    assert!(requeue(&quarantined.id, release, 100).await);
    assert!(!requeue(&quarantined.id, release, 101).await);
    assert!(!requeue(&received.id, release, 100).await);
    assert!(!requeue(&fresh::lead(7), release, 100).await);

    let released = ledger
        .lead(&customer, &quarantined.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (released.state, released.due_at),
        (LeadState::Queued, Some(at(160)))
    );
    assert_eq!(released.timeline.len(), 2);
}

async fn waiting_or_refused_lead_is_replayed_but_an_exported_one_only_explicitly<L: Leads>(
    ledger: L,
) {
    let customer = fresh::customer();
    let replay = async |id: &LeadId, again, second| {
        let from = Requeue::OnRequest { again };
        let replay = ledger.requeue(&customer, id, from, at(second), at(90));
        replay.await.unwrap()
    };
    let for_person = settled(&ledger, &customer, &waiting(WaitReason::NoList, None)).await;
    let refused = settled(&ledger, &customer, &refused()).await;
    for lead in [&for_person, &refused] {
        assert!(replay(&lead.id, false, 30).await);
        let read = ledger.lead(&customer, &lead.id).await.unwrap().unwrap();
        assert_eq!((read.state, read.due_at), (LeadState::Queued, Some(at(90))));
        assert!(!replay(&lead.id, true, 31).await, "it is queued");
    }

    assert!(
        ledger
            .export(&customer, &for_person.id, at(40), far_future())
            .await
            .unwrap()
    );
    assert!(
        !replay(&for_person.id, false, 41).await,
        "not requested explicitly"
    );
    assert!(replay(&for_person.id, true, 42).await);
    assert!(matches!(
        claim(&ledger, &for_person, "ada", 50).await,
        Claim::Taken(_)
    ));
    let delivered = settled(&ledger, &customer, &delivered()).await;
    assert!(!replay(&delivered.id, true, 51).await, "delivered");
}

async fn repeating_a_requeue_after_a_lost_answer_succeeds_without_requeueing_twice<L: Leads>(
    ledger: L,
) {
    let customer = fresh::customer();
    let quota = waiting(WaitReason::Quota, Some(50));
    let quarantined = lead(&customer, 5);
    let why = QuarantineReason::TooFast;
    ledger
        .quarantine(&quarantined, why, far_future())
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
            Requeue::OnRequest { again: false },
        ),
        (quarantined, Requeue::Quarantined),
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
        assert!(!requeue(101).await, "{from:?}: another request");
        assert_eq!(lines().await, before + 1);
        claim(&ledger, &lead, "ada", 110).await;
        assert!(requeue(100).await, "{from:?}: a drain was faster");
        assert!(settle(&ledger, &lead, "ada", &delivered()).await);
        assert!(!requeue(100).await, "{from:?}: it was delivered");
    }
}
