//! Replays: trying leads again because somebody requested it.

mod search;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::connection::blocked;
use super::values::{flag, id, list, moment, one_of, text};
use super::{Admin, AdminError, Properties, cursor};
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::actions::can_replay;
use crate::domain::lead::{LeadRecord, LeadState, LeadStatus, WaitReason};
use crate::domain::tally::{Label, TallyChanges, counted, counted_as};
use crate::domain::task::Task;
use crate::ports::{
    Claims as _, Clock as _, Connections as _, LeadFilter, Queue as _, Requeue, StoreError,
    Tallies as _, Wiring, causes,
};

/// When the scheduler checks a lead whose message was not sent. By then drains have had most that were.
const CHECK_AFTER: SignedDuration = SignedDuration::from_secs(120);

/// The result of a replay, or what it would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// How many leads are tried again: by what they count as, or by their state if they do not count yet.
    pub leads: BTreeMap<String, i64>,
    /// Leads left alone because they went out in a file; request these with `exported`.
    pub exported: u32,
    /// Leads left alone because they are on their way, or done with.
    pub others: u32,
    /// Where to continue, if not all leads were looked at.
    pub next: Option<String>,
    /// What they would immediately wait for again.
    pub blocked: Option<WaitReason>,
}

impl Replayed {
    /// How many are tried again.
    #[must_use]
    pub fn count(&self) -> i64 {
        self.leads.values().sum()
    }
}

/// The leads that a replay can ask for by their status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReplayTarget {
    /// Those in this state. Quarantined ones are tried only on explicit request.
    Status(LeadStatus),
    /// Those that went out in a file.
    Exported,
}

impl ReplayTarget {
    const ALL: [Self; 5] = [
        Self::Status(LeadStatus::Waiting),
        Self::Status(LeadStatus::Refused),
        Self::Status(LeadStatus::Received),
        Self::Exported,
        Self::Status(LeadStatus::Quarantined),
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Status(status) => status.as_str(),
            Self::Exported => "exported",
        }
    }

    fn includes(self, record: &LeadRecord) -> bool {
        match self {
            Self::Status(status) => record.state.status() == status,
            Self::Exported => record.exported_at.is_some(),
        }
    }
}

/// Which leads are requested.
struct ReplayRequest {
    /// Only these.
    ids: Option<BTreeSet<LeadId>>,
    target: Option<ReplayTarget>,
    reason: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    again: bool,
    dry_run: bool,
    /// Where to continue, and the listing that this place belongs to.
    from: Option<String>,
    listing: String,
}

impl<W: Wiring> Admin<W> {
    /// Tries leads again: those named, or those with a state, a reason and a time. They go out as the budget allows,
    /// and nobody who opted out meanwhile is delivered. With the status `quarantined` it releases what is set aside.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Invalid`].
    pub async fn replay(
        &self,
        customer: &CustomerId,
        body: Properties,
    ) -> Result<Replayed, AdminError> {
        self.customer(customer).await?;
        let request = self.parse_replay(customer, body)?;
        let connection = self.directory.connection(customer).await?;
        let found = self.find(customer, &request).await?;
        let mut leads = BTreeMap::new();
        for record in &found.chosen {
            let uncounted = || record.state.as_str().to_owned();
            let label = counted_as(record).map_or_else(uncounted, |label| label.to_string());
            *leads.entry(label).or_default() += 1;
        }
        if !request.dry_run {
            self.put_back(customer, &found.chosen, &request).await?;
        }
        let next = found.next.as_deref();
        Ok(Replayed {
            dry_run: request.dry_run,
            leads,
            exported: found.exported,
            others: found.others,
            next: next.map(|next| cursor::issue(&self.keys, &request.listing, next)),
            blocked: blocked(connection.as_ref()),
        })
    }

