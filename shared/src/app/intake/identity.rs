//! Identity: what makes two submissions one lead.

use jiff::{SignedDuration, Timestamp};

use super::Arrival;
use crate::domain::form::Form;
use crate::domain::ids::{KEY_SLOT, LeadId};
use crate::domain::keys::{Purpose, SigningKeys};
use crate::domain::lead::Lead;
use crate::domain::submission::Submission;

/// Equal submissions without a key that come within one slot of time are one lead.
const SLOT: SignedDuration = SignedDuration::from_mins(1);

/// So are those that come within this time on either side of a slot's end, as a double click or an impatient reload
/// does. Only submissions this close to an end have to agree on a slot.
const REACH: SignedDuration = SignedDuration::from_secs(15);

/// How a lead is identified.
pub(super) enum Identity {
    /// By the caller's key, for this form and channel.
    Key {
        /// The key, as a digest.
        key: [u8; 32],
        /// What the submission says, as a digest.
        content: [u8; 32],
    },
    /// By its content only, as a digest.
    Content([u8; 32]),
}

impl Identity {
    pub(super) fn of(arrival: &Arrival, form: &Form, keys: &SigningKeys) -> Self {
        let digest = |text: &[u8]| keys.sign(Purpose::LeadId, text);
        let content = digest(&canonical(form, &arrival.fields));
        let Some(key) = &arrival.key else {
            return Self::Content(content);
        };
        let text = serde_json::to_vec(&("key", &form.id, arrival.channel.as_str(), key.as_str()));
        Self::Key {
            key: digest(&text.expect("texts are plain data")),
            content,
        }
    }

    /// The id of the lead in the slot of `at`.
    pub(super) fn lead_id(&self, at: Timestamp) -> LeadId {
        let (slot, digest) = match self {
            Self::Key { key, .. } => (KEY_SLOT, key),
            Self::Content(content) => (SLOT, content),
        };
        id_from(at - since_start(slot, at), digest)
    }
}

/// The same lead under another id, replacing one with its id whose person was erased before it came: the id that an
/// equal submission would get as well. A broken seal stays broken.
pub(in crate::app) fn under_new_id(lead: Lead, keys: &SigningKeys) -> Lead {
    let is_sealed = lead.is_sealed(keys);
    let id = replacement_id(&lead.id, lead.id.made_at(), keys);
    let renamed = Lead { id, ..lead };
    if is_sealed {
        renamed.sealed(keys)
    } else {
        renamed
    }
}

/// The id of a lead that replaces one whose person was erased: the same for everybody who asks for the same moment.
pub(super) fn replacement_id(erased: &LeadId, at: Timestamp, keys: &SigningKeys) -> LeadId {
    let text = serde_json::to_vec(&("after", erased)).expect("texts are plain data");
    let digest = keys.sign(Purpose::LeadId, &text);
    id_from(at, &digest)
}

fn id_from(at: Timestamp, digest: &[u8; 32]) -> LeadId {
    let random = digest[..10]
        .iter()
        .fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
    LeadId::at(at, random)
}

/// When the turn from one slot to the next is over, for a submission without a key that comes during it.
pub(super) fn turn_end(at: Timestamp) -> Option<Timestamp> {
    let left = REACH * 2 - since_start(SLOT, at + REACH);
    left.is_positive().then(|| at + left)
}

/// The whole milliseconds since the slot of `at` began.
fn since_start(slot: SignedDuration, at: Timestamp) -> SignedDuration {
    SignedDuration::from_millis(at.as_millisecond().rem_euclid(slot.as_secs() * 1_000))
}

/// The text that makes two submissions equal: the form and every field of its sender, in any order.
fn canonical(form: &Form, fields: &Submission) -> Vec<u8> {
    let own = |(name, _): &(&str, &str)| !form.screening.is_ours(name);
    let mut pairs: Vec<_> = fields.iter().filter(own).collect();
    pairs.sort_unstable();
    serde_json::to_vec(&(&form.id, pairs)).expect("texts are plain data")
}
