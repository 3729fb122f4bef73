use std::borrow::Cow;

use jiff::SignedDuration;

use super::Admin;
use crate::app::gauges;
use crate::domain::ids::{AppId, CustomerId, LeadId};
use crate::ports::{
    Apps as _, Clock as _, Connections as _, Customers as _, Ledger as _, Queue as _, StoreError,
    Wiring,
};

/// Lost connections looked for.
const LOST: u16 = 100;

/// Age from which a lead that is on its way is late.
const LATE: SignedDuration = SignedDuration::from_hours(2);

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
    pub trouble: Option<Cow<'static, str>>,
}

impl Health {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.checks.iter().all(|check| check.trouble.is_none())
    }
}

impl<W: Wiring> Admin<W> {
    /// Looks whether everything that leads need is there, and whether anything waits for the operator. Reads no secret.
    pub async fn health(&self) -> Health {
        let directory = self.directory.customers(None, 1).await.map(|_| None);
        let ledger = self.ledger.owner_of(&LeadId::new(self.ulid())).await;
        let queue = self.queue.depth().await.map(|_| None);
        let checks = [
            ("app", self.app_trouble().await),
            ("directory", directory),
            ("ledger", ledger.map(|_| None)),
            ("queue", queue),
            ("dead_letters", self.dead_letters_trouble().await),
            ("connections", self.connections_trouble().await),
            ("deliveries", self.deliveries_trouble().await),
            ("budget", self.budget_trouble().await),
        ];
        let check = |(name, looked)| Check {
            name,
            trouble: told(name, looked),
        };
        Health {
            checks: checks.into_iter().map(check).collect(),
        }
    }

    async fn app_trouble(&self) -> Trouble {
        let is_set = self.apps.is_set(&AppId::default_app()).await?;
        Ok((!is_set).then_some(Cow::Borrowed(
            "No client id and secret of a Constant Contact application are stored: nobody can connect. \
             Store them with PUT /v1/apps/default.",
        )))
    }

    async fn dead_letters_trouble(&self) -> Trouble {
        let dead = self.dead_letters.depth().await?;
        Ok((dead > 0).then(|| {
            format!(
                "{dead} messages that five drains failed on are in the dead-letter queue. See the drain's log for \
                 the cause, then redrive them."
            )
            .into()
        }))
    }

    async fn connections_trouble(&self) -> Trouble {
        let lost = self.directory.lost(LOST).await?;
        let named: Vec<&str> = lost.iter().take(3).map(CustomerId::as_str).collect();
        let others = lost.len() - named.len();
        let others = (others > 0).then(|| format!(" and {others} more"));
        Ok((!lost.is_empty()).then(|| {
            format!(
                "These customers have to connect again, and their leads wait for it: {}{}. Send each a new connect link.",
                named.join(", "),
                others.unwrap_or_default()
            )
            .into()
        }))
    }

    async fn deliveries_trouble(&self) -> Trouble {
        let oldest = gauges::under_way(&self.ledger).await?.oldest();
        let age = oldest.map(|since| self.clock.now().duration_since(since));
        Ok(age.filter(|age| *age >= LATE).map(|age| {
            let hours = age.as_hours();
            format!("A lead has been on its way for {hours} hours. Where calls are left today, see the logs of drain and scheduler.")
                .into()
        }))
    }

    async fn budget_trouble(&self) -> Trouble {
        let spending = self.spending_of(AppId::default_app()).await?;
        let used_up = spending.closed_until.is_some() || spending.spent >= spending.limits.per_day;
        Ok(used_up.then(|| {
            format!(
                "The calls of the day are used up: leads wait until {}. Ask Constant Contact for a higher limit.",
                spending.resets_at
            )
            .into()
        }))
    }
}

/// What is wrong, if anything; or that it could not be seen.
type Trouble = Result<Option<Cow<'static, str>>, StoreError>;

fn told(check: &'static str, looked: Trouble) -> Option<Cow<'static, str>> {
    looked.unwrap_or_else(|error| {
        tracing::warn!(
            check,
            error = &error as &dyn std::error::Error,
            "a health check failed"
        );
        Some(Cow::Borrowed(match check {
            "directory" => {
                "The table of customers and forms could not be read: see the function's log."
            }
            "ledger" => "The table of leads could not be read: see the function's log.",
            "queue" => "The queue of leads could not be looked at: see the function's log.",
            _ => "This could not be seen: see the function's log, and its rights.",
        }))
    })
}
