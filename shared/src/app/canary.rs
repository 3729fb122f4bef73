//! A canary: the operator's own lead, which travels the whole way from the public form into Constant Contact. If the
//! way is broken it does not arrive, and an alarm says so before a customer does.
//!
//! Nothing is stored between two runs: the ledger says which canaries were sent and which have arrived.

use jiff::{SignedDuration, Timestamp};

use crate::domain::email::{EmailAddress, EmailError};
use crate::domain::ids::FormId;
use crate::domain::lead::{LeadRecord, LeadState};
use crate::ports::{
    Clock, FormEndpoint, Forms, Gauge, LeadFilter, Ledger, Metric, StoreError, Wiring, causes,
};

/// One is sent in each quarter of an hour: about a hundredth of a day's calls.
const EVERY: SignedDuration = SignedDuration::from_mins(15);

/// How far back an arrival is looked for; without one, all of this time counts as late.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(24);

/// How many of the customer's leads are looked at. It should have no others.
const LEADS: u16 = 25;

/// How many addresses canaries use in turn. Constant Contact considers an address abused that signs up more than five
/// times within 24 hours, and refuses it for 48; each of these does so three times.
const ADDRESSES: u8 = 32;

/// The addresses of canaries: one mailbox with as many tags. Which one a canary uses follows from its quarter of an
/// hour.
pub struct Addresses(Vec<EmailAddress>);

impl Addresses {
    /// The addresses from a mailbox.
    ///
    /// # Errors
    /// [`EmailError`] if the address has no room for a tag.
    pub fn of(mailbox: &EmailAddress) -> Result<Self, EmailError> {
        let tagged = (0..ADDRESSES).map(|tag| mailbox.tagged(&tag.to_string()));
        tagged.collect::<Result<_, _>>().map(Self)
    }

    fn at(&self, slot: Timestamp) -> &EmailAddress {
        let turn = (slot.as_second() / EVERY.as_secs()).rem_euclid(ADDRESSES.into());
        &self.0[usize::try_from(turn).unwrap_or_default()]
    }
}

/// Sends canaries and looks for them.
pub struct Canary<W: Wiring, E> {
    /// The leads, to see what became of them.
    pub ledger: W::Ledger,
    /// The form they are posted to.
    pub directory: W::Directory,
    /// The public form endpoint.
    pub endpoint: E,
    /// The time.
    pub clock: W::Clock,
    /// The form's id.
    pub form: FormId,
    /// The addresses that they use.
    pub addresses: Addresses,
}

impl<W: Wiring, E: FormEndpoint> Canary<W, E> {
    /// Sends the canary of this quarter of an hour unless it exists, and measures how late the last one is: `0` while
    /// each arrives within its quarter.
    ///
    /// # Errors
    /// [`StoreError`] if the tables cannot be read. A failing endpoint is no error: the next run tries again.
    pub async fn run(&self) -> Result<Metric, StoreError> {
        let now = self.clock.now();
        let Some(form) = self.directory.form(&self.form).await? else {
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
            record.lead.form == self.form
                && record.lead.contact.email == *self.addresses.at(slot_of_lead(record))
        });
        let slot = slot_of(now);
        if !canaries.iter().any(|record| slot_of_lead(record) == slot) {
            let key = format!("canary-{}", slot.as_second());
            let address = self.addresses.at(slot);
            if let Err(error) = self.endpoint.post(&self.form, address, &key).await {
                tracing::warn!(
                    error = %causes(&error),
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
        gauge: Gauge::CanaryLate,
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
    use crate::app::scene::{ACCOUNT, Scene};
    use crate::fakes::Memory;

    /// An endpoint in front of the scene's intake, which can be down.
    struct TestEndpoint<'a> {
        scene: &'a Scene,
        is_up: bool,
        posted: AtomicUsize,
    }

    impl FormEndpoint for TestEndpoint<'_> {
        async fn post(&self, _: &FormId, email: &EmailAddress, _: &str) -> Result<(), StoreError> {
            if !self.is_up {
                return Err(StoreError::new("the form endpoint answered 502"));
            }
            self.posted.fetch_add(1, Ordering::Relaxed);
            self.scene.submit(&[("email", email.as_str())]).await;
            Ok(())
        }
    }

    fn canary(scene: &Scene) -> Canary<Memory, TestEndpoint<'_>> {
        Canary {
            ledger: scene.memory.ledger.clone(),
            directory: scene.memory.directory.clone(),
            endpoint: TestEndpoint {
                scene,
                is_up: true,
                posted: AtomicUsize::new(0),
            },
            clock: scene.memory.clock.clone(),
            form: scene.form.id.clone(),
            addresses: Addresses::of(&"canary@operator.example".parse().unwrap()).unwrap(),
        }
    }

