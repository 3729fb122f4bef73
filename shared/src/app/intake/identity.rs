//! What makes two submissions one lead.

use jiff::{SignedDuration, Timestamp};
use ulid::Ulid;

use super::{Accepted, Arrival, Intake, IntakeError};
use crate::domain::form::Form;
use crate::domain::ids::{KEY_LIVES, KEY_SLOT, LeadId};
use crate::domain::keys::{Purpose, SigningKeys};
use crate::domain::lead::LeadRecord;
use crate::domain::submission::Submission;
use crate::ports::{Dice as _, Idempotency as _, KeyClaim, KeyClaimed, Ledger as _, Wiring};

/// When two submissions are one lead: when they fall into one slot of time, or when the second comes so early in the
/// slot after that it is within reach. Only what comes early has to look back.
struct Window {
    slot: SignedDuration,
    reach: SignedDuration,
}

/// For equal submissions of a form: what a double click or an impatient reload does.
const CLICKS: Window = Window {
    slot: SignedDuration::from_mins(1),
    reach: SignedDuration::from_secs(15),
};

/// For submissions with one key, should the table that remembers keys be out of reach.
const KEYS: Window = Window {
    slot: KEY_SLOT,
    reach: KEY_SLOT,
};

/// Longer than a request can be at work: the function's time and a little.
pub const AT_WORK: SignedDuration = SignedDuration::from_secs(30);

/// How a lead is known.
pub(super) struct Identity {
    /// What the submission says, whatever the order of its fields.
    content: [u8; 32],
    /// The caller's key, of this form and door.
    key: Option<[u8; 32]>,
}

/// Whether a submission has been here.
pub(super) enum Seen {
    /// It has; what it was told then.
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

/// What became of a submission's key.
enum Claim {
    /// It has none, or the table that remembers keys is out of reach.
    None,
    /// It is this submission's now.
    Fresh(String),
    /// It stands for something already.
    Known(Box<KeyClaim>),
}

impl Identity {
    pub(super) fn of(arrival: &Arrival, form: &Form, keys: &SigningKeys) -> Self {
        let digest = |text: &[u8]| keys.sign(Purpose::LeadId, text);
        let key = arrival.key.as_ref().map(|key| {
            let text = serde_json::to_vec(&("key", &form.id, arrival.door.word(), key.as_str()));
            digest(&text.expect("texts are plain data"))
        });
        Self {
            content: digest(&canonical(form, &arrival.fields)),
            key,
        }
    }

    /// The id of the lead in the slot of `at`.
    fn lead_id(&self, at: Timestamp) -> LeadId {
        let digest = self.key.as_ref().unwrap_or(&self.content);
        let random = digest[..10]
            .iter()
            .fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
        LeadId::new(Ulid::from_parts(self.window().start(at), random))
    }

    /// The id that the lead has if it came in the slot before, and that slot is within reach.
    fn earlier_id(&self, at: Timestamp) -> Option<LeadId> {
        let window = self.window();
        window
            .reaches_back(at)
            .then(|| self.lead_id(at - window.slot))
    }

    fn window(&self) -> &'static Window {
        self.key.map_or(&CLICKS, |_| &KEYS)
    }
}

impl Window {
    /// The start of the slot of `at`, in milliseconds since 1970.
    fn start(&self, at: Timestamp) -> u64 {
        let start = i128::from(at.as_millisecond()) - self.since_start(at);
        u64::try_from(start).unwrap_or_default()
    }

    fn reaches_back(&self, at: Timestamp) -> bool {
        self.since_start(at) < self.reach.as_millis()
    }

    /// Milliseconds since the start of the slot.
    fn since_start(&self, at: Timestamp) -> i128 {
        i128::from(at.as_millisecond()).rem_euclid(self.slot.as_millis())
    }
}

