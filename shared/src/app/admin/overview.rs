use super::{Admin, AdminError};
use crate::domain::connection::Connection;
use crate::domain::customer::Customer;
use crate::domain::form::Form;
use crate::domain::ids::CustomerId;
use crate::domain::lead::LeadRecord;
use crate::domain::link::{Link, LinkError, LinkKind};
use crate::domain::tally::Tally;
use crate::ports::{
    Clock as _, Connections as _, Forms as _, LeadFilter, Ledger as _, Tallies as _, Wiring,
};

/// Leads that are shown individually.
const NEWEST: u16 = 20;

/// Everything that a customer's page shows. Five reads, however many leads there are.
///
/// Two rows, the forms, the counters and the newest leads. DynamoDB returns the counters of two years at once, since
/// those of a day take a kilobyte or less.
#[derive(Debug, Clone)]
pub struct Overview {
    /// Whose page it is.
    pub customer: Customer,
    /// `None` if the customer has never connected.
    pub connection: Option<Connection>,
    /// Oldest first.
    pub forms: Vec<Form>,
    /// What the leads of each day became, oldest day first.
    pub days: Vec<Tally>,
    /// The newest leads.
    pub newest: Vec<LeadRecord>,
}

impl<W: Wiring> Admin<W> {
    /// Whose page a manage link opens.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn verify_manage_link(&self, token: &str) -> Result<CustomerId, LinkError> {
        let link = Link::verify(token, LinkKind::Manage, &self.keys, self.clock.now())?;
        Ok(link.customer)
    }

    /// A customer's page.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn overview(&self, id: &CustomerId) -> Result<Overview, AdminError> {
        let newest = LeadFilter::default();
        Ok(Overview {
            customer: self.customer(id).await?,
            connection: self.directory.connection(id).await?,
            forms: self.directory.forms_of(id).await?,
            days: self.directory.tallies(id).await?,
            newest: self.ledger.leads(id, &newest, None, NEWEST).await?.items,
        })
    }
}
