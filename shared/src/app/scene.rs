//! A world in memory with one customer in it, for the tests of the use cases.

use jiff::{SignedDuration, Timestamp};

use crate::app::deliver::Message;
use crate::app::intake::{Accepted, Arrival, IntakeError};
use crate::domain::budget::BudgetState;
use crate::domain::connection::Connection;
use crate::domain::form::{Form, Statement};
use crate::domain::ids::{AppId, CustomerId, LeadId, RemoteId};
use crate::domain::lead::LeadState;
use crate::fakes::{Memory, VirtualClock, samples};
use crate::ports::{Clock as _, Customers as _, Forms as _, Lanes as _, Ledger as _};

pub(crate) const ACCOUNT: &str = "account-1";
pub(crate) const NOON: &str = "2026-11-23T12:00:00Z";

pub(crate) struct Scene {
    pub memory: Memory,
    pub customer: CustomerId,
    pub form: Form,
    pub list: RemoteId,
}

impl Scene {
    /// A customer with an open form and a connected account, at noon of a Monday.
    pub async fn connected() -> Self {
        let scene = Self::unconnected().await;
        scene.connect().await;
        scene
    }

    /// The same with the test's own clock.
    pub async fn connected_at(clock: VirtualClock) -> Self {
        let scene = Self::unconnected_at(clock).await;
        scene.connect().await;
        scene
    }

    /// A customer with an open form who has not connected.
    pub async fn unconnected() -> Self {
        Self::unconnected_at(VirtualClock::auto_advancing(NOON.parse().unwrap())).await
    }

    async fn unconnected_at(clock: VirtualClock) -> Self {
        let now = clock.now();
        let memory = Memory::with_clock(clock, 0);
        memory.crm.open_account(ACCOUNT, "Analytical Engines");
        let list = memory.crm.add_list(ACCOUNT, "News");
        let unspent = BudgetState::unspent(now);
        memory.budget.set(&AppId::default_app(), unspent);
        let customer = samples::customer(now);
        memory.directory.put_customer(&customer).await.unwrap();
        let customer = customer.id;
        let form = form(&customer, now);
        memory.directory.put_form(&form).await.unwrap();
        Self {
            memory,
            customer,
            form,
            list,
        }
    }

    /// Connects the account, as the pages do.
    pub async fn connect(&self) {
        let now = self.memory.clock.now();
        let connection = Connection {
            lists: vec![self.list.clone()],
            ..samples::connection(now)
        };
        self.memory.put_connected(connection, "client").await;
    }

    /// A visitor signs up.
    pub async fn submit(&self, fields: &[(&str, &str)]) -> Accepted {
        self.memory.sign_up(&self.form, fields).await
    }

    /// The same with only an address; returns the lead.
    pub async fn sign_up(&self, email: &str) -> LeadId {
        self.submit(&[("email", email)]).await.lead
    }

    /// The same as a request with a key.
    pub async fn submit_with_key(
        &self,
        key: &str,
        fields: &[(&str, &str)],
    ) -> Result<Accepted, IntakeError> {
        let arrival = arrival(key, fields);
        self.memory.intake().take(&self.form, arrival).await
    }

    /// Uses up the moments of the budget, so that the next call can leave only this far ahead.
    pub fn occupy_budget_for(&self, ahead: SignedDuration) {
        let now = self.memory.clock.now();
        let busy = BudgetState {
            next_call_ms: (now + ahead).as_millisecond(),
            ..BudgetState::unspent(now)
        };
        self.memory.budget.set(&AppId::default_app(), busy);
    }

    /// Marks the customer's lane as due now.
    pub async fn mark_lane(&self) {
        let now = self.memory.clock.now();
        let marked = self.memory.ledger.mark_lane(&self.customer, now);
        marked.await.unwrap();
    }

    /// How many lanes are due at this time.
    pub async fn due_lanes(&self, at: Timestamp) -> usize {
        let due = self.memory.ledger.due_lanes(at, None, 9).await;
        due.unwrap().len()
    }

    /// The tasks in the queue, as messages.
    pub fn messages(&self) -> Vec<Message> {
        self.memory.messages()
    }

    /// One invocation of the drain with up to ten messages; returns those it gives back.
    pub async fn drain(&self) -> Vec<String> {
        self.drain_messages(self.messages()).await
    }

    pub async fn drain_messages(&self, messages: Vec<Message>) -> Vec<String> {
        let deadline = self.memory.clock.now() + SignedDuration::from_secs(60);
        self.memory.drain().drain(messages, deadline).await
    }

    pub async fn state(&self, lead: &LeadId) -> LeadState {
        self.memory
            .ledger
            .lead(&self.customer, lead)
            .await
            .unwrap()
            .unwrap()
            .state
    }
}

/// What a consenting person sends, in a request with a key.
pub(crate) fn arrival(key: &str, fields: &[(&str, &str)]) -> Arrival {
    let fields = fields.iter().copied().chain([("consent", "yes")]);
    Arrival {
        key: Some(key.parse().unwrap()),
        ..samples::arrival(fields)
    }
}

fn form(customer: &CustomerId, now: Timestamp) -> Form {
    let (text, brand) = ("Analytical Engines may mail me.", "Analytical Engines");
    Form {
        customer: customer.clone(),
        statements: vec![Statement::parse(text, brand, 1, now).unwrap()],
        ..crate::domain::form::tests::form()
    }
}
