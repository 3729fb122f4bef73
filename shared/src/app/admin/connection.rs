use super::{Admin, AdminError};
use crate::app::connect;
use crate::domain::connection::Connection;
use crate::domain::ids::CustomerId;
use crate::ports::{Clock as _, Connections as _, Wiring};

impl<W: Wiring> Admin<W> {
    /// A customer's connection; `None` where the customer has never connected.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is no such customer.
    pub async fn connection(
        &self,
        customer: &CustomerId,
    ) -> Result<Option<Connection>, AdminError> {
        self.customer(customer).await?;
        Ok(self.directory.connection(customer).await?)
    }

    /// Ends a connection: nothing goes out any more, and its tokens are forgotten. Can be repeated.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where the customer has never connected.
    pub async fn disconnect(&self, customer: &CustomerId) -> Result<(), AdminError> {
        if self.connection(customer).await?.is_none() {
            return Err(AdminError::NotFound("connection"));
        }
        let now = self.clock.now();
        connect::disconnect(&self.directory, &self.vault, &self.events, customer, now).await?;
        Ok(())
    }
}
