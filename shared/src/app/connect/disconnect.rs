use jiff::Timestamp;

use crate::app::publish::publish_status;
use crate::domain::connection::ConnectionStatus;
use crate::domain::ids::CustomerId;
use crate::ports::{Connections, Events, StoreError, Vault};

/// How often writing the end is repeated because the connection changed meanwhile.
const TRIES: u32 = 3;

/// Ends a connection: deletes its tokens and stops deliveries.
///
/// Asks nobody else, so it works while Constant Contact does not; if the tokens cannot be deleted, deliveries are still
/// stopped. Can be repeated. A connection that is being made meanwhile is not made, even if the one before it had
/// already ended.
///
/// # Errors
/// [`StoreError`] if either was not done.
pub async fn disconnect(
    connections: &impl Connections,
    vault: &impl Vault,
    events: &impl Events,
    customer: &CustomerId,
    now: Timestamp,
) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        let row = connections.connection(customer).await;
        // After the row was read, so that a pair stored later than this has either changed the row or finds it ended.
        let deleted = vault.delete(customer).await;
        let Some(row) = row? else {
            return deleted;
        };
        let status = ConnectionStatus::Disconnected;
        if connections
            .set_status(customer, row.generation, &status)
            .await?
        {
            if row.status != status {
                tracing::info!(customer.id = %customer, "an account was disconnected");
                publish_status(events, customer, &status, now).await;
            }
            return deleted;
        }
    }
    Err(StoreError::new("the connection kept changing"))
}
