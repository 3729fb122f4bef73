use jiff::Timestamp;

use crate::app::publish::publish_status;
use crate::domain::connection::ConnectionStatus;
use crate::domain::ids::CustomerId;
use crate::ports::{Connections, Events, StoreError, Vault};

/// How often the end is written again because the connection changed meanwhile.
const TRIES: u32 = 3;

/// Ends a connection: forgets its tokens and stops deliveries.
///
/// Asks nobody else, so it works while Constant Contact does not, and where the tokens cannot be forgotten
/// deliveries are stopped all the same. Can be repeated. A connection that is being made meanwhile is not made, also
/// where there was an ended one before it.
///
/// # Errors
/// [`StoreError`] where either was not done.
pub async fn disconnect(
    connections: &impl Connections,
    vault: &impl Vault,
    events: &impl Events,
    customer: &CustomerId,
    now: Timestamp,
) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        let row = connections.connection(customer).await;
        // After that look, so that a pair stored later than this has made the row another, or finds it ended.
        let forgotten = vault.forget(customer).await;
        let Some(row) = row? else {
            return forgotten;
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
            return forgotten;
        }
    }
    Err(StoreError::new("the connection kept changing"))
}
