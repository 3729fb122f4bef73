use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::app::connect::Connect;
use leadfeed_shared::domain::connection::{Connection, ConnectionStatus};
use leadfeed_shared::domain::customer::Customer;
use leadfeed_shared::domain::form::{Form, Statement};
use leadfeed_shared::domain::ids::{CustomerId, LeadId, LinkId};
use leadfeed_shared::domain::link::{Link, LinkKind};
use leadfeed_shared::fakes::{Call, Memory, VirtualClock, samples};
use leadfeed_shared::ports::{
    Clock as _, Connections as _, Customers as _, Forms as _, Lanes as _, Links as _,
    SecureRandom as _, Vault as _,
};

use crate::browser::{Answer, Browser};

/// A stack with one customer, and a Constant Contact with two accounts.
pub struct Stage {
    pub memory: Memory,
    pub connect: Connect<Memory>,
    pub customer: CustomerId,
}

/// The account of the customer.
pub const ENGINES: &str = "account-1";
/// Another one.
pub const LOOMS: &str = "account-2";

impl Stage {
    /// At noon of a Monday: a customer, and accounts with a list each.
    pub async fn new() -> Self {
        Self::with_clock(VirtualClock::auto_advancing(
            "2026-11-23T12:00:00Z".parse().unwrap(),
        ))
        .await
    }

    pub async fn with_clock(clock: VirtualClock) -> Self {
        let memory = Memory::with_clock(clock, 7);
        for (account, name) in [(ENGINES, "Analytical Engines"), (LOOMS, "Jacquard Looms")] {
            memory.crm.open_account(account, name);
            memory.crm.add_list(account, "Newsletter");
        }
        let customer: CustomerId = "engines".parse().unwrap();
        let row = sample_customer(&customer, memory.clock.now());
        memory.directory.put_customer(&row).await.unwrap();
        Self {
            connect: memory.connect(),
            memory,
            customer,
        }
    }

    /// The path of a connect link as the operator makes it.
    pub async fn link(&self) -> String {
        self.link_of(&self.customer).await
    }

    /// Opens a link of another customer.
    pub async fn open_link_of_another_customer(&self, browser: &mut Browser) -> String {
        let looms = other_customer();
        self.put_customer(&sample_customer(&looms, self.memory.clock.now()))
            .await;
        let link = self.link_of(&looms).await;
        let page = browser.get(self, &link).await;
        assert_eq!(page.status, 200);
        link
    }

    /// Connects another customer to an account, by a user of their own.
    pub async fn connect_another_customer(&self, browser: &mut Browser, account: &str) {
        let link = self.open_link_of_another_customer(browser).await;
        let state = browser.post(self, &link, "").await.query()["state"].clone();
        let callback = self.callback_url_as("grace@looms.example", account, &state);
        let landed = browser.get(self, &callback).await;
        assert_eq!(landed.location(), "/connect/lists");
    }

    /// The connection of another customer.
    pub async fn connection_of_another_customer(&self) -> Connection {
        let row = self.memory.directory.connection(&other_customer()).await;
        row.unwrap().unwrap()
    }

    async fn link_of(&self, customer: &CustomerId) -> String {
        let id = LinkId::new(self.memory.random.number());
        let end = self.memory.clock.now() + SignedDuration::from_hours(1);
        self.memory
            .directory
            .create_link(customer, &id, end)
            .await
            .unwrap();
        let link = Link {
            kind: LinkKind::Connect,
            customer: customer.clone(),
            id,
            expires_at: end.as_second(),
        };
        format!("/connect/{}", link.sign(&self.connect.keys))
    }

    /// A browser that followed a new link to the authorization server, and the state it was sent with.
    pub async fn started(&self) -> (Browser, String) {
        let mut browser = Browser::default();
        let link = self.link().await;
        browser.get(self, &link).await;
        let state = browser.post(self, &link, "").await.query()["state"].clone();
        (browser, state)
    }

    /// The URL that the authorization server redirects to once an account's user has agreed.
    pub fn callback_url(&self, account: &str, state: &str) -> String {
        let code = self.memory.crm.authorize(account, "client");
        format!("/oauth/callback?code={code}&state={state}")
    }

    /// The same, once another user of the account has agreed.
    pub fn callback_url_as(&self, login: &str, account: &str, state: &str) -> String {
        let code = self.memory.crm.authorize_as(login, account, "client");
        format!("/oauth/callback?code={code}&state={state}")
    }

    /// A browser that has connected an account, and the response to its callback.
    pub async fn connected(&self, account: &str) -> (Browser, Answer) {
        let (mut browser, state) = self.started().await;
        let answer = browser.get(self, &self.callback_url(account, &state)).await;
        (browser, answer)
    }

    /// A browser that has connected an account and chosen its list.
    pub async fn connected_with_list(&self, account: &str) -> Browser {
        let (mut browser, _) = self.connected(account).await;
        let list = self.connection().await.unwrap().catalog.lists[0].id.clone();
        let answer = browser
            .post(self, "/connect/lists", &format!("list={list}&terms=yes"))
            .await;
        assert_eq!(answer.location(), "/connect/done");
        browser
    }

    pub async fn customer_row(&self) -> Customer {
        self.memory
            .directory
            .customer(&self.customer)
            .await
            .unwrap()
            .unwrap()
    }

    pub async fn put_customer(&self, row: &Customer) {
        self.memory.directory.put_customer(row).await.unwrap();
    }

    pub async fn connection(&self) -> Option<Connection> {
        self.memory
            .directory
            .connection(&self.customer)
            .await
            .unwrap()
    }

    /// Whether tokens are stored.
    pub async fn has_tokens(&self) -> bool {
        let stored = self.memory.vault.tokens(&self.customer).await;
        stored.unwrap().is_some()
    }

    pub async fn status(&self) -> ConnectionStatus {
        self.connection().await.unwrap().status
    }

    /// Leads that wait for an account to be connected.
    pub async fn waiting_leads(&self, count: usize) -> Vec<LeadId> {
        let form = form(&self.customer, self.memory.clock.now());
        self.memory.directory.put_form(&form).await.unwrap();
        let mut leads = Vec::new();
        for i in 0..count {
            let email = format!("ada{i}@example.com");
            let fields = [("email", email.as_str())];
            leads.push(self.memory.sign_up(&form, &fields).await.lead);
        }
        self.memory.drain_all().await;
        leads
    }

    /// Lanes that the scheduler will look at.
    pub async fn due_lanes(&self) -> Vec<(CustomerId, Timestamp)> {
        self.memory
            .ledger
            .due_lanes(self.memory.clock.now(), None, 10)
            .await
            .unwrap()
    }

    pub fn exchanges(&self) -> usize {
        self.memory.crm.count(Call::Exchange)
    }
}

fn other_customer() -> CustomerId {
    "looms".parse().unwrap()
}

fn form(customer: &CustomerId, since: Timestamp) -> Form {
    let (text, brand) = ("Analytical Engines may mail me.", "Analytical Engines");
    Form {
        customer: customer.clone(),
        statements: vec![Statement::parse(text, brand, 1, since).unwrap()],
        created_at: since,
        ..samples::form()
    }
}

fn sample_customer(id: &CustomerId, now: Timestamp) -> Customer {
    Customer {
        id: id.clone(),
        ..samples::customer(now)
    }
}
