//! Promises of the ledger about imports.

use leadfeed_shared::domain::ids::{CustomerId, ImportId};
use leadfeed_shared::domain::import::{Ending, ImportJob, Stage};
use leadfeed_shared::domain::lead::{Lead, LeadState, WaitReason};
use leadfeed_shared::ports::{Claim, Due, Requeue, Settlement};

use super::Leads;
use super::claims::{delivered, record, settled, waiting};
use crate::promise::{eventually, run_concurrently};
use crate::samples::{at, remote};
use crate::{fresh, promises};

promises! { Leads:
    exactly_one_of_many_concurrent_saves_of_an_import_succeeds,
    saved_import_reads_back_unchanged_with_its_chunks,
    stale_save_does_not_replace_a_stored_chunk,
    imports_that_exceed_one_response_are_all_listed,
    an_open_import_is_due_and_a_closed_one_is_not,
    exactly_one_of_many_imports_takes_a_lead,
    only_waiting_leads_without_a_lost_answer_can_be_taken_into_an_import,
    lead_taken_into_an_import_leaves_its_lane_and_cannot_be_claimed_or_requeued,
    lead_leaves_only_its_own_import_and_only_once,
    lead_taken_after_the_import_call_is_not_settled_by_that_import,
    lead_sent_back_from_an_import_is_never_imported_again,
}

fn id() -> ImportId {
    ImportId::at(at(0), rand::random())
}

fn job(customer: &CustomerId) -> ImportJob {
    ImportJob::new(id(), customer.clone(), vec![remote(1)], at(10))
}

async fn waiting_for_quota<L: Leads>(ledger: &L, customer: &CustomerId) -> Lead {
    settled(ledger, customer, &waiting(WaitReason::Quota, Some(50))).await
}

fn settlement(state: LeadState, due: Option<i64>) -> Settlement {
    Settlement {
        state,
        due_at: due.map(at),
        at: at(90),
        expires_at: None,
    }
}

async fn state<L: Leads>(ledger: &L, lead: &Lead) -> LeadState {
    let record = ledger.lead(&lead.customer, &lead.id).await;
    record.unwrap().unwrap().state
}

async fn take<L: Leads>(ledger: &L, lead: &Lead, import: &ImportId, second: i64) -> bool {
    let taken = ledger.take(&lead.customer, &lead.id, import, at(second));
    taken.await.unwrap()
}

async fn exactly_one_of_many_concurrent_saves_of_an_import_succeeds<L>(ledger: L)
where
    L: Leads + Clone + 'static,
{
    let job = job(&fresh::customer());
    assert!(ledger.save_import(&job, None).await.unwrap());

    let results = run_concurrently(12, |i| {
        let (ledger, job) = (ledger.clone(), job.clone());
        let due = Some(at(100 + i64::try_from(i).unwrap()));
        async move {
            let next = job.next(Stage::Ready, due);
            ledger.save_import(&next, None).await.unwrap()
        }
    })
    .await;

    assert_eq!(
        results.into_iter().filter(|succeeded| *succeeded).count(),
        1
    );
}

async fn saved_import_reads_back_unchanged_with_its_chunks<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let first = job(&customer);
    assert!(ledger.save_import(&first, None).await.unwrap());
    let leads = [fresh::lead(1), fresh::lead(2)];
    let mut next = first.next(Stage::Gathering, Some(at(70)));
    (next.chunks, next.leads, next.bytes) = (1, 2, 200);
    assert!(ledger.save_import(&next, Some(&leads)).await.unwrap());
    assert!(
        ledger.save_import(&next, Some(&leads)).await.unwrap(),
        "repeated request"
    );

    assert_eq!(ledger.imports_of(&customer).await.unwrap(), [next.clone()]);
    let one = ledger.import_of(&customer, &next.id).await.unwrap();
    assert_eq!(one, Some(next.clone()));
    let others = ledger.import_of(&fresh::customer(), &next.id).await;
    assert_eq!(others.unwrap(), None);
    assert_eq!(ledger.chunk(&next.id, 0).await.unwrap(), leads);
    assert_eq!(ledger.chunk(&next.id, 1).await.unwrap(), []);
    let stages = [
        Stage::Submitting {
            since: at(1),
            rows: 2,
        },
        Stage::Running {
            activity: remote(7),
            since: at(1),
            rows: 2,
        },
        Stage::Settling {
            ending: Ending::Some,
            since: at(1),
            cursor: Some("/v3/contacts?cursor=next".into()),
        },
        Stage::Closed,
    ];
    for stage in stages {
        let due = (stage != Stage::Closed).then_some(at(80));
        next = next.next(stage, due);
        assert!(ledger.save_import(&next, None).await.unwrap());
        assert_eq!(ledger.imports_of(&customer).await.unwrap(), [next.clone()]);
    }
}

async fn imports_that_exceed_one_response_are_all_listed<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    for _ in 0..8 {
        let mut job = job(&customer);
        job.lists = (0..5_000).map(remote).collect();
        assert!(ledger.save_import(&job, None).await.unwrap());
    }

    assert_eq!(ledger.imports_of(&customer).await.unwrap().len(), 8);
}

