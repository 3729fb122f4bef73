//! Ports: what the use cases need from the world, as small traits, each with its errors.
//!
//! The documentation of a port states the atomicity it promises. Adapters and fakes keep the same promises, and one set
//! of contract tests verifies both. What is promised about leads is in files of the same name: here, in the adapter of
//! the tables, in the fakes and among the contract tests.

use std::error::Error;
use std::fmt;

mod admin_tokens;
mod apps;
mod budget;
mod captcha;
mod claims;
mod clock;
mod connections;
mod counters;
mod crm;
mod customers;
mod dead_letters;
mod erasures;
mod events;
mod exits;
mod form_endpoint;
mod forms;
mod handshakes;
mod idempotency;
mod imports;
mod lanes;
mod ledger;
mod links;
mod locks;
mod metrics;
mod oauth;
mod page;
mod queue;
mod random;
mod subjects;
mod suppressions;
mod tallies;
mod vault;
mod wiring;

pub use admin_tokens::AdminTokens;
pub use apps::Apps;
pub use budget::Budget;
pub use captcha::{CaptchaCheck, CaptchaOutcome, CaptchaSecrets};
pub use claims::{Claim, Claims, Requeue, Settlement};
pub use clock::Clock;
pub use connections::{AdvanceOutcome, Connections};
pub use counters::RateCounters;
pub use crm::{
    AccountSummary, Accounts, Activity, BulkImports, Contacts, CreateOutcome, Found, LeftOut,
    OptOuts, Progress, SignUp, SignedUp,
};
pub use customers::Customers;
pub use dead_letters::{DeadLetter, DeadLetters, HIDDEN_FOR};
pub use erasures::Erasures;
pub use events::{Event, Events, LeadEvent};
pub use exits::Exits;
pub use form_endpoint::FormEndpoint;
pub use forms::Forms;
pub use handshakes::Handshakes;
pub use idempotency::{Idempotency, KeyClaim, KeyClaimed};
pub use imports::Imports;
pub use lanes::{Due, LaneMark, LanePlace, Lanes, RECHECK_DELAY};
pub use ledger::{LeadFilter, Ledger, Recorded};
pub use links::Links;
pub use locks::Locks;
pub use metrics::{Gauge, Metric, Metrics, Unit};
pub use oauth::{AppCredentials, Authorization, TokenError};
pub use page::Page;
pub use queue::{Queue, QueueError};
pub use random::SecureRandom;
pub use subjects::{Holder, Subjects};
pub use suppressions::Suppressions;
pub use tallies::{Tallies, Unsettled};
pub use vault::{StoreOutcome, Vault};
pub use wiring::Wiring;

/// The store did not do what was asked; it may do so later. The intended change may or may not have been made, so every
/// write can be repeated.
#[derive(Debug, thiserror::Error)]
#[error("the store is unavailable")]
pub struct StoreError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

impl StoreError {
    /// From any error of an adapter.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// An error with all its causes, for a log. What the functions log on Lambda is JSON, in which the subscriber writes an
/// error without its causes: of a store, only that it is unavailable.
pub fn causes(error: &(dyn Error + 'static)) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        write!(f, "{error}")?;
        let mut cause = error.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    })
}
