use jiff::Timestamp;

use crate::domain::token::GrantError;
use crate::ports::StoreError;

use super::choose::ChoiceFault;

/// Why a step of connecting failed. What the person can do about it differs for each.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The link is forged, for another purpose, expired or used up, or its customer is gone: the page says the same for
    /// all.
    #[error("the link cannot be used")]
    Link,
    /// The browser sent no cookie of ours: it keeps none, or another site's page sent this form.
    #[error("the browser sent no cookie")]
    NoCookie,
    /// This browser is not in the process of connecting.
    #[error("the browser has no session")]
    Session,
    /// The form was shown to a session that another link has replaced in this browser, maybe another customer's.
    #[error("another link was used in the browser since")]
    SessionReplaced,
    /// This browser has started, but no account was connected since.
    #[error("no account is connected yet")]
    NotConnected,
    /// The browser came back without a state, or with neither a code nor an error.
    #[error("the answer is not complete")]
    Incomplete,
    /// A state that was never given out, is too old, or was used by somebody else.
    #[error("unknown state")]
    UnknownState,
    /// A used state from the browser that started: it clicked twice or went back.
    #[error("the state was used before")]
    UsedState {
        /// Whether the account is connected now.
        connected: bool,
    },
    /// A state that another browser was given.
    #[error("the state belongs to another browser")]
    OtherBrowser,
    /// The answer comes from another authorization server.
    #[error("the answer is from another issuer")]
    WrongIssuer,
    /// The authorization server rejected the application.
    #[error("the authorization server refused the application")]
    AppRefused,
    /// Nobody has stored the application's id and secret, or they are wrong.
    #[error("the application is not set up")]
    AppUnknown,
    /// The application is switched off, or not approved for other people's accounts.
    #[error("the application may not use this account")]
    AppForbidden,
    /// The code is used, expired or not ours.
    #[error("the code is not valid")]
    CodeRefused,
    /// What was granted is not enough.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The person who agreed may not write contacts, so what was connected before is kept.
    #[error("the user lacks the right to write contacts")]
    MissingPrivilege,
    /// The person who agreed connects another customer, which is not named here.
    #[error("the user connects another customer")]
    UserTaken,
    /// Constant Contact gave no answer, or an unreadable one.
    #[error("Constant Contact is not available")]
    Unavailable,
    /// It would take too long: there are no calls left, or another worker is busy with it.
    #[error("busy")]
    Busy,
    /// The same, for so long that nobody waits: the day's calls are spent, or the API asked to wait.
    #[error("no calls before {until}")]
    NoCalls {
        /// When there are calls again.
        until: Timestamp,
    },
    /// The account is not connected, or something has to be done first: its page says what.
    #[error("the connection is not ready for this step")]
    NotReady,
    /// The choice of lists and terms is not valid.
    #[error("the choice is not complete")]
    Choice(Vec<ChoiceFault>),
    /// The new list of a choice could not be made now; the choice can be saved again.
    #[error("the new list was not made")]
    NoNewList(#[source] Box<ConnectError>),
    /// The form is longer than any that this stack shows.
    #[error("the form is too long")]
    TooLong,
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
