//! Several drains on one application with its limits on: DynamoDB on MiniStack, Constant Contact on the sandbox, the
//! clock on the wall. It measures, and so wants the machine for itself: it runs where `LEADFEED_TEST_RATE` (calls a
//! second) is set, with `LEADFEED_TEST_LEADS` leads and `LEADFEED_TEST_DRAINS` drains.

use std::collections::VecDeque;
use std::env;
use std::sync::{Arc, Mutex};

use aws_config::SdkConfig;
use cc_sandbox::world::App;
use cc_sandbox::{Config, RunningSandbox, Sandbox};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::adapters::{
    ConstantContact, Deadlines, DynamoDirectory, DynamoLedger, Http, OsDice, SecretsApps,
    SecretsVault, SqsQueue, SystemClock, TokenEndpoint,
};
use leadfeed_shared::app::deliver::batch::Message;
use leadfeed_shared::app::deliver::{Counter, Drain, Served};
use leadfeed_shared::app::token_keeper::{Seen, TokenKeeper};
use leadfeed_shared::domain::budget::Limits;
use leadfeed_shared::domain::connection::{ConfirmedOptIn, Connection, Learned};
use leadfeed_shared::domain::customer::Customer;
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::domain::keys::SigningKeys;
use leadfeed_shared::domain::lead::{Lead, LeadState};
use leadfeed_shared::domain::task::Task;
use leadfeed_shared::domain::token::{StoredTokens, Tokens};
use leadfeed_shared::fakes::{Faults, MemoryCaptcha, MemoryEvents};
use leadfeed_shared::ports::{
    AppCredentials, Apps as _, Connections as _, Customers as _, Ledger as _, Vault as _, Wiring,
};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::dynamo::Tables;
use crate::wire::{self, Steps};
use crate::{fresh, samples};

const CALLBACK: &str = "https://feed.example/oauth/callback";

/// Leads of one call of a drain, as the queue's trigger has it.
const BATCH: usize = 10;

/// Production, but for the bus, which plays no part.
struct Real;

impl Wiring for Real {
    type Directory = DynamoDirectory;
    type Ledger = DynamoLedger;
    type Queue = SqsQueue;
    type Vault = SecretsVault;
    type Apps = SecretsApps;
    type Budget = DynamoDirectory;
    type OAuth = TokenEndpoint<SystemClock>;
    type Crm = ConstantContact;
    type Captcha = MemoryCaptcha;
    type Events = MemoryEvents;
    type Clock = SystemClock;
    type Dice = OsDice;
}

struct Bench {
    aws: SdkConfig,
    /// The same by way of a wire that counts.
    counted: SdkConfig,
    dynamodb: Arc<Steps>,
    tables: Tables,
    prefix: String,
    sandbox: RunningSandbox,
    limits: Limits,
}

fn given(name: &str, otherwise: u32) -> u32 {
    let given = env::var(name).ok().and_then(|text| text.parse().ok());
    given.unwrap_or(otherwise)
}

pub fn trial(aws: &SdkConfig, tables: &Tables, runtime: &Handle) -> Trial {
    let (aws, tables, runtime) = (aws.clone(), tables.clone(), runtime.clone());
    let name = "aws::rate::a_full_queue_is_drained_at_the_limit_and_never_above_it";
    let unasked = env::var("LEADFEED_TEST_RATE").is_err();
    Trial::test(name, move || {
        runtime.block_on(run(aws, tables));
        Ok(())
    })
    .with_ignored_flag(unasked)
}

