//! Leads that wait for something a person puts right.

use jiff::{SignedDuration, Timestamp};

use super::put_back;
use crate::domain::ids::CustomerId;
use crate::ports::{Claims, Lanes, Queue, Requeue, StoreError, causes};

/// How many leads go out at once: one batch of the queue. The scheduler sends on the rest as the budget allows.
const FIRST: usize = 10;

/// How many that wait are looked at; those that have a time of their own come before those that wait for a person.
const LOOKED_AT: u16 = 100;

/// When the scheduler looks whether a change that was about to be made has freed leads.
const CHANGE_CHECK: SignedDuration = SignedDuration::from_mins(2);

/// Has the scheduler look soon, before a change is made that frees leads: who dies between the change and
/// [`release_waiting`] would leave them to nobody.
///
/// # Errors
/// [`StoreError`]; the change must not be made then.
pub async fn look_soon(
    ledger: &impl Lanes,
    customer: &CustomerId,
    now: Timestamp,
) -> Result<(), StoreError> {
    ledger.mark_lane(customer, now + CHANGE_CHECK).await
}

/// Lets the leads go that wait for something a person has just put right: marks the customer's lane for the
/// scheduler and sends the first few on without it.
///
/// # Errors
/// [`StoreError`] where not even the mark was made; nobody would look at the leads then.
pub async fn release_waiting(
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
    put_back(ledger, queue, customer, &leads, now).await?;
    Ok(())
}
