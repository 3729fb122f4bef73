//! A customer with a form, and the actions of tests on them.

use std::time::Duration;

use cc_sandbox::world::Contact;
use leadfeed_local::customer::connect;
use leadfeed_local::operator::{Operator, text};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::{add_user_for, eventually, stack};

/// The name of every customer here.
pub const NAME: &str = "Analytical Engines";

/// How long the stack may take to process a lead.
pub const TIMEOUT: Duration = Duration::from_secs(60);

pub struct Scene {
    pub operator: Operator,
    pub customer: String,
    /// The user who connects.
    pub user: String,
    pub form: Value,
    pub client: Client,
}

impl Scene {
    /// A customer of this id, with an open form and no connection.
    pub async fn new(customer: &str) -> Self {
        let operator = Operator::of(stack()).unwrap();
        operator.add_customer(customer, NAME).await.unwrap();
        let form = json!({"name": "Newsletter", "consent_statement": "Yes, Analytical Engines may mail me its news."});
        let form = operator.add_form(customer, &form).await.unwrap();
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            operator,
            customer: customer.to_owned(),
            user: add_user_for(customer),
            form,
            client,
        }
    }

    /// The same, with a connection.
    pub async fn connected(customer: &str) -> Self {
        let scene = Self::new(customer).await;
        scene.connect().await;
        scene
    }

    pub async fn connect(&self) {
        connect(&self.connect_link().await, Some(&self.user))
            .await
            .unwrap();
    }

    pub async fn connect_link(&self) -> String {
        self.operator.connect_link(&self.customer).await.unwrap()
    }

    /// The address of the customer's own page.
    pub async fn manage_url(&self) -> String {
        let path = format!("/v1/customers/{}/manage-links", self.customer);
        let link = self
            .operator
            .call_ok(Method::POST, &path, Some(&json!({})))
            .await;
        text(&link.unwrap(), "url").unwrap()
    }

    pub fn hosted_form(&self) -> String {
        text(&self.form, "hosted_url").unwrap()
    }

    pub async fn connection(&self) -> Value {
        let path = format!("/v1/customers/{}/connection", self.customer);
        self.operator
            .call_ok(Method::GET, &path, None)
            .await
            .unwrap()
    }

    pub async fn post_json(&self, lead: &Value) -> (StatusCode, Value) {
        let url = text(&self.form, "submit_url").unwrap();
        status_and_body(self.client.post(url).json(lead).send().await.unwrap()).await
    }

    pub async fn post_form(&self, fields: &[(&str, &str)]) -> (StatusCode, Value) {
        let url = text(&self.form, "submit_url").unwrap();
        let request = self
            .client
            .post(url)
            .header("accept", "application/json")
            .form(fields);
        status_and_body(request.send().await.unwrap()).await
    }

    /// Posts a lead, which has to be accepted; returns its id.
    pub async fn submit(&self, email: &str) -> String {
        let (status, body) = self
            .post_json(&json!({"email": email, "consent": {"given": true}}))
            .await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        text(&body, "lead_id").unwrap()
    }

    /// Waits until the lead is in this state; returns it as the admin API shows it.
    pub async fn wait_for_status(&self, lead: &str, status: &str) -> Value {
        let read = async || self.operator.lead(lead).await.unwrap();
        let has_status = |lead: &Value| lead["status"] == status;
        let shown = eventually(TIMEOUT, read, has_status).await;
        assert!(
            has_status(&shown),
            "not {status} within {TIMEOUT:?}: {shown:#}"
        );
        let sandbox = stack().sandbox().running();
        assert_eq!(sandbox.broken_contracts(), [""; 0]);
        shown
    }
}

async fn status_and_body(answer: Response) -> (StatusCode, Value) {
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
