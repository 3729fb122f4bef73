//! The host under test, and how the checks talk to it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cc_sandbox::RunningSandbox;
use cc_sandbox::world::App;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::reply::Reply;

pub const CLIENT_ID: &str = "conformance-client";
pub const SECRET: &str = "conformance-secret";
pub const REDIRECT_URI: &str = "https://localhost/callback";
pub const OWNER: &str = "owner@harbor-bakery.example";
pub const MANAGER: &str = "manager@harbor-bakery.example";
pub const CREATOR: &str = "creator@harbor-bakery.example";
pub const CLUB_OWNER: &str = "owner@hill-cycling.example";
pub const SHOP_OWNER: &str = "owner@many-lists.example";
pub const USUAL_SCOPE: &str = "contact_data account_read offline_access";

pub struct Site {
    pub http: Client,
    pub api: String,
    pub auth: String,
    pub client_id: String,
    pub secret: String,
    pub redirect_uri: String,
    pub access_token: Option<String>,
    pub sandbox: Option<RunningSandbox>,
}

impl Site {
    /// The sandbox behind the host, for facts that require one.
    pub fn sandbox(&self) -> &RunningSandbox {
        self.sandbox.as_ref().expect("this fact needs the sandbox")
    }

    pub async fn send(&self, request: RequestBuilder) -> Reply {
        if self.sandbox.is_none() {
            pace().await;
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a whole body");
        Reply {
            status,
            headers,
            text,
        }
    }

    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.http.request(method, url)
    }

    pub async fn authorize(&self, params: &[(&str, &str)]) -> Reply {
        let url = format!("{}/oauth2/default/v1/authorize", self.auth);
        self.send(self.request(Method::GET, &url).query(params))
            .await
    }

    /// The parameters of a valid authorisation request.
    pub fn authorize_params<'a>(
        &'a self,
        scope: &'a str,
        state: &'a str,
    ) -> Vec<(&'a str, &'a str)> {
        vec![
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("response_type", "code"),
            ("scope", scope),
            ("state", state),
        ]
    }

    /// Submits the consent form.
    pub async fn submit_consent(
        &self,
        params: &[(&str, &str)],
        user: &str,
        decision: &str,
    ) -> Reply {
        let mut form = params.to_vec();
        form.extend([("user", user), ("decision", decision)]);
        let url = format!("{}/oauth2/default/v1/consent", self.auth);
        self.send(self.request(Method::POST, &url).form(&form))
            .await
    }

    pub async fn code(&self, user: &str, scope: &str) -> String {
        let params = self.authorize_params(scope, "a-state");
        self.submit_consent(&params, user, "allow")
            .await
            .redirect_param("code")
    }

    pub fn token_request(&self, form: &[(&str, &str)]) -> RequestBuilder {
        let url = format!("{}/oauth2/default/v1/token", self.auth);
        let request = self
            .request(Method::POST, &url)
            .header("accept", "application/json");
        request.form(form)
    }

    /// A token request with Basic authentication.
    pub async fn token(&self, form: &[(&str, &str)]) -> Reply {
        let request = self.token_request(form);
        self.send(request.basic_auth(&self.client_id, Some(&self.secret)))
            .await
    }

    pub async fn redeem(&self, code: &str) -> Reply {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
        ])
        .await
    }

    pub async fn refresh(&self, token: &str) -> Reply {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
            .await
    }

    /// The whole token answer for a user.
    pub async fn tokens(&self, user: &str, scope: &str) -> Value {
        let code = self.code(user, scope).await;
        self.redeem(&code).await.expect(200).json()
    }

    pub async fn sign_in(&self, user: &str, scope: &str) -> Api<'_> {
        let tokens = self.tokens(user, scope).await;
        self.with_token(tokens["access_token"].as_str().unwrap_or_default())
    }

    pub fn with_token(&self, token: &str) -> Api<'_> {
        Api {
            site: self,
            token: token.to_owned(),
        }
    }

    /// The API with the access token of the test account's owner.
    pub async fn owner(&self) -> Api<'_> {
        match &self.access_token {
            Some(token) => self.with_token(token),
            None => self.sign_in(OWNER, USUAL_SCOPE).await,
        }
    }

    /// Registers a second app in the sandbox.
    pub fn register(&self, app: App) {
        self.sandbox()
            .with(|lab| lab.world.apps.insert(app.client_id.clone(), app));
    }

    pub fn settings(&self, change: impl FnOnce(&mut cc_sandbox::settings::Settings)) {
        self.sandbox().with(|lab| change(&mut lab.settings));
    }

    /// Changes the account of a user.
    pub fn account_of<R>(
        &self,
        login: &str,
        change: impl FnOnce(&mut cc_sandbox::world::Account) -> R,
    ) -> R {
        self.sandbox().with(|lab| {
            let mut accounts = lab.world.accounts.iter_mut();
            let account = accounts.find(|known| known.users.iter().any(|user| user.login == login));
            change(account.expect("a seeded account"))
        })
    }
}