    /// Runs the canary once a minute, each time followed by the drain if `drained`; returns the lateness of each run.
    async fn run_minutes(
        canary: &Canary<Memory, TestEndpoint<'_>>,
        minutes: usize,
        drained: bool,
    ) -> Vec<f64> {
        let scene = canary.endpoint.scene;
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

    const FULL_DAY: f64 = 86_400.0;

    #[tokio::test]
    async fn canary_is_sent_once_per_quarter_hour_and_not_late_while_it_arrives() {
        let scene = Scene::connected().await;
        let canary = canary(&scene);

        let late = run_minutes(&canary, 60, true).await;

        assert_eq!(canary.endpoint.posted.load(Ordering::Relaxed), 4);
        assert_eq!(late[0], FULL_DAY, "no canary has arrived yet");
        assert_eq!(late[1..], [0.0; 59]);
    }

    #[tokio::test]
    async fn undelivered_canary_is_over_five_minutes_late_until_one_arrives() {
        let scene = Scene::connected().await;
        let canary = canary(&scene);
        run_minutes(&canary, 15, true).await;

        let late = run_minutes(&canary, 21, false).await;

        assert_eq!(late.iter().position(|late| *late > 300.0), Some(6));
        let stays_late = late[6..].iter().all(|late| *late > 300.0);
        assert!(stays_late, "the next canary does not reset it: {late:?}");
        assert_eq!(run_minutes(&canary, 3, true).await[2], 0.0);
    }

    #[tokio::test]
    async fn canary_is_late_and_retried_while_the_form_endpoint_is_down() {
        let scene = Scene::connected().await;
        let mut canary = canary(&scene);
        run_minutes(&canary, 15, true).await;
        canary.endpoint.is_up = false;

        assert_eq!(run_minutes(&canary, 7, true).await[6], 360.0);
        canary.endpoint.is_up = true;
        assert_eq!(run_minutes(&canary, 2, true).await, [420.0, 0.0]);
    }

    #[tokio::test]
    async fn canaries_arrive_for_days_despite_the_limit_of_five_sign_ups_per_address() {
        let scene = Scene::connected().await;
        scene.memory.crm.guard_addresses();
        let canary = canary(&scene);

        let late = run_minutes(&canary, 36 * 60 - 5, true).await;

        assert_eq!(late[1..].iter().find(|late| **late > 300.0), None);
        let leads = scene.memory.ledger.all();
        assert_eq!(leads.len(), 36 * 4);
        for lead in leads {
            let state = &lead.state;
            assert!(matches!(state, LeadState::Delivered { .. }), "{state:?}");
        }
        let contacts = scene.memory.crm.contacts(ACCOUNT);
        assert_eq!(
            contacts.len(),
            usize::from(ADDRESSES),
            "one for each address"
        );
    }

    #[tokio::test]
    async fn canary_whose_form_is_gone_is_reported_a_full_day_late() {
        let scene = Scene::connected().await;
        let canary = canary(&scene);
        let directory = &scene.memory.directory;
        directory.delete_form(&scene.form.id).await.unwrap();

        assert_eq!(run_minutes(&canary, 1, true).await, [FULL_DAY]);
    }

    #[tokio::test]
    async fn visitors_lead_on_the_same_form_is_not_taken_for_a_canary() {
        let scene = Scene::connected().await;
        let canary = canary(&scene);
        scene.submit(&[("email", "ada@example.com")]).await;
        scene.drain().await;

        assert_eq!(run_minutes(&canary, 1, false).await, [FULL_DAY]);
        assert_eq!(canary.endpoint.posted.load(Ordering::Relaxed), 1);
    }
}
