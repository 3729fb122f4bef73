//! The sandbox's settings.
//!
//! Where public sources leave the real behaviour open or contradict each other, each reading is a named choice here.
//! The default is the reading that demands more of a client.

use serde::{Deserialize, Serialize};

/// The settings, readable and patchable over `/_sandbox/settings`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Off: no 429 on any endpoint.
    pub limits: bool,
    /// Five sign-ups of one address in 24 hours, then 48 hours of "invalid email address".
    pub address_guard: bool,
    /// How long a write to a contact stays in progress; a second write in that time gets 409.
    pub contact_write_ms: u64,
    /// Import: time from the request to the state `processing`.
    pub import_queued_ms: u64,
    /// Import: time from `processing` to `completed`.
    pub import_running_ms: u64,
    pub readings: Readings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: true,
            address_guard: true,
            contact_write_ms: 15,
            import_queued_ms: 500,
            import_running_ms: 1500,
            readings: Readings::default(),
        }
    }
}

/// One field per fact that public sources leave open.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Readings {
    pub sign_up_email_length: SignUpEmailLength,
    pub sign_up_custom_fields: SignUpCustomFields,
    pub list_gone: ListGone,
    pub unsubscribed_sign_up: UnsubscribedSignUp,
    pub import_total: ImportTotal,
    pub unknown_import_field: UnknownImportField,
    pub throttled_calls_use_quota: Strict,
    pub state_required: Strict,
    pub pkce: Pkce,
    pub client_secret_in_body: Tolerance,
    pub expires_in: ExpiresIn,
    pub long_lived_refresh: LongLivedRefresh,
    pub refresh_grace: RefreshGrace,
    pub reauthorization: Reauthorization,
    pub access_token_after_refresh: OldAccessToken,
    pub token_throttle_body: TokenThrottleBody,
}

macro_rules! reading {
    ($(#[$doc:meta])* $name:ident { $(#[$default_doc:meta])* $default:ident, $($(#[$other_doc:meta])* $other:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $(#[$default_doc])*
            #[default]
            $default,
            $($(#[$other_doc])* $other,)+
        }
    };
}

reading! {
    /// Whether a rule that only some sources state is enforced.
    Strict { Yes, No }
}
reading! {
    /// Whether something that only some public clients do is accepted.
    Tolerance { Refuse, Accept }
}
reading! {
    /// `email_address` of `sign_up_form`: the vendor's description says 50, every other schema 80.
    SignUpEmailLength { Chars50, Chars80 }
}
reading! {
    /// `custom_fields` of `sign_up_form`: 25 as on `/contacts`, or 50 as its own description says.
    SignUpCustomFields { Max25, Max50 }
}
reading! {
    /// An unknown or deleted list in a write: the description declares both statuses, but the message of neither.
    ListGone {
        BadRequest,
        NotFound,
        /// 400 with an empty message.
        Wordless,
    }
}
reading! {
    /// What `sign_up_form` does to an unsubscribed contact when confirmed opt-in is on.
    UnsubscribedSignUp {
        /// Pending until the person confirms.
        Pending,
        /// `explicit` at once, as with confirmed opt-in off.
        Explicit,
    }
}
reading! {
    /// `items_total_count` of an import: its rows and a header row, as the import's own schema says, or only its rows.
    ImportTotal { WithHeader, Rows }
}
reading! {
    /// A `cf:` name that is not in the account.
    UnknownImportField {
        /// The row is not imported and counts in `error_count`.
        RowError,
        /// The whole request is answered 400.
        Refuse,
    }
}
reading! {
    /// PKCE parameters from a client that also has a secret.
    #[derive(clap::ValueEnum)]
    Pkce { Refuse, Accept }
}
reading! {
    /// `expires_in` of a token answer. Every client reads it as a duration, the SDK calls it a point in time.
    ExpiresIn { Duration, Epoch }
}
reading! {
    /// What a refresh of a long-lived token returns in `refresh_token`.
    LongLivedRefresh { Missing, Empty, Same }
}
reading! {
    /// Whether a rotated refresh token may be repeated for a short while.
    RefreshGrace {
        None,
        /// 30 seconds, as with other services on the same software.
        Seconds30,
    }
}
reading! {
    /// What a new authorisation by the same user does to the app's earlier refresh tokens.
    Reauthorization { KillsEarlier, KeepsEarlier }
}
reading! {
    /// What a refresh or a revocation does to access tokens that have not expired.
    OldAccessToken { Dies, LivesOn }
}
reading! {
    /// The body of the token endpoint's 429.
    TokenThrottleBody { Okta, Throttled }
}

impl SignUpEmailLength {
    pub fn max_chars(self) -> usize {
        match self {
            Self::Chars50 => 50,
            Self::Chars80 => 80,
        }
    }
}

impl SignUpCustomFields {
    pub fn max_items(self) -> usize {
        match self {
            Self::Max25 => 25,
            Self::Max50 => 50,
        }
    }
}

impl ImportTotal {
    pub fn of(self, rows: usize) -> usize {
        match self {
            Self::WithHeader => rows + 1,
            Self::Rows => rows,
        }
    }
}
