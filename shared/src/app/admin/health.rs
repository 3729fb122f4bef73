use super::Admin;
use crate::domain::ids::{AppId, LeadId};
use crate::ports::{Apps as _, Customers as _, Ledger as _, Queue as _, StoreError, Wiring};

/// How the stack is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// A stable word for it.
    pub name: &'static str,
    /// What is wrong and what to do, in words.
    pub trouble: Option<&'static str>,
}

impl Health {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.checks.iter().all(|check| check.trouble.is_none())
    }
}

impl<W: Wiring> Admin<W> {
    /// Looks whether everything that leads need is there. Reads no secret.
    pub async fn health(&self) -> Health {
        let app = self.apps.is_set(&AppId::default_app()).await;
        let app = match app {
            Ok(false) => Some(
                "No client id and secret of a Constant Contact application are stored: nobody can connect. \
                 Store them with PUT /v1/apps/default.",
            ),
            looked => trouble(
                "app",
                looked,
                "Whether the Constant Contact application is stored could not be seen. \
                 See the function's log, and its right to describe the secret.",
            ),
        };
        let directory = trouble(
            "directory",
            self.directory.customers(None, 1).await,
            "The table of customers and forms could not be read: see the function's log.",
        );
        let ledger = trouble(
            "ledger",
            self.ledger.owner_of(&LeadId::new(self.ulid())).await,
            "The table of leads could not be read: see the function's log.",
        );
        let queue = trouble(
            "queue",
            self.queue.depth().await,
            "The queue of leads could not be looked at: see the function's log.",
        );
        let found = [
            ("app", app),
            ("directory", directory),
            ("ledger", ledger),
            ("queue", queue),
        ];
        let check = |(name, trouble)| Check { name, trouble };
        Health {
            checks: found.into_iter().map(check).collect(),
        }
    }
}

fn trouble<T>(
    check: &str,
    looked: Result<T, StoreError>,
    words: &'static str,
) -> Option<&'static str> {
    let error = looked.err()?;
    tracing::warn!(
        check,
        error = &error as &dyn std::error::Error,
        "a health check failed"
    );
    Some(words)
}
