use jiff::Timestamp;
use secrecy::SecretString;

use super::{Connect, ConnectError};
use crate::app::moment::{Next, await_moment};
use crate::domain::budget::{CallClass, Meter, Pause};
use crate::domain::handshake::Handshake;
use crate::domain::ids::AppId;
use crate::domain::token::Grant;
use crate::ports::{Apps as _, Authorization as _, Budget as _, Clock as _, TokenError, Wiring};

impl<W: Wiring> Connect<W> {
    /// Exchanges a code. A code is valid once, so there is one try, with the application's current secret.
    pub(super) async fn exchange(
        &self,
        handshake: &Handshake,
        code: &SecretString,
        end: Timestamp,
    ) -> Result<Grant, ConnectError> {
        let app = self.apps.credentials(&handshake.app, true).await?;
        let app = app.ok_or(ConnectError::AppUnknown)?;
        self.await_turn(&handshake.app, end).await?;
        let verifier = handshake.verifier.as_ref();
        let error = match self.oauth.exchange(&app, code, verifier).await {
            Ok(grant) => return Ok(grant),
            Err(error) => error,
        };
        tracing::warn!(customer.id = %handshake.customer, %error, "a code was not exchanged");
        Err(match error {
            TokenError::InvalidGrant => ConnectError::CodeRefused,
            TokenError::InvalidClient => ConnectError::AppUnknown,
            TokenError::Throttled { retry_after } => {
                let (now, pause) = (self.clock.now(), Pause::For(retry_after));
                let meter = Meter::Token(&handshake.app);
                self.budget.pause(meter, now, pause).await?;
                self.busy(self.clock.now() + retry_after)
            }
            TokenError::Unavailable | TokenError::AnswerLost => ConnectError::Unavailable,
        })
    }

    async fn await_turn(&self, app: &AppId, end: Timestamp) -> Result<(), ConnectError> {
        let latest = self.latest_moment(end)?;
        let (budget, meter, class) = (&self.budget, Meter::Token(app), CallClass::Interactive);
        let reserve = |want, from| budget.reserve(meter, class, want, from, latest);
        match await_moment(&self.clock, 1, reserve).await? {
            Next::At(_) => Ok(()),
            Next::NotBefore(_) | Next::Missed => Err(ConnectError::Busy),
        }
    }
}
