//! Promises of the ledger about who may deliver a lead.

use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::domain::lead::{
    DeliveryAction, Lead, LeadState, OptOutCheck, Permission, QuarantineReason, RefusalReason,
    WaitReason,
};
use leadfeed_shared::ports::{Claim, LeadFilter, Recorded, Requeue, Settlement};

use super::Leads;
use crate::promise::at_once;
use crate::samples::{at, far, lead, remote};
use crate::{fresh, promises};

promises! { Leads:
    exactly_one_of_many_concurrent_records_is_new,
    a_lead_recorded_again_is_left_as_it_is,
    exactly_one_of_many_concurrent_claims_is_taken,
    a_claim_shows_the_lead_and_counts_the_attempt,
    a_claim_whose_answer_was_lost_is_taken_by_the_same_request_again,
    a_held_lead_is_taken_over_once_its_claim_has_lapsed,
    only_the_claims_owner_settles,
    a_claim_is_settled_once,
    a_lead_that_waits_can_be_claimed,
    a_lead_that_is_settled_set_aside_or_in_an_import_cannot_be_claimed,
    what_is_not_there_is_missing,
    another_customers_lead_is_missing,
}

pub async fn record<L: Leads>(ledger: &L, customer: &CustomerId, second: u32) -> Lead {
    let lead = lead(customer, second);
    let due = at(i64::from(second) + 60);
    let recorded = ledger.record(&lead, &LeadState::Queued, due).await;
    assert_eq!(recorded.unwrap(), Recorded::New);
    lead
}

pub async fn claim<L: Leads>(ledger: &L, lead: &Lead, owner: &str, now: i64) -> Claim {
    let (customer, until) = (&lead.customer, at(now + 100));
    let claim = ledger.claim(customer, &lead.id, owner, until, at(now));
    claim.await.unwrap()
}

pub async fn settle<L: Leads>(
    ledger: &L,
    lead: &Lead,
    owner: &str,
    settlement: &Settlement,
) -> bool {
    let settled = ledger.settle(&lead.customer, &lead.id, owner, settlement);
    settled.await.unwrap()
}

/// A fresh lead that has been claimed and then settled in this state.
pub async fn settled<L: Leads>(ledger: &L, customer: &CustomerId, state: &Settlement) -> Lead {
    let lead = record(ledger, customer, 0).await;
    assert!(matches!(
        claim(ledger, &lead, "ada", 1).await,
        Claim::Taken(_)
    ));
    assert!(settle(ledger, &lead, "ada", state).await);
    lead
}

pub fn delivered() -> Settlement {
    delivered_by(Permission::Explicit)
}

pub fn imported() -> Settlement {
    delivered_by(Permission::Implicit)
}

fn delivered_by(permission: Permission) -> Settlement {
    Settlement {
        state: LeadState::Delivered {
            contact: Some(remote(7)),
            action: DeliveryAction::Updated,
            permission,
            opt_out_check: OptOutCheck::CameBack { left_at: at(5) },
            notes: vec![],
        },
        due_at: None,
        at: at(9),
        expires_at: Some(at(86_400 * 730)),
    }
}

pub fn waiting(why: WaitReason, due: Option<i64>) -> Settlement {
    Settlement {
        state: LeadState::waits(why),
        due_at: due.map(at),
        at: at(9),
        expires_at: None,
    }
}

async fn state<L: Leads>(ledger: &L, lead: &Lead) -> LeadState {
    let record = ledger.lead(&lead.customer, &lead.id).await;
    record.unwrap().unwrap().state
}

async fn exactly_one_of_many_concurrent_records_is_new<L>(ledger: L)
where
    L: Leads + Clone + 'static,
{
    let lead = lead(&fresh::customer(), 0);

    let told = at_once(16, |_| {
        let (ledger, lead) = (ledger.clone(), lead.clone());
        async move {
            ledger
                .record(&lead, &LeadState::Queued, at(60))
                .await
                .unwrap()
        }
    })
    .await;

    let new = told.iter().filter(|told| **told == Recorded::New).count();
    assert_eq!(new, 1);
}

async fn a_lead_recorded_again_is_left_as_it_is<L: Leads>(ledger: L) {
    let lead = settled(&ledger, &fresh::customer(), &delivered()).await;
    let before = ledger
        .lead(&lead.customer, &lead.id)
        .await
        .unwrap()
        .unwrap();
    let mut changed = lead.clone();
    changed.contact.first_name = "Grace".into();

    let told = ledger.record(&changed, &LeadState::Received, at(99)).await;

    assert_eq!(told.unwrap(), Recorded::Already(Box::new(before.clone())));
    let after = ledger.lead(&lead.customer, &lead.id).await.unwrap();
    assert_eq!(after, Some(before));
}

async fn exactly_one_of_many_concurrent_claims_is_taken<L>(ledger: L)
where
    L: Leads + Clone + 'static,
{
    let lead = record(&ledger, &fresh::customer(), 0).await;

    let told = at_once(16, |i| {
        let (ledger, lead) = (ledger.clone(), lead.clone());
        async move { claim(&ledger, &lead, &i.to_string(), 1).await }
    })
    .await;

    let taken = told.iter().filter(|told| matches!(told, Claim::Taken(_)));
    assert_eq!(taken.count(), 1);
    let held = told.iter().filter(|told| **told == Claim::Held);
    assert_eq!(held.count(), 15);
}

