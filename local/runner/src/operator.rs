//! Plays the operator: a client of the admin API.

use anyhow::{Context, Result, bail};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::stack::Stack;

/// Calls the admin API with its token.
#[derive(Debug, Clone)]
pub struct Operator {
    client: Client,
    url: String,
    token: String,
}

impl Operator {
    /// The operator of this stack.
    pub fn of(stack: &Stack) -> Result<Self> {
        let client = Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self {
            client,
            url: stack.url().to_owned(),
            token: stack.admin_token().to_owned(),
        })
    }

    /// Any call; returns its answer, whether or not it is a success.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value)> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        let value = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).context("no JSON")?
        };
        Ok((status, value))
    }

    /// A call that has to succeed.
    pub async fn call_ok(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, value) = self.call(method.clone(), path, body).await?;
        if !status.is_success() {
            bail!("{method} {path} answered {status}: {value}");
        }
        Ok(value)
    }

    /// Creates a customer.
    pub async fn add_customer(&self, id: &str, name: &str) -> Result<()> {
        let body = json!({"name": name, "brand": name});
        self.call_ok(Method::PUT, &format!("/v1/customers/{id}"), Some(&body))
            .await
            .map(drop)
    }

    /// Creates a form; returns it with its addresses.
    pub async fn add_form(&self, customer: &str, form: &Value) -> Result<Value> {
        self.call_ok(
            Method::POST,
            &format!("/v1/customers/{customer}/forms"),
            Some(form),
        )
        .await
    }

    /// A link for the customer to connect with.
    pub async fn connect_link(&self, customer: &str) -> Result<String> {
        let link = self
            .call_ok(
                Method::POST,
                &format!("/v1/customers/{customer}/connect-links"),
                None,
            )
            .await?;
        text(&link, "url")
    }

    /// A lead with its timeline.
    pub async fn lead(&self, id: &str) -> Result<Value> {
        self.call_ok(Method::GET, &format!("/v1/leads/{id}"), None)
            .await
    }
}

/// A required property.
pub fn text(value: &Value, property: &str) -> Result<String> {
    Ok(value[property]
        .as_str()
        .with_context(|| format!("no {property} in the answer"))?
        .to_owned())
}
