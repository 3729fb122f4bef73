//! Intake: accepting leads. What was answered with success is kept, even if the queue or the ledger fails.

mod duplicates;
mod identity;
mod persist;
mod rates;
mod retention;
mod screen;
#[cfg(test)]
mod tests;

use jiff::SignedDuration;

pub use self::duplicates::IN_FLIGHT_FOR;
use self::duplicates::{Lookup, NewLead, accepted_before};
use self::identity::Identity;
pub(in crate::app) use self::identity::under_new_id;
pub use self::rates::RateLimiter;
use self::screen::{Precheck, Verdict};
use crate::domain::consent::Origin;
use crate::domain::form::Form;
use crate::domain::idempotency::IdempotencyKey;
use crate::domain::ids::{FormId, LeadId};
use crate::domain::keys::SigningKeys;
use crate::domain::lead::{Lead, LeadState, ParsedLead, Rejection};
use crate::domain::screening::stamp;
use crate::domain::submission::Submission;
use crate::ports::{Clock, Forms, Wiring, causes};

/// The most requests in sequence that one submission makes to stores, queue and captcha.
///
/// Its form is read, counters of the minute are added to, a lead of the previous slot is looked up, its key is claimed,
/// the lead that the key stands for is looked up, the captcha's secret is read, counters of the day are added to, the
/// lead is sent, recorded, and brought back if it was set aside. Two counters are added to at the same time. If the
/// lead that the key stands for is erased, the key is claimed once more, and there is nothing to bring back. A refused
/// submission takes fewer.
pub const MAX_STEPS: u32 = 10;

/// When the scheduler checks a lead that the queue did not accept.
pub(super) const RECEIVED_CHECK: SignedDuration = SignedDuration::from_secs(60);

/// Accepts leads.
pub struct Intake<W: Wiring> {
    /// Where forms and customers are found.
    pub directory: W::Directory,
    /// Where leads are recorded.
    pub ledger: W::Ledger,
    /// The queue to the drain.
    pub queue: W::Queue,
    /// The time.
    pub clock: W::Clock,
    /// Randomness.
    pub random: W::SecureRandom,
    /// The check that tells people from robots.
    pub captcha: W::Captcha,
    /// What consents are sealed with.
    pub keys: SigningKeys,
    /// How much this process has let through.
    pub limiter: RateLimiter,
}

/// A submission as it came in.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// What it says.
    pub fields: Submission,
    /// Where it came from.
    pub origin: Origin,
    /// How it came.
    pub channel: Channel,
    /// Its sender's key for it, so that it can be sent again.
    pub key: Option<IdempotencyKey>,
}

/// How submissions come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// A form in a browser, whose sender is unknown.
    Form,
    /// A server that signs what it sends.
    Webhook,
}

impl Channel {
    /// Keeps the keys of one channel apart from those of the other.
    fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Webhook => "webhook",
        }
    }

    /// Whether a form accepts leads of this channel.
    ///
    /// # Errors
    /// [`IntakeError::ClosedForm`], [`IntakeError::SignatureRequired`].
    pub fn accepted_by(self, form: &Form) -> Result<(), IntakeError> {
        match self {
            _ if !form.open => Err(IntakeError::ClosedForm),
            Self::Form if form.signed_only => Err(IntakeError::SignatureRequired),
            Self::Form | Self::Webhook => Ok(()),
        }
    }
}

/// A lead that is durably kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its id: the same for a submission that came twice.
    pub lead: LeadId,
    /// The word of the state it was first kept in.
    pub status: &'static str,
    /// Whether it existed before this submission.
    pub is_duplicate: bool,
}

/// What would become of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RehearsalOutcome {
    /// The lead, its contact as Constant Contact would get it.
    pub lead: ParsedLead,
    /// The state it would be kept in, if the day has room for it.
    pub state: LeadState,
}

/// Why a submission was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// No such form.
    #[error("no such form")]
    UnknownForm,
    /// The form accepts no more leads.
    #[error("the form is closed")]
    ClosedForm,
    /// The form accepts only what its owner's server signs.
    #[error("the form takes signed leads only")]
    SignatureRequired,
    /// The submission is no lead.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The form, or the sender's address at it, has no room for more at the moment.
    #[error("more submissions than the form takes in a minute")]
    TooMany {
        /// It will have room after this many seconds.
        wait: u32,
    },
    /// Another submission came with this key.
    #[error("the key was used for another submission")]
    KeyReused,
    /// A submission with this key is still being processed.
    #[error("a submission with this key is still being processed")]
    InFlight {
        /// It will be done, or have failed, after this many seconds.
        wait: u32,
    },
    /// It may not have been kept, and can be sent again.
    #[error("the lead could not be kept")]
    Unavailable,
}

