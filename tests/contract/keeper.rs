//! The token keeper over the AWS adapters and the sandbox: one refresh for any number of workers, and the state after a
//! worker is killed at any request it makes.

use std::fs;
use std::sync::Arc;

use aws_config::SdkConfig;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::connection::{Connection, ConnectionStatus};
use leadfeed_shared::domain::ids::{CustomerId, LeadId};
use leadfeed_shared::domain::lead::{LeadState, WaitReason};
use leadfeed_shared::domain::token::StoredTokens;
use leadfeed_shared::fakes::{Fault, VirtualClock};
use leadfeed_shared::ports::{
    Claims as _, Clock as _, Connections as _, Kept, Lanes as _, Ledger as _, Requeue, Vault as _,
};
use libtest_mimic::Trial;
use tokio::runtime::Handle;

use crate::dynamo::Tables;
use crate::real::World;
use crate::wire::Steps;

/// The requests of a worker with an expired token, in order, with the purpose of each.
const REQUESTS: [(&str, &str); 10] = [
    ("GetItem", "read the row"),
    ("UpdateItem", "take the lease"),
    ("GetSecretValue", "read the pair"),
    ("GetSecretValue", "read the application"),
    ("GetItem", "read the endpoint's clock"),
    ("UpdateItem", "take a moment of it"),
    ("token", "refresh"),
    ("GetSecretValue", "look what is stored"),
    ("PutSecretValue", "store the new pair"),
    ("UpdateItem", "advance the row"),
];

/// The document with the table of these states.
const ARCHITECTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ARCHITECTURE.md");

/// What the next worker finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Works,
    NeedsReconnect,
}

/// A world in which each request of a worker is a step.
struct Bench {
    world: World<VirtualClock>,
    steps: Arc<Steps>,
}

pub fn trials(aws: &SdkConfig, tables: &Tables, runtime: &Handle) -> Vec<Trial> {
    let trial = |name: &str, run: fn(Bench) -> futures::future::BoxFuture<'static, ()>| {
        let (aws, tables, runtime) = (aws.clone(), tables.clone(), runtime.clone());
        Trial::test(format!("aws::keeper::{name}"), move || {
            runtime.block_on(async { run(Bench::start(aws, tables).await).await });
            Ok(())
        })
    };
    vec![
        trial("a_hundred_workers_make_one_refresh", |bench| {
            Box::pin(async move { bench.a_hundred_workers_make_one_refresh().await })
        }),
        trial(
            "killed_at_any_request_a_worker_leaves_what_the_architecture_says",
            |bench| Box::pin(async move { bench.killed_at_every_request().await }),
        ),
    ]
}

impl Bench {
    async fn start(aws: SdkConfig, tables: Tables) -> Self {
        let (world, steps) = World::wired(aws, tables, String::new()).await;
        Self { world, steps }
    }

    async fn a_hundred_workers_make_one_refresh(mut self) {
        self.world.clock = VirtualClock::standing(Timestamp::now());
        let clock = &self.world.clock;
        let customer = self.world.customer(self.a_minute_ago()).await;
        let before = self.refreshes();
        let keepers: Vec<_> = (0..100).map(|_| self.world.ports().keeper()).collect();
        // Slower than the machine's clock, so that nothing times out on a busy machine.
        let ticking = async {
            loop {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                clock.advance(SignedDuration::from_millis(5));
            }
        };
        let work = join_all(
            keepers
                .iter()
                .map(|keeper| keeper.access(&customer, None, Timestamp::MAX)),
        );

        let results = tokio::select! {
            results = work => results,
            () = ticking => unreachable!("a clock does not end"),
        };

        for result in results {
            assert_eq!(result.unwrap().generation, 2);
        }
        assert_eq!(self.refreshes() - before, 1);
    }

    async fn killed_at_every_request(mut self) {
        self.killed(None).await;
        let mut table =
            "| killed at | before the request | after its effect |\n|---|---|---|\n".to_owned();
        for (step, (action, what)) in (1..).zip(REQUESTS) {
            let before = self.killed(Some((step, Fault::CrashBefore))).await;
            let after = self.killed(Some((step, Fault::CrashAfter))).await;
            let (before, after) = (before.words(), after.words());
            table += &format!("| {what} (`{action}`) | {before} | {after} |\n");
        }

        println!("\n{table}");
        let told = fs::read_to_string(ARCHITECTURE).unwrap();
        assert!(told.contains(&table), "ARCHITECTURE.md tells otherwise");
    }