/// The API with one access token.
pub struct Api<'a> {
    pub site: &'a Site,
    pub token: String,
}

impl Api<'_> {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.site.api);
        self.site.request(method, &url).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.site.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.site
            .send(self.request(Method::POST, path).json(body))
            .await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        self.site
            .send(self.request(Method::PUT, path).json(body))
            .await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.site.send(self.request(Method::DELETE, path)).await
    }

    /// The ids of the account's first lists.
    pub async fn lists(&self) -> Vec<String> {
        let page = self.get("/v3/contact_lists").await.expect(200).json();
        ids(&page["lists"], "list_id")
    }

    pub async fn list(&self) -> String {
        let lists = self.lists().await;
        lists.into_iter().next().expect("the account has a list")
    }

    /// Signs an address up on the account's first list, with more properties.
    pub async fn sign_up(&self, address: &str, more: Value) -> Reply {
        let body = json!({ "email_address": address, "list_memberships": [self.list().await] });
        self.post("/v3/contacts/sign_up_form", &merged(body, more))
            .await
    }

    /// The contact with an address, including all sub-resources.
    pub async fn contact(&self, address: &str) -> Value {
        let include =
            "custom_fields,list_memberships,phone_numbers,street_addresses,taggings,notes";
        let path = format!(
            "/v3/contacts?status=all&include={include}&email={}",
            encoded(address)
        );
        let page = self.get(&path).await.expect(200).json();
        page["contacts"][0].clone()
    }

    /// The id of a custom field by its name.
    pub async fn field(&self, name: &str) -> String {
        let page = self
            .get("/v3/contact_custom_fields?limit=100")
            .await
            .expect(200)
            .json();
        let fields = page["custom_fields"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let field = fields
            .iter()
            .find(|field| field["name"] == name)
            .expect("the field");
        field["custom_field_id"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

pub fn merged(mut into: Value, more: Value) -> Value {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
    into
}

pub fn ids(items: &Value, name: &str) -> Vec<String> {
    let items = items.as_array().expect("an array");
    let id = |item: &Value| item[name].as_str().expect("an id").to_owned();
    items.iter().map(id).collect()
}

pub fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// An address that no contact has, on this host or another.
pub fn address() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("fact.{:x}.{count}@example.com", since.as_micros())
}

/// An address of exactly `len` characters; its domain is the long part, since a local part has at most 64.
pub fn address_of_length(len: usize) -> String {
    let short = address();
    let label = "x".repeat(len - short.len() - 1);
    short.replace('@', &format!("@{label}."))
}

/// Stays below a remote host's limit of four calls a second.
async fn pace() {
    static LAST: Mutex<()> = Mutex::const_new(());
    let _turn = LAST.lock().await;
    tokio::time::sleep(Duration::from_millis(350)).await;
}
