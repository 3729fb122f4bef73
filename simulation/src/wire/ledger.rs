//! The ports of the ledger behind a line.

use jiff::Timestamp;
use jiff::civil::Date;
use leadfeed_shared::domain::email::EmailAddress;
use leadfeed_shared::domain::ids::{CustomerId, ImportId, LeadId};
use leadfeed_shared::domain::import::{ImportJob, Stage};
use leadfeed_shared::domain::lead::{Lead, LeadRecord, LeadState, QuarantineReason};
use leadfeed_shared::domain::tally::Counts;
use leadfeed_shared::fakes::MemoryLedger;
use leadfeed_shared::ports::{
    Claim, Claims, Exits, Idempotency, Imports, KeyClaim, KeyClaimed, LaneMark, LanePlace, Lanes,
    LeadFilter, Ledger, Page, RECHECK_DELAY, RateCounters, Recorded, Requeue, Settlement,
    StoreError,
};

use super::ports::wired;
use super::{Guard, Service, Wire};

wired! { Ledger of MemoryLedger, Ledger {
    quarantine(lead: &Lead, why: QuarantineReason, expires_at: Timestamp) -> Recorded, of &lead.customer, &lead.id;
    lead(customer: &CustomerId, lead: &LeadId) -> Option<LeadRecord>;
    records(customer: &CustomerId, leads: &[LeadId]) -> Vec<LeadRecord>;
    leads(customer: &CustomerId, filter: &LeadFilter, cursor: Option<&str>, limit: u16) -> Page<LeadRecord>;
    leads_of(customer: &CustomerId, email: &EmailAddress, most: usize) -> Vec<LeadId>;
    owner_of(lead: &LeadId) -> Option<CustomerId>;
    count(customer: &CustomerId, day: Date) -> Counts;
}
    async fn record(&self, lead: &Lead, state: &LeadState, due_at: Timestamp) -> Result<Recorded, StoreError> {
        let effect = async {
            if self.line.shared.lacks(Guard::KeptBeforeAnswer) {
                return Ok(Recorded::New);
            }
            let result = self.port.record(lead, state, due_at).await;
            self.observe(&lead.customer, &lead.id);
            result
        };
        self.line.call(Service::Ledger, "record", effect).await
    }
}

