use secrecy::SecretString;

use super::cell::Cell;
use super::faults::Faults;
use crate::ports::{AdminTokens, StoreError};

/// The admin secret's values.
#[derive(Debug, Clone)]
pub struct MemoryTokens(Cell<Vec<String>>);

impl MemoryTokens {
    /// With these values.
    #[must_use]
    pub fn new(faults: &Faults, secrets: &[&str]) -> Self {
        let tokens = Self(Cell::new(faults));
        tokens.set(secrets);
        tokens
    }

    /// Replaces the values.
    pub fn set(&self, secrets: &[&str]) {
        let secrets = secrets.iter().map(|secret| (*secret).to_owned());
        self.0.with(|known| *known = secrets.collect());
    }
}

impl AdminTokens for MemoryTokens {
    async fn secrets(&self) -> Result<Vec<SecretString>, StoreError> {
        let read =
            |known: &mut Vec<String>| known.iter().cloned().map(SecretString::from).collect();
        self.0.step(read).await
    }
}
