//! A lead of the operator's own that travels the whole way, from the public door into Constant Contact. Where the way is
//! broken it does not arrive, and an alarm says so before a customer does.
//!
//! Nothing is remembered between two runs: the ledger says which canaries were sent and which have arrived.

use jiff::{SignedDuration, Timestamp};

use crate::domain::email::EmailAddress;
use crate::domain::ids::FormId;
use crate::domain::lead::{LeadRecord, LeadState};
use crate::ports::{Clock, Door, Forms, LeadFilter, Ledger, Metric, StoreError, Unit, Wiring};

/// One is sent in each quarter of an hour: about a hundredth of a day's calls.
const EVERY: SignedDuration = SignedDuration::from_mins(15);

/// How far back an arrival is looked for; without one in this time, all of it counts as late.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(24);

/// Leads of the customer looked at. It should have no others.
const LEADS: u16 = 25;

/// Sends canaries and looks for them.
pub struct Canary<W: Wiring, D> {
    /// What became of them.
    pub ledger: W::Ledger,
    /// The form they come by.
    pub forms: W::Directory,
    /// The way in.
    pub door: D,
    /// The time.
    pub clock: W::Clock,
    /// The form's id.
    pub form: FormId,
    /// The address that they bear.
    pub email: EmailAddress,
}

impl<W: Wiring, D: Door> Canary<W, D> {
    /// Sends the canary of this quarter of an hour unless it is there, and measures how late the last one is: `0` while
    /// each arrives within its quarter.
    ///
    /// # Errors
    /// [`StoreError`] where the tables cannot be asked. A shut door is none: the next run tries again.
    pub async fn run(&self) -> Result<Metric, StoreError> {
        let now = self.clock.now();
        let Some(form) = self.forms.form(&self.form).await? else {
            tracing::error!(form.id = %self.form, "the canary's form is gone");
            return Ok(metric(LOOK_BACK));
        };
        let filter = LeadFilter {
            status: None,
            since: Some(now - LOOK_BACK),
        };
        let page = self.ledger.leads(&form.customer, &filter, None, LEADS);
        let mut canaries = page.await?.items;
        canaries.retain(|record| {
            record.lead.form == self.form && record.lead.contact.email == self.email
        });
        let slot = slot_of(now);
        if !canaries.iter().any(|record| slot_of_lead(record) == slot) {
            let key = format!("canary-{}", slot.as_second());
            if let Err(error) = self.door.post(&self.form, &self.email, &key).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the canary was not let in"
                );
            }
        }
        Ok(lateness(&canaries, now))
    }
}

fn lateness(canaries: &[LeadRecord], now: Timestamp) -> Metric {
    let arrived = canaries
        .iter()
        .filter(|record| matches!(record.state, LeadState::Delivered { .. }));
    let late = arrived.map(slot_of_lead).max().map_or(LOOK_BACK, |last| {
        now.duration_since(last + EVERY).max(SignedDuration::ZERO)
    });
    metric(late)
}

fn metric(late: SignedDuration) -> Metric {
    Metric {
        name: "CanaryLate",
        unit: Unit::Seconds,
        value: late.as_secs_f64(),
    }
}

/// When the quarter of an hour began.
fn slot_of(at: Timestamp) -> Timestamp {
    let since = at.as_second().rem_euclid(EVERY.as_secs());
    Timestamp::from_second(at.as_second() - since).unwrap_or(at)
}

fn slot_of_lead(record: &LeadRecord) -> Timestamp {
    slot_of(record.lead.received_at)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::app::scene::Scene;
    use crate::fakes::Memory;

    /// A door onto the scene's intake, which can be shut.
    struct Doorway<'a> {
        scene: &'a Scene,
        open: bool,
        posted: AtomicUsize,
    }

    impl Door for Doorway<'_> {
        async fn post(&self, _: &FormId, email: &EmailAddress, _: &str) -> Result<(), StoreError> {
            if !self.open {
                return Err(StoreError::new("the door answered 502"));
            }
            self.posted.fetch_add(1, Ordering::Relaxed);
            self.scene.submit(&[("email", email.as_str())]).await;
            Ok(())
        }
    }

    fn canary(scene: &Scene) -> Canary<Memory, Doorway<'_>> {
        Canary {
            ledger: scene.memory.ledger.clone(),
            forms: scene.memory.directory.clone(),
            door: Doorway {
                scene,
                open: true,
                posted: AtomicUsize::new(0),
            },
            clock: scene.memory.clock.clone(),
            form: scene.form.id.clone(),
            email: "canary@operator.example".parse().unwrap(),
        }
    }

    /// So many runs, one a minute, each followed by the drain where that works; the lateness after each.
    async fn minutes(
        canary: &Canary<Memory, Doorway<'_>>,
        minutes: usize,
        drained: bool,
    ) -> Vec<f64> {
        let scene = canary.door.scene;
        let mut late = Vec::new();
        for _ in 0..minutes {
            late.push(canary.run().await.unwrap().value);
            if drained {
                scene.drain().await;
            }
            scene.memory.clock.advance(SignedDuration::from_mins(1));
        }
        late
    }

    const NEVER: f64 = 86_400.0;

    #[tokio::test]
    async fn a_canary_is_sent_once_in_a_quarter_and_is_not_late_while_it_arrives() {
        let scene = Scene::connected().await;
        let canary = canary(&scene);

        let late = minutes(&canary, 60, true).await;

        assert_eq!(canary.door.posted.load(Ordering::Relaxed), 4);
        assert_eq!(late[0], NEVER, "none has arrived yet");
        assert_eq!(late[1..], [0.0; 59]);
    }

    #[tokio::test]
    async fn a_canary_that_is_not_seen_within_five_minutes_is_late_by_more() {
        let scene = Scene::connected().await;
        let canary = canary(&scene);
        minutes(&canary, 15, true).await;

        let late = minutes(&canary, 21, false).await;

        assert_eq!(late.iter().position(|late| *late > 300.0), Some(6));
        let goes_on = late[6..].iter().all(|late| *late > 300.0);
        assert!(goes_on, "the next one changes nothing: {late:?}");
        assert_eq!(minutes(&canary, 3, true).await[2], 0.0);
    }

    #[tokio::test]
    async fn a_canary_before_a_shut_door_is_late_and_tries_again() {
        let scene = Scene::connected().await;
        let mut canary = canary(&scene);
        minutes(&canary, 15, true).await;
        canary.door.open = false;

        assert_eq!(minutes(&canary, 7, true).await[6], 360.0);
        canary.door.open = true;
        assert_eq!(minutes(&canary, 2, true).await, [420.0, 0.0]);
    }

    #[tokio::test]
    async fn a_canary_whose_form_is_gone_is_as_late_as_can_be() {
        let scene = Scene::connected().await;
        let canary = canary(&scene);
        let directory = &scene.memory.directory;
        directory.delete_form(&scene.form.id).await.unwrap();

        assert_eq!(minutes(&canary, 1, true).await, [NEVER]);
    }

    #[tokio::test]
    async fn a_visitor_of_the_same_form_is_no_canary() {
        let scene = Scene::connected().await;
        let canary = canary(&scene);
        scene.submit(&[("email", "ada@example.com")]).await;
        scene.drain().await;

        assert_eq!(minutes(&canary, 1, false).await, [NEVER]);
        assert_eq!(canary.door.posted.load(Ordering::Relaxed), 1);
    }
}
