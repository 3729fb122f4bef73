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
use crate::world::{Instance, World, properties};

/// The time limit of the function.
const TIMEOUT: SignedDuration = SignedDuration::from_secs(29);

impl World {
    /// One request of the operator's API.
    fn request<F>(&mut self, seed: u64, request: impl FnOnce(Admin<Wired>, Arc<Shared>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let context = self.new_process("admin");
        let process = context.line.process.clone();
        let work = request(context.ports().admin(), self.shared.clone());
        self.start(&process, seed, TIMEOUT, Instance::OneOff, Box::pin(work));
    }

    fn id(&self, customer: u8) -> CustomerId {
        self.customers[usize::from(customer)].id.clone()
    }

    /// Ends a connection.
    pub fn disconnect(&mut self, customer: u8, seed: u64) {
        let id = self.id(customer);
        self.request(seed, async move |admin, _| {
            // The outcome does not matter: there may be no connection, or the call may fail.
            drop(admin.disconnect(&id).await);
        });
    }

    /// Deletes a customer.
    pub fn delete(&mut self, customer: u8, seed: u64) {
        let id = self.id(customer);
        self.request(seed, async move |admin, shared| {
            if admin.delete_customer(&id).await.is_ok() {
                shared.oracle().customer_deleted(&id);
            }
        });
    }

    /// Erases a person.
    pub fn erase(&mut self, person: &Person, seed: u64) {
        let person = person.clone();
        self.shared.oracle().erasure_requested(&person);
        self.request(seed, async move |admin, _| {
            let email = properties(&json!({ "email": person.email }));
            drop(admin.erase_person(&person.customer, email).await);
        });
    }

    /// Puts a person on the do-not-contact list, or takes them off.
    pub fn suppress(&mut self, person: &Person, on: bool, seed: u64) {
        let person = person.clone();
        if !on {
            self.shared.oracle().set_wanted(&person, true);
        }
        self.request(seed, async move |admin, shared| {
            let email = properties(&json!({ "email": person.email }));
            if !on {
                drop(admin.unsuppress(&person.customer, email).await);
            } else if admin.suppress(&person.customer, email).await.is_ok() {
                shared.oracle().set_wanted(&person, false);
            }
        });
    }

    /// Releases quarantined leads.
    pub fn release(&mut self, customer: u8, seed: u64) {
        let id = self.id(customer);
        let mut oracle = self.shared.oracle();
        let is_quarantined = |state: &LeadState| matches!(state, LeadState::Quarantined { .. });
        let leads = oracle
            .leads()
            .filter(|(_, seen)| seen.customer == id && is_quarantined(&seen.state));
        let leads: Vec<_> = leads.map(|(lead, _)| lead.clone()).take(3).collect();
        oracle.request_retry(|lead, seen| leads.contains(lead) && is_quarantined(&seen.state));
        drop(oracle);
        self.request(seed, async move |admin, _| {
            for lead in leads {
                drop(admin.release_lead(&lead).await);
            }
        });
    }

    /// Replays leads.
    pub fn replay(&mut self, customer: u8, seed: u64) {
        let id = self.id(customer);
        let mut oracle = self.shared.oracle();
        oracle.request_retry(|_, seen| {
            seen.customer == id && matches!(seen.state, LeadState::Refused { .. })
        });
        drop(oracle);
        let status = Dice::new(seed).pick(&["refused", "waiting", "exported"]);
        self.request(seed, async move |admin, _| {
            drop(
                admin
                    .replay(&id, properties(&json!({ "status": status })))
                    .await,
            );
        });
    }

    /// Exports the undelivered leads as a file.
    pub fn export(&mut self, customer: u8, seed: u64) {
        let id = self.id(customer);
        self.request(seed, async move |admin, shared| {
            let until = admin.clock.now() + TIMEOUT;
            let undelivered = Properties::from_query([("status", "undelivered")]);
            let Ok(file) = admin.export(&id, undelivered, until).await else {
                return;
            };
            let text = String::from_utf8_lossy(&file.csv).to_lowercase();
            let addresses = text.matches('@').count();
            if addresses != text.matches(&format!("@{id}.example")).count() {
                let how = format!("a file of {id} contains another customer's leads");
                shared.oracle().report_violation(Promise::OwnDataOnly, how);
            }
        });
    }

    /// Looks at a customer's leads.
    pub fn list_leads(&mut self, customer: u8, seed: u64) {
        let id = self.id(customer);
        self.request(seed, async move |admin, shared| {
            if let Ok(page) = admin.leads(&id, Properties::from_query([])).await {
                for record in page.items {
                    shared.oracle().lead_shown(&id, &record.lead.customer);
                }
            }
        });
    }

    /// Changes the consent of a lead that no process works on.
    pub fn tamper(&mut self, customer: u8, dice: &mut Dice) {
        let id = self.id(customer);
        let mut oracle = self.shared.oracle();
        let is_idle = |state: &LeadState| {
            matches!(
                state,
                LeadState::Received | LeadState::Queued | LeadState::Waiting { .. }
            )
        };
        let leads = oracle
            .leads()
            .filter(|(_, seen)| seen.customer == id && is_idle(&seen.state));
        let leads: Vec<_> = leads.map(|(lead, _)| lead.clone()).collect();
        if leads.is_empty() {
            return;
        }
        let lead = dice.pick(&leads);
        oracle.tampered(&lead);
        self.memory.ledger.tamper(|record: &mut LeadRecord| {
            if record.lead.id == lead {
                record.lead.consent.statement.push_str(" And by telephone.");
            }
        });
    }
}
