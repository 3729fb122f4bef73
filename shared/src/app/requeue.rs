//! Putting leads back into the queue, among them those released because a person has fixed what they waited for.

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};

use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::task::Task;
use crate::ports::{Claims, Lanes, Queue, Requeue, StoreError, causes};

/// When the scheduler checks a lead that the queue has: long after a drain should have had it.
pub(super) const CHECK_AFTER: SignedDuration = SignedDuration::from_hours(6);

/// How long a lead that was written may be missing among those that wait, as a rule. If its mark is used up sooner, it
/// is left to the look at its lane an hour later.
pub(super) const LISTED_WITHIN: SignedDuration = SignedDuration::from_secs(5);

/// Leads written at a time.
const WRITTEN: usize = 32;

/// How many leads go out at once: one batch of the queue. The scheduler sends the rest as the budget allows.
const FIRST: usize = 10;

/// How many waiting leads are looked at; those with a due time come before those that wait for a person.
const LOOKED_AT: u16 = 100;

/// When the scheduler checks whether a change that was about to be made has freed leads.
const CHANGE_CHECK: SignedDuration = SignedDuration::from_mins(2);

/// A lead to be put back, and its state as it was seen.
pub(super) type ToRequeue = (LeadId, Requeue);

/// Makes the scheduler look soon, before a change is made that frees leads: if a function died between the change and
/// [`release_waiting`], nobody would take them up.
///
/// # Errors
/// [`StoreError`]; then the change must not be made.
pub(super) async fn mark_lane_soon(
    ledger: &impl Lanes,
    customer: &CustomerId,
    now: Timestamp,
) -> Result<(), StoreError> {
    ledger.mark_lane(customer, now + CHANGE_CHECK).await
}

/// Releases the leads that wait for something a person has just fixed: marks the customer's lane for the scheduler and
/// sends the first few without it.
///
/// # Errors
/// [`StoreError`] if not even the mark was made; then nobody would look at the leads.
pub(super) async fn release_waiting(
    ledger: &(impl Lanes + Claims),
    queue: &impl Queue,
    customer: &CustomerId,
    now: Timestamp,
) -> Result<(), StoreError> {
    ledger.mark_lane(customer, now).await?;
    if let Err(error) = send_first(ledger, queue, customer, now).await {
        tracing::warn!(
            customer.id = %customer, error = %causes(&error),
            "waiting leads are left to the scheduler"
        );
    }
    Ok(())
}

async fn send_first(
    ledger: &(impl Lanes + Claims),
    queue: &impl Queue,
    customer: &CustomerId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let waiting = ledger.waiting(customer, None, LOOKED_AT).await?.into_iter();
    let for_a_person = waiting.filter(|(_, due)| due.time().is_none());
    let first = for_a_person.take(FIRST);
    let leads: Vec<_> = first
        .map(|(lead, due)| (lead, Requeue::Waits(due)))
        .collect();
    requeue_all(ledger, queue, customer, &leads, now).await?;
    Ok(())
}

/// Puts leads of one customer back into the queue and returns how many.
///
/// It sends before it writes: a lead sent twice is delivered once, but one written as queued and never sent would be
/// stuck. One that a drain has had meanwhile is left as it is: its message is used up.
///
/// # Errors
/// [`StoreError`]: leads not counted may have been sent; they still wait.
pub(super) async fn requeue_all(
    ledger: &impl Claims,
    queue: &impl Queue,
    customer: &CustomerId,
    leads: &[ToRequeue],
    now: Timestamp,
) -> Result<usize, StoreError> {
    if leads.is_empty() {
        return Ok(0);
    }
    let released = |(lead, _): &ToRequeue| Task::released(customer, lead);
    let tasks: Vec<_> = leads.iter().map(released).collect();
    let failed = match queue.send(&tasks).await {
        Ok(()) => vec![],
        Err(error) => {
            tracing::warn!(customer.id = %customer, error = %causes(&error), "leads were not put back into the queue");
            error.failed
        }
    };
    let sent = leads.iter().enumerate();
    let sent = sent.filter(|(place, _)| !failed.contains(place));
    let sent: Vec<_> = sent.map(|(_, lead)| lead).collect();
    for chunk in sent.chunks(WRITTEN) {
        let check = now + CHECK_AFTER;
        let writes = chunk
            .iter()
            .map(|(lead, from)| ledger.requeue(customer, lead, *from, now, check));
        try_join_all(writes).await?;
    }
    Ok(sent.len())
}
