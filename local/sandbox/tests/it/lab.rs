//! A sandbox with one app, and an HTTP client that shows broken connections.

use cc_sandbox::world::App;
use cc_sandbox::{Config, RunningSandbox, Sandbox};
use serde_json::{Value, json};

pub const OWNER: &str = "owner@harbor-bakery.example";
pub const LISTS: &str = "/v3/contact_lists";
pub const SIGN_UP: &str = "/v3/contacts/sign_up_form";

pub struct Lab {
    pub sandbox: RunningSandbox,
    pub http: reqwest::Client,
    pub token: String,
    pub list: String,
}

impl Lab {
    pub async fn start() -> Self {
        let app = App::new("app", "secret", vec!["https://localhost".into()]);
        let mut config = Config {
            apps: vec![app],
            ..Config::default()
        };
        config.settings.limits = false;
        let sandbox = Sandbox::start(config).await.unwrap();
        let policy = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().redirect(policy).build().unwrap();
        let mut lab = Self {
            sandbox,
            http,
            token: String::new(),
            list: String::new(),
        };
        let mint = json!({ "client_id": "app", "user": OWNER });
        let minted = lab.control("POST", "tokens", mint).await;
        lab.token = minted["access_token"].as_str().unwrap().to_owned();
        let lists = lab.get(LISTS).await.unwrap().json::<Value>().await.unwrap();
        lab.list = lists["lists"][0]["list_id"].as_str().unwrap().to_owned();
        lab.control("DELETE", "journal", Value::Null).await;
        lab
    }

    /// A control call; returns the body of its answer, null if there is none.
    pub async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, body) = self.try_control(method, path, body).await;
        assert!(
            (200..300).contains(&status),
            "{method} {path}: {status} {body}"
        );
        body
    }

    pub async fn try_control(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/_sandbox/{path}", self.sandbox.url());
        let method = method.parse().unwrap();
        let mut request = self.http.request(method, url);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub async fn fault(&self, fault: Value) {
        self.control("POST", "faults", fault).await;
    }

    pub async fn get(&self, path: &str) -> reqwest::Result<reqwest::Response> {
        let url = format!("{}{path}", self.sandbox.url());
        self.http.get(url).bearer_auth(&self.token).send().await
    }

    pub async fn status(&self, path: &str) -> u16 {
        self.get(path).await.unwrap().status().as_u16()
    }

    pub async fn sign_up(&self, address: &str) -> reqwest::Result<reqwest::Response> {
        let url = format!("{}{SIGN_UP}", self.sandbox.url());
        let body = json!({ "email_address": address, "list_memberships": [self.list] });
        self.http
            .post(url)
            .bearer_auth(&self.token)
            .json(&body)
            .send()
            .await
    }

    /// Contacts with this address, in the first account.
    pub async fn contacts(&self, address: &str) -> Value {
        let account = self.account().await;
        let path = format!("accounts/{account}/contacts?email={address}");
        self.control("GET", &path, Value::Null).await["contacts"].clone()
    }

    pub async fn account(&self) -> String {
        let accounts = self.control("GET", "accounts", Value::Null).await;
        accounts[0]["encoded_account_id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub async fn journal(&self, query: &str) -> Value {
        let path = format!("journal?{query}");
        self.control("GET", &path, Value::Null).await["entries"].clone()
    }
}