impl<W: Wiring> Intake<W> {
    /// The form of this id, open or closed.
    ///
    /// # Errors
    /// [`IntakeError::UnknownForm`], [`IntakeError::Unavailable`].
    pub async fn form(&self, id: &str) -> Result<Form, IntakeError> {
        let id: FormId = id.parse().map_err(|_| IntakeError::UnknownForm)?;
        match self.directory.form(&id).await {
            Ok(form) => form.ok_or(IntakeError::UnknownForm),
            Err(error) => {
                tracing::error!(
                    error = %causes(&error),
                    "a form could not be read"
                );
                Err(IntakeError::Unavailable)
            }
        }
    }

    /// Takes a submission. Success means that the lead is in the queue, in the ledger, or in both; one that is set
    /// aside is only in the ledger, and its sender gets the same answer.
    ///
    /// # Errors
    /// [`IntakeError::TooMany`]; [`IntakeError::Rejected`] with the fields at fault; [`IntakeError::KeyReused`] and
    /// [`IntakeError::InFlight`] for its key; [`IntakeError::Unavailable`] if it could not be kept.
    pub async fn take(&self, form: &Form, arrival: Arrival) -> Result<Accepted, IntakeError> {
        let now = self.clock.now();
        self.admit(form, &arrival, now).await?;
        let identity = Identity::of(&arrival, form, &self.keys);
        let fields = arrival.fields.clone();
        let mut parsed = ParsedLead::parse(form, fields, &arrival.origin, now)?;
        let new = match self.find_duplicate(form, &identity, now).await? {
            Lookup::Duplicate(accepted) => return Ok(accepted),
            Lookup::New(new) => new,
        };
        let quarantine = match self.screen(form, &arrival, now).await {
            Verdict::Passes(note) => {
                parsed.notes.extend(note);
                let email = &parsed.contact.email;
                self.over_daily_limit(form, arrival.channel, email, now)
                    .await
            }
            Verdict::Quarantined(why) => Some(why),
            Verdict::Refused(rejection) => return self.refuse(form, &new, rejection).await,
            Verdict::Failed(rejection) => {
                return match self.equal_lead(form, &new, now).await {
                    Some(record) => Ok(accepted_before(&record)),
                    None => self.refuse(form, &new, rejection).await,
                };
            }
        };
        let (customer, id) = (form.customer.clone(), form.id.clone());
        let lead = Lead::new(customer, id, new.id, parsed, now, &self.keys);
        self.persist(lead, quarantine).await
    }

    /// What would become of a submission, without keeping anything. A captcha's answer is valid once, so it is assumed
    /// valid and its provider is not asked; neither the key nor a day's limit is looked up. It counts as a submission
    /// in its minute: otherwise a robot could try for free what passes.
    ///
    /// # Errors
    /// [`IntakeError::TooMany`], [`IntakeError::Rejected`].
    pub async fn rehearse(
        &self,
        form: &Form,
        arrival: &Arrival,
    ) -> Result<RehearsalOutcome, IntakeError> {
        let now = self.clock.now();
        self.admit(form, arrival, now).await?;
        let fields = arrival.fields.clone();
        let mut lead = ParsedLead::parse(form, fields, &arrival.origin, now)?;
        let state = match self.precheck(form, arrival, now) {
            Precheck::Decided(Verdict::Refused(rejection) | Verdict::Failed(rejection)) => {
                return Err(rejection.into());
            }
            Precheck::Decided(Verdict::Quarantined(why)) => LeadState::Quarantined { why },
            Precheck::Decided(Verdict::Passes(note)) | Precheck::NeedsCaptcha(_, _, note) => {
                lead.notes.extend(note);
                LeadState::Queued
            }
        };
        lead.contact = lead.contact.for_remote().0;
        Ok(RehearsalOutcome { lead, state })
    }

    /// The time at which a form is shown, for the form to carry.
    #[must_use]
    pub fn stamp(&self, form: &Form) -> String {
        stamp(&form.id, &self.keys, self.clock.now())
    }

    async fn refuse(
        &self,
        form: &Form,
        new: &NewLead,
        rejection: Rejection,
    ) -> Result<Accepted, IntakeError> {
        self.release_key(form, new).await;
        Err(rejection.into())
    }
}
