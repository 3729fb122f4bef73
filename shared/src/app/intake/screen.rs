//! Whether a submission is a person's. What looks like a robot's is set aside, never lost; what cannot be told for
//! want of the captcha's provider is set aside too.

use jiff::Timestamp;

use super::{Arrival, Door, Intake};
use crate::domain::captcha::{Captcha, OnFailure};
use crate::domain::contact::{Note, NoteKind};
use crate::domain::form::Form;
use crate::domain::lead::{FieldError, QuarantineReason, Rejection};
use crate::domain::screening::{Bearing, TIME_FIELD};
use crate::ports::{CaptchaCheck as _, Checked, Wiring};

/// What becomes of a submission.
pub(super) enum Verdict {
    /// It goes out, perhaps with a remark.
    Passes(Option<Note>),
    /// A person decides.
    Quarantined(QuarantineReason),
    /// Its sender has another try.
    Refused(Rejection),
}

impl<W: Wiring> Intake<W> {
    pub(super) async fn screen(&self, form: &Form, arrival: &Arrival, now: Timestamp) -> Verdict {
        if arrival.door == Door::Webhook {
            return Verdict::Passes(None);
        }
        let rules = &form.screening;
        let late = match rules.bearing(&arrival.fields, &form.id, &self.keys, now) {
            Bearing::Robotic(why) => return Verdict::Quarantined(why),
            Bearing::Late => Some(Note {
                field: TIME_FIELD.to_owned(),
                what: NoteKind::StaleForm,
            }),
            Bearing::Plain => None,
        };
        match &rules.captcha {
            None => Verdict::Passes(late),
            Some(captcha) => self.check(form, captcha, arrival, late).await,
        }
    }

    async fn check(
        &self,
        form: &Form,
        captcha: &Captcha,
        arrival: &Arrival,
        late: Option<Note>,
    ) -> Verdict {
        let provider = captcha.provider;
        let ip = arrival.origin.ip.as_deref();
        let answer = arrival.fields.get(provider.field()).unwrap_or_default();
        let checked = match answer.trim() {
            "" => Ok(Checked::Failed),
            answer => self.captcha.check(&form.id, provider, answer, ip).await,
        };
        match (checked, captcha.on_failure) {
            (Ok(Checked::Passed), _) => Verdict::Passes(late),
            (Ok(Checked::Failed), OnFailure::Refuse) => Verdict::Refused(Rejection {
                errors: vec![FieldError {
                    field: provider.field().to_owned(),
                    code: "captcha_failed",
                    message: "please show once more that you are not a robot".to_owned(),
                }],
            }),
            (Ok(Checked::Failed), OnFailure::Quarantine) => {
                Verdict::Quarantined(QuarantineReason::Captcha)
            }
            (Err(error), _) => {
                tracing::error!(
                    form.id = %form.id,
                    error = &error as &dyn std::error::Error,
                    "a captcha could not be checked"
                );
                Verdict::Quarantined(QuarantineReason::Captcha)
            }
        }
    }
}
