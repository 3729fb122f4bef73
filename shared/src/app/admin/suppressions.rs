//! The suppression list: people whom a customer never wants mailed.

use super::values::email;
use super::{Admin, AdminError, Properties};
use crate::domain::ids::CustomerId;
use crate::domain::suppression::{PersonId, Suppression};
use crate::ports::{Clock as _, Page, Suppressions as _, Wiring};

impl<W: Wiring> Admin<W> {
    /// Puts an address on a customer's list. Its leads are kept, but not sent and put into no file; this includes leads
    /// that already wait.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Invalid`].
    pub async fn suppress(
        &self,
        customer: &CustomerId,
        request: Properties,
    ) -> Result<Suppression, AdminError> {
        let person = self.person(customer, request).await?;
        let now = self.clock.now();
        Ok(self.directory.suppress(customer, &person, now).await?)
    }

    /// Takes an address off a customer's list. It is no error if it was not on it.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Invalid`].
    pub async fn unsuppress(
        &self,
        customer: &CustomerId,
        request: Properties,
    ) -> Result<(), AdminError> {
        let person = self.person(customer, request).await?;
        self.directory.unsuppress(customer, &person).await?;
        Ok(())
    }

    /// A page of a customer's list.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Invalid`].
    pub async fn suppressions(
        &self,
        customer: &CustomerId,
        mut query: Properties,
    ) -> Result<Page<Suppression>, AdminError> {
        self.customer(customer).await?;
        let listing = format!("suppressions:{customer}");
        let (from, limit) = self.page_request(&listing, &mut query);
        query.expect_empty()?;
        let page = self
            .directory
            .suppressions(customer, from.as_deref(), limit)
            .await?;
        Ok(self.signed_page(&listing, page))
    }

    async fn person(
        &self,
        customer: &CustomerId,
        mut request: Properties,
    ) -> Result<PersonId, AdminError> {
        self.customer(customer).await?;
        let email = request.required("email", email);
        let email = request.finish(email)?;
        Ok(PersonId::of(&self.keys, customer, &email))
    }
}
