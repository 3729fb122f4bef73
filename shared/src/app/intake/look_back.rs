//! Whether a submission has been here.

use jiff::{SignedDuration, Timestamp};

use super::identity::{Identity, id_after, turn};
use super::keep::told;
use super::{Accepted, Intake, IntakeError};
use crate::domain::form::Form;
use crate::domain::ids::{CustomerId, KEY_LIVES, KEY_SLOT, LeadId};
use crate::domain::lead::LeadRecord;
use crate::ports::{
    Clock as _, Dice as _, Idempotency as _, KeyClaim, KeyClaimed, Ledger as _, Wiring, causes,
};

/// Longer than a request can be at work: the function's time and a little.
pub const AT_WORK: SignedDuration = SignedDuration::from_secs(30);

/// So long after its captcha was checked a lead is surely recorded, which it is once the queue has it.
const RECORDED_WITHIN: SignedDuration = SignedDuration::from_millis(500);

/// What is known of a submission.
pub(super) enum Seen {
    /// It has been here; what it was told then.
    Before(Accepted),
    /// Not that anybody knew.
    Never(New),
}

/// A submission that is new.
pub(super) struct New {
    /// The id it is to have.
    pub(super) id: LeadId,
    /// The key that it has claimed, by its digest.
    claimed: Option<String>,
}

