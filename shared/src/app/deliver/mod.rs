//! Draining the queue: every lead arrives once, within the budget, and nobody is re-subscribed.
//!
//! `batch` says which leads a batch asks for, `claim` claims them, `same_address` holds those of one address
//! together, `take` finds what they need to go out, `turns` gives every call its turn, `gates` hand out moments on the
//! budget's clock, `calls_today` knows which customers have had many, `opt_outs` checks older consents against
//! opt-outs, `person` looks for newer leads of the same person, `sign_up` makes the content of a call, `call` makes the
//! one that delivers, `recheck` checks again before one that had to wait, `ask` repeats any call that can be fixed on
//! the spot, `learn` finds out about the account what no answer says, which `findings` keep for the batch, `outcome`
//! says what any other answer means for the lead, `give_up` what it finally means, `settle` writes it down and `events`
//! publishes it.

mod ask;
mod batch;
mod call;
mod calls_today;
mod claim;
mod events;
mod findings;
mod gates;
mod give_up;
mod learn;
mod opt_outs;
mod outcome;
mod person;
mod recheck;
mod same_address;
mod settle;
mod sign_up;
mod take;
#[cfg(test)]
mod tests;
mod turns;

use futures_util::future::{join, join_all};
use jiff::{SignedDuration, Timestamp};

pub use self::batch::Message;
pub use self::calls_today::CallsToday;
pub use self::events::PendingEvents;

use self::outcome::Outcome;
use self::take::Claimed;
use crate::app::tally_buffer::TallyBuffer;
use crate::app::token_keeper::TokenKeeper;
use crate::domain::connection::COOLDOWN;
use crate::domain::ids::CustomerId;
use crate::domain::keys::SigningKeys;
use crate::domain::lead::{LeadState, RefusalReason, WaitReason};
use crate::ports::{Clock as _, SecureRandom as _, StoreError, Wiring, causes};

/// How much of its time a function keeps back to tell the queue what to redeliver.
pub const MARGIN: SignedDuration = SignedDuration::from_secs(2);

/// Delivers leads.
pub struct Drain<W: Wiring> {
    /// The ledger.
    pub ledger: W::Ledger,
    /// Customers and forms.
    pub directory: W::Directory,
    /// Tokens.
    pub keeper: TokenKeeper<W>,
    /// The API.
    pub crm: W::Crm,
    /// What consents were sealed with.
    pub keys: SigningKeys,
    /// What is to be counted.
    pub tallies: TallyBuffer,
    /// What is to be published.
    pub events: PendingEvents,
    /// Which customers have had many of the day's calls.
    pub calls_today: CallsToday,
}

impl<W: Wiring> Drain<W> {
    /// Drains a batch before `deadline`. Returns the messages that the queue has to redeliver: those that could not be
    /// read, and those of leads that the stores did not let us take or settle. Everything else has its state in the
    /// ledger.
    pub async fn drain(&self, messages: Vec<Message>, deadline: Timestamp) -> Vec<String> {
        let owner = self.keeper.random.owner_name();
        let (customers, mut redeliver) = batch::sort(messages);
        if !redeliver.is_empty() {
            tracing::error!(
                messages = redeliver.len(),
                "messages of the queue could not be read"
            );
        }
        let claims = customers
            .into_iter()
            .map(|(customer, requests)| self.prepare(customer, requests, &owner, deadline));
        let (mut with_token, mut without_token) = (Vec::new(), Vec::new());
        for (claimed, unclaimed) in join_all(claims).await {
            redeliver.extend(unclaimed);
            let now = self.keeper.clock.now();
            match claimed {
                Some(claimed) if claimed.has_token(&self.keeper.stack, now) => {
                    with_token.push(claimed)
                }
                Some(claimed) => without_token.push(claimed),
                None => {}
            }
        }
        // No customer waits for the refresh of another's token.
        let separately = without_token
            .into_iter()
            .map(|claimed| self.admit_and_deliver(vec![claimed], &owner, deadline));
        let together = self.admit_and_deliver(with_token, &owner, deadline);
        join(together, join_all(separately)).await;
        let count = self.tallies.write(&self.directory, self.keeper.clock.now());
        join(count, self.publish_events()).await;
        redeliver
    }

    async fn admit_and_deliver(&self, claimed: Vec<Claimed>, owner: &str, deadline: Timestamp) {
        let claimed = claimed.into_iter();
        let ready = join_all(claimed.map(|claimed| self.admit(claimed, owner, deadline))).await;
        let ready: Vec<_> = ready.into_iter().flatten().collect();
        self.deliver_all(&ready, owner, deadline).await;
    }

    fn not_now(&self) -> Outcome {
        let later = self.keeper.clock.now() + COOLDOWN;
        Outcome::waits(WaitReason::Upstream, Some(later))
    }

    /// The same because a store failed, with a log line that says what the leads lacked.
    fn defer(&self, what: &'static str, customer: &CustomerId, error: &StoreError) -> Outcome {
        tracing::error!(
            what, customer.id = %customer, error = %causes(error),
            "leads are put off, as a store failed"
        );
        self.not_now()
    }

    fn jitter(&self) -> u8 {
        self.keeper.random.bytes()[0]
    }
}

fn refused(why: RefusalReason) -> Outcome {
    Outcome::settled(LeadState::refused(why))
}