    /// One worker with an expired token, killed as given, while a lead is in the queue; two minutes later a drain that
    /// should deliver it. If the connection is lost, the lead waits, and goes out once somebody has connected again.
    async fn killed(&mut self, cut: Option<(u64, Fault)>) -> Left {
        self.steps.restart(None);
        let customer = self.world.customer(self.a_minute_ago()).await;
        let (lead, message) = self.world.queued(&customer, rand::random::<u32>()).await;
        let first = self.world.ports().keeper();
        self.steps.restart(cut);
        let done = self
            .steps
            .until_cut(first.access(&customer, None, Timestamp::MAX))
            .await;
        assert_eq!(done.is_none(), cut.is_some());
        let made = self.steps.names();
        let count = cut.map_or(REQUESTS.len(), |(step, _)| step as usize);
        assert_eq!(
            made,
            REQUESTS[..count]
                .iter()
                .map(|(action, _)| *action)
                .collect::<Vec<_>>()
        );

        self.steps.restart(None);
        let minutes = SignedDuration::from_mins(2);
        self.world.clock.advance(minutes);
        self.world.sandbox.advance(minutes);
        let deliver = async |message| {
            let deadline = self.world.clock.now() + SignedDuration::from_secs(58);
            let again = self
                .world
                .ports()
                .drain()
                .drain(vec![message], deadline)
                .await;
            assert_eq!(again, Vec::<String>::new());
            let record = self.world.ledger().lead(&customer, &lead.id).await;
            record.unwrap().unwrap().state
        };
        match deliver(message.clone()).await {
            LeadState::Delivered { .. } => Left::Works,
            LeadState::Waiting { why } => {
                assert_eq!(why, WaitReason::Reconnect, "{cut:?}");
                self.connect_again(&customer, &lead.id).await;
                let state = deliver(message).await;
                assert!(
                    matches!(state, LeadState::Delivered { .. }),
                    "{cut:?}: {state:?}"
                );
                Left::NeedsReconnect
            }
            state => panic!("{cut:?}: {state:?}"),
        }
    }

    /// What the callback does for a customer whose connection was lost, and the scheduler for its lead.
    async fn connect_again(&self, customer: &CustomerId, lead: &LeadId) {
        let ports = self.world.ports();
        let lost = ports.directory.connection(customer).await;
        let lost = lost.unwrap().unwrap();
        let now = self.world.clock.now();
        let (generation, expires_at) = (lost.generation + 1, now + SignedDuration::from_hours(24));
        let pair = StoredTokens {
            generation,
            tokens: self.world.tokens(expires_at),
        };
        let kept = ports.vault.keep(customer, &pair).await;
        assert_eq!(kept.unwrap(), Kept::Stored);
        let connection = Connection {
            status: ConnectionStatus::Active,
            generation,
            token_expires_at: expires_at,
            ..lost
        };
        let put = ports.directory.put_connection(&connection).await;
        assert!(put.unwrap());
        let check = now + SignedDuration::from_hours(6);
        let waiting = ports.ledger.waiting(customer, None, 10).await.unwrap();
        let (_, seen) = waiting.into_iter().find(|(id, _)| id == lead).unwrap();
        let requeued = ports
            .ledger
            .requeue(customer, lead, Requeue::Waits(seen), now, check);
        assert!(requeued.await.unwrap());
    }

    fn a_minute_ago(&self) -> Timestamp {
        self.world.clock.now() - SignedDuration::from_mins(1)
    }

    fn refreshes(&self) -> usize {
        self.world.sandbox.with(|lab| {
            let calls = lab.journal.entries().iter();
            calls.filter(|call| call.path.ends_with("/token")).count()
        })
    }
}

impl Left {
    fn words(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::NeedsReconnect => "**needs_reconnect**",
        }
    }
}
