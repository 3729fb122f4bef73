//! How the stack is, as numbers that alarms can watch.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::domain::budget::BudgetState;
use crate::domain::ids::{AppId, CustomerId, ImportId, LeadId};
use crate::ports::{
    Apps, Budget, Clock, Connections, Imports, Ledger, Metric, StoreError, Unit, Wiring,
};

/// Lanes looked into; the longest due come first.
const LANES: u16 = 25;

/// Leads of a lane, or of the ways to the drain, that are looked at.
const LEADS: u16 = 25;

/// Open imports looked at: more than are open at a time.
const IMPORTS: u16 = 200;

/// Lost connections counted.
const LOST: u16 = 1_000;

/// Measures.
pub struct Gauges<W: Wiring> {
    /// Leads.
    pub ledger: W::Ledger,
    /// Connections.
    pub directory: W::Directory,
    /// Applications' limits.
    pub apps: W::Apps,
    /// What they have called.
    pub budget: W::Budget,
    /// The time.
    pub clock: W::Clock,
}

impl<W: Wiring> Gauges<W> {
    /// Looks at everything once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn measure(&self) -> Result<Vec<Metric>, StoreError> {
        let now = self.clock.now();
        let mut apps = BTreeSet::from([AppId::default_app()]);
        let under_way = under_way(&self.ledger).await?;
        for customer in &under_way.customers {
            match self.directory.connection(customer).await {
                Ok(connection) => apps.extend(connection.map(|connection| connection.app)),
                // What can be measured is.
                Err(error) => {
                    tracing::error!(customer.id = %customer, error = &error as &dyn std::error::Error, "a customer's connection was not read");
                }
            }
        }
        let oldest = under_way.oldest();
        let age = oldest.map_or(0, |since| now.duration_since(since).as_secs().max(0));
        let lost = self.directory.lost(LOST).await?.len();
        let mut used = 0.0_f64;
        for app in &apps {
            used = used.max(self.used(app, now).await?);
        }
        let metric = |name, unit, value| Metric { name, unit, value };
        let whole = |number: i64| i32::try_from(number).map_or(f64::MAX, f64::from);
        Ok(vec![
            metric("OldestUndelivered", Unit::Seconds, whole(age)),
            metric(
                "LostConnections",
                Unit::Count,
                whole(i64::try_from(lost).unwrap_or(i64::MAX)),
            ),
            metric("BudgetUsed", Unit::Percent, used),
        ])
    }

    /// Hundredths of the day's calls that are given out.
    async fn used(&self, app: &AppId, now: Timestamp) -> Result<f64, StoreError> {
        let limits = self.apps.limits(app).await?;
        let Some(state) = self.budget.state(app).await? else {
            return Ok(0.0);
        };
        if BudgetState::closed_until(&state, now).is_some() {
            return Ok(100.0);
        }
        Ok(100.0 * f64::from(state.spent_today(now)) / f64::from(limits.per_day.max(1)))
    }
}

/// Leads that are on their way or wait for time to pass, those without budget among them, and open imports. What waits
/// for a person is none: their page tells them.
pub(crate) struct UnderWay {
    leads: Vec<LeadId>,
    /// They know their leads, which no index lists.
    imports: Vec<ImportId>,
    /// Whose leads wait for time to pass.
    customers: Vec<CustomerId>,
}

impl UnderWay {
    /// When the oldest lead came in, or the oldest import was begun.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        let leads = self.leads.iter().map(LeadId::made_at);
        let imports = self.imports.iter().map(ImportId::made_at);
        leads.chain(imports).min()
    }
}

