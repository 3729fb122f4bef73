//! Accepting a lead: what was answered with success is kept, whichever of queue and ledger fails.

mod duplicates;
mod identity;
mod keep;
mod rates;
mod retention;
mod screen;
#[cfg(test)]
mod tests;

use jiff::SignedDuration;

pub use self::duplicates::IN_FLIGHT_FOR;
use self::duplicates::{Lookup, NewLead, accepted_before};
use self::identity::Identity;
pub(in crate::app) use self::identity::renamed;
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

/// The most that one submission asks of stores, queue and captcha, one after the other.
///
/// Its form is read, counters of the minute are added to, a lead of the slot before is looked for, its key is claimed, the
/// lead that the key stands for is looked for, the captcha's secret is read, counters of the day are added to, the lead is
/// sent, recorded, and brought back if it was set aside. Two counters are added to at one time. Where the lead that the key
/// stands for is erased, the key is claimed once more, and nothing is to be brought back. A refused one asks for less.
pub const MOST_STEPS: u32 = 10;

/// When the scheduler looks after a lead that the queue did not take.
pub(super) const RECEIVED_CHECK: SignedDuration = SignedDuration::from_secs(60);

/// Accepts leads.
pub struct Intake<W: Wiring> {
    /// Where forms and customers are found.
    pub directory: W::Directory,
    /// Where leads are recorded.
    pub ledger: W::Ledger,
    /// Where they are handed on.
    pub queue: W::Queue,
    /// The time.
    pub clock: W::Clock,
    /// Randomness.
    pub random: W::SecureRandom,
    /// Who tells people from robots.
    pub captcha: W::Captcha,
    /// What consents are sealed with.
    pub keys: SigningKeys,
    /// What this process has let through.
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
    /// What its sender calls it, so that the same one can be sent again.
    pub key: Option<IdempotencyKey>,
}

/// How submissions come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// A form in a browser, whose sender is nobody we know.
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
    /// Whether it was here before this submission.
    pub repeated: bool,
}

/// What would become of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsed {
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
    /// The form takes no more leads.
    #[error("the form is closed")]
    ClosedForm,
    /// The form takes what its owner's server signs, and nothing else.
    #[error("the form takes signed leads only")]
    SignatureRequired,
    /// The submission is no lead.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The form, or the sender's address at it, has no room for more at the moment.
    #[error("more submissions than the form takes in a minute")]
    TooMany {
        /// In so many seconds it has.
        wait: u32,
    },
    /// Another submission came with this key.
    #[error("the key was used for another submission")]
    KeyReused,
    /// A submission with this key is still being processed.
    #[error("a submission with this key is still being processed")]
    InFlight {
        /// In so many seconds it will be done, or has failed.
        wait: u32,
    },
    /// It was not surely kept, and may be sent again.
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

    /// Takes a submission in. Success means that the lead is in the queue, in the ledger, or in both; one that is
    /// set aside is in the ledger alone, and its sender is told the same.
    ///
    /// # Errors
    /// [`IntakeError::TooMany`]; [`IntakeError::Rejected`] with the fields at fault; [`IntakeError::KeyReused`] and
    /// [`IntakeError::InFlight`] for its key; [`IntakeError::Unavailable`] when it could not be kept.
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
        let aside = match self.screen(form, &arrival, now).await {
            Verdict::Passes(note) => {
                parsed.notes.extend(note);
                let email = &parsed.contact.email;
                self.over_today(form, arrival.channel, email, now).await
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
        self.keep(lead, aside).await
    }

    /// What would become of a submission, of which nothing is kept. An answer to a captcha is good once, so it is taken
    /// for good and its provider is not asked; nor is the key looked up, nor a day's limit. It takes the room of a
    /// submission in its minute: else a robot could try out for nothing what is taken for one.
    ///
    /// # Errors
    /// [`IntakeError::TooMany`], [`IntakeError::Rejected`].
    pub async fn rehearse(&self, form: &Form, arrival: &Arrival) -> Result<Rehearsed, IntakeError> {
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
        Ok(Rehearsed { lead, state })
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
