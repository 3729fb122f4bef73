//! The use cases over the AWS adapters, with the sandbox as Constant Contact.

use std::marker::PhantomData;
use std::sync::Arc;

use aws_config::SdkConfig;
use cc_sandbox::settings::Settings;
use cc_sandbox::world::App;
use cc_sandbox::{Config, RunningSandbox, Sandbox};
use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::adapters::{
    ConstantContact, DynamoDirectory, DynamoLedger, Http, HttpTimeouts, OsRandom, SecretsApps,
    SecretsVault, SqsQueue, TokenEndpoint,
};
use leadfeed_shared::app::deliver::Message;
use leadfeed_shared::domain::budget::Limits;
use leadfeed_shared::domain::connection::Connection;
use leadfeed_shared::domain::customer::Customer;
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::domain::keys::SigningKeys;
use leadfeed_shared::domain::lead::{Lead, LeadState};
use leadfeed_shared::domain::task::Task;
use leadfeed_shared::domain::token::Tokens;
use leadfeed_shared::fakes::{self, Faults, MemoryCaptcha, MemoryEvents, Ports, VirtualClock};
use leadfeed_shared::ports::{
    AppCredentials, Apps as _, Clock, Customers as _, Ledger as _, Wiring,
};

use crate::dynamo::Tables;
use crate::wire::{self, Steps};
use crate::{fresh, samples};

pub const CALLBACK: &str = "https://feed.example/oauth/callback";

/// The production wiring, except for the clock, which a test may move, and the bus and captchas, which are not used.
pub struct Real<C>(PhantomData<C>);

impl<C: Clock + Clone + 'static> Wiring for Real<C> {
    type Directory = DynamoDirectory;
    type Ledger = DynamoLedger;
    type Queue = SqsQueue;
    type Vault = SecretsVault;
    type Apps = SecretsApps;
    type Budget = DynamoDirectory;
    type OAuth = TokenEndpoint<C>;
    type Crm = ConstantContact;
    type Captcha = MemoryCaptcha;
    type Events = MemoryEvents;
    type Clock = C;
    type SecureRandom = OsRandom;
}

/// A stack, and the Constant Contact that it calls.
pub struct World<C> {
    pub dynamodb: SdkConfig,
    pub secrets: SdkConfig,
    pub tables: Tables,
    /// The queue's address, if one is used.
    pub queue: String,
    pub prefix: String,
    pub sandbox: RunningSandbox,
    /// The sandbox's address.
    pub constant_contact: String,
    pub limits: Limits,
    pub clock: C,
}

impl World<VirtualClock> {
    /// A world without limits, in which each request of a use case is a step.
    pub async fn with_steps(aws: SdkConfig, tables: Tables, queue: String) -> (Self, Arc<Steps>) {
        let settings = Settings {
            limits: false,
            ..Settings::default()
        };
        let config = Config {
            apps: vec![App::new("client", "secret", vec![CALLBACK.into()])],
            settings,
            ..Config::default()
        };
        let sandbox = Sandbox::start(config).await.unwrap();
        let steps = Arc::new(Steps::default());
        let endpoint = aws.endpoint_url().unwrap_or_default();
        let proxy = wire::proxy_to(endpoint, &steps).await.unwrap();
        let aws = aws.to_builder().endpoint_url(proxy).build();
        let world = Self {
            dynamodb: aws.clone(),
            secrets: aws,
            tables,
            queue,
            prefix: format!("leadfeed/{}", fresh::text()),
            constant_contact: wire::proxy_to(sandbox.url(), &steps).await.unwrap(),
            sandbox,
            limits: Limits::default(),
            clock: VirtualClock::auto_advancing(Timestamp::now()),
        };
        (world, steps)
    }
}

