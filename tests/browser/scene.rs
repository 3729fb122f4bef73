//! A customer with a form, and what became of them.

use std::time::{Duration, Instant};

use cc_sandbox::world::Contact;
use leadfeed_local::operator::{Operator, text};
use leadfeed_tests::{stack, user_of};
use reqwest::Method;
use serde_json::{Value, json};

use crate::window::Window;

pub const CREATOR: &str = "creator@harbor-bakery.example";
/// The name that every customer here goes by.
pub const NAME: &str = "Analytical Engines";

const PATIENCE: Duration = Duration::from_secs(60);

pub struct Scene {
    pub operator: Operator,
    pub customer: &'static str,
    /// By whom they connect.
    pub user: String,
    pub form: Value,
}

impl Scene {
    /// A customer of this id, with an open form and no connection.
    pub async fn of(customer: &'static str) -> Self {
        let operator = Operator::of(stack()).unwrap();
        operator.add_customer(customer, NAME).await.unwrap();
        let form = json!({"name": "Newsletter", "consent_statement": "Yes, Analytical Engines may mail me its news."});
        let form = operator.add_form(customer, &form).await.unwrap();
        Self {
            operator,
            customer,
            user: user_of(customer),
            form,
        }
    }

    /// The same, connected.
    pub async fn connected(customer: &'static str) -> Self {
        let scene = Self::of(customer).await;
        let link = scene.link().await;
        let connected = leadfeed_local::customer::connect(&link, Some(&scene.user));
        connected.await.unwrap();
        scene
    }

    pub async fn link(&self) -> String {
        self.operator.connect_link(self.customer).await.unwrap()
    }

    /// The address of the customer's own page.
    pub async fn page(&self) -> String {
        let path = format!("/v1/customers/{}/manage-links", self.customer);
        let link = self
            .operator
            .done(Method::POST, &path, Some(&json!({})))
            .await;
        text(&link.unwrap(), "url").unwrap()
    }

    pub fn hosted_form(&self) -> String {
        text(&self.form, "hosted_url").unwrap()
    }

    pub async fn connection(&self) -> Value {
        let path = format!("/v1/customers/{}/connection", self.customer);
        self.operator.done(Method::GET, &path, None).await.unwrap()
    }
}

/// Signs in on the consent page and allows the access.
pub async fn allow(window: &Window, user: &str) {
    window.shows("Allow Leadfeed access to your account?").await;
    window.select("#user", user).await;
    window.press("Allow").await;
}

/// Chooses the first list and confirms the terms.
pub async fn choose(window: &Window) {
    window.shows("Which lists should new contacts join?").await;
    window.click("[name=list]").await;
    window.click("#terms").await;
}

/// Goes the whole way, from the page of the connect link to the end.
pub async fn connect(window: &Window, user: &str) {
    window.press("Continue to Constant Contact").await;
    allow(window, user).await;
    choose(window).await;
    window.press("Save and start").await;
    window.shows(&format!("{NAME} is connected")).await;
}

/// Waits for the contact of this address.
pub async fn contact(email: &str) -> Contact {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = stack().sandbox().running().with(|lab| {
            let mut contacts = lab
                .world
                .accounts
                .iter()
                .flat_map(|account| account.contacts());
            contacts
                .find(|contact| contact.email.as_deref() == Some(email))
                .cloned()
        });
        if let Some(contact) = found {
            return contact;
        }
        assert!(
            Instant::now() < deadline,
            "{email} did not arrive within {PATIENCE:?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