/// Looks at those that are due first.
pub(crate) async fn under_way(ledger: &(impl Ledger + Imports)) -> Result<UnderWay, StoreError> {
    let queued = ledger.overdue(Timestamp::MAX, LEADS).await?;
    let mut leads: Vec<LeadId> = queued.into_iter().map(|(_, lead)| lead).collect();
    let mut customers = Vec::new();
    for (customer, _) in ledger.due_lanes(Timestamp::MAX, LANES).await? {
        let waiting = ledger.waiting(&customer, LEADS).await?;
        let timed = waiting.into_iter().filter(|(_, due)| due.time().is_some());
        leads.extend(timed.map(|(lead, _)| lead));
        customers.push(customer);
    }
    let imports = ledger.due_imports(Timestamp::MAX, IMPORTS).await?;
    Ok(UnderWay {
        leads,
        imports: imports.into_iter().map(|(_, import)| import).collect(),
        customers,
    })
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use ulid::Ulid;

    use crate::app::scene::Scene;
    use crate::domain::budget::BudgetState;
    use crate::domain::connection::{ConnectionStatus, ReconnectReason};
    use crate::domain::ids::{AppId, ImportId};
    use crate::domain::import::{ImportJob, Stage};
    use crate::ports::{Clock as _, Connections as _, Imports as _, Ledger as _};

    async fn gauge(scene: &Scene, name: &str) -> f64 {
        let metrics = scene.memory.gauges().measure().await.unwrap();
        metrics
            .iter()
            .find(|metric| metric.name == name)
            .unwrap()
            .value
    }

    fn spend(scene: &Scene, spent: u32) {
        let now: Timestamp = scene.memory.clock.now();
        let state = BudgetState {
            spent,
            ..BudgetState::assumed(Default::default(), now)
        };
        scene.memory.budget.set(&AppId::default_app(), state);
    }

    #[tokio::test]
    async fn the_age_of_a_lead_without_budget_grows_and_its_delivery_ends_it() {
        let scene = Scene::connected().await;
        assert!(gauge(&scene, "OldestUndelivered").await < 1.0);
        spend(&scene, 10_000);
        scene.submit(&[("email", "ada@example.com")]).await;
        scene.drain().await;

        scene.memory.clock.advance(SignedDuration::from_hours(3));

        let age = gauge(&scene, "OldestUndelivered").await;
        assert!((10_800.0..=10_840.0).contains(&age), "{age}");
        spend(&scene, 0);
        scene.memory.clock.advance(SignedDuration::from_hours(12));
        scene.memory.release().run().await.unwrap();
        scene.drain().await;
        assert!(gauge(&scene, "OldestUndelivered").await < 1.0);
    }

    #[tokio::test]
    async fn the_age_of_a_lead_that_waits_for_a_person_is_none() {
        let scene = Scene::unconnected().await;
        scene.submit(&[("email", "ada@example.com")]).await;
        scene.drain().await;

        scene.memory.clock.advance(SignedDuration::from_hours(3));

        assert!(gauge(&scene, "OldestUndelivered").await < 1.0);
    }

    #[tokio::test]
    async fn an_import_that_does_not_end_shows_by_its_age() {
        let scene = Scene::connected().await;
        let now = scene.memory.clock.now();
        let millis = u64::try_from(now.as_millisecond()).unwrap();
        let id = ImportId::new(Ulid::from_parts(millis, 1));
        let job = ImportJob::new(id, scene.customer.clone(), vec![], now);
        let ledger = &scene.memory.ledger;
        assert!(ledger.save_import(&job, None).await.unwrap());

        scene.memory.clock.advance(SignedDuration::from_hours(3));

        let age = gauge(&scene, "OldestUndelivered").await;
        assert!((10_799.0..=10_801.0).contains(&age), "{age}");
        let closed = job.next(Stage::Closed, None);
        assert!(ledger.save_import(&closed, None).await.unwrap());
        assert!(gauge(&scene, "OldestUndelivered").await < 1.0);
    }

    #[tokio::test]
    async fn a_connection_that_nobody_can_read_keeps_nothing_else_from_being_measured() {
        let scene = Scene::connected().await;
        let (ledger, now) = (&scene.memory.ledger, scene.memory.clock.now());
        ledger.mark_lane(&scene.customer, now).await.unwrap();
        scene.memory.directory.garble(&scene.customer);
        spend(&scene, 8_100);

        let used = gauge(&scene, "BudgetUsed").await;

        assert!((80.9..81.1).contains(&used), "{used}");
    }

    #[tokio::test]
    async fn the_used_budget_and_lost_connections_show() {
        let scene = Scene::connected().await;
        assert!(gauge(&scene, "LostConnections").await < 1.0);
        spend(&scene, 8_100);
        let (reason, since) = (ReconnectReason::InvalidGrant, scene.memory.clock.now());
        let dead = ConnectionStatus::NeedsReconnect { reason, since };
        let directory = &scene.memory.directory;
        directory
            .set_status(&scene.customer, 1, &dead)
            .await
            .unwrap();

        let used = gauge(&scene, "BudgetUsed").await;
        assert!((80.9..81.1).contains(&used), "{used}");
        let lost = gauge(&scene, "LostConnections").await;
        assert!((0.9..1.1).contains(&lost), "{lost}");
    }
}
