//! The use cases of the operator and of the customer's page: customers, links, connections, forms, leads, and the
//! health of the stack. Can read no token and calls nobody.

mod apps;
mod auth;
mod connection;
mod counts;
mod csv;
mod cursor;
mod customers;
pub mod descriptions;
mod erasures;
mod fields;
mod forms;
mod health;
mod leads;
mod links;
mod overview;
mod people;
mod properties;
mod receipt;
mod replays;
mod screening;
mod suppressions;
mod values;

pub use apps::{AppSettings, Spending};
pub use auth::{AdminAuth, AdminAuthError};
pub use connection::ConnectionSummary;
pub use counts::Counted;
pub use csv::Exported;
pub use customers::Saved;
pub use health::{Check, Health};
pub use links::{MadeLink, ManageLinkError};
pub use overview::Overview;
pub use people::PersonRecord;
pub use properties::{Invalid, NotAnObject, Properties};
pub use replays::Replayed;

use jiff::SignedDuration;

use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::keys::SigningKeys;
use crate::domain::tally::TallyChanges;
use crate::ports::{Clock as _, StoreError, Tallies as _, Wiring};

/// The operator's use cases.
pub struct Admin<W: Wiring> {
    /// Customers, forms, connections, links.
    pub directory: W::Directory,
    /// Leads.
    pub ledger: W::Ledger,
    /// The queue to the drain.
    pub queue: W::Queue,
    /// The dead letters.
    pub dead_letters: W::Queue,
    /// Tokens, to be deleted.
    pub vault: W::Vault,
    /// Applications, to be set.
    pub apps: W::Apps,
    /// Secrets of captchas, to be set and deleted.
    pub captcha: W::Captcha,
    /// The applications' call budgets.
    pub budget: W::Budget,
    /// Where the end of a connection is published.
    pub events: W::Events,
    /// The time.
    pub clock: W::Clock,
    /// Randomness for ids.
    pub random: W::SecureRandom,
    /// What links and cursors are signed with.
    pub keys: SigningKeys,
    /// The address of the stack as browsers see it, without a closing slash.
    pub public_url: String,
    /// The age from which somebody should look at a lead that is on its way.
    pub oldest_lead_alarm: SignedDuration,
    /// The number of quarantined leads in a day, up to 1,000, from which somebody should look at them: more than robots
    /// usually leave behind.
    pub quarantine_alarm: usize,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There is no such thing, or it is not where it was looked for.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The input is not valid.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A customer with this id was removed. The id stays reserved, since leads and proofs are stored under it.
    #[error("a customer of this id was removed")]
    CustomerDeleted,
    /// The customer has as many forms as it can have.
    #[error("the customer has too many forms")]
    TooManyForms,
    /// The form was being changed by others, so that this change was not made.
    #[error("the form kept changing")]
    FormChanging,
    /// The lead is not set aside.
    #[error("the lead is not in quarantine")]
    NotQuarantined,
    /// The person was erased, and so was the proof of their consent.
    #[error("the lead was erased")]
    Erased,
    /// The consent record was changed after it was sealed.
    #[error("the consent record is not as it was sealed")]
    SealBroken,
    /// It may work later.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

impl<W: Wiring> Admin<W> {
    /// Marks the days of leads that are about to change as doubtful: if the change fails before it is counted, the
    /// counters are counted again.
    async fn doubt<'a>(
        &self,
        customer: &CustomerId,
        leads: impl Iterator<Item = &'a LeadId>,
    ) -> Result<(), StoreError> {
        let mut days = TallyChanges::default();
        leads.for_each(|lead| days.doubt(lead.day()));
        self.directory
            .tally(customer, &days, self.clock.now())
            .await
    }
}
