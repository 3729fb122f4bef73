//! A walk through the work of each function that needs every statement of its role.
//!
//! The drain's mapping and the schedule are off meanwhile, so that each effect can be attributed to its walk.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail, ensure};
use leadfeed_local::customer::connect;
use leadfeed_local::operator::{Operator, text};
use leadfeed_tests::add_user_for;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::bus::Bus;
use super::captcha;
use crate::queue;
use crate::rows;
use crate::scene::the_stack;

/// The functions, by their logical names.
#[derive(Debug, Clone, Copy)]
pub enum Function {
    OauthCallback,
    LeadWebhook,
    QueueDrain,
    Scheduler,
    AdminApi,
}

impl Function {
    pub const ALL: [Self; 5] = [
        Self::OauthCallback,
        Self::LeadWebhook,
        Self::QueueDrain,
        Self::Scheduler,
        Self::AdminApi,
    ];

    pub async fn walk(self, walker: &Walker) -> Result<()> {
        match self {
            Self::OauthCallback => walker.connecting_releases_a_lead().await,
            Self::LeadWebhook => walker.a_lead_is_recorded_and_queued().await,
            Self::QueueDrain => walker.leads_are_delivered_until_tokens_are_revoked().await,
            Self::Scheduler => walker.scheduler_run_releases_and_refreshes().await,
            Self::AdminApi => walker.operator_manages_a_customer().await,
        }
    }
}

pub struct Walker {
    operator: Operator,
    bus: Bus,
    captcha: String,
    customers: AtomicU32,
    connected: Mutex<Vec<String>>,
}

/// A customer and the address of their form.
struct Customer {
    id: String,
    form: String,
}

impl Walker {
    pub async fn new() -> Result<Self> {
        Ok(Self {
            operator: Operator::of(the_stack())?,
            bus: Bus::listen().await?,
            captcha: captcha::start().await?,
            customers: AtomicU32::new(0),
            connected: Mutex::default(),
        })
    }

    /// Where captchas are verified.
    pub fn captcha(&self) -> &str {
        &self.captcha
    }

    /// Disconnects the customers that a walk has connected, so that they do not affect a later one.
    pub async fn clean_up(&self) -> Result<()> {
        let connected = std::mem::take(&mut *self.connected.lock().unwrap());
        for id in connected {
            self.delete(&format!("/v1/customers/{id}/connection"))
                .await?;
        }
        Ok(())
    }

    async fn connecting_releases_a_lead(&self) -> Result<()> {
        let customer = self.customer().await?;
        let lead = self.waiting_lead(&customer).await?;

        self.connect(&customer).await?;

        self.bus.expect_status(&customer.id, "active").await?;
        self.ensure_status(&lead, "queued").await?;
        self.take_message_about(&lead).await
    }

    async fn a_lead_is_recorded_and_queued(&self) -> Result<()> {
        let customer = self.customer().await?;

        let (lead, status) = self.post(&customer).await?;

        ensure!(status == "queued", "the form answered {status}");
        self.take_message_about(&lead).await?;
        self.ensure_status(&lead, "queued").await?;
        let protected = self.with_captcha(customer).await?;
        let (lead, _) = self.post(&protected).await?;
        self.ensure_status(&lead, "queued").await
    }

    async fn leads_are_delivered_until_tokens_are_revoked(&self) -> Result<()> {
        let customer = self.customer().await?;
        // A lead that has waited is checked against newer leads of the same person.
        let lead = self.waiting_lead(&customer).await?;
        self.connect(&customer).await?;
        rows::make_token_old(&customer.id).await?;

        self.drain().await?;
        self.ensure_status(&lead, "delivered").await?;

        let revoked = self.connected().await?;
        rows::make_token_old(&revoked.id).await?;
        rows::break_refresh_token(&revoked.id).await?;
        self.post(&revoked).await?;
        self.drain().await?;
        self.bus.expect_status(&revoked.id, "needs_reconnect").await
    }

    async fn scheduler_run_releases_and_refreshes(&self) -> Result<()> {
        let stuck = self.customer().await?;
        let (lead, _) = self.post(&stuck).await?;
        self.take_message_about(&lead).await?;
        rows::make_lead_due(&lead).await?;
        let (revoked, idle) = (self.connected().await?, self.connected().await?);
        for customer in [&idle, &revoked] {
            rows::make_token_old(&customer.id).await?;
        }
        rows::break_refresh_token(&revoked.id).await?;
        let counters = rows::unsettle_counters(&stuck.id).await?;

        the_stack().invoke("Scheduler", &json!({})).await?;

        self.take_message_about(&lead).await?;
        let entries = self.operator.lead(&lead).await?["timeline"]
            .as_array()
            .map_or(0, Vec::len);
        ensure!(
            entries == 2,
            "the lead has {entries} timeline entries, not 2"
        );
        ensure!(
            !rows::has_old_token(&idle.id).await?,
            "the idle connection was not refreshed"
        );
        ensure!(
            rows::are_settled(&counters).await?,
            "the counters were not settled"
        );
        self.bus.expect_status(&revoked.id, "needs_reconnect").await
    }