impl<W: Wiring> Intake<W> {
    /// Looks whether a submission has been here, and claims its key if it has one.
    ///
    /// The claim only fixes the lead's id: that of the lead that came in the slot before without a claim, if one did.
    /// Whoever dies after it leaves a key that means no lead yet; the next request with the key goes on with that id,
    /// so there are never two leads. A ledger out of reach is no reason to refuse: the id follows from the key or the
    /// content anyway.
    pub(super) async fn look_back(
        &self,
        form: &Form,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<Seen, IntakeError> {
        let earlier = self.earlier(form, identity, now).await;
        let id = match &earlier {
            Some(record) => record.lead.id.clone(),
            None => identity.lead_id(now),
        };
        let claimed = match self.claim_key(form, identity, &id, now).await? {
            Claim::Known(known) => return self.resume(form, *known, now).await,
            Claim::Fresh(key) => Some(key),
            Claim::None => None,
        };
        Ok(match earlier {
            Some(record) => Seen::Before(again(&record)),
            None => Seen::Never(New { id, claimed }),
        })
    }

    /// The lead that the submission was in the slot before, if that is within reach.
    async fn earlier(
        &self,
        form: &Form,
        identity: &Identity,
        now: Timestamp,
    ) -> Option<LeadRecord> {
        let earlier = identity.earlier_id(now)?;
        let found = self.ledger.lead(&form.customer, &earlier).await;
        found.ok().flatten()
    }

    /// Goes on where the request that claimed the key came to.
    async fn resume(
        &self,
        form: &Form,
        known: KeyClaim,
        now: Timestamp,
    ) -> Result<Seen, IntakeError> {
        match self.ledger.lead(&form.customer, &known.lead).await {
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

    /// Gives back what a submission has claimed that is refused after all, so that it can be corrected.
    pub(super) async fn give_back(&self, form: &Form, new: &New) {
        let Some(key) = &new.claimed else {
            return;
        };
        let freed = self.ledger.free_key(&form.customer, key, &new.id).await;
        if let Err(error) = freed {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a key was not freed"
            );
        }
    }

    /// Claims the submission's key for the lead, unless it stands for something already.
    async fn claim_key(
        &self,
        form: &Form,
        identity: &Identity,
        lead: &LeadId,
        now: Timestamp,
    ) -> Result<Claim, IntakeError> {
        let Some(key) = &identity.key else {
            return Ok(Claim::None);
        };
        let claim = KeyClaim {
            lead: lead.clone(),
            content: hex::encode(identity.content),
            owner: hex::encode(self.dice.roll()),
            until: now + AT_WORK,
            expires_at: now + KEY_LIVES,
        };
        let key = hex::encode(key);
        match self
            .ledger
            .claim_key(&form.customer, &key, &claim, now)
            .await
        {
            Ok(KeyClaimed::Fresh) => Ok(Claim::Fresh(key)),
            Ok(KeyClaimed::Known(known)) if known.content == claim.content => {
                Ok(Claim::Known(known))
            }
            Ok(KeyClaimed::Known(_)) => Err(IntakeError::KeyReused),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a key was not claimed"
                );
                Ok(Claim::None)
            }
        }
    }
}

/// What a submission is told that has been here: the same as the first time.
pub(super) fn again(record: &LeadRecord) -> Accepted {
    let first = record.timeline.first().map(|line| &line.state);
    Accepted {
        lead: record.lead.id.clone(),
        status: super::told(first.unwrap_or(&record.state)),
        repeated: true,
    }
}

/// The text by which two submissions are equal: the form and every field of its sender, whatever their order.
fn canonical(form: &Form, fields: &Submission) -> Vec<u8> {
    let own = |(name, _): &(&str, &str)| !form.screening.is_ours(name);
    let mut pairs: Vec<_> = fields.iter().filter(own).collect();
    pairs.sort_unstable();
    serde_json::to_vec(&(&form.id, pairs)).expect("texts are plain data")
}

/// Whole seconds, rounded up.
fn seconds(wait: SignedDuration) -> u32 {
    u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX)
}
