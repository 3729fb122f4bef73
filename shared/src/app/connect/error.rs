use jiff::Timestamp;

use crate::domain::token::GrantError;
use crate::ports::StoreError;

use super::choose::ChoiceFault;

/// Why a step of connecting was not done. What the person can do about it differs for each.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The link is forged, for another purpose, expired, used up or its customer's is gone: all said alike.
    #[error("the link cannot be used")]
    Link,
    /// The browser sent no cookie of ours along: it keeps none, or another site's page sent this form.
    #[error("the browser sent no cookie")]
    NoCookie,
    /// This browser is not on its way through a connection.
    #[error("the browser has no session")]
    Session,
    /// The form was shown to a session that another link has replaced in this browser, maybe another customer's.
    #[error("another link was used in the browser since")]
    Replaced,
    /// This browser has started, and no account is connected since.
    #[error("no account is connected yet")]
    NotConnected,
    /// The browser came back without a state, or with neither a code nor an error.
    #[error("the answer is not complete")]
    Incomplete,
    /// A state that was never given out, is too old, or was used by somebody else.
    #[error("unknown state")]
    UnknownState,
    /// A state that was used, coming from the browser that started: it clicked twice or went back.
    #[error("the state was used before")]
    UsedState {
        /// Whether the account is connected by now.
        connected: bool,
    },
    /// A state that another browser was given.
    #[error("the state belongs to another browser")]
    OtherBrowser,
    /// Somebody else's authorization server speaks.
    #[error("the answer is from another issuer")]
    WrongIssuer,
    /// The authorization server did not let the application ask.
    #[error("the authorization server refused the application")]
    AppRefused,
    /// Nobody has stored the application's id and secret, or they are not right.
    #[error("the application is not set up")]
    AppUnknown,
    /// The application is switched off, or not approved for accounts of others.
    #[error("the application may not use this account")]
    AppForbidden,
    /// The code is used, expired or not ours.
    #[error("the code is not valid")]
    CodeRefused,
    /// What was granted is not enough.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The person who agreed may not write contacts, and what was connected before is kept.
    #[error("the user lacks the right to write contacts")]
    MissingPrivilege,
    /// The person who agreed connects another customer, whom nobody names here.
    #[error("the user connects another customer")]
    UserTaken,
    /// Constant Contact did not answer, or nothing that can be read.
    #[error("Constant Contact is not available")]
    Unavailable,
    /// It would have to wait too long: calls are spent, or somebody else is at it.
    #[error("busy")]
    Busy,
    /// The same, for so long that nobody waits for it: the day's calls are spent, or the API asked to wait.
    #[error("no calls before {until}")]
    NoCalls {
        /// When there are calls again.
        until: Timestamp,
    },
    /// The account is not connected, or something is to be done first: its page says what.
    #[error("the connection is not ready for this step")]
    NotReady,
    /// The lists and terms are not as they should be.
    #[error("the choice is not complete")]
    Choice(Vec<ChoiceFault>),
    /// The new list of a choice could not be made for now; the choice can be saved again.
    #[error("the new list was not made")]
    NoNewList(#[source] Box<ConnectError>),
    /// The form is longer than any that this stack shows.
    #[error("the form is too long")]
    TooLong,
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
