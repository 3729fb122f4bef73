use super::{Admin, AdminError};
use crate::domain::connection::Connection;
use crate::domain::customer::Customer;
use crate::domain::form::Form;
use crate::domain::lead::LeadRecord;
use crate::domain::tally::Tally;
use crate::ports::{Connections as _, Forms as _, LeadFilter, Ledger as _, Tallies as _, Wiring};

/// Leads that are shown individually.
const NEWEST: u16 = 20;

/// Everything that a customer's page shows. Six reads, however many leads there are: the customer and whether links
/// were revoked, which its link needed, and four more.
///
/// These are the connection, the forms, the counters and the newest leads. DynamoDB returns the counters of two years at
/// once, since those of a day take a kilobyte or less.
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
    /// A customer's page.
    ///
    /// # Errors
    /// [`AdminError::Unavailable`].
    pub async fn overview(&self, customer: Customer) -> Result<Overview, AdminError> {
        let (id, newest) = (&customer.id, LeadFilter::default());
        Ok(Overview {
            connection: self.directory.connection(id).await?,
            forms: self.directory.forms_of(id).await?,
            days: self.directory.tallies(id).await?,
            newest: self.ledger.leads(id, &newest, None, NEWEST).await?.items,
            customer,
        })
    }
}
