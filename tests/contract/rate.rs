//! Several drains on one application with its limits on: DynamoDB on MiniStack, Constant Contact on the sandbox, in
//! real time. A few leads show that the drains share one rate. If `LEADFEED_TEST_RATE` (calls a second) is set, with
//! `LEADFEED_TEST_LEADS` leads and `LEADFEED_TEST_DRAINS` drains, it measures, and needs the machine to itself.

use std::collections::VecDeque;
use std::env;
use std::sync::{Arc, Mutex};

use aws_config::SdkConfig;
use cc_sandbox::world::App;
use cc_sandbox::{Config, Sandbox};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::adapters::SystemClock;
use leadfeed_shared::app::deliver::{Drain, Message};
use leadfeed_shared::domain::budget::Limits;
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::domain::lead::LeadState;
use leadfeed_shared::ports::Ledger as _;
use libtest_mimic::Trial;
use tokio::runtime::Handle;

use crate::dynamo::Tables;
use crate::fresh;
use crate::real::{CALLBACK, Real, World};
use crate::wire::{self, Steps};

/// Leads per call of a drain, as from the queue's trigger.
const BATCH: usize = 10;

struct Fixture {
    world: World<SystemClock>,
    /// Requests to DynamoDB.
    dynamodb: Arc<Steps>,
}

fn env_or(name: &str, default: u32) -> u32 {
    let value = env::var(name).ok().and_then(|text| text.parse().ok());
    value.unwrap_or(default)
}

pub fn trial(aws: &SdkConfig, tables: &Tables, runtime: &Handle) -> Trial {
    let (aws, tables, runtime) = (aws.clone(), tables.clone(), runtime.clone());
    let name = "aws::rate::concurrent_drains_share_the_rate_limit_and_deliver_every_lead";
    Trial::test(name, move || {
        runtime.block_on(run(aws, tables));
        Ok(())
    })
}

async fn run(aws: SdkConfig, tables: Tables) {
    let is_measurement = env::var("LEADFEED_TEST_RATE").is_ok();
    let per_second = env_or("LEADFEED_TEST_RATE", 4);
    let seconds = if is_measurement { 15 } else { 6 };
    let count = env_or("LEADFEED_TEST_LEADS", seconds * per_second);
    let fixture = Fixture::start(aws, tables, per_second).await;
    let expires_at = Timestamp::now() + SignedDuration::from_hours(23);
    let customer = fixture.world.customer(expires_at).await;
    let queue = fixture.fill(&customer, count).await;
    let drains = env_or("LEADFEED_TEST_DRAINS", 3);
    let drains: Vec<_> = (0..drains).map(|_| fixture.world.ports().drain()).collect();
    fixture.dynamodb.restart(None);
    let began = Timestamp::now();

    join_all(drains.iter().map(|drain| drain_all(drain, &queue))).await;

    let took = Timestamp::now().duration_since(began).as_secs_f64();
    let requests = fixture.dynamodb.taken();
    let (calls, throttled) = fixture.calls();
    let delivered = fixture.delivered(&customer).await;
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
    assert_eq!(fixture.world.sandbox.broken_contracts(), [""; 0]);
    assert_eq!(calls, count as usize + throttled);
    if is_measurement {
        assert_eq!(throttled, 0);
        assert!(used >= 95.0, "{used:.1} % of the rate");
    } else {
        // On a busy machine a call may leave late and the next one arrive too soon after it. If drains did not share
        // the rate, most of their calls would be throttled.
        assert!(throttled * 10 <= calls, "{throttled} of {calls} throttled");
    }
}

/// Drains the queue batch by batch until it is empty; no drain may hand a message back.
async fn drain_all(drain: &Drain<Real<SystemClock>>, queue: &Mutex<VecDeque<Message>>) {
    loop {
        let batch: Vec<_> = {
            let mut queue = queue.lock().unwrap();
            let size = BATCH.min(queue.len());
            queue.drain(..size).collect()
        };
        if batch.is_empty() {
            return;
        }
        let deadline = Timestamp::now() + SignedDuration::from_secs(58);
        let handed_back = drain.drain(batch, deadline).await;
        assert_eq!(handed_back, Vec::<String>::new());
    }
}

impl Fixture {
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
        let proxy = wire::proxy_to(endpoint, &dynamodb).await.unwrap();
        let sandbox = Sandbox::start(config).await.unwrap();
        let world = World {
            dynamodb: aws.to_builder().endpoint_url(proxy).build(),
            secrets: aws,
            tables,
            queue: String::new(),
            prefix: format!("leadfeed/{}", fresh::text()),
            constant_contact: sandbox.url().to_owned(),
            sandbox,
            limits: Limits {
                per_second,
                per_day: 10_000,
            },
            clock: SystemClock,
        };
        Self { world, dynamodb }
    }

    /// Leads in the ledger, and the messages that the intake would have sent.
    async fn fill(&self, customer: &CustomerId, count: u32) -> Mutex<VecDeque<Message>> {
        let mut queue = VecDeque::new();
        for number in 0..count {
            queue.push_back(self.world.queued(customer, number).await.1);
        }
        Mutex::new(queue)
    }

    /// The number of API calls, and how many of them were throttled.
    fn calls(&self) -> (usize, usize) {
        self.world.sandbox.with(|lab| {
            let calls = lab.journal.entries().iter();
            let calls: Vec<_> = calls.filter(|call| call.path.starts_with("/v3")).collect();
            let throttled = calls.iter().filter(|call| call.status == Some(429));
            (calls.len(), throttled.count())
        })
    }

    async fn delivered(&self, customer: &CustomerId) -> usize {
        let (ledger, mut cursor, mut count) = (self.world.ledger(), None::<String>, 0);
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
