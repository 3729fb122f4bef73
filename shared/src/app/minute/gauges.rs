//! How the stack is, as numbers that alarms can watch.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};

use super::Minute;
use crate::domain::budget::BudgetState;
use crate::domain::ids::{AppId, CustomerId, LeadId};
use crate::domain::lead::LeadRecord;
use crate::ports::{
    Apps, Budget, Clock, Connections, Gauge, Imports, Lanes, Ledger, Metric, StoreError, Wiring,
};

/// Lanes looked into that hold a lead for which time has to pass, and lanes looked into at a time; the longest due come
/// first.
const LANES: usize = 25;

/// Lanes looked for: one that was emptied, or holds only leads that wait for a person, is marked for a while.
const MARKED_LANES: u16 = 1_000;

/// Leads of a lane, or of the ways to the drain, that are looked at.
const LEADS: u16 = 25;

/// Leads read to find the oldest one. Of more that came in one hour these are a fair sample.
const READ: usize = 25;

/// Open imports looked at: more than are open at a time.
const IMPORTS: u16 = 200;

/// Lost connections counted.
const LOST: u16 = 1_000;

/// Applications measured.
const APPS: u16 = 1_000;

/// Quarantined leads counted.
pub const QUARANTINED: u16 = 1_000;

/// How far back quarantined leads are counted. Those of robots lie there until their retention is over.
const QUARANTINED_SINCE: SignedDuration = SignedDuration::from_hours(24);

/// The longest wait for the budget or after trouble: until midnight, and a little more.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(25);

