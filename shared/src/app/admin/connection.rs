use super::{Admin, AdminError};
use crate::app::connect;
use crate::domain::connection::{Connection, ConnectionStatus};
use crate::domain::ids::CustomerId;
use crate::domain::lead::WaitReason;
use crate::ports::{Clock as _, Connections as _, Wiring};

/// How a customer is connected, as far as a listing shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionSummary {
    /// It has never connected.
    NotConnected,
    /// It has.
    Connected {
        /// Where its connection stands.
        status: ConnectionStatus,
        /// What leads wait for if their form has no lists of its own.
        blocked: Option<WaitReason>,
    },
    /// Its connection cannot be read, for example after going back to an earlier version.
    Unreadable,
}

impl ConnectionSummary {
    /// From the connection that was found, if any.
    pub(super) fn of(found: Option<Option<Connection>>) -> Self {
        match found {
            None => Self::NotConnected,
            Some(None) => Self::Unreadable,
            Some(Some(connection)) => Self::Connected {
                blocked: blocked(Some(&connection)),
                status: connection.status,
            },
        }
    }
}

/// What leads would wait for if their form has no lists of its own.
pub(super) fn blocked(connection: Option<&Connection>) -> Option<WaitReason> {
    match connection {
        None => Some(WaitReason::NotConnected),
        Some(connection) => connection.lists_for(&[]).err(),
    }
}

impl<W: Wiring> Admin<W> {
    /// A customer's connection; `None` if the customer has never connected.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] if there is no such customer.
    pub async fn connection(
        &self,
        customer: &CustomerId,
    ) -> Result<Option<Connection>, AdminError> {
        self.customer(customer).await?;
        Ok(self.directory.connection(customer).await?)
    }

    /// Ends a connection: nothing goes out any more, and its tokens are deleted. Can be repeated.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] if the customer has never connected.
    pub async fn disconnect(&self, customer: &CustomerId) -> Result<(), AdminError> {
        if self.connection(customer).await?.is_none() {
            return Err(AdminError::NotFound("connection"));
        }
        let now = self.clock.now();
        connect::disconnect(&self.directory, &self.vault, &self.events, customer, now).await?;
        Ok(())
    }
}
