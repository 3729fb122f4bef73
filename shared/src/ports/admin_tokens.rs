use std::future::Future;

use secrecy::SecretString;

use super::StoreError;

/// The tokens of the operator's API.
pub trait AdminTokens: Send + Sync {
    /// The values that are valid now: the secret's current one and, during a changeover, the previous one.
    fn secrets(&self) -> impl Future<Output = Result<Vec<SecretString>, StoreError>> + Send;
}
