//! Screening: whether a submission comes from a person. What looks like a robot's is set aside, never lost; so is what
//! cannot be checked because the captcha's provider fails.

use jiff::Timestamp;

use super::{Arrival, Channel, Intake};
use crate::domain::captcha::{Captcha, OnFailure};
use crate::domain::contact::{Note, NoteKind};
use crate::domain::form::Form;
use crate::domain::lead::{FieldError, QuarantineReason, Rejection};
use crate::domain::screening::{HiddenFields, TIME_FIELD};
use crate::ports::{CaptchaCheck as _, CaptchaOutcome, Wiring, causes};

/// The message if a captcha has no answer: the person ignored it, or never saw it.
const NOT_MADE: &str = "please show that you are not a robot; if you see no check for that, allow scripts on this page and reload it";

/// The message if the answer was wrong, or used before.
const NOT_PASSED: &str = "please show once more that you are not a robot";

/// What happens to a submission.
pub(super) enum Verdict {
    /// It goes out, perhaps with a note.
    Passes(Option<Note>),
    /// A person decides.
    Quarantined(QuarantineReason),
    /// Its sender may try again.
    Refused(Rejection),
    /// The same, unless an equal submission has used up the captcha's answer, which is valid once.
    Failed(Rejection),
}

/// What a submission shows by itself, before anybody is asked.
pub(super) enum Precheck<'a> {
    /// That is enough.
    Decided(Verdict),
    /// The captcha's provider has to check this answer; if it is valid, the submission passes, perhaps with a note.
    NeedsCaptcha(&'a Captcha, &'a str, Option<Note>),
}

impl<W: Wiring> Intake<W> {
    pub(super) async fn screen(&self, form: &Form, arrival: &Arrival, now: Timestamp) -> Verdict {
        let (captcha, answer, late) = match self.precheck(form, arrival, now) {
            Precheck::Decided(verdict) => return verdict,
            Precheck::NeedsCaptcha(captcha, answer, late) => (captcha, answer, late),
        };
        match self.captcha.check(&form.id, captcha, answer).await {
            Ok(CaptchaOutcome::Passed) => Verdict::Passes(late),
            Ok(CaptchaOutcome::Failed) => match failed(captcha, NOT_PASSED) {
                Verdict::Refused(rejection) => Verdict::Failed(rejection),
                verdict => verdict,
            },
            Err(error) => {
                tracing::error!(
                    form.id = %form.id,
                    error = %causes(&error),
                    "a captcha could not be checked"
                );
                Verdict::Quarantined(QuarantineReason::Captcha)
            }
        }
    }

    pub(super) fn precheck<'a>(
        &self,
        form: &'a Form,
        arrival: &'a Arrival,
        now: Timestamp,
    ) -> Precheck<'a> {
        if arrival.channel == Channel::Webhook {
            return Precheck::Decided(Verdict::Passes(None));
        }
        let rules = &form.screening;
        let late = match rules.check_hidden_fields(&arrival.fields, &form.id, &self.keys, now) {
            HiddenFields::Bot(why) => return Precheck::Decided(Verdict::Quarantined(why)),
            HiddenFields::Stale => Some(Note {
                field: TIME_FIELD.to_owned(),
                what: NoteKind::StaleForm,
            }),
            HiddenFields::Clean => None,
        };
        let Some(captcha) = &rules.captcha else {
            return Precheck::Decided(Verdict::Passes(late));
        };
        let answer = arrival.fields.get(captcha.provider.field());
        match answer.unwrap_or_default().trim() {
            "" => Precheck::Decided(failed(captcha, NOT_MADE)),
            answer => Precheck::NeedsCaptcha(captcha, answer, late),
        }
    }
}

/// What happens to a submission without a valid answer to the captcha.
fn failed(captcha: &Captcha, words: &str) -> Verdict {
    match captcha.on_failure {
        OnFailure::Quarantine => Verdict::Quarantined(QuarantineReason::Captcha),
        OnFailure::Refuse => Verdict::Refused(Rejection {
            errors: vec![FieldError {
                field: captcha.provider.field().to_owned(),
                code: "captcha_failed",
                message: words.to_owned(),
            }],
        }),
    }
}
