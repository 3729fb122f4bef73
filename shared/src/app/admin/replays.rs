//! Trying leads again because a person asks for it.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::values::{flag, id, list, moment, one_of, text};
use super::{Admin, AdminError, Properties, cursor};
use crate::domain::asked::can_replay;
use crate::domain::connection::Connection;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{LeadRecord, LeadState, WaitReason};
use crate::domain::tally::{Counts, EXPORTED, Moves, counted, counted_as};
use crate::domain::task::Task;
use crate::ports::{
    Clock as _, Connections as _, LeadFilter, Ledger as _, Queue as _, StoreError, Tallies as _,
    Wiring,
};

/// Leads read at once.
const PAGE: u16 = 200;

/// Pages read for one answer; the next one goes on.
const PAGES: u32 = 10;

/// Leads put into the queue for one answer.
const MOST: usize = 500;

/// The status of leads that look like robots'. They are tried only where it is asked for.
const QUARANTINED: &str = "quarantined";

/// When the scheduler looks after a lead whose message was not sent.
const CHECK_AFTER: SignedDuration = SignedDuration::from_secs(120);

/// What became of a wish to try leads again, or what would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Whether nothing was done.
    pub dry_run: bool,
    /// Leads that are tried again, by what they count as.
    pub leads: Counts,
    /// Leads left alone because they went out in a file; ask with `exported` for these.
    pub exported: u32,
    /// Leads left alone because they are on their way, or done with.
    pub others: u32,
    /// Where to go on, if not all leads were looked at.
    pub next: Option<String>,
    /// What they would wait for again at once.
    pub blocked: Option<WaitReason>,
}

impl Replayed {
    /// How many are tried again.
    #[must_use]
    pub fn count(&self) -> i64 {
        self.leads.values().sum()
    }
}

/// Which leads are meant.
struct Wish {
    ids: Vec<LeadId>,
    status: Option<String>,
    reason: Option<String>,
    filter: LeadFilter,
    until: Option<Timestamp>,
    again: bool,
    dry_run: bool,
    from: Option<String>,
}

impl<W: Wiring> Admin<W> {
    /// Tries leads again: those named, or those of a state, a reason and a time. They go out as the budget allows,
    /// and nobody who has opted out meanwhile is delivered. With the status `quarantined` it releases what is set aside.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Invalid`].
    pub async fn replay(
        &self,
        customer: &CustomerId,
        wish: Properties,
    ) -> Result<Replayed, AdminError> {
        self.customer(customer).await?;
        let listing = format!("replays:{customer}");
        let wish = self.wish(&listing, wish)?;
        let connection = self.directory.connection(customer).await?;
        let (records, next) = self.meant(customer, &wish).await?;
        let mut replayed = Replayed {
            dry_run: wish.dry_run,
            leads: Counts::new(),
            exported: 0,
            others: 0,
            next: next.map(|next| cursor::give_out(&self.keys, &listing, &next)),
            blocked: blocked(connection.as_ref()),
        };
        let mut chosen = Vec::new();
        for record in &records {
            if wish.can_take(record) {
                let label = counted_as(record).unwrap_or_else(|| record.state.word().to_owned());
                *replayed.leads.entry(label).or_default() += 1;
                chosen.push(record);
            } else if record.exported_at.is_some() && !wish.again {
                replayed.exported += 1;
            } else {
                replayed.others += 1;
            }
        }
        if !wish.dry_run {
            self.put_back(customer, &chosen, &wish).await?;
        }
        Ok(replayed)
    }

