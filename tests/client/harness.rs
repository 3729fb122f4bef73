//! A sandbox with one application, and the adapters that call it.

use std::collections::BTreeMap;
use std::time::Duration;

use cc_sandbox::contract::Source;
use cc_sandbox::faults::{Action, Fault};
use cc_sandbox::settings::Settings;
use cc_sandbox::world::{Account, App};
use cc_sandbox::{Config, RunningSandbox, Sandbox};
use leadfeed_shared::adapters::{ConstantContact, Http, HttpTimeouts};
use leadfeed_shared::domain::contact::{Contact, StreetAddress};
use leadfeed_shared::domain::email::EmailAddress;
use leadfeed_shared::domain::ids::RemoteId;
use leadfeed_shared::ports::SignUp;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

pub const CALLBACK: &str = "https://feed.example/oauth/callback";

pub struct Harness {
    pub sandbox: RunningSandbox,
    pub api: ConstantContact,
    /// Of the first account's owner.
    pub token: SecretString,
}

impl Harness {
    /// A sandbox without limits, and a token for the owner of its first account.
    pub async fn start() -> Self {
        let settings = Settings {
            limits: false,
            contact_write_ms: 0,
            ..Settings::default()
        };
        let sandbox = Sandbox::start(Config {
            apps: vec![App::new("client", "secret", vec![CALLBACK.into()])],
            settings,
            ..Config::default()
        })
        .await
        .unwrap();
        let owner = sandbox.with(|lab| lab.world.accounts[0].users[0].login.clone());
        let token = mint_token(&sandbox, &owner);
        let api = ConstantContact::new(http(), url(&sandbox, "/v3"));
        Self {
            sandbox,
            api,
            token,
        }
    }

    /// An API client with a short timeout.
    pub fn api_with_short_timeout(&self) -> ConstantContact {
        ConstantContact::new(http_with_short_timeout(), url(&self.sandbox, "/v3"))
    }

    /// Reads or changes the first account.
    pub fn account<R>(&self, look: impl FnOnce(&mut Account) -> R) -> R {
        self.sandbox.with(|lab| look(&mut lab.world.accounts[0]))
    }

    /// A person opts out of the account's mail.
    pub fn unsubscribe(&self, address: &str) {
        self.account(|account| {
            let mut contacts = account.contacts().iter();
            let contact = contacts.find(|contact| contact.email.as_deref() == Some(address));
            let id = contact.unwrap().id;
            let contact = account.contact_mut(id).unwrap();
            contact.unsubscribe(Source::Contact, None, jiff::Timestamp::now());
        });
    }

    /// The account deletes a contact.
    pub fn delete_contact(&self, address: &str) {
        self.account(|account| {
            let id = account.contact_by_email(address).unwrap().id;
            let contact = account.contact_mut(id).unwrap();
            contact.delete(jiff::Timestamp::now());
        });
    }

    /// Removes a list.
    pub fn delete_list(&self, list: &RemoteId) {
        self.sandbox.with(|lab| {
            let (world, context) = lab.at(jiff::Timestamp::now());
            let id = list.as_str().parse().unwrap();
            world.accounts[0].delete_list(id, &context).unwrap();
        });
    }

    /// The first list of the account.
    pub fn list(&self) -> RemoteId {
        self.account(|account| account.lists[0].id.to_string())
            .parse()
            .unwrap()
    }

    /// A contact of the account as the API shows it.
    pub async fn contact_json(&self, email: &str) -> Value {
        let mut address = url(&self.sandbox, "/v3/contacts");
        let everything =
            "custom_fields,list_memberships,phone_numbers,street_addresses,taggings,notes";
        address
            .query_pairs_mut()
            .append_pair("email", email)
            .append_pair("status", "all")
            .append_pair("include", everything);
        let page: Value = self
            .call_api(reqwest::Method::GET, address, Value::Null)
            .await;
        page["contacts"][0].clone()
    }

    /// Calls the API without the adapter.
    pub async fn call_api(&self, method: reqwest::Method, url: Url, body: Value) -> Value {
        use secrecy::ExposeSecret as _;
        let request = reqwest::Client::new()
            .request(method, url)
            .bearer_auth(self.token.expose_secret());
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        let answer = request.send().await.unwrap();
        assert!(
            answer.status().is_success(),
            "{}",
            answer.text().await.unwrap()
        );
        answer.json().await.unwrap()
    }

    /// Applies a fault to the next call of a route.
    pub fn inject_fault(&self, route: &str, after_effect: bool, action: Action) {
        let fault = Fault {
            after_effect,
            ..Fault::once(route, action)
        };
        self.sandbox.with(|lab| lab.faults.add(fault));
    }

    /// The calls so far, as `METHOD route`.
    pub fn calls(&self) -> Vec<String> {
        self.sandbox.with(|lab| {
            let entries = lab.journal.entries().iter();
            entries
                .map(|e| format!("{} {}", e.method, e.route))
                .collect()
        })
    }
}

impl Drop for Harness {
    /// Checks in every test that its requests conform to the contract.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.sandbox.broken_contracts(), [""; 0]);
        }
    }
}

/// A client with a long timeout, for busy machines.
pub fn http() -> Http {
    http_with_timeout(Duration::from_secs(30))
}

/// A client with a short timeout.
pub fn http_with_short_timeout() -> Http {
    http_with_timeout(Duration::from_secs(3))
}

fn http_with_timeout(total: Duration) -> Http {
    let connect = total;
    Http::new(HttpTimeouts { connect, total }).unwrap()
}

pub fn url(sandbox: &RunningSandbox, path: &str) -> Url {
    format!("{}{path}", sandbox.url()).parse().unwrap()
}

pub fn mint_token(sandbox: &RunningSandbox, login: &str) -> SecretString {
    let minted = sandbox.mint("client", login).unwrap();
    minted.access_token.into()
}

pub fn email(text: &str) -> EmailAddress {
    text.parse().unwrap()
}

/// A sign-up with every field filled in except custom ones.
pub fn sign_up(address: &str, list: RemoteId) -> SignUp {
    SignUp {
        contact: Contact {
            email: email(address),
            first_name: "Ada".into(),
            last_name: "Łovelace".into(),
            job_title: "Countess".into(),
            company_name: "Engines".into(),
            phone_number: "+1 555 0100".into(),
            street_address: StreetAddress {
                street: "12 St James's Square".into(),
                city: "London".into(),
                state: String::new(),
                postal_code: "SW1Y".into(),
                country: "United Kingdom".into(),
            },
            custom_fields: BTreeMap::new(),
        },
        custom_fields: vec![],
        lists: vec![list],
    }
}

/// A sign-up with nothing filled in except the address.
pub fn minimal_sign_up(address: &str, list: RemoteId) -> SignUp {
    SignUp {
        contact: Contact::of(email(address)),
        ..sign_up(address, list)
    }
}