async fn a_claim_shows_the_lead_and_counts_the_attempt<L: Leads>(ledger: L) {
    let lead = record(&ledger, &fresh::customer(), 0).await;

    for attempt in 1..=3 {
        let now = i64::from(attempt) * 1_000;
        let Claim::Taken(record) = claim(&ledger, &lead, "ada", now).await else {
            panic!("not taken")
        };

        assert_eq!(record.lead, lead);
        assert_eq!(record.attempts, attempt);
        let held = LeadState::Sending {
            owner: "ada".into(),
            until: at(now + 100),
        };
        assert_eq!(record.state, held);
        assert_eq!(state(&ledger, &lead).await, held);
    }
}

async fn a_claim_whose_answer_was_lost_is_taken_by_the_same_request_again<L: Leads>(ledger: L) {
    let lead = record(&ledger, &fresh::customer(), 0).await;
    let first = claim(&ledger, &lead, "ada", 0).await;

    let again = claim(&ledger, &lead, "ada", 0).await;

    assert!(matches!(&first, Claim::Taken(record) if record.attempts == 1));
    assert_eq!(again, first);
    assert_eq!(claim(&ledger, &lead, "grace", 1).await, Claim::Held);
}

async fn a_held_lead_is_taken_over_once_its_claim_has_lapsed<L: Leads>(ledger: L) {
    let lead = record(&ledger, &fresh::customer(), 0).await;
    claim(&ledger, &lead, "ada", 0).await;

    assert_eq!(claim(&ledger, &lead, "grace", 99).await, Claim::Held);
    assert!(matches!(
        claim(&ledger, &lead, "grace", 100).await,
        Claim::Taken(_)
    ));
    assert!(!settle(&ledger, &lead, "ada", &delivered()).await);
    assert!(settle(&ledger, &lead, "grace", &delivered()).await);
}

async fn only_the_claims_owner_settles<L: Leads>(ledger: L) {
    let lead = record(&ledger, &fresh::customer(), 0).await;

    assert!(!settle(&ledger, &lead, "ada", &delivered()).await);
    assert_eq!(state(&ledger, &lead).await, LeadState::Queued);
    claim(&ledger, &lead, "ada", 0).await;
    assert!(!settle(&ledger, &lead, "grace", &delivered()).await);
    assert!(settle(&ledger, &lead, "ada", &delivered()).await);
    assert_eq!(state(&ledger, &lead).await, delivered().state);
}

async fn a_claim_is_settled_once<L: Leads>(ledger: L) {
    let lead = settled(&ledger, &fresh::customer(), &delivered()).await;

    let again = settle(&ledger, &lead, "ada", &waiting(WaitReason::Quota, Some(50))).await;

    assert!(!again);
    assert_eq!(state(&ledger, &lead).await, delivered().state);
}

async fn a_lead_that_waits_can_be_claimed<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    for settlement in [
        waiting(WaitReason::Upstream, Some(500)),
        waiting(WaitReason::Reconnect, None),
    ] {
        let lead = settled(&ledger, &customer, &settlement).await;

        let taken = claim(&ledger, &lead, "grace", 10).await;

        assert!(matches!(taken, Claim::Taken(_)));
    }
    assert_eq!(ledger.waiting(&customer, None, 10).await.unwrap(), []);
}

async fn a_lead_that_is_settled_set_aside_or_in_an_import_cannot_be_claimed<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let refused = LeadState::Refused {
        why: RefusalReason::CcRefused,
        detail: Some("words".into()),
    };
    for settlement in [
        delivered(),
        Settlement {
            state: refused,
            ..delivered()
        },
        waiting(WaitReason::Import, None),
    ] {
        let lead = settled(&ledger, &customer, &settlement).await;

        let told = claim(&ledger, &lead, "grace", 10).await;

        assert_eq!(told, Claim::Settled);
    }
    let why = QuarantineReason::Honeypot;
    let robot = lead(&customer, 0);
    ledger.set_aside(&robot, why, far()).await.unwrap();
    let told = claim(&ledger, &robot, "grace", 10).await;
    assert_eq!(told, Claim::Settled);
}

async fn what_is_not_there_is_missing<L: Leads>(ledger: L) {
    let lead = lead(&fresh::customer(), 0);

    assert_eq!(claim(&ledger, &lead, "ada", 0).await, Claim::Missing);
    assert!(!settle(&ledger, &lead, "ada", &delivered()).await);
    let requeued = ledger
        .requeue(&lead.customer, &lead.id, Requeue::Stuck, at(0), at(60))
        .await;
    assert!(!requeued.unwrap());
    assert_eq!(ledger.lead(&lead.customer, &lead.id).await.unwrap(), None);
}

async fn another_customers_lead_is_missing<L: Leads>(ledger: L) {
    let mine = record(&ledger, &fresh::customer(), 0).await;
    let mut theirs = mine.clone();
    theirs.customer = fresh::customer();

    assert_eq!(claim(&ledger, &theirs, "ada", 0).await, Claim::Missing);
    let read = ledger.lead(&theirs.customer, &mine.id).await.unwrap();
    assert_eq!(read, None);
    let all = LeadFilter::default();
    let page = ledger.leads(&theirs.customer, &all, None, 9).await;
    assert_eq!(page.unwrap().items, []);
}
