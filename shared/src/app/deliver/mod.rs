//! Draining the queue: every lead arrives once, within the budget, and nobody is re-subscribed.
//!
//! [`batch`] says what a batch asks for, `take` claims it and finds what it needs to go out, `turns` gives every call
//! its moment on the budget's clock, `opt_outs` holds older consents against who has left, `call` makes the one call
//! that counts, `ask` makes any call again that can be mended on the spot, [`outcome`] says what anything else means
//! for the lead, and `settle` writes it down.

mod ask;
pub mod batch;
mod call;
mod count;
mod opt_outs;
pub mod outcome;
mod settle;
mod sign_up;
mod take;
#[cfg(test)]
mod tests;
mod turns;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

pub use self::count::Counter;

use self::batch::Message;
use self::outcome::Outcome;
use crate::app::token_keeper::TokenKeeper;
use crate::domain::keys::SigningKeys;
use crate::domain::lead::{LeadState, RefusalReason, WaitReason};
use crate::ports::{Clock as _, Dice as _, Wiring};

/// What one call may take, its answer included: the deadline of the HTTP client and a little.
const CALL_TAKES: SignedDuration = SignedDuration::from_secs(12);

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
    pub counter: Counter,
}

impl<W: Wiring> Drain<W> {
    /// Drains a batch, and is done before `deadline`. Names the messages that the queue has to bring again: those
    /// that could not be read, and those of leads the stores did not let us take or settle. Everything else has
    /// its state in the ledger.
    pub async fn drain(&self, messages: Vec<Message>, deadline: Timestamp) -> Vec<String> {
        let owner = hex::encode(self.keeper.dice.roll());
        let (customers, mut again) = batch::sort(messages);
        if !again.is_empty() {
            tracing::error!(
                messages = again.len(),
                "messages of the queue could not be read"
            );
        }
        let claims = customers
            .into_iter()
            .map(|(customer, asked)| self.prepare(customer, asked, &owner, deadline));
        let mut ready = Vec::new();
        for (prepared, unclaimed) in join_all(claims).await {
            again.extend(unclaimed);
            ready.extend(prepared);
        }
        self.deliver_all(&ready, &owner, deadline).await;
        self.write_counts().await;
        again
    }

<<<<<<< HEAD
    /// Claims a customer's leads and settles at once what cannot go out. Gives what can, and the messages to be
    /// brought again.
    async fn prepare(
        &self,
        customer: CustomerId,
        asked: Vec<Asked>,
        owner: &str,
        deadline: Timestamp,
    ) -> (Option<Ready>, Vec<String>) {
        let mut again = Vec::new();
        let mut claimed = Vec::new();
        for asked in asked {
            match self.claim(&customer, &asked, owner, deadline).await {
                Ok(record) => claimed.extend(record),
                Err(error) => {
                    tracing::error!(lead.id = %asked.lead, error = &error as &dyn std::error::Error, "a lead was not claimed");
                    again.extend(asked.messages);
                }
            }
        }
        if claimed.is_empty() {
            return (None, again);
        }
        match self.ready(&customer, &mut claimed).await {
            Ok(ready) => (Some(ready), again),
            Err(outcome) => {
                self.settle_all(&customer, None, &claimed, owner, &outcome)
                    .await;
                (None, again)
            }
        }
    }

    /// Claims one lead. A lead that only its message has is recorded first.
    async fn claim(
        &self,
        customer: &CustomerId,
        asked: &Asked,
        owner: &str,
        deadline: Timestamp,
    ) -> Result<Option<LeadRecord>, StoreError> {
        let now = self.keeper.clock.now();
        let until = deadline + CALL_TAKES;
        let mut claim = self
            .ledger
            .claim(customer, &asked.lead, owner, until, now)
            .await?;
        if let (Claim::Missing, Some(lead)) = (&claim, &asked.carried) {
            self.ledger
                .record(lead, &LeadState::Received, until)
                .await?;
            claim = self
                .ledger
                .claim(customer, &asked.lead, owner, until, now)
                .await?;
        }
        match claim {
            Claim::Taken(record) => Ok(Some(*record)),
            Claim::Settled(_) => {
                self.counter.doubt(customer, &asked.lead);
                Ok(None)
            }
            Claim::Held { .. } | Claim::Missing => Ok(None),
        }
    }

    /// Everything a customer's leads need to go out, or what becomes of them all without it.
    async fn ready(
        &self,
        id: &CustomerId,
        claimed: &mut Vec<LeadRecord>,
    ) -> Result<Ready, Outcome> {
        let later = |_: StoreError| self.not_now(COOLDOWN);
        let customer = self.directory.customer(id).await.map_err(later)?;
        let customer = customer.ok_or_else(|| refused(RefusalReason::CustomerDeleted))?;
        let connection = self.directory.connection(id).await.map_err(later)?;
        let connection = connection.ok_or(Outcome::waits(WaitReason::NotConnected, None))?;
        connection
            .is_usable()
            .map_err(|why| Outcome::waits(why, None))?;
        let access = match self.keeper.access(id, None).await {
            Ok(access) => access,
            Err(AccessError::Waits(why)) => return Err(Outcome::waits(why, None)),
            Err(AccessError::Busy { until }) => {
                return Err(Outcome::waits(WaitReason::Upstream, Some(until)));
            }
            Err(AccessError::Store(error)) => return Err(later(error)),
        };
        let mut forms = BTreeMap::new();
        for record in claimed.iter() {
            if !forms.contains_key(&record.lead.form)
                && let Some(form) = self
                    .directory
                    .form(&record.lead.form)
                    .await
                    .map_err(later)?
            {
                forms.insert(form.id.clone(), form);
            }
        }
        let groups = batch::by_address(std::mem::take(claimed));
        Ok(Ready {
            customer,
            connection,
            access,
            forms,
            groups,
        })
    }

=======
>>>>>>> 63ad439 (Hold many old consents against one list of opt-outs, and find a lost call before repeating it)
    fn not_now(&self, pause: SignedDuration) -> Outcome {
        Outcome::waits(WaitReason::Upstream, Some(self.keeper.clock.now() + pause))
    }

    fn die(&self) -> u8 {
        self.keeper.dice.roll()[0]
    }
}

fn refused(why: RefusalReason) -> Outcome {
    Outcome::settled(LeadState::Refused { why, detail: None })
}
