//! Counting leads anew, so that counters which missed something are right again within the hour.

use jiff::{SignedDuration, Timestamp};

use super::trouble::Trouble;
use crate::domain::tally::Tally;
use crate::ports::{Clock, Ledger, StoreError, Tallies, Unsettled, Wiring};

/// A day is counted anew once nothing of it has moved for so long: a busy one once it is over.
const QUIET_FOR: SignedDuration = SignedDuration::from_mins(15);

/// Days counted in one run.
const PER_RUN: usize = 5;

/// Unsettled days looked at to find them.
const LOOKED_AT: u16 = 200;

/// Counts leads anew.
pub struct Recount<W: Wiring> {
    /// The truth.
    pub ledger: W::Ledger,
    /// The counters.
    pub directory: W::Directory,
    /// The time.
    pub clock: W::Clock,
}

impl<W: Wiring> Recount<W> {
    /// Counts the leads of a few unsettled days, and begins none after `until`. Tells of how many days the counters
    /// now are what the ledger says. A day that cannot be counted keeps no other from it.
    ///
    /// # Errors
    /// [`StoreError`]. A day that was not settled is unsettled still.
    pub async fn run(&self, until: Timestamp) -> Result<usize, StoreError> {
        let (mut counted, mut settled) = (0, 0);
        let mut trouble = Trouble::default();
        let mut unsettled = self.directory.unsettled(LOOKED_AT).await?;
        unsettled.sort_by_key(|day| day.touched_at);
        for day in unsettled {
            let now = self.clock.now();
            if counted == PER_RUN || day.touched_at + QUIET_FOR > now || now >= until {
                break;
            }
            let done = self.count_anew(&day).await;
            if let Some(done) = trouble.of(&day.customer, done) {
                counted += 1;
                settled += usize::from(done);
            }
        }
        trouble.end(settled)
    }

    /// Says whether the counters now are what the ledger says.
    async fn count_anew(&self, day: &Unsettled) -> Result<bool, StoreError> {
        let counts = self.ledger.count(&day.customer, day.day).await?;
        let tally = Tally {
            day: day.day,
            counts,
        };
        self.directory
            .settle_tally(&day.customer, &tally, day.revision)
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
    use crate::domain::tally::Counts;
    use crate::fakes::Fault;
    use crate::ports::{Clock as _, Ledger as _, Tallies as _};

    async fn counts(scene: &Scene) -> Vec<Counts> {
        let tallies = scene.memory.directory.tallies(&scene.customer).await;
        tallies.unwrap().into_iter().map(|day| day.counts).collect()
    }

    async fn recount(scene: &Scene) -> usize {
        let until = scene.memory.clock.now() + SignedDuration::from_secs(30);
        scene.memory.recount().run(until).await.unwrap()
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
        let counted = twin.memory.faults.steps() - 1; // then the bus is told
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
            let counted = twin.memory.faults.steps() - 1; // then the bus is told
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

        let told = scene.memory.recount().run(Timestamp::MAX).await;

        assert!(told.is_err());
        assert_eq!(recount(&scene).await, 1, "the other is settled");
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
                // Where the request was done before its fault came, that strikes here.
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
