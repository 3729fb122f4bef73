use std::collections::BTreeSet;

use super::values::email;
use super::{Admin, AdminError, Properties, cursor};
use crate::domain::ids::CustomerId;
use crate::domain::lead::LeadRecord;
use crate::domain::suppression::PersonId;
use crate::ports::{Ledger as _, Page, Suppressions as _, Wiring};

/// Leads shown at once. A robot may have signed somebody up often, each time with as much as a body holds.
const PAGE: usize = 20;

/// What is stored about a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRecord {
    /// Whether the customer never wants them mailed.
    pub suppressed: bool,
    /// Their leads, newest first.
    pub leads: Page<LeadRecord>,
}

impl<W: Wiring> Admin<W> {
    /// What is stored about the person with an address, also for a removed customer. Nothing is, once they were erased.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Invalid`].
    pub async fn find_person(
        &self,
        customer: &CustomerId,
        mut request: Properties,
    ) -> Result<PersonRecord, AdminError> {
        self.require_ever_existed(customer).await?;
        let listing = format!("people:{customer}");
        let from = request.optional("cursor", cursor::verify(&self.keys, &listing));
        let email = request.required("email", email);
        let email = request.finish(email)?;
        let person = BTreeSet::from([PersonId::of(&self.keys, customer, &email)]);
        let suppressed = self.directory.suppressed(customer, &person).await?;
        let mut ids = self.ledger.leads_of(customer, &email, usize::MAX).await?;
        ids.retain(|id| from.as_deref().is_none_or(|from| id.as_str() < from));
        ids.sort_unstable_by(|one, other| other.cmp(one));
        let is_last = ids.len() <= PAGE;
        ids.truncate(PAGE);
        let mut items = Vec::new();
        for id in &ids {
            items.extend(self.ledger.lead(customer, id).await?);
        }
        let next = ids.last().filter(|_| !is_last).map(ToString::to_string);
        Ok(PersonRecord {
            suppressed: !suppressed.is_empty(),
            leads: self.signed_page(&listing, Page { items, next }),
        })
    }
}