async fn stale_save_does_not_replace_a_stored_chunk<L: Leads>(ledger: L) {
    let first = job(&fresh::customer());
    assert!(ledger.save_import(&first, None).await.unwrap());
    let with_chunk = |job: &ImportJob, due| {
        let mut next = job.next(Stage::Gathering, Some(at(due)));
        (next.chunks, next.leads) = (1, 1);
        next
    };
    let slow = with_chunk(&first, 70);
    let postponed = first.next(Stage::Gathering, Some(at(80)));
    assert!(ledger.save_import(&postponed, None).await.unwrap());
    let quick = with_chunk(&postponed, 90);
    let (stored_chunk, stale_chunk) = ([fresh::lead(1)], [fresh::lead(2)]);
    assert!(
        ledger
            .save_import(&quick, Some(&stored_chunk))
            .await
            .unwrap()
    );

    assert!(!ledger.save_import(&slow, Some(&stale_chunk)).await.unwrap());

    assert_eq!(ledger.chunk(&first.id, 0).await.unwrap(), stored_chunk);
    let stored = ledger.import_of(&first.customer, &first.id).await;
    assert_eq!(stored.unwrap(), Some(quick));
}

async fn an_open_import_is_due_and_a_closed_one_is_not<L: Leads>(ledger: L) {
    let job = job(&fresh::customer());
    ledger.save_import(&job, None).await.unwrap();
    let due = async |second| {
        let due = ledger.due_imports(at(second), 1_000).await.unwrap();
        let key = (job.customer.clone(), job.id.clone());
        due.contains(&key)
    };

    assert!(eventually(|| due(10), |due| *due).await);
    assert!(!due(9).await);
    let closed = job.next(Stage::Closed, None);
    ledger.save_import(&closed, None).await.unwrap();
    assert!(!eventually(|| due(99), |due| !*due).await);
}

async fn exactly_one_of_many_imports_takes_a_lead<L>(ledger: L)
where
    L: Leads + Clone + 'static,
{
    let lead = waiting_for_quota(&ledger, &fresh::customer()).await;

    let results = run_concurrently(12, |_| {
        let (ledger, lead) = (ledger.clone(), lead.clone());
        async move { take(&ledger, &lead, &id(), 60).await }
    })
    .await;

    assert_eq!(
        results.into_iter().filter(|succeeded| *succeeded).count(),
        1
    );
}

async fn only_waiting_leads_without_a_lost_answer_can_be_taken_into_an_import<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let queued = record(&ledger, &customer, 0).await;
    let delivered = settled(&ledger, &customer, &delivered()).await;
    let answer_lost = waiting(WaitReason::AnswerLost, Some(50));
    let answer_lost = settled(&ledger, &customer, &answer_lost).await;
    let for_person = settled(&ledger, &customer, &waiting(WaitReason::Reconnect, None)).await;

    for lead in [&queued, &delivered, &answer_lost] {
        assert!(!take(&ledger, lead, &id(), 60).await);
    }
    assert!(take(&ledger, &for_person, &id(), 60).await);
}

async fn lead_taken_into_an_import_leaves_its_lane_and_cannot_be_claimed_or_requeued<L: Leads>(
    ledger: L,
) {
    let customer = fresh::customer();
    let (lead, import) = (waiting_for_quota(&ledger, &customer).await, id());
    assert!(take(&ledger, &lead, &import, 60).await);
    assert!(take(&ledger, &lead, &import, 60).await, "repeated request");

    let lane = async || ledger.waiting(&customer, None, 10).await.unwrap();
    assert_eq!(eventually(lane, Vec::is_empty).await, []);
    let late = at(99_999);
    let claim = ledger.claim(&customer, &lead.id, "ada", at(100_000), late);
    assert_eq!(claim.await.unwrap(), Claim::Settled);
    let (before, for_person) = (Due::At(at(50)), Due::ForPerson { since: at(60) });
    for from in [
        Requeue::Stuck,
        Requeue::Waits(before),
        Requeue::Waits(for_person),
        Requeue::OnRequest { again: true },
    ] {
        let requeued = ledger.requeue(&customer, &lead.id, from, late, late);
        assert!(!requeued.await.unwrap(), "{from:?}");
    }
}

async fn lead_leaves_only_its_own_import_and_only_once<L: Leads>(ledger: L) {
    let (lead, import) = (waiting_for_quota(&ledger, &fresh::customer()).await, id());
    take(&ledger, &lead, &import, 60).await;
    let done = settlement(delivered().state, None);
    let leave = async |import: ImportId| {
        let left = ledger.leave(&lead.customer, &lead.id, &import, None, &done);
        left.await.unwrap()
    };

    assert!(!leave(id()).await);
    assert!(leave(import.clone()).await);
    assert!(!leave(import).await);
    assert_eq!(state(&ledger, &lead).await, delivered().state);
}

async fn lead_taken_after_the_import_call_is_not_settled_by_that_import<L: Leads>(ledger: L) {
    let (lead, import) = (waiting_for_quota(&ledger, &fresh::customer()).await, id());
    take(&ledger, &lead, &import, 60).await;
    let done = settlement(delivered().state, None);
    let leave = async |by| {
        let left = ledger.leave(&lead.customer, &lead.id, &import, Some(at(by)), &done);
        left.await.unwrap()
    };

    assert!(!leave(59).await);
    assert!(leave(60).await);
}

async fn lead_sent_back_from_an_import_is_never_imported_again<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let (lead, import) = (waiting_for_quota(&ledger, &customer).await, id());
    take(&ledger, &lead, &import, 60).await;
    let back = settlement(waiting(WaitReason::Quota, None).state, Some(90));
    let left = ledger.leave(&customer, &lead.id, &import, None, &back);
    assert!(left.await.unwrap());

    let lane = async || ledger.waiting(&customer, None, 10).await.unwrap();
    let lane = eventually(lane, |lane| lane.len() == 1).await;
    assert_eq!(lane, [(lead.id.clone(), Due::At(at(90)))]);
    assert!(!take(&ledger, &lead, &id(), 95).await);
}
