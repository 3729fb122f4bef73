//! A connection: the OAuth authorization of one customer's Constant Contact account.

use jiff::{SignedDuration, Timestamp, ToSpan as _, tz::TimeZone};
use serde::{Deserialize, Serialize};

pub use super::catalog::{Catalog, ContactList, CustomField, CustomFieldValues, FieldKind};
use super::contact::Contact;
use super::ids::{AppId, CustomerId, RemoteId};
use super::lead::{Permission, WaitReason};
use super::token::REFRESH_MARGIN;

/// How long a worker may take for a refresh before another may try: several times the deadline of the call.
pub const LEASE_FOR: SignedDuration = SignedDuration::from_secs(60);

/// How long a connection is left alone after a refresh failed for a temporary reason.
pub const COOLDOWN: SignedDuration = SignedDuration::from_secs(30);

/// How long the account's known custom fields are taken to be all of them if a lead has a value that none of them
/// accepts.
const FIELDS_BELIEVED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The most lists that a contact can join, by the limit of Constant Contact's `sign_up_form` and of a contact itself.
pub const MAX_LISTS: usize = 50;

/// A connection. A customer that never connected has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Whose it is.
    pub customer: CustomerId,
    /// The application it was made with.
    pub app: AppId,
    /// The stack that has its tokens: two stacks that refresh one rotating token kill the connection.
    pub stack: String,
    /// Where it stands.
    #[serde(flatten)]
    pub status: ConnectionStatus,
    /// The account at the other end.
    pub account: Account,
    /// The lists that leads join unless their form names others.
    pub lists: Vec<RemoteId>,
    /// What the customer confirmed; nothing is delivered without it.
    pub terms: Option<Terms>,
    /// Lists and custom fields, as of the last time we asked.
    pub catalog: Catalog,
    /// Counts the token pairs, from 1.
    pub generation: u64,
    /// When the newest access token expires.
    pub token_expires_at: Timestamp,
    /// A refresh under way.
    pub lease: Option<Lease>,
    /// No refresh before this time: the last one failed for a temporary reason.
    pub cooldown_until: Option<Timestamp>,
    /// When the account was connected.
    pub connected_at: Timestamp,
    /// How often it was ended: an authorization begun before the last end does not connect it.
    #[serde(default)]
    pub endings: u64,
    /// What deliveries have found out about the account since.
    #[serde(flatten)]
    pub learned: Learned,
}

/// What deliveries find out about an account, so that nobody asks twice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// Lists that leads were to join, but that are gone.
    #[serde(default)]
    pub lists_gone: Vec<RemoteId>,
    /// Whether the account asks new contacts to confirm, if that was seen.
    #[serde(default)]
    pub confirmed_opt_in: Option<ConfirmedOptIn>,
    /// When custom fields were last requested since the account was connected.
    #[serde(default)]
    pub fields_read_at: Option<Timestamp>,
}

/// Whether an account asks new contacts to confirm by mail. The API shows it only on single contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmedOptIn {
    /// Whether it does.
    pub on: bool,
    /// When a contact just made showed it.
    pub seen_at: Timestamp,
}

impl ConfirmedOptIn {
    /// How long it is believed if only single leads depend on it.
    const BELIEVED_FOR: SignedDuration = SignedDuration::from_hours(24 * 7);
    /// How long it is believed if a bulk import depends on it, which would bypass the confirmation.
    const IMPORTS_BELIEVE_FOR: SignedDuration = SignedDuration::from_hours(24);

    /// The permission of a contact that a sign-up makes.
    #[must_use]
    pub fn permission(&self) -> Permission {
        if self.on {
            Permission::PendingConfirmation
        } else {
            Permission::Explicit
        }
    }