    fn parse_replay(
        &self,
        customer: &CustomerId,
        mut body: Properties,
    ) -> Result<ReplayRequest, AdminError> {
        let targets = ReplayTarget::ALL.map(|target| (target.as_str(), target));
        let target = body.optional("status", one_of(targets));
        let reason = body.optional("reason", |value: &Value| text(60)(value));
        let ids = body.optional("lead_ids", list(100, id));
        let since = body.optional("since", moment);
        let until = body.optional("until", moment);
        let exported = body.optional("exported", flag);
        let dry_run = body.optional("dry_run", flag);
        let mut request = ReplayRequest {
            ids: ids.map(BTreeSet::from_iter),
            target,
            reason,
            since,
            until,
            again: exported.unwrap_or(false) || target == Some(ReplayTarget::Exported),
            dry_run: dry_run.unwrap_or(false),
            from: None,
            listing: String::new(),
        };
        let order = if request.is_in_lane() {
            "lane"
        } else {
            "newest"
        };
        request.listing = format!("replays:{customer}:{order}");
        request.from = body.optional("cursor", cursor::verify(&self.keys, &request.listing));
        Ok(body.finish(Some(request))?)
    }

    /// Writes before it sends: a refused lead is delivered only once it is recorded as queued. One whose message is
    /// lost is found by the scheduler. If the ledger fails, those written before are still sent.
    async fn put_back(
        &self,
        customer: &CustomerId,
        records: &[LeadRecord],
        request: &ReplayRequest,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let exported = records.iter().filter(|record| record.exported_at.is_some());
        self.doubt(customer, exported.map(|record| &record.lead.id))
            .await?;
        let mut queued = Vec::new();
        let written = self.write_queued(records, request, now, &mut queued).await;
        self.send_queued(customer, &queued).await;
        let mut changes = TallyChanges::default();
        for record in queued.iter().filter(|record| record.exported_at.is_some()) {
            let to = counted(&record.timeline, false);
            changes.count(record.lead.id.day(), counted_as(record), to);
        }
        self.directory.tally(customer, &changes, now).await?;
        written
    }

    /// Records leads as queued, and returns each that is.
    async fn write_queued<'r>(
        &self,
        records: &'r [LeadRecord],
        request: &ReplayRequest,
        now: Timestamp,
        queued: &mut Vec<&'r LeadRecord>,
    ) -> Result<(), StoreError> {
        let due_at = now + CHECK_AFTER;
        let again = request.again;
        let from = if request.is_for_quarantined() {
            Requeue::Quarantined
        } else {
            Requeue::OnRequest { again }
        };
        for record in records {
            let (customer, lead) = (&record.lead.customer, &record.lead.id);
            let requeued = self.ledger.requeue(customer, lead, from, now, due_at);
            if requeued.await? {
                queued.push(record);
            }
        }
        Ok(())
    }

    async fn send_queued(&self, customer: &CustomerId, queued: &[&LeadRecord]) {
        let released = |record: &&LeadRecord| Task::released(customer, &record.lead.id);
        let tasks: Vec<_> = queued.iter().map(released).collect();
        if !tasks.is_empty()
            && let Err(error) = self.queue.send(&tasks).await
        {
            tracing::warn!(
                customer.id = %customer, error = %causes(&error),
                "leads to be tried again are left to the scheduler"
            );
        }
    }
}

impl ReplayRequest {
    fn is_for_quarantined(&self) -> bool {
        self.target == Some(ReplayTarget::Status(LeadStatus::Quarantined))
    }

    fn can_take(&self, record: &LeadRecord) -> bool {
        if self.is_for_quarantined() {
            return matches!(record.state, LeadState::Quarantined { .. });
        }
        can_replay(record, self.again)
    }

    /// Whether all wanted leads wait in the customer's lane. Leads that went out in a file are in no lane.
    fn is_in_lane(&self) -> bool {
        self.target == Some(ReplayTarget::Status(LeadStatus::Waiting)) && !self.again
    }

    /// What the ledger is to list if they are not all in the lane.
    fn filter(&self) -> LeadFilter {
        let status = match self.target {
            Some(ReplayTarget::Status(status)) => Some(status),
            Some(ReplayTarget::Exported) | None => None,
        };
        LeadFilter {
            status,
            since: self.since,
        }
    }

    fn matches(&self, record: &LeadRecord) -> bool {
        let label = counted(&record.timeline, false);
        let reason = label.as_ref().and_then(Label::reason);
        let received_at = record.lead.received_at;
        self.target.is_none_or(|target| target.includes(record))
            && (self.reason.is_none() || self.reason.as_deref() == reason)
            && self.since.is_none_or(|since| received_at >= since)
            && self.until.is_none_or(|until| received_at < until)
    }
}
