//! The state of the stack, as both the gauges and the operator's health report show it.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};

use crate::domain::ids::{AppId, CustomerId, LeadId};
use crate::domain::lead::LeadRecord;
use crate::ports::{Apps, Imports, Lanes, Ledger, StoreError};

/// How many lanes with a lead that waits for time to pass are looked into, and how many lanes at a time; the longest
/// due come first.
const LANES: usize = 25;

/// How many lanes are looked for: one that was emptied, or holds only leads that wait for a person, stays marked for a
/// while.
const MARKED_LANES: u16 = 1_000;

/// How many leads of a lane, or of the overdue ones, are looked at.
const LEADS: u16 = 25;

/// How many leads are read to find the oldest one. If more came in one hour, these are a fair sample.
const READ: usize = 25;

/// How many open imports are looked at: more than are open at a time.
const IMPORTS: u16 = 200;

/// How many applications are measured.
const APPS: u16 = 1_000;

/// How many lost connections are looked for.
pub const LOST: u16 = 1_000;

/// How many quarantined leads are counted.
pub const QUARANTINED: u16 = 1_000;

/// How far back quarantined leads are counted. Those of robots stay there until their retention is over.
const QUARANTINED_SINCE: SignedDuration = SignedDuration::from_hours(24);

/// The longest wait for the budget or after trouble: until midnight, and a little more.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(25);

/// All applications: the stored ones, and the default one.
pub(crate) async fn applications(apps: &impl Apps) -> Result<BTreeSet<AppId>, StoreError> {
    let stored = apps.all(APPS).await?.into_iter();
    Ok(stored.chain([AppId::default_app()]).collect())
}

/// Leads that came in lately and are set aside, with their customers.
pub(crate) async fn quarantined(
    ledger: &impl Lanes,
    now: Timestamp,
) -> Result<Vec<(CustomerId, LeadId)>, StoreError> {
    ledger
        .quarantined(now - QUARANTINED_SINCE, QUARANTINED)
        .await
}

/// When the oldest lead came in that is on its way or waits for time to pass, even for the budget, or when the oldest
/// open import began, whose leads no index lists. Looks at those due first. What waits for a person does not count, as
/// the customer's page shows it, nor what is held back for days.
pub(crate) async fn oldest_under_way(
    ledger: &(impl Ledger + Lanes + Imports),
) -> Result<Option<Timestamp>, StoreError> {
    let mut leads = ledger.overdue(Timestamp::MAX, LEADS).await?;
    let lanes = ledger.due_lanes(Timestamp::MAX, None, MARKED_LANES).await?;
    let mut looked_into = 0;
    for lanes in lanes.chunks(LANES) {
        let looks = lanes.iter().map(|(customer, _)| timed(ledger, customer));
        for timed in try_join_all(looks).await? {
            looked_into += usize::from(!timed.is_empty());
            leads.extend(timed);
        }
        if looked_into >= LANES {
            break;
        }
    }
    let imports = ledger.due_imports(Timestamp::MAX, IMPORTS).await?;
    let oldest = imports.iter().map(|(_, import)| import.made_at()).min();
    Ok(oldest
        .into_iter()
        .chain(oldest_of(ledger, leads).await?)
        .min())
}

/// The first leads of a lane, except those that wait for a person.
async fn timed(
    ledger: &impl Lanes,
    customer: &CustomerId,
) -> Result<Vec<(CustomerId, LeadId)>, StoreError> {
    let waiting = ledger.waiting(customer, None, LEADS).await?;
    let timed = waiting.into_iter().filter(|(_, due)| due.time().is_some());
    Ok(timed.map(|(lead, _)| (customer.clone(), lead)).collect())
}

/// When the oldest of these leads came in. An id may be older than its lead, so leads are read in the order of their
/// ids until none of the rest can be older.
async fn oldest_of(
    ledger: &impl Ledger,
    mut leads: Vec<(CustomerId, LeadId)>,
) -> Result<Option<Timestamp>, StoreError> {
    leads.sort_by_key(|(_, lead)| lead.made_at());
    let mut oldest: Option<Timestamp> = None;
    for (customer, lead) in leads.iter().take(READ) {
        if oldest.is_some_and(|oldest| oldest <= lead.made_at()) {
            break;
        }
        let record = ledger.lead(customer, lead).await?;
        let under_way = record.filter(|record| !is_held_back(record));
        let came = under_way.map(|record| record.lead.received_at);
        oldest = oldest.into_iter().chain(came).min();
    }
    Ok(oldest)
}

/// Whether a lead has to wait longer than a day, as it does if Constant Contact considers its address abused. Nobody
/// can change that, and an alarm for it would hide everything else.
fn is_held_back(record: &LeadRecord) -> bool {
    let since = record.timeline.last().map(|line| line.at);
    let wait = since.zip(record.due_at);
    wait.is_some_and(|(since, due)| due.duration_since(since) > LONGEST_PAUSE)
}
