//! Recounting leads, so that counters that missed something are right again within the hour.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Scheduler;
use crate::app::first_error::FirstError;
use crate::domain::customer::kept_for;
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
            let done = errors.log(&day.customer, self.count_anew(&day).await);
            settled += usize::from(done == Some(true));
        }
        errors.end(settled)
    }

    /// Says whether the counters now match the ledger.
    async fn count_anew(&self, day: &Unsettled) -> Result<bool, StoreError> {
        let customer = &day.customer;
        let kept_for = kept_for(self.directory.customer(customer).await?.as_ref());
        let today = self.clock.now().to_zoned(TimeZone::UTC).date();
        let kept = self.ledger.count(customer, day.tally.day).await?;
        let anew = day.tally.anew(kept, kept_for, today);
        self.directory
            .settle_tally(customer, &anew, day.revision)
            .await
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use jiff::{SignedDuration, Timestamp};

    use crate::app::admin::Properties;
    use crate::app::scene::Scene;
    use crate::domain::lead::LeadState;
    use crate::domain::tally::{Counts, TallyChanges};
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
        vec![Counts::from([(label.to_owned(), 1)])]
    }

    #[tokio::test]
    async fn counters_follow_a_lead_from_waiting_to_delivered() {
        let scene = Scene::unconnected().await;
        scene.submit(&[("email", "ada@example.com")]).await;
        assert_eq!(counts(&scene).await, []);

        let messages = scene.messages();
        scene.drain_these(messages.clone()).await;
        assert_eq!(counts(&scene).await, one("waiting.not_connected"));

        scene.connect().await;
        scene.drain_these(messages).await;
        let moved = Counts::from([("delivered".into(), 1), ("waiting.not_connected".into(), 0)]);
        assert_eq!(counts(&scene).await, [moved]);
    }

    #[tokio::test]
    async fn what_a_dying_drain_did_not_count_is_counted_once_its_message_came_again() {
        let scene = Scene::connected().await;
        scene.submit(&[("email", "ada@example.com")]).await;
        let messages = scene.messages();
        let twin = Scene::connected().await;
        twin.submit(&[("email", "ada@example.com")]).await;
        twin.drain().await;
        let counted = twin.memory.faults.steps() - 1; // then the event bus is told
        scene.memory.faults.at(counted, Fault::CrashBefore);
        let died = scene
            .memory
            .faults
            .until_crash(scene.drain_these(messages.clone()))
            .await;
        assert!(died.is_none());
        assert_eq!(counts(&scene).await, []);

        scene.drain_these(messages).await;
        assert_eq!(recount(&scene).await, 0, "still moving");
        scene.memory.clock.advance(SignedDuration::from_mins(15));
        assert_eq!(recount(&scene).await, 1);

        assert_eq!(counts(&scene).await, one("delivered"));
        assert_eq!(recount(&scene).await, 0, "settled");
    }

    #[tokio::test]
    async fn counters_that_could_not_be_written_are_counted_anew() {
        for fault in [Fault::FailBefore, Fault::FailAfter] {
            let scene = Scene::connected().await;
            scene.submit(&[("email", "ada@example.com")]).await;
            let twin = Scene::connected().await;
            twin.submit(&[("email", "ada@example.com")]).await;
            twin.drain().await;
            let counted = twin.memory.faults.steps() - 1; // then the event bus is told
            scene.memory.faults.at(counted, fault);

            scene.drain().await;
            scene.memory.clock.advance(SignedDuration::from_mins(15));
            recount(&scene).await;

            assert_eq!(counts(&scene).await, one("delivered"), "{fault:?}");
        }
    }

    #[tokio::test]
    async fn a_day_that_cannot_be_counted_keeps_no_other_from_it() {
        let scene = Scene::unconnected().await;
        for email in ["ada@example.com", "bob@example.com"] {
            scene.submit(&[("email", email)]).await;
            scene.drain().await;
            scene.memory.clock.advance(SignedDuration::from_hours(24));
        }
        let faults = &scene.memory.faults;
        // Unsettled days are found first, then counted.
        faults.at(faults.steps() + 2, Fault::FailBefore);

        let told = scene.memory.scheduler().recount(Timestamp::MAX).await;

        assert!(told.is_err());
        assert_eq!(recount(&scene).await, 1, "the other is settled");
    }

    #[tokio::test]
    async fn a_day_whose_delivered_leads_are_gone_by_now_keeps_their_number() {
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
        scene.call_for(SignedDuration::from_mins(10));
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
        assert_eq!((shown["delivered"], shown.get("waiting.quota")), (3, None));
    }

    #[tokio::test]
    async fn an_erasure_that_broke_off_is_counted_right_however_old_the_day() {
        let scene = Scene::connected().await;
        let ada = [("email", "ada@example.com")];
        for city in ["London", "Paris"] {
            scene.submit(&[ada[0], ("city", city)]).await;
        }
        scene.drain().await;
        let memory = &scene.memory;
        memory.clock.advance(SignedDuration::from_hours(24 * 40));
        recount(&scene).await;

        let mut broke_off = 0;
        for step in 1..40 {
            let wish = Properties::parse(br#"{"email":"ada@example.com"}"#).unwrap();
            let at = memory.faults.steps() + step;
            memory.faults.at(at, Fault::FailBefore);
            let erased = memory.admin().erase_person(&scene.customer, wish).await;
            memory.clock.advance(SignedDuration::from_mins(15));
            if erased.is_ok() {
                break;
            }
            broke_off += 1;
        }
        let end = memory.clock.now() + SignedDuration::from_secs(30);
        let struck = memory.scheduler().recount(end).await;
        assert!(struck.is_err(), "the fault that no erasure met");
        recount(&scene).await;

        assert!(broke_off > 3, "{broke_off}");
        assert_eq!(counts(&scene).await, [Counts::from([("erased".into(), 2)])]);
    }

    #[tokio::test]
    async fn busy_days_of_others_keep_no_quiet_one_from_being_counted() {
        let scene = Scene::unconnected().await;
        scene.submit(&[("email", "ada@example.com")]).await;
        scene.drain().await;
        scene.memory.clock.advance(SignedDuration::from_mins(15));
        let (directory, now) = (&scene.memory.directory, scene.memory.clock.now());
        let mut changes = TallyChanges::default();
        changes.doubt(now.to_zoned(TimeZone::UTC).date());
        for number in 0..250 {
            let busy = format!("a{number}").parse().unwrap();
            directory.tally(&busy, &changes, now).await.unwrap();
        }

        assert_eq!(recount(&scene).await, 1);
    }

    #[tokio::test]
    async fn an_outcome_whose_answer_was_lost_leaves_its_day_in_doubt() {
        let twin = Scene::unconnected().await;
        twin.submit(&[("email", "ada@example.com")]).await;
        let first = twin.memory.faults.steps();
        twin.drain().await;
        for step in first..=twin.memory.faults.steps() {
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
    async fn a_file_or_an_erasure_that_dies_at_any_step_leaves_counters_that_are_counted_anew() {
        for file in [true, false] {
            for step in 1.. {
                let scene = Scene::unconnected().await;
                scene.submit(&[("email", "ada@example.com")]).await;
                scene.drain().await;
                scene.memory.clock.advance(SignedDuration::from_mins(15));
                assert_eq!(recount(&scene).await, 1);
                let (admin, faults) = (scene.memory.admin(), &scene.memory.faults);
                faults.at(faults.steps() + step, Fault::CrashAfter);

                let asked = async {
                    if file {
                        let query = Properties::from_query([]);
                        let file = admin.export(&scene.customer, query, Timestamp::MAX);
                        file.await.is_ok()
                    } else {
                        let email = Properties::parse(br#"{"email":"ada@example.com"}"#).unwrap();
                        admin.erase_person(&scene.customer, email).await.is_ok()
                    }
                };
                let whole = faults.until_crash(asked).await;
                scene.memory.clock.advance(SignedDuration::from_mins(15));
                // If the request was done before its fault came, the fault strikes here.
                faults.until_crash(recount(&scene)).await;
                recount(&scene).await;

                let day = scene.memory.clock.now().to_zoned(TimeZone::UTC).date();
                let counted = scene.memory.ledger.count(&scene.customer, day).await;
                let shown = counts(&scene).await.remove(0);
                let shown: Counts = shown.into_iter().filter(|(_, count)| *count != 0).collect();
                assert_eq!(shown, counted.unwrap(), "step {step}");
                if whole.is_some() {
                    assert!(step > 3, "only {step} steps");
                    break;
                }
            }
        }
    }
}
