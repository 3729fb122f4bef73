//! The OAuth flow that connects a customer's account: from the mailed link to the chosen lists, and back.
//!
//! A link starts one connection attempt. The attempt belongs to the browser that started it (a cookie), comes back once
//! (a handshake that only one of any number of callbacks takes out of the store), and stores tokens before anything
//! says that they exist. Whatever goes wrong, a connection that worked before goes on working, with the exceptions that
//! [`Connect::handle_callback`] names.

mod callback;
mod choose;
mod disconnect;
mod error;
mod exchange;
mod pair;
mod remote;
mod session;
mod start;
mod state;
mod verdict;
mod waiting;

pub use callback::{CallbackOutcome, CallbackParams};
pub use choose::{Choice, ChoiceFault, Connected, terms};
pub use disconnect::disconnect;
pub use error::ConnectError;
pub use session::{SESSION_LIFETIME, Session};
pub use start::{AuthorizationRedirect, Welcome};
pub(in crate::app) use verdict::may_write_contacts;
pub use waiting::Waiting;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::app::moment::CALL_TAKES;
use crate::app::publish::publish_status;
use crate::domain::connection::ConnectionStatus;
use crate::domain::ids::CustomerId;
use crate::domain::keys::SigningKeys;
use crate::ports::{Clock as _, StoreError, Wiring};

/// How long a person waits for free calls.
const MAX_WAIT: SignedDuration = SignedDuration::from_secs(8);

/// How long the calls of a step may take. Its function is ended after 29 s, and then the gateway answers instead.
const STEP_TAKES: SignedDuration = SignedDuration::from_secs(24);

/// Connects accounts.
pub struct Connect<W: Wiring> {
    /// Customers, their connections, handshakes and links.
    pub directory: W::Directory,
    /// Tokens.
    pub vault: W::Vault,
    /// Applications.
    pub apps: W::Apps,
    /// The token endpoint.
    pub oauth: W::OAuth,
    /// The account at the other end.
    pub crm: W::Crm,
    /// The applications' call budgets.
    pub budget: W::Budget,
    /// Leads that wait for the connection.
    pub ledger: W::Ledger,
    /// The queue to the drain.
    pub queue: W::Queue,
    /// Where changes of a connection are published.
    pub events: W::Events,
    /// The time.
    pub clock: W::Clock,
    /// States, verifiers and session ids.
    pub random: W::SecureRandom,
    /// What links and sessions are signed with.
    pub keys: SigningKeys,
    /// Our own address and the authorization server's.
    pub site: Site,
}

/// The addresses of this stack and of the server it sends people to. All of it is configuration; nothing is taken from
/// a request.
#[derive(Debug, Clone)]
pub struct Site {
    /// The name that the service goes by with its customers.
    pub service: String,
    /// The public address, without a closing slash.
    pub public_url: String,
    /// The authorization server, without a closing slash.
    pub auth_url: Url,
    /// Whether an authorization carries a PKCE challenge.
    pub pkce: bool,
    /// The stack a new connection belongs to.
    pub stack: String,
}

impl Site {
    /// Where the authorization server sends the browser back to; registered with the application.
    #[must_use]
    pub fn redirect_uri(&self) -> String {
        format!("{}/oauth/callback", self.public_url)
    }
}

impl<W: Wiring> Connect<W> {
    /// When the calls of a step that begins now have to be over.
    fn end_of_step(&self) -> Timestamp {
        self.clock.now() + STEP_TAKES
    }

    /// The latest moment to wait for, for a call that has to be over by `end`.
    fn latest_moment(&self, end: Timestamp) -> Result<Timestamp, ConnectError> {
        let (now, latest) = (self.clock.now(), end - CALL_TAKES);
        if latest < now {
            return Err(ConnectError::Unavailable); // the earlier calls took the time
        }
        Ok(latest.min(now + MAX_WAIT))
    }

    /// Ends a connection, including one that is being made.
    async fn end(&self, customer: &CustomerId) -> Result<(), StoreError> {
        let now = self.clock.now();
        disconnect(&self.directory, &self.vault, &self.events, customer, now).await
    }

    /// Publishes the connection's status.
    async fn publish_status(&self, customer: &CustomerId, status: &ConnectionStatus) {
        publish_status(&self.events, customer, status, self.clock.now()).await;
    }
}

#[cfg(test)]
mod tests;