impl<W: Wiring> Intake<W> {
    /// Looks whether a submission has been here, and fixes the id of its lead.
    pub(super) async fn look_back(
        &self,
        form: &Form,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<Seen, IntakeError> {
        match identity {
            Identity::Key { key, content } => {
                let (key, content) = (hex::encode(key), hex::encode(content));
                self.look_for_key(form, identity, key, content, now).await
            }
            Identity::Content(content) => {
                let own = identity.lead_id(now);
                let id = self.agreed(&form.customer, own, hex::encode(content), now);
                let (id, claimed) = (id.await, None);
                Ok(Seen::Never(New { id, claimed }))
            }
        }
    }

    /// Claims the submission's key, unless it stands for something already.
    ///
    /// The claim only fixes the lead's id: that of the lead that came in the slot before without a claim, if one did.
    /// Whoever dies after it leaves a key that means no lead yet; the next request with the key goes on with that id,
    /// so there are never two leads. A ledger out of reach is no reason to refuse: the id follows from the key anyway.
    async fn look_for_key(
        &self,
        form: &Form,
        identity: &Identity,
        key: String,
        content: String,
        now: Timestamp,
    ) -> Result<Seen, IntakeError> {
        let customer = &form.customer;
        let before = identity.lead_id(now - KEY_SLOT);
        let earlier = self.ledger.lead(customer, &before).await.ok().flatten();
        let earlier = earlier.filter(|record| !record.was_erased_before(now));
        let id = match &earlier {
            Some(record) => record.lead.id.clone(),
            None => identity.lead_id(now),
        };
        let claim = self.claim(id, content, now + KEY_LIVES, now);
        let claimed = self.ledger.claim_key(customer, &key, &claim, None, now);
        let claimed = match claimed.await {
            Ok(KeyClaimed::Fresh) => Some(key),
            Ok(KeyClaimed::Known(known)) => {
                return self.resume(customer, key, claim, *known, now).await;
            }
            Err(error) => {
                tracing::warn!(
                    error = %causes(&error),
                    "a key was not claimed"
                );
                None
            }
        };
        Ok(match earlier {
            Some(record) => Seen::Before(again(&record)),
            None => Seen::Never(New {
                id: claim.lead,
                claimed,
            }),
        })
    }

    /// Goes on where the request that claimed the key came to. A key whose lead was erased is as good as new, whatever the
    /// submission says.
    async fn resume(
        &self,
        customer: &CustomerId,
        key: String,
        claim: KeyClaim,
        known: KeyClaim,
        now: Timestamp,
    ) -> Result<Seen, IntakeError> {
        match self.ledger.lead(customer, &known.lead).await {
            Ok(Some(record)) if record.was_erased_before(now) => {
                self.begin_anew(customer, key, claim, &known.lead, now)
                    .await
            }
            _ if known.content != claim.content => Err(IntakeError::KeyReused),
            Ok(Some(record)) => Ok(Seen::Before(again(&record))),
            _ if now < known.until => Err(IntakeError::InFlight {
                wait: seconds(known.until.duration_since(now)),
            }),
            _ => Ok(Seen::Never(New {
                id: known.lead,
                claimed: None,
            })),
        }
    }

    /// Claims the key of an erased lead for another one. Whoever comes second waits for the first.
    async fn begin_anew(
        &self,
        customer: &CustomerId,
        key: String,
        claim: KeyClaim,
        erased: &LeadId,
        now: Timestamp,
    ) -> Result<Seen, IntakeError> {
        let claim = KeyClaim {
            lead: id_after(erased, now, &self.keys),
            ..claim
        };
        let ledger = &self.ledger;
        let claimed = ledger.claim_key(customer, &key, &claim, Some(erased), now);
        match claimed.await {
            Ok(KeyClaimed::Fresh) => Ok(Seen::Never(New {
                id: claim.lead,
                claimed: Some(key),
            })),
            Ok(KeyClaimed::Known(_)) => Err(IntakeError::InFlight {
                wait: seconds(AT_WORK),
            }),
            Err(error) => {
                tracing::error!(
                    error = %causes(&error),
                    "the key of an erased lead was not claimed"
                );
                Err(IntakeError::Unavailable)
            }
        }
    }

    /// The lead that an equal submission has just become, recorded or about to be.
    pub(super) async fn twin(&self, form: &Form, new: &New, now: Timestamp) -> Option<LeadRecord> {
        let look = async || {
            let found = self.ledger.lead(&form.customer, &new.id).await;
            let found = found.ok().flatten();
            found.filter(|record| !record.was_erased_before(now))
        };
        if let Some(record) = look().await {
            return Some(record);
        }
        let later = self.clock.now() + RECORDED_WITHIN;
        self.clock.sleep_until(later).await;
        look().await
    }

    /// Gives back what a submission has claimed that is refused after all, so that it can be corrected.
    pub(super) async fn give_back(&self, form: &Form, new: &New) {
        let Some(key) = &new.claimed else {
            return;
        };
        let freed = self.ledger.free_key(&form.customer, key, &new.id).await;
        if let Err(error) = freed {
            tracing::warn!(
                error = %causes(&error),
                "a key was not freed"
            );
        }
    }

    /// The id that a submission without a key has. At the turn of a slot equal ones agree on that of the first, for
    /// which what they say is their key: one of them may be kept under the old slot while the other comes in the new.
    /// Where the ledger is out of reach, each goes by its own.
    async fn agreed(
        &self,
        customer: &CustomerId,
        own: LeadId,
        content: String,
        now: Timestamp,
    ) -> LeadId {
        let Some(end) = turn(now) else {
            return own;
        };
        let claim = self.claim(own, content, end, now);
        let ledger = &self.ledger;
        let claimed = ledger.claim_key(customer, &claim.content, &claim, None, now);
        match claimed.await {
            Ok(KeyClaimed::Known(first)) => first.lead,
            Ok(KeyClaimed::Fresh) => claim.lead,
            Err(error) => {
                tracing::warn!(
                    error = %causes(&error),
                    "a submission was not held against equal ones"
                );
                claim.lead
            }
        }
    }

    fn claim(&self, lead: LeadId, content: String, ends: Timestamp, now: Timestamp) -> KeyClaim {
        KeyClaim {
            lead,
            content,
            owner: hex::encode(self.dice.roll()),
            until: now + AT_WORK,
            expires_at: ends,
        }
    }
}

/// What a submission is told that has been here: the same as the first time.
pub(super) fn again(record: &LeadRecord) -> Accepted {
    let first = record.timeline.first().map(|line| &line.state);
    Accepted {
        lead: record.lead.id.clone(),
        status: told(first.unwrap_or(&record.state)),
        repeated: true,
    }
}

/// Whole seconds, rounded up.
fn seconds(wait: SignedDuration) -> u32 {
    u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX)
}
