//! Recounting leads, so that counters that missed something are right again within the hour.

use jiff::{SignedDuration, Timestamp};

use super::Scheduler;
use crate::app::first_error::FirstError;
use crate::domain::customer::kept_for;
use crate::domain::utc_day;
use crate::ports::{Clock, Customers, Ledger, StoreError, Tallies, Unsettled, Wiring};

/// A day is counted again once it has not changed for this long: a busy one once it is over.
const QUIET_FOR: SignedDuration = SignedDuration::from_mins(15);

impl<W: Wiring> Scheduler<W> {
    /// Counts the leads of unsettled days, longest unchanged first, and begins none after `until`. Returns for how many
    /// days the counters now match the ledger. A day that cannot be counted stops no other.
    ///
    /// # Errors
    /// [`StoreError`]. A day that was not settled is still unsettled.
    pub async fn recount(&self, until: Timestamp) -> Result<usize, StoreError> {
        let (mut settled, mut errors) = (0, FirstError::default());
        let quiet_since = self.clock.now() - QUIET_FOR;
        let mut unsettled = self.directory.unsettled(quiet_since).await?;
        unsettled.sort_by_key(|day| day.touched_at);
        for day in unsettled {
            if self.clock.now() >= until {
                break;
            }
            let done = errors.log(&day.customer, self.recount_day(&day).await);
            settled += usize::from(done == Some(true));
        }
        errors.end(settled)
    }