async fn run(aws: SdkConfig, tables: Tables) {
    let per_second = given("LEADFEED_TEST_RATE", 4);
    let count = given("LEADFEED_TEST_LEADS", 15 * per_second);
    let bench = Bench::start(aws, tables, per_second).await;
    let customer = bench.customer().await;
    let queue = bench.fill(&customer, count).await;
    let drains = given("LEADFEED_TEST_DRAINS", 3);
    let drains: Vec<_> = (0..drains).map(|_| bench.drain()).collect();
    bench.dynamodb.restart(None);
    let began = Timestamp::now();

    join_all(drains.iter().map(|drain| empty(drain, &queue))).await;

    let took = Timestamp::now().duration_since(began).as_secs_f64();
    let requests = bench.dynamodb.taken();
    let (calls, throttled) = bench.calls();
    let delivered = bench.delivered(&customer).await;
    let leads = f64::from(count);
    let rate = (leads - 1.0) / took;
    let used = 100.0 * rate / f64::from(per_second);
    println!(
        "\n{count} leads, {} drains, {per_second} calls a second: {took:.1} s, {used:.1} % of the rate, \
         {throttled} throttled, {:.2} calls and {:.2} DynamoDB requests a lead",
        drains.len(),
        calls as f64 / leads,
        requests as f64 / leads,
    );
    assert_eq!(delivered, count as usize);
    assert_eq!(throttled, 0);
    assert_eq!(bench.sandbox.broken_contracts(), [""; 0]);
    assert_eq!(calls, count as usize);
    assert!(used >= 95.0, "{used:.1} % of the rate");
}

/// Takes batches until there are none. Whatever a drain hands back comes again.
async fn empty(drain: &Drain<Real>, queue: &Mutex<VecDeque<Message>>) {
    loop {
        let batch: Vec<_> = {
            let mut queue = queue.lock().unwrap();
            let most = BATCH.min(queue.len());
            queue.drain(..most).collect()
        };
        if batch.is_empty() {
            return;
        }
        let deadline = Timestamp::now() + SignedDuration::from_secs(58);
        let again = drain.drain(batch, deadline).await;
        assert_eq!(again, Vec::<String>::new());
    }
}

impl Bench {
    async fn start(aws: SdkConfig, tables: Tables, per_second: u32) -> Self {
        let app = App {
            calls_per_second: per_second,
            ..App::new("client", "secret", vec![CALLBACK.into()])
        };
        let config = Config {
            apps: vec![app],
            ..Config::default()
        };
        let dynamodb = Arc::new(Steps::default());
        let endpoint = aws.endpoint_url().unwrap_or_default();
        let counting = wire::to(endpoint, &dynamodb).await.unwrap();
        Self {
            counted: aws.to_builder().endpoint_url(counting).build(),
            aws,
            dynamodb,
            tables,
            prefix: format!("leadfeed/{}", fresh::text()),
            sandbox: Sandbox::start(config).await.unwrap(),
            limits: Limits {
                per_second,
                per_day: 10_000,
            },
        }
    }

    fn keys(&self) -> SigningKeys {
        SigningKeys::new("root".into())
    }

