//! Duplicates: whether a submission came before, by its key or by its content.

use jiff::{SignedDuration, Timestamp};

use super::identity::{Identity, replacement_id, turn_end};
use super::persist::public_status;
use super::{Accepted, Intake, IntakeError};
use crate::domain::form::Form;
use crate::domain::ids::{CustomerId, KEY_LIVES, KEY_SLOT, LeadId};
use crate::domain::lead::LeadRecord;
use crate::ports::{
    Clock as _, Idempotency as _, KeyClaim, KeyClaimed, Ledger as _, SecureRandom as _, Wiring,
    causes,
};

/// Longer than a request can take: the function's time and a little.
pub const IN_FLIGHT_FOR: SignedDuration = SignedDuration::from_secs(30);

/// A lead is certainly recorded this long after its captcha was checked, as it is recorded once the queue has it.
const RECORDED_WITHIN: SignedDuration = SignedDuration::from_millis(500);

/// Whether a submission came before.
pub(super) enum Lookup {
    /// It came before, with this answer.
    Duplicate(Accepted),
    /// As far as anybody knows, it did not.
    New(NewLead),
}

/// A submission that is new.
pub(super) struct NewLead {
    /// The id it is to have.
    pub(super) id: LeadId,
    /// The key that it has claimed, by its digest.
    claimed: Option<String>,
}

impl<W: Wiring> Intake<W> {
    /// Whether a submission came before; if it did not, this fixes the id of its lead.
    pub(super) async fn find_duplicate(
        &self,
        form: &Form,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<Lookup, IntakeError> {
        match identity {
            Identity::Key { key, content } => {
                let (key, content) = (hex::encode(key), hex::encode(content));
                self.claim_key_of(form, identity, key, content, now).await
            }
            Identity::Content(content) => {
                let own = identity.lead_id(now);
                let id = self.agreed_id(&form.customer, own, hex::encode(content), now);
                let (id, claimed) = (id.await, None);
                Ok(Lookup::New(NewLead { id, claimed }))
            }
        }
    }

    /// Claims the submission's key, unless it stands for something already.
    ///
    /// The claim only fixes the lead's id: that of the lead that came in the previous slot without a claim, if one did.
    /// A request that dies after it leaves a key without a lead; the next request with the key continues with that id,
    /// so there are never two leads. A ledger out of reach is no reason to refuse: the id follows from the key anyway.
    async fn claim_key_of(
        &self,
        form: &Form,
        identity: &Identity,
        key: String,
        content: String,
        now: Timestamp,
    ) -> Result<Lookup, IntakeError> {
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
            Some(record) => Lookup::Duplicate(accepted_before(&record)),
            None => Lookup::New(NewLead {
                id: claim.lead,
                claimed,
            }),
        })
    }

    /// Continues from where the request that claimed the key got to. A key whose lead was erased is as good as new,
    /// whatever the submission says.
    async fn resume(
        &self,
        customer: &CustomerId,
        key: String,
        claim: KeyClaim,
        known: KeyClaim,
        now: Timestamp,
    ) -> Result<Lookup, IntakeError> {
        match self.ledger.lead(customer, &known.lead).await {
            Ok(Some(record)) if record.was_erased_before(now) => {
                self.reclaim_key(customer, key, claim, &known.lead, now)
                    .await
            }
            _ if known.content != claim.content => Err(IntakeError::KeyReused),
            Ok(Some(record)) => Ok(Lookup::Duplicate(accepted_before(&record))),
            _ if now < known.until => Err(IntakeError::InFlight {
                wait: seconds(known.until.duration_since(now)),
            }),
            _ => Ok(Lookup::New(NewLead {
                id: known.lead,
                claimed: None,
            })),
        }
    }

    /// Claims the key of an erased lead for another one. If two requests do so, the second waits for the first.
    async fn reclaim_key(
        &self,
        customer: &CustomerId,
        key: String,
        claim: KeyClaim,
        erased: &LeadId,
        now: Timestamp,
    ) -> Result<Lookup, IntakeError> {
        let claim = KeyClaim {
            lead: replacement_id(erased, now, &self.keys),
            ..claim
        };
        let ledger = &self.ledger;
        let claimed = ledger.claim_key(customer, &key, &claim, Some(erased), now);
        match claimed.await {
            Ok(KeyClaimed::Fresh) => Ok(Lookup::New(NewLead {
                id: claim.lead,
                claimed: Some(key),
            })),
            Ok(KeyClaimed::Known(_)) => Err(IntakeError::InFlight {
                wait: seconds(IN_FLIGHT_FOR),
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
    pub(super) async fn equal_lead(
        &self,
        form: &Form,
        new: &NewLead,
        now: Timestamp,
    ) -> Option<LeadRecord> {
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

    /// Gives back what a submission claimed that is refused after all, so that it can be corrected.
    pub(super) async fn release_key(&self, form: &Form, new: &NewLead) {
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

    /// The id of a submission without a key. At the turn of a slot, equal ones agree on that of the first, using their
    /// content as the key: one of them may be kept under the old slot while the other comes in the new one. If the
    /// ledger is out of reach, each uses its own.
    async fn agreed_id(
        &self,
        customer: &CustomerId,
        own: LeadId,
        content: String,
        now: Timestamp,
    ) -> LeadId {
        let Some(end) = turn_end(now) else {
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
            owner: self.random.owner_name(),
            until: now + IN_FLIGHT_FOR,
            expires_at: ends,
        }
    }
}

/// The answer to a duplicate: the same as the first time.
pub(super) fn accepted_before(record: &LeadRecord) -> Accepted {
    let first = record.timeline.first().map(|line| &line.state);
    Accepted {
        lead: record.lead.id.clone(),
        status: public_status(first.unwrap_or(&record.state)),
        is_duplicate: true,
    }
}

/// Whole seconds, rounded up.
fn seconds(wait: SignedDuration) -> u32 {
    u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX)
}
