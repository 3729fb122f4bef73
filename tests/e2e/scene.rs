//! A customer with a form, and what a test asks of them.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::{Duration, Instant};

use anyhow::Result;
use cc_sandbox::journal::Filter;
use cc_sandbox::world::Contact;
use futures::FutureExt as _;
use leadfeed_local::Stack;
use leadfeed_local::customer::connect;
use leadfeed_local::operator::{Operator, text};
use leadfeed_tests::{stack, user_of};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Held for writing by a test that takes something away from the whole stack.
static WHOLE_STACK: RwLock<()> = RwLock::const_new(());

const PATIENCE: Duration = Duration::from_secs(60);

pub struct Scene {
    pub operator: Operator,
    pub customer: String,
    pub form: Value,
    pub client: Client,
}

/// Nobody takes anything away while this is held.
pub async fn shared() -> RwLockReadGuard<'static, ()> {
    WHOLE_STACK.read().await
}

/// Nobody else is on the stack while this is held.
pub async fn alone() -> RwLockWriteGuard<'static, ()> {
    WHOLE_STACK.write().await
}

pub fn the_stack() -> &'static Stack {
    stack()
}

/// Runs `body`, and gives back what was taken from the stack however it ends, so that who fails alone fails.
pub async fn finally<T, R>(
    body: impl Future<Output = T>,
    give_back: impl Future<Output = Result<R>>,
) -> T {
    let ended = AssertUnwindSafe(body).catch_unwind().await;
    give_back.await.unwrap();
    ended.unwrap_or_else(|panic| resume_unwind(panic))
}

impl Scene {
    /// A customer of this name, with an open form and no connection.
    pub async fn of(customer: &str) -> Self {
        let operator = Operator::of(stack()).unwrap();
        operator
            .add_customer(customer, "Analytical Engines")
            .await
            .unwrap();
        let form = json!({"name": "Newsletter", "consent_statement": "Yes, Analytical Engines may mail me."});
        let form = operator.add_form(customer, &form).await.unwrap();
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            operator,
            customer: customer.to_owned(),
            form,
            client,
        }
    }

    /// The same, connected.
    pub async fn connected(customer: &str) -> Self {
        let scene = Self::of(customer).await;
        scene.connect().await;
        scene
    }

    pub async fn connect(&self) {
        let link = self.operator.connect_link(&self.customer).await.unwrap();
        let user = user_of(&self.customer);
        connect(&link, Some(&user)).await.unwrap();
    }

    pub async fn post_json(&self, lead: &Value) -> (StatusCode, Value) {
        let url = text(&self.form, "submit_url").unwrap();
        parts(self.client.post(url).json(lead).send().await.unwrap()).await
    }

    pub async fn post_form(&self, fields: &[(&str, &str)]) -> (StatusCode, Value) {
        let url = text(&self.form, "submit_url").unwrap();
        let request = self
            .client
            .post(url)
            .header("accept", "application/json")
            .form(fields);
        parts(request.send().await.unwrap()).await
    }

    /// Posts a lead that has to be taken in; answers its id.
    pub async fn submit(&self, email: &str) -> String {
        let (status, body) = self
            .post_json(&json!({"email": email, "consent": {"given": true}}))
            .await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        text(&body, "lead_id").unwrap()
    }

    /// Waits until the lead is in this state; answers it as the admin API shows it.
    pub async fn until(&self, lead: &str, status: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = self.operator.lead(lead).await.unwrap();
            if shown["status"] == status {
                let sandbox = stack().sandbox().running();
                assert_eq!(sandbox.broken_contracts(), [""; 0]);
                return shown;
            }
            assert!(
                Instant::now() < deadline,
                "not {status} within {PATIENCE:?}: {shown:#}"
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

async fn parts(answer: Response) -> (StatusCode, Value) {
    let status = answer.status();
    let text = answer.text().await.unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

/// The contact of this address in the sandbox, if there is one.
pub fn contact(email: &str) -> Option<Contact> {
    stack().sandbox().running().with(|lab| {
        let mut contacts = lab
            .world
            .accounts
            .iter()
            .flat_map(|account| account.contacts());
        contacts
            .find(|contact| contact.email.as_deref() == Some(email))
            .cloned()
    })
}

/// Addresses of contacts that begin like this.
pub fn contacts_like(beginning: &str) -> Vec<String> {
    stack().sandbox().running().with(|lab| {
        let accounts = lab.world.accounts.iter();
        let contacts = accounts.flat_map(|account| account.contacts());
        let addresses = contacts.filter_map(|contact| contact.email.clone());
        addresses
            .filter(|address| address.starts_with(beginning))
            .collect()
    })
}

/// How many calls signed this address up.
pub fn sign_ups(email: &str) -> usize {
    let filter = Filter {
        route: Some("/v3/contacts/sign_up_form".to_owned()),
        address: Some(email.to_owned()),
        ..Filter::default()
    };
    stack()
        .sandbox()
        .running()
        .with(|lab| lab.journal.matching(&filter).len())
}

/// How many calls of the token endpoint there have been.
pub fn token_calls() -> usize {
    let filter = Filter {
        route: Some("/oauth2/default/v1/token".to_owned()),
        ..Filter::default()
    };
    stack()
        .sandbox()
        .running()
        .with(|lab| lab.journal.matching(&filter).len())
}