    /// A drain as one function has it, sharing nothing with the others.
    fn drain(&self) -> Drain<Real> {
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.counted);
        let directory = DynamoDirectory::new(dynamodb.clone(), self.tables.directory.clone());
        let secrets = aws_sdk_secretsmanager::Client::new(&self.aws);
        let http = Http::new(Deadlines::default()).unwrap();
        let url = |path: &str| format!("{}{path}", self.sandbox.url()).parse().unwrap();
        let auth = url("/oauth2/default/v1");
        let oauth = TokenEndpoint::new(http.clone(), &auth, CALLBACK.into(), SystemClock);
        Drain {
            ledger: DynamoLedger::new(dynamodb, self.tables.ledger.clone()),
            directory: directory.clone(),
            keeper: TokenKeeper {
                connections: directory.clone(),
                vault: SecretsVault::new(secrets.clone(), self.prefix.clone()),
                apps: SecretsApps::new(secrets, self.prefix.clone(), directory.clone()),
                oauth: oauth.unwrap(),
                budget: directory,
                events: MemoryEvents::new(&Faults::default()),
                clock: SystemClock,
                dice: OsDice,
                stack: "here".into(),
                seen: Seen::default(),
            },
            crm: ConstantContact::new(http, url("/v3")),
            keys: self.keys(),
            counter: Counter::default(),
            served: Served::default(),
        }
    }

    /// A customer connected to the first account, by an application of its own.
    async fn customer(&self) -> CustomerId {
        let (id, app) = (fresh::customer(), fresh::app());
        let keeper = self.drain().keeper;
        let credentials = AppCredentials {
            client_id: "client".into(),
            client_secret: "secret".into(),
        };
        keeper
            .apps
            .put(&app, &credentials, self.limits)
            .await
            .unwrap();
        let customer = Customer {
            app: app.clone(),
            ..samples::customer(id.clone())
        };
        keeper.connections.put_customer(&customer).await.unwrap();
        let minted = reqwest::Client::new()
            .post(format!("{}/_sandbox/tokens", self.sandbox.url()))
            .json(&json!({ "client_id": "client", "user": "owner@harbor-bakery.example" }));
        let minted: Value = minted.send().await.unwrap().json().await.unwrap();
        let text = |name: &str| minted[name].as_str().unwrap().into();
        let expires_at = Timestamp::now() + SignedDuration::from_hours(23);
        let tokens = Tokens {
            access: text("access_token"),
            refresh: text("refresh_token"),
            expires_at,
            scope: "contact_data account_read offline_access".into(),
        };
        let generation = 1;
        let stored = StoredTokens { generation, tokens };
        keeper.vault.keep(&id, &stored).await.unwrap();
        let list = self
            .sandbox
            .with(|lab| lab.world.accounts[0].lists[0].id.to_string());
        let seen = ConfirmedOptIn {
            on: false,
            seen_at: Timestamp::now(),
        };
        let connection = Connection {
            app,
            generation,
            lists: vec![list.parse().unwrap()],
            token_expires_at: expires_at,
            lease: None,
            cooldown_until: None,
            learned: Learned {
                lists_gone: vec![],
                confirmed_opt_in: Some(seen),
            },
            ..samples::connection(&id)
        };
        keeper
            .connections
            .put_connection(&connection)
            .await
            .unwrap();
        id
    }

    /// Leads in the ledger, and the messages that the intake has sent.
    async fn fill(&self, customer: &CustomerId, count: u32) -> Mutex<VecDeque<Message>> {
        let ledger = self.tables.ledger();
        let mut queue = VecDeque::new();
        for i in 0..count {
            let lead = self.lead(customer, i);
            let due = Timestamp::now() + SignedDuration::from_hours(6);
            ledger.record(&lead, &LeadState::Queued, due).await.unwrap();
            let task = Task::Accepted {
                lead: Box::new(lead),
            };
            queue.push_back(Message {
                id: i.to_string(),
                body: Some(serde_json::to_string(&task).unwrap()),
            });
        }
        Mutex::new(queue)
    }

    fn lead(&self, customer: &CustomerId, number: u32) -> Lead {
        let mut lead = samples::lead(customer, 0);
        lead.contact.email = format!("lead{number}@example.com").parse().unwrap();
        lead.contact.custom_fields.clear();
        lead.received_at = Timestamp::now();
        // Fresh for as long as the longest run takes.
        lead.consent.given_at = lead.received_at;
        let text = Lead::sealed_text(
            &lead.customer,
            &lead.form,
            &lead.id,
            &lead.contact,
            &lead.consent,
        );
        lead.seal = self.keys().seal(&text);
        lead
    }

    /// Calls of the API, and how many of them were throttled.
    fn calls(&self) -> (usize, usize) {
        self.sandbox.with(|lab| {
            let calls = lab.journal.entries().iter();
            let calls: Vec<_> = calls.filter(|call| call.path.starts_with("/v3")).collect();
            let throttled = calls.iter().filter(|call| call.status == Some(429));
            (calls.len(), throttled.count())
        })
    }

    async fn delivered(&self, customer: &CustomerId) -> usize {
        let (ledger, mut cursor, mut count) = (self.tables.ledger(), None::<String>, 0);
        let all = leadfeed_shared::ports::LeadFilter::default();
        loop {
            let page = ledger.leads(customer, &all, cursor.as_deref(), 100).await;
            let page = page.unwrap();
            let done = |state: &LeadState| matches!(state, LeadState::Delivered { .. });
            count += page.items.iter().filter(|lead| done(&lead.state)).count();
            cursor = page.next;
            if cursor.is_none() {
                return count;
            }
        }
    }
}