    /// Whether it was seen recently enough: for imports, or otherwise for recording single leads.
    #[must_use]
    pub fn is_current(&self, imports: bool, now: Timestamp) -> bool {
        let believed = if imports {
            Self::IMPORTS_BELIEVE_FOR
        } else {
            Self::BELIEVED_FOR
        };
        now.duration_since(self.seen_at) < believed
    }
}

/// Where a connection stands, and what the customer should do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum ConnectionStatus {
    /// Leads go out.
    Active,
    /// Connected, but nothing can go out.
    Limited {
        /// What is in the way.
        reason: LimitedReason,
    },
    /// The tokens are dead.
    NeedsReconnect {
        /// How they died.
        reason: ReconnectReason,
        /// When.
        since: Timestamp,
    },
    /// The customer, or the operator, ended it.
    Disconnected,
}

impl ConnectionStatus {
    /// Whether nothing goes out until a person acts who may not know about it. Whoever ended a connection knows.
    #[must_use]
    pub fn needs_person(&self) -> bool {
        match self {
            Self::Limited { .. } | Self::NeedsReconnect { .. } => true,
            Self::Active | Self::Disconnected => false,
        }
    }
}

/// What keeps a live connection from delivering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitedReason {
    /// The user who connected may not write contacts (a campaign creator); the owner or a manager has to connect.
    MissingPrivilege,
    /// It is another account than before; the customer has to confirm that this is intended.
    AccountChanged,
    /// The application is switched off, or not approved for other accounts.
    AppDeactivated,
    /// A scope was not granted.
    MissingScope,
}

/// How a connection died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReconnectReason {
    /// The token endpoint no longer knows the refresh token.
    InvalidGrant,
    /// The newest tokens are not stored here: they never were, were deleted, or are another stack's.
    TokenLost,
}

/// The account at the other end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// `encoded_account_id`.
    pub id: String,
    /// The organisation's name.
    pub name: String,
}

/// The customer's statement that the leads are its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// When it was given.
    pub accepted_at: Timestamp,
    /// From which address.
    pub ip: Option<String>,
    /// The text that was shown.
    pub text: String,
}

/// The right to refresh, held by one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The worker's random name.
    pub owner: String,
    /// When the right lapses.
    pub until: Timestamp,
    /// The generation the worker is going to store: shows afterwards that a refresh was tried.
    pub intent: u64,
}

/// What to do about a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefreshDecision {
    /// The stored token is good.
    Fresh,
    /// It has to be refreshed: it expires soon, the API refused it, or a worker died during a refresh.
    Due,
    /// Not now: another worker is refreshing it, or the last try failed.
    NotBefore(Timestamp),
    /// There can be no token.
    Impossible(WaitReason),
    /// Another stack has it: the row came here with that stack's tables.
    OtherStack,
}

impl Connection {
    /// Whether the account allows leads to be imported: imported contacts would bypass the confirmation that it may ask
    /// for.
    #[must_use]
    pub fn allows_imports(&self, now: Timestamp) -> bool {
        let seen = self.learned.confirmed_opt_in;
        self.may_allow_imports() && seen.is_some_and(|seen| seen.is_current(true, now))
    }

    /// The same, however long ago it was seen.
    #[must_use]
    pub fn may_allow_imports(&self) -> bool {
        let seen = self.learned.confirmed_opt_in;
        self.is_usable() && seen.is_some_and(|seen| !seen.on)
    }

    /// Decides what to do about the token; `rejected` is the generation that the API refused, if it did.
    #[must_use]
    pub fn refresh_decision(
        &self,
        stack: &str,
        rejected: Option<u64>,
        now: Timestamp,
    ) -> RefreshDecision {
        if let Err(why) = self.ensure_usable() {
            return RefreshDecision::Impossible(why);
        }
        if self.stack != stack {
            return RefreshDecision::OtherStack;
        }
        let lease = self.lease.as_ref().map(|lease| lease.until);
        let is_due = rejected == Some(self.generation)
            || lease.is_some_and(|until| until <= now)
            || now + REFRESH_MARGIN >= self.token_expires_at;
        if !is_due {
            return RefreshDecision::Fresh;
        }
        let busy = lease.filter(|until| *until > now);
        let cooling = self.cooldown_until.filter(|until| *until > now);
        match busy.max(cooling) {
            Some(until) => RefreshDecision::NotBefore(until),
            None => RefreshDecision::Due,
        }
    }

