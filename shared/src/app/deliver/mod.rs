//! Draining the queue: every lead arrives once, within the budget, and nobody is re-subscribed.
//!
//! [`batch`] says what a batch asks for, [`Drain::drain`] claims it and gives every address its moment on the
//! budget's clock, `call` makes the one call and mends what can be mended on the spot, [`outcome`] says what
//! anything else means for the lead.

pub mod batch;
mod call;
mod count;
pub mod outcome;
mod settle;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

pub use self::count::Counter;

use self::batch::{Asked, Message, SameAddress};
use self::outcome::Outcome;
use crate::app::token_keeper::{Access, AccessError, TokenKeeper};
use crate::domain::budget::{CallClass, Limits, Reservation};
use crate::domain::connection::{COOLDOWN, Connection};
use crate::domain::customer::Customer;
use crate::domain::form::Form;
use crate::domain::ids::{AppId, CustomerId, FormId};
use crate::domain::keys::SigningKeys;
use crate::domain::lead::{Lead, LeadRecord, LeadState, RefusalReason, WaitReason};
use crate::ports::{
    Apps, Budget, Claim, Clock, Connections, Customers, Dice, Forms, Ledger, StoreError, Wiring,
};

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

/// A customer's leads of one batch, claimed and ready to go.
struct Ready {
    customer: Customer,
    connection: Connection,
    access: Access,
    forms: BTreeMap<FormId, Form>,
    groups: Vec<SameAddress>,
}

/// One call to be made: the leads of one address.
struct Delivery<'a> {
    ready: &'a Ready,
    limits: Limits,
    leads: &'a SameAddress,
    deadline: Timestamp,
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

    fn not_now(&self, pause: SignedDuration) -> Outcome {
        Outcome::waits(WaitReason::Upstream, Some(self.keeper.clock.now() + pause))
    }

    /// Gives every address its moment and makes the calls. Leads without a moment wait in the ledger.
    async fn deliver_all(&self, ready: &[Ready], owner: &str, deadline: Timestamp) {
        let mut by_app: BTreeMap<&AppId, Vec<(&Ready, &SameAddress)>> = BTreeMap::new();
        for ready in ready {
            let groups = ready.groups.iter().map(|group| (ready, group));
            by_app
                .entry(&ready.connection.app)
                .or_default()
                .extend(groups);
        }
        join_all(
            by_app
                .into_iter()
                .map(|(app, groups)| self.deliver_app(app, groups, owner, deadline)),
        )
        .await;
    }

    async fn deliver_app(
        &self,
        app: &AppId,
        groups: Vec<(&Ready, &SameAddress)>,
        owner: &str,
        deadline: Timestamp,
    ) {
        let limits = self.keeper.apps.limits(app).await;
        let want = u32::try_from(groups.len()).unwrap_or(u32::MAX);
        let reserved = match limits {
            Ok(limits) => self
                .reserve(app, limits, want, deadline)
                .await
                .map(|moments| (limits, moments)),
            Err(_) => Err(self.not_now(COOLDOWN)),
        };
        let (limits, moments) = match reserved {
            Ok(reserved) => reserved,
            Err(outcome) => {
                let settled = groups
                    .iter()
                    .map(|(ready, leads)| self.settle(ready, leads, owner, &outcome));
                join_all(settled).await;
                return;
            }
        };
        let crowded_out = self.crowded_out(&moments);
        let calls = groups.into_iter().enumerate().map(|(i, (ready, leads))| {
            let (moment, crowded_out) = (moments.get(i).copied(), &crowded_out);
            async move {
                let delivery = Delivery {
                    ready,
                    limits,
                    leads,
                    deadline,
                };
                let outcome = match moment {
                    Some(moment) => self.call(&delivery, moment).await,
                    None => crowded_out.clone(),
                };
                self.settle(ready, leads, owner, &outcome).await;
            }
        });
        join_all(calls).await;
    }

    /// Up to `want` moments that leave time for a call before `deadline`, or what becomes of the leads without one.
    async fn reserve(
        &self,
        app: &AppId,
        limits: Limits,
        want: u32,
        deadline: Timestamp,
    ) -> Result<Vec<Timestamp>, Outcome> {
        let now = self.keeper.clock.now();
        let horizon = deadline - CALL_TAKES;
        match self
            .keeper
            .budget
            .reserve(app, limits, CallClass::Delivery, want, now, horizon)
            .await
        {
            Ok(Reservation::Granted(moments)) => Ok(moments),
            Ok(Reservation::NotBefore { at, .. }) => Err(Outcome::waits_for_budget(at, self.die())),
            Err(_) => Err(self.not_now(COOLDOWN)),
        }
    }

    /// What becomes of leads that found no moment although others of the batch did.
    fn crowded_out(&self, moments: &[Timestamp]) -> Outcome {
        let last = moments
            .last()
            .copied()
            .unwrap_or_else(|| self.keeper.clock.now());
        Outcome::waits_for_budget(last, self.die())
    }

    fn die(&self) -> u8 {
        self.keeper.dice.roll()[0]
    }

    /// Whether the consent is as it was sealed.
    fn is_sealed(&self, lead: &Lead) -> bool {
        let text = Lead::sealed_text(
            &lead.customer,
            &lead.form,
            &lead.id,
            &lead.contact,
            &lead.consent,
        );
        self.keys.is_intact(&text, &lead.seal)
    }
}

fn refused(why: RefusalReason) -> Outcome {
    Outcome::settled(LeadState::Refused { why, detail: None })
}
