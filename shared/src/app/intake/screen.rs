//! Whether a submission is a person's. What looks like a robot's is set aside, never lost; what cannot be told for
//! want of the captcha's provider is set aside too.

use jiff::Timestamp;

use super::{Arrival, Intake, Way};
use crate::domain::captcha::{Captcha, OnFailure};
use crate::domain::contact::{Note, NoteKind};
use crate::domain::form::Form;
use crate::domain::lead::{FieldError, QuarantineReason, Rejection};
use crate::domain::screening::{Bearing, TIME_FIELD};
use crate::ports::{CaptchaCheck as _, Checked, Wiring, causes};

/// Said where a captcha has no answer: its person passed it by, or never saw it.
const NOT_MADE: &str = "please show that you are not a robot; if you see no check for that, allow scripts on this page and reload it";

/// Said where the answer was wrong, or used before.
const NOT_PASSED: &str = "please show once more that you are not a robot";

/// What becomes of a submission.
pub(super) enum Verdict {
    /// It goes out, perhaps with a remark.
    Passes(Option<Note>),
    /// A person decides.
    Quarantined(QuarantineReason),
    /// Its sender has another try.
    Refused(Rejection),
    /// So it has, unless an equal submission has used its captcha's answer up, which is good once.
    Failed(Rejection),
}

/// What a look at a submission says, before anybody is asked.
pub(super) enum Look<'a> {
    /// All there is to know.
    Told(Verdict),
    /// The captcha's provider has to say whether this answer is good; if so it passes, perhaps with a remark.
    Asks(&'a Captcha, &'a str, Option<Note>),
}

impl<W: Wiring> Intake<W> {
    pub(super) async fn screen(&self, form: &Form, arrival: &Arrival, now: Timestamp) -> Verdict {
        let (captcha, answer, late) = match self.look(form, arrival, now) {
            Look::Told(verdict) => return verdict,
            Look::Asks(captcha, answer, late) => (captcha, answer, late),
        };
        let ip = arrival.origin.ip.as_deref();
        match self.captcha.check(&form.id, captcha, answer, ip).await {
            Ok(Checked::Passed) => Verdict::Passes(late),
            Ok(Checked::Failed) => match failed(captcha, NOT_PASSED) {
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

    pub(super) fn look<'a>(
        &self,
        form: &'a Form,
        arrival: &'a Arrival,
        now: Timestamp,
    ) -> Look<'a> {
        if arrival.way == Way::Webhook {
            return Look::Told(Verdict::Passes(None));
        }
        let rules = &form.screening;
        let late = match rules.bearing(&arrival.fields, &form.id, &self.keys, now) {
            Bearing::Robotic(why) => return Look::Told(Verdict::Quarantined(why)),
            Bearing::Late => Some(Note {
                field: TIME_FIELD.to_owned(),
                what: NoteKind::StaleForm,
            }),
            Bearing::Plain => None,
        };
        let Some(captcha) = &rules.captcha else {
            return Look::Told(Verdict::Passes(late));
        };
        let answer = arrival.fields.get(captcha.provider.field());
        match answer.unwrap_or_default().trim() {
            "" => Look::Told(failed(captcha, NOT_MADE)),
            answer => Look::Asks(captcha, answer, late),
        }
    }
}

/// What becomes of a submission without a captcha's good answer.
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
