//! Promises of the ledger about who may deliver a lead.

use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::domain::lead::{
    DeliveryAction, Lead, LeadState, OptOutCheck, Permission, QuarantineReason, RefusalReason,
    WaitReason,
};
use leadfeed_shared::ports::{Claim, LeadFilter, Recorded, Requeue, Settlement};

use super::Leads;
use crate::promise::run_concurrently;
use crate::samples::{at, far_future, lead, remote};
use crate::{fresh, promises};

promises! { Leads:
    exactly_one_of_many_concurrent_records_is_new,
    recording_a_lead_again_leaves_it_unchanged,
    exactly_one_of_many_concurrent_claims_succeeds,
    claim_returns_the_lead_and_counts_the_attempt,
    repeating_a_claim_after_a_lost_answer_returns_the_same_claim,
    lapsed_claim_is_taken_over_and_its_old_owner_cannot_settle,
    only_the_claim_owner_can_settle,
    claim_can_be_settled_only_once,
    waiting_lead_can_be_claimed_and_leaves_its_lane,
    delivered_refused_importing_or_quarantined_lead_cannot_be_claimed,
    unknown_lead_cannot_be_claimed_settled_or_requeued,
    lead_can_neither_be_claimed_nor_read_by_another_customer,
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
        state: LeadState::waiting(why),
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

    let results = run_concurrently(16, |_| {
        let (ledger, lead) = (ledger.clone(), lead.clone());
        async move {
            ledger
                .record(&lead, &LeadState::Queued, at(60))
                .await
                .unwrap()
        }
    })
    .await;

    let new = results
        .iter()
        .filter(|result| **result == Recorded::New)
        .count();
    assert_eq!(new, 1);
}

async fn recording_a_lead_again_leaves_it_unchanged<L: Leads>(ledger: L) {
    let lead = settled(&ledger, &fresh::customer(), &delivered()).await;
    let before = ledger
        .lead(&lead.customer, &lead.id)
        .await
        .unwrap()
        .unwrap();
    let mut changed = lead.clone();
    changed.contact.first_name = "Grace".into();

    let result = ledger.record(&changed, &LeadState::Received, at(99)).await;

    assert_eq!(result.unwrap(), Recorded::Already(Box::new(before.clone())));
    let after = ledger.lead(&lead.customer, &lead.id).await.unwrap();
    assert_eq!(after, Some(before));
}

async fn exactly_one_of_many_concurrent_claims_succeeds<L>(ledger: L)
where
    L: Leads + Clone + 'static,
{
    let lead = record(&ledger, &fresh::customer(), 0).await;

    let results = run_concurrently(16, |i| {
        let (ledger, lead) = (ledger.clone(), lead.clone());
        async move { claim(&ledger, &lead, &i.to_string(), 1).await }
    })
    .await;

    let taken = results
        .iter()
        .filter(|result| matches!(result, Claim::Taken(_)));
    assert_eq!(taken.count(), 1);
    let held = results.iter().filter(|result| **result == Claim::Held);
    assert_eq!(held.count(), 15);
}

async fn claim_returns_the_lead_and_counts_the_attempt<L: Leads>(ledger: L) {
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

async fn repeating_a_claim_after_a_lost_answer_returns_the_same_claim<L: Leads>(ledger: L) {
    let lead = record(&ledger, &fresh::customer(), 0).await;
    let first = claim(&ledger, &lead, "ada", 0).await;

    let again = claim(&ledger, &lead, "ada", 0).await;

    assert!(matches!(&first, Claim::Taken(record) if record.attempts == 1));
    assert_eq!(again, first);
    assert_eq!(claim(&ledger, &lead, "grace", 1).await, Claim::Held);
}

async fn lapsed_claim_is_taken_over_and_its_old_owner_cannot_settle<L: Leads>(ledger: L) {
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

async fn only_the_claim_owner_can_settle<L: Leads>(ledger: L) {
    let lead = record(&ledger, &fresh::customer(), 0).await;

    assert!(!settle(&ledger, &lead, "ada", &delivered()).await);
    assert_eq!(state(&ledger, &lead).await, LeadState::Queued);
    claim(&ledger, &lead, "ada", 0).await;
    assert!(!settle(&ledger, &lead, "grace", &delivered()).await);
    assert!(settle(&ledger, &lead, "ada", &delivered()).await);
    assert_eq!(state(&ledger, &lead).await, delivered().state);
}

async fn claim_can_be_settled_only_once<L: Leads>(ledger: L) {
    let lead = settled(&ledger, &fresh::customer(), &delivered()).await;

    let again = settle(&ledger, &lead, "ada", &waiting(WaitReason::Quota, Some(50))).await;

    assert!(!again);
    assert_eq!(state(&ledger, &lead).await, delivered().state);
}

async fn waiting_lead_can_be_claimed_and_leaves_its_lane<L: Leads>(ledger: L) {
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

async fn delivered_refused_importing_or_quarantined_lead_cannot_be_claimed<L: Leads>(ledger: L) {
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

        let result = claim(&ledger, &lead, "grace", 10).await;

        assert_eq!(result, Claim::Settled);
    }
    let why = QuarantineReason::Honeypot;
    let quarantined = lead(&customer, 0);
    ledger
        .quarantine(&quarantined, why, far_future())
        .await
        .unwrap();
    let result = claim(&ledger, &quarantined, "grace", 10).await;
    assert_eq!(result, Claim::Settled);
}

async fn unknown_lead_cannot_be_claimed_settled_or_requeued<L: Leads>(ledger: L) {
    let lead = lead(&fresh::customer(), 0);

    assert_eq!(claim(&ledger, &lead, "ada", 0).await, Claim::Missing);
    assert!(!settle(&ledger, &lead, "ada", &delivered()).await);
    let requeued = ledger
        .requeue(&lead.customer, &lead.id, Requeue::Stuck, at(0), at(60))
        .await;
    assert!(!requeued.unwrap());
    assert_eq!(ledger.lead(&lead.customer, &lead.id).await.unwrap(), None);
}

async fn lead_can_neither_be_claimed_nor_read_by_another_customer<L: Leads>(ledger: L) {
    let lead = record(&ledger, &fresh::customer(), 0).await;
    let mut other_customers_lead = lead.clone();
    other_customers_lead.customer = fresh::customer();

    assert_eq!(
        claim(&ledger, &other_customers_lead, "ada", 0).await,
        Claim::Missing
    );
    let read = ledger
        .lead(&other_customers_lead.customer, &lead.id)
        .await
        .unwrap();
    assert_eq!(read, None);
    let all = LeadFilter::default();
    let page = ledger
        .leads(&other_customers_lead.customer, &all, None, 9)
        .await;
    assert_eq!(page.unwrap().items, []);
}