    async fn operator_manages_a_customer(&self) -> Result<()> {
        let customer = self.connected().await?;
        let id = &customer.id;
        let app = json!({"client_id": "walk", "client_secret": "walk", "calls_per_second": 4, "calls_per_day": 10_000});
        self.put(&format!("/v1/apps/{id}"), &app).await?;
        self.get("/v1/customers").await?;
        self.get(&format!("/v1/customers/{id}/leads")).await?;
        let person = json!({"email": "nobody@example.com"});
        self.post_to(&format!("/v1/customers/{id}/erasures"), &person)
            .await?;
        let page = self
            .post_to(&format!("/v1/customers/{id}/manage-links"), &json!({}))
            .await?;
        let page = reqwest::get(text(&page, "url")?).await?;
        ensure!(
            page.status().is_success(),
            "the page answered {}",
            page.status()
        );
        self.with_captcha(self.customer().await?).await?;
        let health = self.get("/v1/health").await?;
        let is_incomplete = health.to_string().contains("see the function's log");
        ensure!(
            !is_incomplete,
            "health could not check everything: {health}"
        );
        let other = self.customer().await?;
        let lead = self.waiting_lead(&other).await?;

        self.delete(&format!("/v1/customers/{id}/connection"))
            .await?;
        self.bus.expect_status(id, "disconnected").await?;
        self.delete(&format!("/v1/customers/{}", other.id)).await?;
        self.take_message_about(&lead).await
    }

    async fn customer(&self) -> Result<Customer> {
        let number = self.customers.fetch_add(1, Ordering::Relaxed);
        let id = format!("walk-{number}");
        self.operator.add_customer(&id, "Walks").await?;
        let form =
            json!({"name": "Newsletter", "consent_statement": "Yes, Walks may write to me."});
        let form = self.operator.add_form(&id, &form).await?;
        let form = text(&form, "submit_url")?;
        Ok(Customer { id, form })
    }

    /// The same customer with a form that has a captcha.
    async fn with_captcha(&self, customer: Customer) -> Result<Customer> {
        let captcha = json!({"provider": "turnstile", "site_key": "walk", "secret": "walk"});
        let form = json!({
            "name": "GuardedProcess",
            "consent_statement": "Yes, Walks may write to me.",
            "spam": {"captcha": captcha},
        });
        let form = self.operator.add_form(&customer.id, &form).await?;
        let form = text(&form, "submit_url")?;
        Ok(Customer { form, ..customer })
    }

    async fn connect(&self, customer: &Customer) -> Result<()> {
        let link = self.operator.connect_link(&customer.id).await?;
        connect(&link, Some(&add_user_for(&customer.id))).await?;
        self.connected.lock().unwrap().push(customer.id.clone());
        Ok(())
    }

    async fn connected(&self) -> Result<Customer> {
        let customer = self.customer().await?;
        self.connect(&customer).await?;
        Ok(customer)
    }

    /// Posts a lead; returns its id and status.
    async fn post(&self, customer: &Customer) -> Result<(String, String)> {
        let lead = json!({
            "email": format!("{}@example.com", customer.id),
            "consent": {"given": true},
            "cf-turnstile-response": "passed",
        });
        let client = Client::builder().no_proxy().build()?;
        let answer = client.post(&customer.form).json(&lead).send().await?;
        let (status, answer) = (answer.status(), answer.text().await?);
        ensure!(
            status == StatusCode::ACCEPTED,
            "the form answered {status}: {answer}"
        );
        let answer: Value = serde_json::from_str(&answer)?;
        Ok((text(&answer, "lead_id")?, text(&answer, "status")?))
    }

    /// A lead that waits for its customer to connect.
    async fn waiting_lead(&self, customer: &Customer) -> Result<String> {
        let (lead, _) = self.post(customer).await?;
        self.drain().await?;
        self.ensure_status(&lead, "waiting").await?;
        Ok(lead)
    }

    /// Passes the only message in the queue to the drain.
    async fn drain(&self) -> Result<()> {
        let body = queue::take().await?.context("the queue is empty")?;
        let event = json!({"Records": [{"messageId": "walk", "body": body}]});
        let response = the_stack().invoke("QueueDrain", &event).await?;
        ensure!(
            response["batchItemFailures"] == json!([]),
            "the drain handed the message back: {response}"
        );
        Ok(())
    }

    /// Takes messages off the queue until one is about this lead. Others may be left over from earlier walks.
    async fn take_message_about(&self, lead: &str) -> Result<()> {
        while let Some(body) = queue::take().await? {
            if body.contains(lead) {
                return Ok(());
            }
        }
        bail!("the queue has no message about the lead")
    }

    async fn ensure_status(&self, lead: &str, status: &str) -> Result<()> {
        let shown = self.operator.lead(lead).await?;
        ensure!(shown["status"] == status, "not {status}: {shown}");
        Ok(())
    }

    async fn get(&self, path: &str) -> Result<Value> {
        self.operator.call_ok(Method::GET, path, None).await
    }

    async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.operator.call_ok(Method::PUT, path, Some(body)).await
    }

    async fn post_to(&self, path: &str, body: &Value) -> Result<Value> {
        self.operator.call_ok(Method::POST, path, Some(body)).await
    }

    async fn delete(&self, path: &str) -> Result<Value> {
        self.operator.call_ok(Method::DELETE, path, None).await
    }
}