wired! { Claims of MemoryLedger, Ledger {
    settle(customer: &CustomerId, lead: &LeadId, owner: &str, settlement: &Settlement) -> bool, of customer, lead;
    requeue(customer: &CustomerId, lead: &LeadId, from: Requeue, at: Timestamp, due_at: Timestamp) -> bool,
        of customer, lead;
}
    async fn claim(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Claim, StoreError> {
        // At the latest possible time every claim has lapsed.
        let now = if self.line.shared.lacks(Guard::Claim) { Timestamp::MAX } else { now };
        let effect = async {
            let result = self.port.claim(customer, lead, owner, until, now).await;
            if let Ok(Claim::Taken(record)) = &result {
                self.line.shared.oracle().claimed(&self.line.process, record);
            }
            self.observe(customer, lead);
            result
        };
        let answer = self.line.call(Service::Ledger, "claim", effect).await;
        if let Ok(Claim::Taken(_)) = &answer {
            self.line.shared.oracle().claim_answered(lead);
        }
        answer
    }
}

wired! { Lanes of MemoryLedger, Ledger {
    overdue(now: Timestamp, limit: u16) -> Vec<(CustomerId, LeadId)>;
    quarantined(since: Timestamp, limit: u16) -> Vec<(CustomerId, LeadId)>;
    backlog(customer: &CustomerId, most: usize) -> usize;
    due_lanes(now: Timestamp, after: Option<&LaneMark>, limit: u16) -> Vec<LaneMark>;
}
    async fn waiting(
        &self,
        customer: &CustomerId,
        after: Option<&LanePlace>,
        limit: u16,
    ) -> Result<Vec<LanePlace>, StoreError> {
        let effect = async {
            let mut waiting = self.port.waiting(customer, after, limit).await?;
            let listed = self.line.shared.listing_horizon();
            waiting.retain(|(lead, _)| self.has_waited_since(customer, lead, listed));
            Ok(waiting)
        };
        self.line.call(Service::Ledger, "waiting", effect).await
    }

    async fn advance_lane(
        &self,
        customer: &CustomerId,
        seen: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let effect = async {
            self.port.advance_lane(customer, seen, next).await?;
            if next.is_none() && self.line.shared.lacks(Guard::LookAgain) {
                self.port.advance_lane(customer, seen + RECHECK_DELAY, None).await?;
            }
            Ok(())
        };
        self.line.call(Service::Ledger, "advance_lane", effect).await
    }

    async fn mark_lane(&self, customer: &CustomerId, at: Timestamp) -> Result<(), StoreError> {
        let effect = async {
            if self.line.shared.lacks(Guard::Mark) {
                return Ok(());
            }
            self.port.mark_lane(customer, at).await
        };
        self.line.call(Service::Ledger, "mark_lane", effect).await
    }
}

wired! { Exits of MemoryLedger, Ledger {
    export(customer: &CustomerId, lead: &LeadId, at: Timestamp, expires_at: Timestamp) -> bool, of customer, lead;
    erase(blank: &Lead, at: Timestamp, expires_at: Timestamp) -> bool, of &blank.customer, &blank.id;
} }

wired! { Idempotency of MemoryLedger, Ledger {
    free_key(customer: &CustomerId, key: &str, lead: &LeadId) -> ();
}
    async fn claim_key(
        &self,
        customer: &CustomerId,
        key: &str,
        claim: &KeyClaim,
        gone: Option<&LeadId>,
        now: Timestamp,
    ) -> Result<KeyClaimed, StoreError> {
        let guard = if key == claim.content { Guard::Turn } else { Guard::Key };
        let now = if self.line.shared.lacks(guard) { Timestamp::MAX } else { now };
        let effect = self.port.claim_key(customer, key, claim, gone, now);
        self.line.call(Service::Ledger, "claim_key", effect).await
    }
}

wired! { RateCounters of MemoryLedger, Ledger {
    add(customer: &CustomerId, counter: &str, by: u32, until: Timestamp) -> u64;
} }

wired! { Imports of MemoryLedger, Ledger {
    due_imports(now: Timestamp, limit: u16) -> Vec<(CustomerId, ImportId)>;
    import_of(customer: &CustomerId, import: &ImportId) -> Option<ImportJob>;
    imports_of(customer: &CustomerId) -> Vec<ImportJob>;
    chunk(import: &ImportId, number: u32) -> Vec<LeadId>;
    leave(
        customer: &CustomerId, lead: &LeadId, import: &ImportId, taken_by: Option<Timestamp>,
        settlement: &Settlement
    ) -> bool, of customer, lead;
}
    async fn take(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        import: &ImportId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let effect = async {
            let taken = self.port.take(customer, lead, import, at).await;
            if let Ok(true) = taken {
                self.line.shared.oracle().taken_for_import(lead, import);
            }
            self.observe(customer, lead);
            taken
        };
        self.line.call(Service::Ledger, "take", effect).await
    }
    async fn save_import(&self, job: &ImportJob, chunk: Option<&[LeadId]>) -> Result<bool, StoreError> {
        let mut job = job.clone();
        if self.line.shared.lacks(Guard::ImportIntent) && matches!(job.stage, Stage::Submitting { .. }) {
            job.stage = Stage::Ready;
        }
        let effect = async {
            let saved = self.port.save_import(&job, chunk).await;
            if let Ok(true) = saved {
                self.line.shared.oracle().import_saved(&job);
            }
            saved
        };
        self.line.call(Service::Ledger, "save_import", effect).await
    }
}
