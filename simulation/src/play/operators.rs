//! Events of the operator and of customers at their pages.

use std::sync::Arc;

use jiff::SignedDuration;
use leadfeed_shared::app::admin::{Admin, Properties};
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::domain::lead::{LeadRecord, LeadState};
use leadfeed_shared::ports::Clock as _;
use serde_json::json;

use crate::dice::Dice;
use crate::oracle::{Person, Promise};
use crate::wire::{Shared, Wired};
use crate::world::{Warm, World, properties};

/// The time limit of the function.
const TIME: SignedDuration = SignedDuration::from_secs(29);

impl World {
    /// One request of the operator's API.
    fn request<F>(&mut self, luck: u64, request: impl FnOnce(Admin<Wired>, Arc<Shared>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let reach = self.reach("admin");
        let process = reach.line.process.clone();
        let work = request(reach.ports().admin(), self.shared.clone());
        self.start(&process, luck, TIME, Warm::Cold, Box::pin(work));
    }

    fn id(&self, customer: u8) -> CustomerId {
        self.sides[usize::from(customer)].id.clone()
    }

    /// Ends a connection.
    pub fn disconnect(&mut self, customer: u8, luck: u64) {
        let id = self.id(customer);
        self.request(luck, async move |admin, _| {
            // If there was none, or this failed, the page shows it.
            drop(admin.disconnect(&id).await);
        });
    }

    /// Deletes a customer.
    pub fn delete(&mut self, customer: u8, luck: u64) {
        let id = self.id(customer);
        self.request(luck, async move |admin, shared| {
            if admin.delete_customer(&id).await.is_ok() {
                shared.oracle().deleted(&id);
            }
        });
    }

    /// Erases a person.
    pub fn erase(&mut self, person: &Person, luck: u64) {
        let person = person.clone();
        self.shared.oracle().erases(&person);
        self.request(luck, async move |admin, _| {
            let email = properties(&json!({ "email": person.email }));
            drop(admin.erase_person(&person.customer, email).await);
        });
    }

    /// Puts a person on the do-not-contact list, or takes them off.
    pub fn suppress(&mut self, person: &Person, on: bool, luck: u64) {
        let person = person.clone();
        if !on {
            self.shared.oracle().wants(&person, true);
        }
        self.request(luck, async move |admin, shared| {
            let email = properties(&json!({ "email": person.email }));
            if !on {
                drop(admin.unsuppress(&person.customer, email).await);
            } else if admin.suppress(&person.customer, email).await.is_ok() {
                shared.oracle().wants(&person, false);
            }
        });
    }

    /// Releases quarantined leads.
    pub fn release(&mut self, customer: u8, luck: u64) {
        let id = self.id(customer);
        let mut oracle = self.shared.oracle();
        let aside = |state: &LeadState| matches!(state, LeadState::Quarantined { .. });
        let leads = oracle
            .leads()
            .filter(|(_, seen)| seen.customer == id && aside(&seen.state));
        let leads: Vec<_> = leads.map(|(lead, _)| lead.clone()).take(3).collect();
        oracle.asked_for(|lead, seen| leads.contains(lead) && aside(&seen.state));
        drop(oracle);
        self.request(luck, async move |admin, _| {
            for lead in leads {
                drop(admin.release_lead(&lead).await);
            }
        });
    }

    /// Replays leads.
    pub fn replay(&mut self, customer: u8, luck: u64) {
        let id = self.id(customer);
        let mut oracle = self.shared.oracle();
        oracle.asked_for(|_, seen| {
            seen.customer == id && matches!(seen.state, LeadState::Refused { .. })
        });
        drop(oracle);
        let status = Dice::new(luck).pick(&["refused", "waiting", "exported"]);
        self.request(luck, async move |admin, _| {
            drop(
                admin
                    .replay(&id, properties(&json!({ "status": status })))
                    .await,
            );
        });
    }

    /// Exports the undelivered leads as a file.
    pub fn export(&mut self, customer: u8, luck: u64) {
        let id = self.id(customer);
        self.request(luck, async move |admin, shared| {
            let until = admin.clock.now() + TIME;
            let undelivered = Properties::from_query([("status", "undelivered")]);
            let Ok(file) = admin.export(&id, undelivered, until).await else {
                return;
            };
            let text = String::from_utf8_lossy(&file.csv).to_lowercase();
            let addresses = text.matches('@').count();
            if addresses != text.matches(&format!("@{id}.example")).count() {
                let how = format!("a file of {id} holds somebody else's leads");
                shared.oracle().object(Promise::OwnDataOnly, how);
            }
        });
    }

    /// Looks at a customer's leads.
    pub fn look_at_leads(&mut self, customer: u8, luck: u64) {
        let id = self.id(customer);
        self.request(luck, async move |admin, shared| {
            if let Ok(page) = admin.leads(&id, Properties::from_query([])).await {
                for record in page.items {
                    shared.oracle().shown(&id, &record.lead.customer);
                }
            }
        });
    }

    /// Changes the consent of a lead that no process works on.
    pub fn tamper(&mut self, customer: u8, luck: &mut Dice) {
        let id = self.id(customer);
        let mut oracle = self.shared.oracle();
        let free = |state: &LeadState| {
            matches!(
                state,
                LeadState::Received | LeadState::Queued | LeadState::Waiting { .. }
            )
        };
        let leads = oracle
            .leads()
            .filter(|(_, seen)| seen.customer == id && free(&seen.state));
        let leads: Vec<_> = leads.map(|(lead, _)| lead.clone()).collect();
        if leads.is_empty() {
            return;
        }
        let lead = luck.pick(&leads);
        oracle.tampered(&lead);
        self.memory.ledger.tamper(|record: &mut LeadRecord| {
            if record.lead.id == lead {
                record.lead.consent.statement.push_str(" And by telephone.");
            }
        });
    }
}
