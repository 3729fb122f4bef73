use jiff::civil::Date;

use super::{Connect, Connected};
use crate::ports::{Lanes as _, Wiring, causes};

/// How many are counted: as many as one query of the ledger returns at once.
const MAX_COUNTED: u16 = 1_000;

/// Sign-ups that wait for lists and terms to be chosen, and then go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// How many there are, as far as they were counted.
    pub count: usize,
    /// Whether there may be more of them.
    pub is_cut: bool,
    /// The day on which the first of those counted came in.
    pub since: Date,
}

impl<W: Wiring> Connect<W> {
    /// What the choice that somebody is about to make would send out: `None` if nothing waits for one, or the ledger
    /// does not say, which prevents nobody from choosing.
    pub async fn waiting(&self, connected: &Connected) -> Option<Waiting> {
        let connection = &connected.connection;
        if connection.lists_for(&[]).is_ok() {
            return None;
        }
        let lane = self
            .ledger
            .waiting(&connection.customer, None, MAX_COUNTED)
            .await;
        let lane = lane.inspect_err(|error| {
            tracing::warn!(
                customer.id = %connection.customer, error = %causes(error),
                "what waits for a choice was not counted"
            );
        });
        let lane = lane.ok()?;
        let for_a_person = lane.iter().filter(|(_, due)| due.time().is_none());
        let days: Vec<_> = for_a_person.map(|(lead, _)| lead.day()).collect();
        Some(Waiting {
            count: days.len(),
            is_cut: lane.len() >= usize::from(MAX_COUNTED),
            since: days.into_iter().min()?,
        })
    }
}
