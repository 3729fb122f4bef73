use std::future::Future;

use secrecy::SecretString;

use super::StoreError;

/// The secret of whoever may use the operator's API.
pub trait AdminTokens: Send + Sync {
    /// The values that are good now: the secret's current one and, while somebody changes over, the one before.
    fn secrets(&self) -> impl Future<Output = Result<Vec<SecretString>, StoreError>> + Send;
}