impl<W: Wiring> Minute<W> {
    /// Looks at everything once, as numbers.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn measure(&self) -> Result<Vec<Metric>, StoreError> {
        let now = self.clock.now();
        let oldest = oldest_under_way(&self.ledger).await?;
        let age = oldest.map_or(0, |since| now.duration_since(since).as_secs().max(0));
        let lost = self.directory.lost(LOST).await?;
        let aside = quarantined(&self.ledger, now).await?;
        let mut used = 0.0_f64;
        for app in applications(&self.apps).await? {
            used = used.max(self.used(&app, now).await?);
        }
        let seconds = i32::try_from(age).map_or(f64::MAX, f64::from);
        let count = |number: usize| u32::try_from(number).map_or(f64::MAX, f64::from);
        Ok([
            (Gauge::OldestUndelivered, seconds),
            (Gauge::LostConnections, count(lost.len())),
            (Gauge::BudgetUsed, used),
            (Gauge::Quarantined, count(aside.len())),
        ]
        .map(|(gauge, value)| Metric { gauge, value })
        .into())
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

/// All applications: those that somebody has stored, and the default one.
pub(crate) async fn applications(apps: &impl Apps) -> Result<BTreeSet<AppId>, StoreError> {
    let stored = apps.all(APPS).await?.into_iter();
    Ok(stored.chain([AppId::default_app()]).collect())
}

/// Leads that came in lately and are set aside, with their customers.
pub(crate) async fn quarantined(
    ledger: &impl Lanes,
    now: Timestamp,
) -> Result<Vec<(CustomerId, LeadId)>, StoreError> {
    ledger
        .quarantined(now - QUARANTINED_SINCE, QUARANTINED)
        .await
}

/// When the oldest lead came in that is on its way or waits for time to pass, one without budget too, or the oldest open
/// import was begun, whose leads no index lists; of those that are due first. What waits for a person is none, as their
/// page tells them, and neither is what is held back for days.
pub(crate) async fn oldest_under_way(
    ledger: &(impl Ledger + Lanes + Imports),
) -> Result<Option<Timestamp>, StoreError> {
    let mut leads = ledger.overdue(Timestamp::MAX, LEADS).await?;
    let lanes = ledger.due_lanes(Timestamp::MAX, None, MARKED_LANES).await?;
    let mut looked_into = 0;
    for lanes in lanes.chunks(LANES) {
        let looks = lanes.iter().map(|(customer, _)| timed(ledger, customer));
        for timed in try_join_all(looks).await? {
            looked_into += usize::from(!timed.is_empty());
            leads.extend(timed);
        }
        if looked_into >= LANES {
            break;
        }
    }
    let imports = ledger.due_imports(Timestamp::MAX, IMPORTS).await?;
    let oldest = imports.iter().map(|(_, import)| import.made_at()).min();
    Ok(oldest
        .into_iter()
        .chain(oldest_of(ledger, leads).await?)
        .min())
}

/// The first leads of a lane, but for those that wait for a person.
async fn timed(
    ledger: &impl Lanes,
    customer: &CustomerId,
) -> Result<Vec<(CustomerId, LeadId)>, StoreError> {
    let waiting = ledger.waiting(customer, None, LEADS).await?;
    let timed = waiting.into_iter().filter(|(_, due)| due.time().is_some());
    Ok(timed.map(|(lead, _)| (customer.clone(), lead)).collect())
}

/// When the oldest of these leads came in. An id may be older than its lead, so leads are read in the order of
/// their ids until none that follows can be older.
async fn oldest_of(
    ledger: &impl Ledger,
    mut leads: Vec<(CustomerId, LeadId)>,
) -> Result<Option<Timestamp>, StoreError> {
    leads.sort_by_key(|(_, lead)| lead.made_at());
    let mut oldest: Option<Timestamp> = None;
    for (customer, lead) in leads.iter().take(READ) {
        if oldest.is_some_and(|oldest| oldest <= lead.made_at()) {
            break;
        }
        let record = ledger.lead(customer, lead).await?;
        let under_way = record.filter(|record| !is_held_back(record));
        let came = under_way.map(|record| record.lead.received_at);
        oldest = oldest.into_iter().chain(came).min();
    }
    Ok(oldest)
}

/// Whether a lead has to wait for longer than a day, as one does whose address Constant Contact takes for abused. Nobody
/// can change that, and an alarm that rang for it would be deaf to all else.
fn is_held_back(record: &LeadRecord) -> bool {
    let since = record.timeline.last().map(|line| line.at);
    let wait = since.zip(record.due_at);
    wait.is_some_and(|(since, due)| due.duration_since(since) > LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use crate::app::scene::{ACCOUNT, Scene};
    use crate::domain::budget::BudgetState;
    use crate::domain::connection::{ConnectionStatus, LimitedReason, ReconnectReason};
    use crate::domain::crm::CrmError;
    use crate::domain::ids::{AppId, ImportId};
    use crate::domain::import::{ImportJob, Stage};
    use crate::domain::lead::{Lead, LeadState, WaitReason};
    use crate::ports::{
        Claims as _, Clock as _, Connections as _, Imports as _, Lanes as _, Ledger as _, Requeue,
        Settlement,
    };

    const ADA: &[(&str, &str)] = &[("email", "ada@example.com")];

    async fn gauge(scene: &Scene, name: &str) -> f64 {
        let metrics = scene.memory.minute().measure().await.unwrap();
        metrics
            .iter()
            .find(|metric| metric.gauge.name() == name)
            .unwrap()
            .value
    }

    fn spend(scene: &Scene, spent: u32) {
        spend_of(scene, &AppId::default_app(), spent);
    }

    fn spend_of(scene: &Scene, app: &AppId, spent: u32) {
        let now: Timestamp = scene.memory.clock.now();
        let state = BudgetState {
            spent,
            ..BudgetState::assumed(Default::default(), now)
        };
        scene.memory.budget.set(app, state);
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
        scene.memory.release().await.unwrap();
        scene.drain().await;
        assert!(gauge(&scene, "OldestUndelivered").await < 1.0);
    }

    #[tokio::test]
    async fn lanes_that_were_emptied_hide_no_lead() {
        let scene = Scene::connected().await;
        spend(&scene, 10_000);
        scene.submit(ADA).await;
        scene.drain().await;
        let (ledger, now) = (&scene.memory.ledger, scene.memory.clock.now());
        for number in 0..40 {
            let customer = format!("c{number}").parse().unwrap();
            ledger.mark_lane(&customer, now).await.unwrap();
            ledger.advance_lane(&customer, now, None).await.unwrap();
        }
        let lanes = ledger.due_lanes(Timestamp::MAX, None, 100).await.unwrap();
        assert_eq!(lanes.last().unwrap().0, scene.customer, "behind all others");

        scene.memory.clock.advance(SignedDuration::from_mins(10));

        let age = gauge(&scene, "OldestUndelivered").await;
        assert!((600.0..=640.0).contains(&age), "{age}");
    }

    #[tokio::test]
    async fn lanes_whose_leads_all_wait_for_a_person_hide_no_lead() {
        let scene = Scene::connected().await;
        spend(&scene, 10_000);
        scene.submit(ADA).await;
        scene.drain().await;
        let (ledger, now) = (&scene.memory.ledger, scene.memory.clock.now());
        let like = ledger.all().remove(0).lead;
        let for_a_person = Settlement {
            state: LeadState::Waiting {
                why: WaitReason::NotConnected,
            },
            due_at: None,
            at: now,
            expires_at: None,
        };
        for number in 0..600 {
            let lead = Lead {
                customer: format!("c{number}").parse().unwrap(),
                ..like.clone()
            };
            let (customer, id) = (&lead.customer, &lead.id);
            ledger.record(&lead, &LeadState::Queued, now).await.unwrap();
            let claimed = ledger.claim(customer, id, "drain", now, now).await;
            claimed.unwrap();
            let settled = ledger.settle(customer, id, "drain", &for_a_person).await;
            assert!(settled.unwrap());
            ledger.mark_lane(customer, now).await.unwrap();
        }
        let lanes = ledger.due_lanes(Timestamp::MAX, None, 1_000).await.unwrap();
        assert_eq!(lanes.last().unwrap().0, scene.customer, "behind all others");

        scene.memory.clock.advance(SignedDuration::from_mins(10));

        let age = gauge(&scene, "OldestUndelivered").await;
        assert!((600.0..=640.0).contains(&age), "{age}");
    }

    /// Ids of leads with a key begin with the hour.
    #[tokio::test]
    async fn the_age_of_a_lead_with_a_key_counts_from_when_it_came_in() {
        let scene = Scene::connected().await;
        scene.memory.clock.advance(SignedDuration::from_mins(40));
        scene.submit_as("one", ADA).await.unwrap();
        assert!(gauge(&scene, "OldestUndelivered").await < 1.0);
        scene.memory.clock.advance(SignedDuration::from_mins(10));
        for key in ["two", "three", "four"] {
            scene.submit_as(key, ADA).await.unwrap();
        }

        let age = gauge(&scene, "OldestUndelivered").await;

        assert!((599.0..=601.0).contains(&age), "{age}");
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
    async fn the_age_of_a_lead_whose_address_is_held_back_is_none_and_hides_no_others() {
        let scene = Scene::connected().await;
        let (clock, crm) = (&scene.memory.clock, &scene.memory.crm);
        scene.submit(ADA).await;
        scene.drain().await;
        crm.hold_back(ACCOUNT, &ADA[0].1.parse().unwrap(), true);
        scene.submit(&[ADA[0], ("first_name", "Ada")]).await;
        scene.drain().await;
        clock.advance(SignedDuration::from_hours(40));
        assert!(gauge(&scene, "OldestUndelivered").await < 1.0);

        spend(&scene, 10_000);
        scene.submit(&[("email", "bob@example.com")]).await;
        scene.drain().await;
        clock.advance(SignedDuration::from_hours(3));

        let age = gauge(&scene, "OldestUndelivered").await;
        assert!((10_800.0..=10_840.0).contains(&age), "{age}");
    }

    #[tokio::test]
    async fn an_import_that_does_not_end_shows_by_its_age() {
        let scene = Scene::connected().await;
        let now = scene.memory.clock.now();
        let job = ImportJob::new(ImportId::at(now, 1), scene.customer.clone(), vec![], now);
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

    #[tokio::test]
    async fn the_budget_of_an_application_of_ones_own_shows_before_any_lead_waits_for_it() {
        let scene = Scene::connected().await;
        let own: AppId = "own".parse().unwrap();
        spend(&scene, 100);
        spend_of(&scene, &own, 9_500);
        assert!(gauge(&scene, "BudgetUsed").await < 2.0);

        scene.memory.apps.set_limits(&own, Default::default());

        let used = gauge(&scene, "BudgetUsed").await;
        assert!((94.9..95.1).contains(&used), "{used}");
    }

    #[tokio::test]
    async fn a_day_that_constant_contact_says_is_spent_shows_as_all_used() {
        let scene = Scene::connected().await;
        spend(&scene, 100);
        scene.submit(ADA).await;
        scene.memory.crm.answer_next(CrmError::QuotaExceeded);
        scene.drain().await;

        let used = gauge(&scene, "BudgetUsed").await;
        assert!((99.9..100.1).contains(&used), "{used}");

        scene.memory.clock.advance(SignedDuration::from_hours(24));
        assert!(gauge(&scene, "BudgetUsed").await < 2.0);
    }

    #[tokio::test]
    async fn a_limited_connection_counts_as_one_that_needs_a_person() {
        for reason in [
            LimitedReason::AppDeactivated,
            LimitedReason::MissingPrivilege,
        ] {
            let scene = Scene::connected().await;
            let limited = ConnectionStatus::Limited { reason };
            let directory = &scene.memory.directory;
            let set = directory.set_status(&scene.customer, 1, &limited);
            assert!(set.await.unwrap());

            let lost = gauge(&scene, "LostConnections").await;
            assert!((0.9..1.1).contains(&lost), "{reason:?}: {lost}");
        }
    }

    #[tokio::test]
    async fn a_quarantined_lead_counts_for_a_day_or_until_it_is_released() {
        let scene = Scene::connected().await;
        let robots = [("email", "ada@example.com"), ("contact_website", "x")];
        let lead = scene.submit(&robots).await.lead;
        let grace = [("email", "grace@example.com"), ("contact_website", "x")];
        scene.submit(&grace).await;
        assert!((1.9..2.1).contains(&gauge(&scene, "Quarantined").await));

        let ledger = &scene.memory.ledger;
        let now = scene.memory.clock.now();
        let released = ledger.requeue(&scene.customer, &lead, Requeue::Aside, now, now);
        assert!(released.await.unwrap());
        assert!((0.9..1.1).contains(&gauge(&scene, "Quarantined").await));

        scene.memory.clock.advance(SignedDuration::from_hours(25));
        assert!(gauge(&scene, "Quarantined").await < 0.1);
    }
}
