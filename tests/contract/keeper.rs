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
    Claims as _, Clock as _, Connections as _, Lanes as _, Ledger as _, Requeue, StoreOutcome,
    Vault as _,
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

/// The state that the next worker finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Works,
    NeedsReconnect,
}

/// A world in which each request of a worker is a step.
struct Fixture {
    world: World<VirtualClock>,
    steps: Arc<Steps>,
}

pub fn trials(aws: &SdkConfig, tables: &Tables, runtime: &Handle) -> Vec<Trial> {
    let trial = |name: &str, run: fn(Fixture) -> futures::future::BoxFuture<'static, ()>| {
        let (aws, tables, runtime) = (aws.clone(), tables.clone(), runtime.clone());
        Trial::test(format!("aws::keeper::{name}"), move || {
            runtime.block_on(async { run(Fixture::start(aws, tables).await).await });
            Ok(())
        })
    };
    vec![
        trial("a_hundred_workers_make_one_refresh", |fixture| {
            Box::pin(async move { fixture.a_hundred_workers_make_one_refresh().await })
        }),
        trial(
            "state_after_killing_a_worker_at_each_request_matches_architecture_md",
            |fixture| Box::pin(async move { fixture.state_after_each_kill().await }),
        ),
    ]
}

impl Fixture {
    async fn start(aws: SdkConfig, tables: Tables) -> Self {
        let (world, steps) = World::with_steps(aws, tables, String::new()).await;
        Self { world, steps }
    }

    async fn a_hundred_workers_make_one_refresh(mut self) {
        self.world.clock = VirtualClock::manual(Timestamp::now());
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

    async fn state_after_each_kill(mut self) {
        self.kill_worker(None).await;
        let mut table =
            "| killed at | before the request | after its effect |\n|---|---|---|\n".to_owned();
        for (step, (action, purpose)) in (1..).zip(REQUESTS) {
            let before = self.kill_worker(Some((step, Fault::CrashBefore))).await;
            let after = self.kill_worker(Some((step, Fault::CrashAfter))).await;
            let (before, after) = (before.markdown(), after.markdown());
            table += &format!("| {purpose} (`{action}`) | {before} | {after} |\n");
        }

        println!("\n{table}");
        let architecture = fs::read_to_string(ARCHITECTURE).unwrap();
        assert!(
            architecture.contains(&table),
            "the table in ARCHITECTURE.md differs"
        );
    }

    /// Kills a worker with an expired token at the given request, if any, while a lead is in the queue. Two minutes
    /// later a drain has to deliver the lead; if the connection is lost, the lead waits and goes out after a reconnect.
    async fn kill_worker(&mut self, crash: Option<(u64, Fault)>) -> Outcome {
        self.steps.restart(None);
        let customer = self.world.customer(self.a_minute_ago()).await;
        let (lead, message) = self.world.queued(&customer, rand::random::<u32>()).await;
        let first = self.world.ports().keeper();
        self.steps.restart(crash);
        let done = self
            .steps
            .run_until_killed(first.access(&customer, None, Timestamp::MAX))
            .await;
        assert_eq!(done.is_none(), crash.is_some());
        let actions = self.steps.names();
        let count = crash.map_or(REQUESTS.len(), |(step, _)| step as usize);
        assert_eq!(
            actions,
            REQUESTS[..count]
                .iter()
                .map(|(action, _)| *action)
                .collect::<Vec<_>>()
        );

        self.steps.restart(None);
        let two_minutes = SignedDuration::from_mins(2);
        self.world.clock.advance(two_minutes);
        self.world.sandbox.advance(two_minutes);
        let deliver = async |message| {
            let deadline = self.world.clock.now() + SignedDuration::from_secs(58);
            let handed_back = self
                .world
                .ports()
                .drain()
                .drain(vec![message], deadline)
                .await;
            assert_eq!(handed_back, Vec::<String>::new());
            let record = self.world.ledger().lead(&customer, &lead.id).await;
            record.unwrap().unwrap().state
        };
        match deliver(message.clone()).await {
            LeadState::Delivered { .. } => Outcome::Works,
            LeadState::Waiting { why } => {
                assert_eq!(why, WaitReason::Reconnect, "{crash:?}");
                self.connect_again(&customer, &lead.id).await;
                let state = deliver(message).await;
                assert!(
                    matches!(state, LeadState::Delivered { .. }),
                    "{crash:?}: {state:?}"
                );
                Outcome::NeedsReconnect
            }
            state => panic!("{crash:?}: {state:?}"),
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
        let stored = ports.vault.store(customer, &pair).await;
        assert_eq!(stored.unwrap(), StoreOutcome::Stored);
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

impl Outcome {
    fn markdown(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::NeedsReconnect => "**needs_reconnect**",
        }
    }
}