    fn wish(&self, listing: &str, mut asked: Properties) -> Result<Wish, AdminError> {
        let status = asked.optional("status", |value| {
            let known = ["waiting", "refused", "received", EXPORTED, QUARANTINED];
            one_of(&known)(value).map(str::to_owned)
        });
        let reason = asked.optional("reason", |value: &Value| text(60)(value));
        let ids = asked.optional("lead_ids", list(100, id));
        let since = asked.optional("since", moment);
        let until = asked.optional("until", moment);
        let exported = asked.optional("exported", flag);
        let dry_run = asked.optional("dry_run", flag);
        let from = asked.optional("cursor", cursor::take_back(&self.keys, listing));
        let again = exported.unwrap_or(false) || status.as_deref() == Some(EXPORTED);
        let word = status.as_deref().filter(|word| *word != EXPORTED);
        let filter = LeadFilter {
            status: word.map(str::to_owned),
            since,
        };
        Ok(asked.finish(Some(Wish {
            ids: ids.unwrap_or_default(),
            status,
            reason,
            filter,
            until,
            again,
            dry_run: dry_run.unwrap_or(false),
            from,
        }))?)
    }

    /// The leads that a wish means, and where to go on.
    async fn meant(
        &self,
        customer: &CustomerId,
        wish: &Wish,
    ) -> Result<(Vec<LeadRecord>, Option<String>), StoreError> {
        let mut meant = Vec::new();
        if !wish.ids.is_empty() {
            for id in &wish.ids {
                meant.extend(self.ledger.lead(customer, id).await?);
            }
            return Ok((meant, None));
        }
        let mut from = wish.from.clone();
        for _ in 0..PAGES {
            let page = self
                .ledger
                .leads(customer, &wish.filter, from.as_deref(), PAGE)
                .await?;
            for record in page.items {
                let last = record.lead.id.to_string();
                if wish.means(&record) {
                    meant.push(record);
                }
                if meant.len() == MOST {
                    return Ok((meant, Some(last)));
                }
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        Ok((meant, from))
    }

    /// Writes before it sends: a refused lead is delivered only once it says that it is queued. One whose message is
    /// lost is found by the scheduler.
    async fn put_back(
        &self,
        customer: &CustomerId,
        records: &[&LeadRecord],
        wish: &Wish,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let exported = records.iter().filter(|record| record.exported_at.is_some());
        self.doubt(customer, exported.map(|record| &record.lead.id))
            .await?;
        let mut tasks = Vec::new();
        let mut moves = Moves::default();
        for record in records {
            let lead = &record.lead.id;
            let due_at = now + CHECK_AFTER;
            let done = if wish.is_for_quarantined() {
                self.ledger.release(customer, lead, now, due_at).await?
            } else {
                let replay = self.ledger.replay(customer, lead, wish.again, now, due_at);
                replay.await?
            };
            if done {
                tasks.push(Task::Released {
                    customer: customer.clone(),
                    lead: lead.clone(),
                });
                if record.exported_at.is_some() {
                    let to = counted(&record.timeline, false);
                    moves.count(lead.day(), counted_as(record), to);
                }
            }
        }
        if moves.days().next().is_some() {
            self.directory.tally(customer, &moves, now).await?;
        }
        if !tasks.is_empty()
            && let Err(error) = self.queue.send(&tasks).await
        {
            tracing::warn!(
                customer.id = %customer, error = &error as &dyn std::error::Error,
                "leads to be tried again are left to the scheduler"
            );
        }
        Ok(())
    }
}

impl Wish {
    fn is_for_quarantined(&self) -> bool {
        self.status.as_deref() == Some(QUARANTINED)
    }

    fn can_take(&self, record: &LeadRecord) -> bool {
        if self.is_for_quarantined() {
            return matches!(record.state, LeadState::Quarantined { .. });
        }
        can_replay(record, self.again)
    }

    fn means(&self, record: &LeadRecord) -> bool {
        let label = counted(&record.timeline, false).unwrap_or_default();
        let reason = label.split_once('.').map(|(_, reason)| reason);
        let exported = record.exported_at.is_some();
        (self.reason.is_none() || self.reason.as_deref() == reason)
            && (self.status.as_deref() != Some(EXPORTED) || exported)
            && self
                .until
                .is_none_or(|until| record.lead.received_at < until)
    }
}

fn blocked(connection: Option<&Connection>) -> Option<WaitReason> {
    match connection {
        None => Some(WaitReason::NotConnected),
        Some(connection) => connection.lists_for(&[]).err(),
    }
}
