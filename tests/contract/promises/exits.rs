//! Promises of the ledger about exports and erasures.

use leadfeed_shared::domain::ids::LeadId;
use leadfeed_shared::domain::lead::{LeadState, RefusalReason, WaitReason};
use leadfeed_shared::domain::tally::{Counts, Label};
use leadfeed_shared::ports::{Claim, Due, Requeue, Settlement};

use super::Leads;
use super::claims::{claim, delivered, record, settle, settled, waiting};
use crate::promise::eventually;
use crate::samples::{at, far_future};
use crate::{fresh, promises};

promises! { Leads:
    lead_is_exported_once_and_is_then_no_longer_due,
    claimed_delivered_importing_or_opted_out_lead_is_not_exported,
    erased_lead_has_no_personal_data_and_cannot_be_found_or_claimed,
}

pub fn refused() -> Settlement {
    refused_for(RefusalReason::CcRefused)
}

fn refused_for(why: RefusalReason) -> Settlement {
    let detail = Some("no".into());
    Settlement {
        state: LeadState::Refused { why, detail },
        ..delivered()
    }
}

async fn lead_is_exported_once_and_is_then_no_longer_due<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let queued = record(&ledger, &customer, 0).await;
    let for_person = settled(&ledger, &customer, &waiting(WaitReason::NoList, None)).await;
    let refused = settled(&ledger, &customer, &refused()).await;
    let export = async |id: &LeadId, second: i64| {
        let export = ledger.export(&customer, id, at(second), far_future());
        export.await.unwrap()
    };

    for lead in [&queued, &for_person, &refused] {
        assert!(export(&lead.id, 20).await);
        assert!(!export(&lead.id, 21).await, "twice");
        assert!(export(&lead.id, 20).await, "the answer was lost");
        let read = ledger.lead(&customer, &lead.id).await.unwrap().unwrap();
        assert_eq!((read.exported_at, read.due_at), (Some(at(20)), None));
        let claim = claim(&ledger, lead, "ada", 9_000).await;
        assert_eq!(claim, Claim::Settled);
        let due = Due::ForPerson { since: at(9) };
        for from in [Requeue::Stuck, Requeue::Waits(due)] {
            let requeued = ledger.requeue(&customer, &lead.id, from, at(9_000), at(9_060));
            assert!(!requeued.await.unwrap());
        }
    }

    let none = async || ledger.waiting(&customer, None, 10).await.unwrap();
    assert_eq!(eventually(none, Vec::is_empty).await, []);
    let counts = ledger.count(&customer, queued.id.day()).await.unwrap();
    assert_eq!(counts, Counts::from([(Label::Exported, 3)]));
}

async fn claimed_delivered_importing_or_opted_out_lead_is_not_exported<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let export = async |id: &LeadId| {
        ledger
            .export(&customer, id, at(20), far_future())
            .await
            .unwrap()
    };
    let claimed = record(&ledger, &customer, 0).await;
    claim(&ledger, &claimed, "ada", 0).await;
    let delivered = settled(&ledger, &customer, &delivered()).await;
    let importing = settled(&ledger, &customer, &waiting(WaitReason::Import, None)).await;
    let opted_out = settled(
        &ledger,
        &customer,
        &refused_for(RefusalReason::OptedOutAfterConsent),
    )
    .await;

    for lead in [claimed, delivered, importing, opted_out] {
        assert!(!export(&lead.id).await);
    }
    assert!(!export(&fresh::lead(0)).await, "unknown lead");
}

async fn erased_lead_has_no_personal_data_and_cannot_be_found_or_claimed<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let lead = record(&ledger, &customer, 0).await;
    claim(&ledger, &lead, "ada", 0).await;
    let blank = lead.without_person();
    let erase = async || ledger.erase(&blank, at(60), far_future()).await.unwrap();

    assert!(erase().await);
    assert!(!erase().await, "twice");

    assert!(!settle(&ledger, &lead, "ada", &delivered()).await);
    let read = ledger.lead(&customer, &lead.id).await.unwrap().unwrap();
    assert_eq!((&read.state, read.due_at), (&LeadState::Erased, None));
    assert_eq!(read.lead.seal, lead.seal);
    assert!(!serde_json::to_string(&read).unwrap().contains("ada+news"));
    let email = &lead.contact.email;
    let found = async || ledger.leads_of(&customer, email, 10).await.unwrap();
    assert_eq!(eventually(found, Vec::is_empty).await, []);
    let claim = claim(&ledger, &lead, "ada", 9_000).await;
    assert_eq!(claim, Claim::Settled);
}