    /// Whether the connection has tokens that may be used at all.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.ensure_usable().is_ok()
    }

    /// Makes sure that the connection has tokens that may be used at all.
    ///
    /// # Errors
    /// What a lead has to wait for.
    pub fn ensure_usable(&self) -> Result<(), WaitReason> {
        match self.status {
            ConnectionStatus::Active => Ok(()),
            ConnectionStatus::Limited { .. } => Err(WaitReason::Rights),
            ConnectionStatus::NeedsReconnect { .. } => Err(WaitReason::Reconnect),
            ConnectionStatus::Disconnected => Err(WaitReason::NotConnected),
        }
    }

    /// The lists that a lead of this customer joins, if it can go out at all: those of its form that still exist, or
    /// else the connection's.
    ///
    /// # Errors
    /// What the lead has to wait for.
    pub fn lists_for(&self, form_lists: &[RemoteId]) -> Result<Vec<RemoteId>, WaitReason> {
        self.lists_without(&[], form_lists)
    }

    /// The same without the lists in `gone`, which were found missing since the row was read.
    ///
    /// # Errors
    /// What the lead has to wait for.
    pub fn lists_without(
        &self,
        gone: &[RemoteId],
        form_lists: &[RemoteId],
    ) -> Result<Vec<RemoteId>, WaitReason> {
        self.ensure_usable()?;
        if self.terms.is_none() {
            return Err(WaitReason::NoList);
        }
        let existing = |lists: &[RemoteId]| -> Vec<RemoteId> {
            let exists = |list: &&RemoteId| !self.is_gone(list) && !gone.contains(list);
            lists.iter().filter(exists).cloned().collect()
        };
        [existing(form_lists), existing(&self.lists)]
            .into_iter()
            .find(|lists| !lists.is_empty())
            .ok_or(WaitReason::NoList)
    }

    /// Whether a contact has a value for which the account may have got a custom field since the fields were last read.
    #[must_use]
    pub fn may_have_new_field_for(&self, contact: &Contact, now: Timestamp) -> bool {
        self.custom_fields_are_stale(now)
            && CustomFieldValues::of(contact, &self.catalog.custom_fields).is_in_doubt()
    }

    /// Whether the custom fields were last read a day ago or longer.
    #[must_use]
    pub fn custom_fields_are_stale(&self, now: Timestamp) -> bool {
        let read_at = self.learned.fields_read_at.unwrap_or(self.connected_at);
        now.duration_since(read_at) >= FIELDS_BELIEVED_FOR
    }

    /// Lists of the account that leads can join, as far as is known.
    pub fn existing_lists(&self) -> impl Iterator<Item = &ContactList> {
        let lists = self.catalog.lists.iter();
        lists.filter(|list| !self.is_gone(&list.id))
    }

    fn is_gone(&self, list: &RemoteId) -> bool {
        self.learned.lists_gone.contains(list)
    }
}

/// The UTC month of a moment, as `2026-11`.
#[must_use]
pub fn month_of(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m").to_string()
}

/// Months in which an idle connection was last used, oldest first: from half a year ago, when its refresh token would
/// die, to the month before last.
#[must_use]
pub fn idle_months(now: Timestamp) -> Vec<String> {
    let today = now.to_zoned(TimeZone::UTC);
    let first = today.first_of_month().unwrap_or(today);
    let back = |months: i32| first.checked_sub(months.months()).ok();
    (2..=7)
        .rev()
        .filter_map(back)
        .map(|month| month_of(month.timestamp()))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests;
