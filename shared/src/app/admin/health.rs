use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Admin;
use super::apps::Spending;
use crate::app::observe;
use crate::domain::connection::{ConnectionStatus, LimitedReason};
use crate::domain::ids::{AppId, CustomerId, LeadId};
use crate::ports::{
    Apps as _, Budget as _, Clock as _, Connections as _, Customers as _, Ledger as _, Queue as _,
    SecureRandom as _, StoreError, Wiring, causes,
};

/// How many customers or applications are named.
const NAMED: usize = 10;

/// The health of the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What was looked at.
    pub checks: Vec<Check>,
    /// Customers whose connection needs a person, and why.
    pub lost: Vec<(CustomerId, ConnectionStatus)>,
}

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// A stable word for it.
    pub name: &'static str,
    /// What is wrong and what to do, as text.
    pub finding: Option<Cow<'static, str>>,
}

impl Health {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.checks.iter().all(|check| check.finding.is_none())
    }
}

impl<W: Wiring> Admin<W> {
    /// Checks whether everything that leads need is there, and whether anything waits for the operator. Reads no
    /// secret.
    pub async fn health(&self) -> Health {
        let directory = self.directory.customers(None, 1).await.map(|_| None);
        let nobody = LeadId::at(self.clock.now(), self.random.number());
        let ledger = self.ledger.owner_of(&nobody).await;
        let queue = self.queue.depth().await.map(|_| None);
        let (lost, connections) = match self.directory.lost(observe::LOST).await {
            Ok(lost) => {
                let finding = check_lost(&lost);
                (lost, Ok(finding))
            }
            Err(error) => (Vec::new(), Err(error)),
        };
        let unread = "This could not be checked: see the function's log and permissions.";
        let checks = [
            ("app", unread, self.check_app().await),
            (
                "directory",
                "The table of customers and forms could not be read: see the function's log.",
                directory,
            ),
            (
                "ledger",
                "The table of leads could not be read: see the function's log.",
                ledger.map(|_| None),
            ),
            (
                "queue",
                "The queue of leads could not be looked at: see the function's log.",
                queue,
            ),
            ("dead_letters", unread, self.check_dead_letters().await),
            ("connections", unread, connections),
            ("deliveries", unread, self.check_deliveries().await),
            ("budget", unread, self.check_budget().await),
            ("quarantine", unread, self.check_quarantine().await),
        ];
        let check = |(name, unread, looked)| Check {
            name,
            finding: finding_of(name, unread, looked),
        };
        Health {
            checks: checks.into_iter().map(check).collect(),
            lost,
        }
    }

    async fn check_app(&self) -> Finding {
        let is_set = self.apps.is_set(&AppId::default_app()).await?;
        Ok((!is_set).then_some(Cow::Borrowed(
            "No client id and secret of a Constant Contact application are stored: nobody can connect. \
             Store them: `leadfeed app put --client-id …`, or PUT /v1/apps/default.",
        )))
    }

    async fn check_dead_letters(&self) -> Finding {
        let dead = self.dead_letters.depth().await?;
        Ok((dead > 0).then(|| {
            format!(
                "{dead} messages are in the dead-letter queue after five failed tries. See the drain's log for \
                 the cause, then redrive them."
            )
            .into()
        }))
    }

    async fn check_deliveries(&self) -> Finding {
        let oldest = observe::oldest_under_way(&self.ledger).await?;
        let age = oldest.map(|since| self.clock.now().duration_since(since));
        Ok(age.filter(|age| *age >= self.oldest_lead_alarm).map(|age| {
            let age = match age.as_hours() {
                0 | 1 => format!("{} minutes", age.as_mins()),
                hours => format!("{hours} hours"),
            };
            format!("A lead has been undelivered, or an import open, for {age}. If calls are left today, see the logs of queue-drain and scheduler.")
                .into()
        }))
    }

    async fn check_budget(&self) -> Finding {
        let (mut used_up, now) = (Vec::new(), self.clock.now());
        for app in observe::applications(&self.apps).await? {
            // One that has never called has used nothing, although its day is assumed to have been used evenly.
            let Some(state) = self.budget.state(&app).await? else {
                continue;
            };
            let limits = self.apps.limits(&app).await?;
            let spending = Spending::of(app, limits, &state, now);
            used_up.extend(Some(spending).filter(|spending| spending.left() == 0));
        }
        Ok(used_up.first().map(|first| {
            format!(
                "The day's calls for leads are used up: leads wait until {}. Ask Constant Contact for a higher limit. \
                 Applications: {}.",
                first.resets_at,
                named(used_up.iter().map(|spending| spending.app.to_string()))
            )
            .into()
        }))
    }

    async fn check_quarantine(&self) -> Finding {
        let quarantined = observe::quarantined(&self.ledger, self.clock.now()).await?;
        let mut of: BTreeMap<&CustomerId, usize> = BTreeMap::new();
        for (customer, _) in &quarantined {
            *of.entry(customer).or_default() += 1;
        }
        let mut of: Vec<_> = of.into_iter().collect();
        of.sort_by_key(|(_, number)| Reverse(*number));
        let whose = of
            .iter()
            .map(|(customer, number)| format!("{customer} ({number})"));
        Ok((quarantined.len() >= self.quarantine_alarm).then(|| {
            format!(
                "At least {} leads of the last day were set aside as likely robots, as more than a day's limit, or because a captcha could not be checked: {}. \
                 See why with `leadfeed leads list CUSTOMER --status quarantined`. Release only those of an outage, by their reason and time: \
                 a replay without these also sends what robots left.",
                quarantined.len(),
                named(whose)
            )
            .into()
        }))
    }
}

fn check_lost(lost: &[(CustomerId, ConnectionStatus)]) -> Option<Cow<'static, str>> {
    let whose = |(customer, status): &(CustomerId, ConnectionStatus)| {
        format!("{customer} ({})", obstacle(status))
    };
    (!lost.is_empty()).then(|| {
        format!(
            "Leads of these customers wait until a person acts: {}. A new connect link usually fixes this.",
            named(lost.iter().map(whose))
        )
        .into()
    })
}

/// The first few, and how many more there are.
fn named(all: impl ExactSizeIterator<Item = String>) -> String {
    let others = all.len().saturating_sub(NAMED);
    let first: Vec<String> = all.take(NAMED).collect();
    let others = (others > 0).then(|| format!(" and {others} more"));
    first.join(", ") + &others.unwrap_or_default()
}

/// Why a connection delivers nothing.
fn obstacle(status: &ConnectionStatus) -> &'static str {
    match status {
        ConnectionStatus::Limited { reason } => match reason {
            LimitedReason::MissingPrivilege => {
                "the user who connected cannot add contacts; the account owner or a manager must connect"
            }
            LimitedReason::AccountChanged => "must confirm the new account",
            LimitedReason::AppDeactivated => "the application is switched off or not approved",
            LimitedReason::MissingScope => "has to connect again and agree to all",
        },
        ConnectionStatus::NeedsReconnect { .. } => "has to connect again",
        ConnectionStatus::Disconnected => "is disconnected",
        ConnectionStatus::Active => "is connected",
    }
}

/// What is wrong, if anything; or that it could not be checked.
type Finding = Result<Option<Cow<'static, str>>, StoreError>;

/// What was found, or the text that says that it is `unread`.
fn finding_of(
    check: &'static str,
    unread: &'static str,
    looked: Finding,
) -> Option<Cow<'static, str>> {
    looked.unwrap_or_else(|error| {
        tracing::warn!(
            check,
            error = %causes(&error),
            "a health check failed"
        );
        Some(unread.into())
    })
}