impl<C: Clock + Clone + 'static> World<C> {
    /// The ports as in one function, which shares nothing with others.
    pub fn ports(&self) -> Ports<Real<C>> {
        let secrets = aws_sdk_secretsmanager::Client::new(&self.secrets);
        let sqs = aws_sdk_sqs::Client::new(&self.dynamodb);
        let queue = SqsQueue::new(sqs, self.queue.clone());
        let (directory, http) = (
            self.directory(),
            Http::new(HttpTimeouts::default()).unwrap(),
        );
        let (auth, callback) = (self.url("/oauth2/default/v1"), CALLBACK.to_owned());
        let oauth = TokenEndpoint::new(http.clone(), &auth, callback, self.clock.clone());
        let no_faults = Faults::default();
        Ports {
            directory: directory.clone(),
            ledger: self.ledger(),
            queue: queue.clone(),
            dead_letters: queue,
            vault: SecretsVault::new(secrets.clone(), self.prefix.clone()),
            apps: SecretsApps::new(secrets, self.prefix.clone(), directory.clone()),
            budget: directory,
            oauth: oauth.unwrap(),
            crm: ConstantContact::new(http, self.url("/v3")),
            captcha: MemoryCaptcha::new(&no_faults),
            events: MemoryEvents::new(&no_faults),
            clock: self.clock.clone(),
            random: OsRandom,
            keys: keys(),
            stack: "here".into(),
            public_url: "https://feed.example".into(),
        }
    }

    pub fn ledger(&self) -> DynamoLedger {
        DynamoLedger::new(self.dynamodb(), self.tables.ledger.clone())
    }

    pub fn directory(&self) -> DynamoDirectory {
        DynamoDirectory::new(self.dynamodb(), self.tables.directory.clone())
    }

    fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.dynamodb)
    }

    fn url(&self, path: &str) -> url::Url {
        format!("{}{path}", self.constant_contact).parse().unwrap()
    }

    /// A customer connected to the first account, with an application of its own and a token that expires at this time.
    pub async fn customer(&self, expires_at: Timestamp) -> CustomerId {
        let (id, app) = (fresh::customer(), fresh::app());
        let ports = self.ports();
        let credentials = AppCredentials {
            client_id: "client".into(),
            client_secret: "secret".into(),
        };
        ports
            .apps
            .put(&app, &credentials, self.limits)
            .await
            .unwrap();
        let customer = Customer {
            app: app.clone(),
            ..samples::customer(id.clone())
        };
        ports.directory.put_customer(&customer).await.unwrap();
        let list = self
            .sandbox
            .with(|lab| lab.world.accounts[0].lists[0].id.to_string());
        let connection = Connection {
            customer: id.clone(),
            app,
            stack: ports.stack.clone(),
            lists: vec![list.parse().unwrap()],
            ..fakes::samples::connection(self.clock.now())
        };
        ports.store(connection, self.tokens(expires_at)).await;
        id
    }

    /// A new token pair of the first account.
    pub fn tokens(&self, expires_at: Timestamp) -> Tokens {
        let minted = self.sandbox.mint("client", "owner@harbor-bakery.example");
        let minted = minted.unwrap();
        Tokens {
            access: minted.access_token.into(),
            refresh: minted.refresh_token.unwrap().into(),
            expires_at,
            scope: "contact_data account_read offline_access".into(),
        }
    }

    /// A lead in the ledger, and the message that the intake would have sent.
    pub async fn queued(&self, customer: &CustomerId, number: u32) -> (Lead, Message) {
        let mut lead = samples::lead(customer, 0);
        lead.contact.email = format!("lead{number}@example.com").parse().unwrap();
        lead.contact.custom_fields.clear();
        lead.received_at = self.clock.now();
        // Fresh for as long as the longest run takes.
        lead.consent.given_at = lead.received_at;
        let lead = lead.sealed(&keys());
        let due = lead.received_at + SignedDuration::from_hours(6);
        let ledger = self.ledger();
        ledger.record(&lead, &LeadState::Queued, due).await.unwrap();
        let task = Task::Accepted {
            lead: Box::new(lead.clone()),
        };
        let message = Message {
            id: number.to_string(),
            body: Some(serde_json::to_string(&task).unwrap()),
        };
        (lead, message)
    }
}

fn keys() -> SigningKeys {
    SigningKeys::new("root".into())
}
