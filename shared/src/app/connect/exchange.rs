use jiff::SignedDuration;
use secrecy::SecretString;

use super::{Connect, ConnectError};
use crate::domain::budget::Reservation;
use crate::domain::handshake::Handshake;
use crate::domain::ids::AppId;
use crate::domain::token::Grant;
use crate::ports::{Apps as _, Authorization as _, Budget as _, Clock as _, TokenError, Wiring};

/// How long a person waits for a turn at the token endpoint, which takes one call a second.
const PATIENCE: SignedDuration = SignedDuration::from_secs(8);

/// Times a turn may have passed, because the store was slow to give it out.
const TURNS: u32 = 3;

/// A turn that has passed by more than this is no longer ours.
const LATE: SignedDuration = SignedDuration::from_millis(20);

impl<W: Wiring> Connect<W> {
    /// Exchanges a code. It is good once, so there is one try; a second follows only where the endpoint did not know
    /// the application, looks at no code then, and the secret may have been changed since it was last read.
    pub(super) async fn exchange(
        &self,
        handshake: &Handshake,
        code: &SecretString,
    ) -> Result<Grant, ConnectError> {
        match self.try_exchange(handshake, code, false).await? {
            Err(TokenError::InvalidClient) => self.try_exchange(handshake, code, true).await?,
            answer => answer,
        }
        .map_err(|error| {
            tracing::warn!(customer.id = %handshake.customer, %error, "a code was not exchanged");
            match error {
                TokenError::InvalidGrant => ConnectError::CodeRefused,
                TokenError::InvalidClient => ConnectError::AppUnknown,
                TokenError::Throttled => ConnectError::Busy,
                TokenError::Unavailable | TokenError::AnswerLost => ConnectError::Unavailable,
            }
        })
    }

    async fn try_exchange(
        &self,
        handshake: &Handshake,
        code: &SecretString,
        anew: bool,
    ) -> Result<Result<Grant, TokenError>, ConnectError> {
        let app = self.apps.credentials(&handshake.app, anew).await?;
        let app = app.ok_or(ConnectError::AppUnknown)?;
        self.await_turn(&handshake.app).await?;
        let verifier = handshake.verifier.as_ref();
        Ok(self.oauth.exchange(&app, code, verifier).await)
    }

    async fn await_turn(&self, app: &AppId) -> Result<(), ConnectError> {
        let mut ahead = SignedDuration::ZERO;
        for _ in 0..TURNS {
            let now = self.clock.now();
            let turn = self
                .budget
                .reserve_token_call(app, now + ahead, now + PATIENCE)
                .await?;
            let Reservation::Granted(moments) = turn else {
                break;
            };
            let moment = moments.first().copied().unwrap_or(now);
            let late = self.clock.now().duration_since(moment);
            if late <= LATE {
                self.clock.sleep_until(moment).await;
                return Ok(());
            }
            ahead = late * 2;
        }
        Err(ConnectError::Busy)
    }
}