    /// Says whether the counters now match the ledger.
    async fn recount_day(&self, day: &Unsettled) -> Result<bool, StoreError> {
        let customer = &day.customer;
        let kept_for = kept_for(self.directory.customer(customer).await?.as_ref());
        let today = utc_day(self.clock.now());
        let kept = self.ledger.count(customer, day.tally.day).await?;
        let recounted = day.tally.recounted(kept, kept_for, today);
        self.directory
            .settle_tally(customer, &recounted, day.revision)
            .await
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use crate::app::admin::Properties;
    use crate::app::scene::Scene;
    use crate::domain::lead::{LeadState, WaitReason};
    use crate::domain::tally::{Counts, Label, TallyChanges};
    use crate::domain::utc_day;
    use crate::fakes::Fault;
    use crate::ports::{Clock as _, Customers as _, Ledger as _, Tallies as _};

    async fn counts(scene: &Scene) -> Vec<Counts> {
        let tallies = scene.memory.directory.tallies(&scene.customer).await;
        tallies.unwrap().into_iter().map(|day| day.counts).collect()
    }

    async fn recount(scene: &Scene) -> usize {
        let until = scene.memory.clock.now() + SignedDuration::from_secs(30);
        scene.memory.scheduler().recount(until).await.unwrap()
    }

    fn one(label: &str) -> Vec<Counts> {
        vec![Counts::from([(label.into(), 1)])]
    }

    #[tokio::test]
    async fn counters_follow_a_lead_from_waiting_to_delivered() {
        let scene = Scene::unconnected().await;
        scene.submit(&[("email", "ada@example.com")]).await;
        assert_eq!(counts(&scene).await, []);

        let messages = scene.messages();
        scene.drain_messages(messages.clone()).await;
        assert_eq!(counts(&scene).await, one("waiting.not_connected"));

        scene.connect().await;
        scene.drain_messages(messages).await;
        let moved = Counts::from([("delivered".into(), 1), ("waiting.not_connected".into(), 0)]);
        assert_eq!(counts(&scene).await, [moved]);
    }

    #[tokio::test]
    async fn counts_missed_by_a_crashed_drain_are_recounted_after_redelivery() {
        let scene = Scene::connected().await;
        scene.submit(&[("email", "ada@example.com")]).await;
        let messages = scene.messages();
        let reference = Scene::connected().await;
        reference.submit(&[("email", "ada@example.com")]).await;
        reference.drain().await;
        let counted = reference.memory.faults.steps() - 1; // the last step publishes the events
        scene.memory.faults.at(counted, Fault::CrashBefore);
        let died = scene
            .memory
            .faults
            .until_crash(scene.drain_messages(messages.clone()))
            .await;
        assert!(died.is_none());
        assert_eq!(counts(&scene).await, []);

        scene.drain_messages(messages).await;
        assert_eq!(recount(&scene).await, 0, "changed too recently");
        scene.memory.clock.advance(SignedDuration::from_mins(15));
        assert_eq!(recount(&scene).await, 1);

        assert_eq!(counts(&scene).await, one("delivered"));
        assert_eq!(recount(&scene).await, 0, "already settled");
    }

    #[tokio::test]
    async fn counters_whose_write_failed_are_recounted() {
        for fault in [Fault::FailBefore, Fault::FailAfter] {
            let scene = Scene::connected().await;
            scene.submit(&[("email", "ada@example.com")]).await;
            let reference = Scene::connected().await;
            reference.submit(&[("email", "ada@example.com")]).await;
            reference.drain().await;
            let counted = reference.memory.faults.steps() - 1; // the last step publishes the events
            scene.memory.faults.at(counted, fault);

            scene.drain().await;
            scene.memory.clock.advance(SignedDuration::from_mins(15));
            recount(&scene).await;

            assert_eq!(counts(&scene).await, one("delivered"), "{fault:?}");
        }
    }

    #[tokio::test]
    async fn day_that_cannot_be_counted_does_not_block_other_days() {
        let scene = Scene::unconnected().await;
        for email in ["ada@example.com", "bob@example.com"] {
            scene.submit(&[("email", email)]).await;
            scene.drain().await;
            scene.memory.clock.advance(SignedDuration::from_hours(24));
        }
        let faults = &scene.memory.faults;
        // Unsettled days are found first, then counted.
        faults.at(faults.steps() + 2, Fault::FailBefore);

        let result = scene.memory.scheduler().recount(Timestamp::MAX).await;

        assert!(result.is_err());
        assert_eq!(recount(&scene).await, 1, "the other day is settled");
    }

    #[tokio::test]
    async fn recount_keeps_delivered_leads_that_have_expired_from_the_ledger() {
        let scene = Scene::connected().await;
        for email in ["ada@example.com", "bob@example.com"] {
            scene.submit(&[("email", email)]).await;
        }
        scene.drain().await;
        let memory = &scene.memory;
        let customer = memory.directory.customer(&scene.customer).await;
        let mut customer = customer.unwrap().unwrap();
        customer.retention_days = 30;
        memory.directory.put_customer(&customer).await.unwrap();
        scene.occupy_budget_for(SignedDuration::from_mins(10));
        scene.submit(&[("email", "eve@example.com")]).await;
        scene.drain().await;
        memory.clock.advance(SignedDuration::from_mins(15));
        recount(&scene).await;
        let before = Counts::from([("delivered".into(), 2), ("waiting.quota".into(), 1)]);
        assert_eq!(counts(&scene).await, [before]);

        memory.clock.advance(SignedDuration::from_hours(24 * 40));
        assert_eq!(memory.ledger.forget_delivered(memory.clock.now()), 2);
        memory.release().await.unwrap();
        scene.drain().await;
        memory.clock.advance(SignedDuration::from_mins(15));
        assert_eq!(recount(&scene).await, 1);

        let shown = counts(&scene).await.remove(0);
        let quota = Label::Waiting(WaitReason::Quota);
        assert_eq!((shown[&Label::Delivered], shown.get(&quota)), (3, None));
    }

    #[tokio::test]
    async fn erasure_retried_after_failures_is_counted_correctly_on_an_old_day() {
        let scene = Scene::connected().await;
        let ada = [("email", "ada@example.com")];
        for city in ["London", "Paris"] {
            scene.submit(&[ada[0], ("city", city)]).await;
        }
        scene.drain().await;
        let memory = &scene.memory;
        memory.clock.advance(SignedDuration::from_hours(24 * 40));
        recount(&scene).await;

        let mut failures = 0;
        for step in 1..40 {
            let request = Properties::parse(br#"{"email":"ada@example.com"}"#).unwrap();
            let at = memory.faults.steps() + step;
            memory.faults.at(at, Fault::FailBefore);
            let erased = memory.admin().erase_person(&scene.customer, request).await;
            memory.clock.advance(SignedDuration::from_mins(15));
            if erased.is_ok() {
                break;
            }
            failures += 1;
        }
        let end = memory.clock.now() + SignedDuration::from_secs(30);
        let result = memory.scheduler().recount(end).await;
        assert!(result.is_err(), "the last erasure did not reach its fault");
        recount(&scene).await;

        assert!(failures > 3, "{failures}");
        assert_eq!(counts(&scene).await, [Counts::from([("erased".into(), 2)])]);
    }

    #[tokio::test]
    async fn busy_days_of_other_customers_do_not_block_a_quiet_day() {
        let scene = Scene::unconnected().await;
        scene.submit(&[("email", "ada@example.com")]).await;
        scene.drain().await;
        scene.memory.clock.advance(SignedDuration::from_mins(15));
        let (directory, now) = (&scene.memory.directory, scene.memory.clock.now());
        let mut changes = TallyChanges::default();
        changes.doubt(utc_day(now));
        for number in 0..250 {
            let busy = format!("a{number}").parse().unwrap();
            directory.tally(&busy, &changes, now).await.unwrap();
        }

        assert_eq!(recount(&scene).await, 1);
    }

    #[tokio::test]
    async fn outcome_written_despite_a_store_error_is_counted_after_a_recount() {
        let reference = Scene::unconnected().await;
        reference.submit(&[("email", "ada@example.com")]).await;
        let first = reference.memory.faults.steps();
        reference.drain().await;
        for step in first + 1..=reference.memory.faults.steps() {
            let scene = Scene::unconnected().await;
            scene.submit(&[("email", "ada@example.com")]).await;
            scene.memory.faults.at(step, Fault::FailAfter);

            scene.drain().await;
            scene.memory.clock.advance(SignedDuration::from_mins(15));
            recount(&scene).await;

            let waits = matches!(
                scene.memory.ledger.all()[0].state,
                LeadState::Waiting { .. }
            );
            assert_eq!(
                counts(&scene).await.len(),
                usize::from(waits),
                "step {step}"
            );
        }
    }

    #[tokio::test]
    async fn counters_match_the_ledger_after_an_export_or_erasure_crashes_at_any_step() {
        for file in [true, false] {
            for step in 1.. {
                let scene = Scene::unconnected().await;
                scene.submit(&[("email", "ada@example.com")]).await;
                scene.drain().await;
                scene.memory.clock.advance(SignedDuration::from_mins(15));
                assert_eq!(recount(&scene).await, 1);
                let (admin, faults) = (scene.memory.admin(), &scene.memory.faults);
                faults.at(faults.steps() + step, Fault::CrashAfter);

                let request = async {
                    if file {
                        let query = Properties::from_query([]);
                        let file = admin.export(&scene.customer, query, Timestamp::MAX);
                        file.await.is_ok()
                    } else {
                        let email = Properties::parse(br#"{"email":"ada@example.com"}"#).unwrap();
                        admin.erase_person(&scene.customer, email).await.is_ok()
                    }
                };
                let finished = faults.until_crash(request).await;
                scene.memory.clock.advance(SignedDuration::from_mins(15));
                // If the request finished before its fault, the fault hits here.
                faults.until_crash(recount(&scene)).await;
                recount(&scene).await;

                let day = utc_day(scene.memory.clock.now());
                let counted = scene.memory.ledger.count(&scene.customer, day).await;
                let shown = counts(&scene).await.remove(0);
                let shown: Counts = shown.into_iter().filter(|(_, count)| *count != 0).collect();
                assert_eq!(shown, counted.unwrap(), "step {step}");
                if finished.is_some() {
                    assert!(step > 3, "only {step} steps");
                    break;
                }
            }
        }
    }
}
