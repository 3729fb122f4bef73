//! The token keeper over the AWS adapters and the sandbox: one refresh however many workers, and what is left when a
//! worker is killed at any request it makes.

use std::sync::Arc;

use aws_config::SdkConfig;
use cc_sandbox::settings::Settings;
use cc_sandbox::world::App;
use cc_sandbox::{Config, RunningSandbox, Sandbox};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::adapters::{
    ConstantContact, Deadlines, DynamoDirectory, DynamoLedger, Http, OsDice, SecretsApps,
    SecretsVault, SqsQueue, TokenEndpoint,
};
use leadfeed_shared::app::token_keeper::{AccessError, Seen, TokenKeeper};
use leadfeed_shared::domain::budget::Limits;
use leadfeed_shared::domain::connection::Connection;
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::domain::lead::WaitReason;
use leadfeed_shared::domain::token::{StoredTokens, Tokens};
use leadfeed_shared::fakes::{Faults, MemoryCaptcha, MemoryEvents, VirtualClock};
use leadfeed_shared::ports::{AppCredentials, Apps as _, Connections as _, Vault as _, Wiring};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use url::Url;

use crate::wire::{self, Cut, Steps};
use crate::{fresh, samples};

const CALLBACK: &str = "https://feed.example/oauth/callback";

/// Production, but for the clock, which the test moves, and the bus, which plays no part.
struct Real;

impl Wiring for Real {
    type Directory = DynamoDirectory;
    type Ledger = DynamoLedger;
    type Queue = SqsQueue;
    type Vault = SecretsVault;
    type Apps = SecretsApps;
    type Budget = DynamoDirectory;
    type OAuth = TokenEndpoint<VirtualClock>;
    type Crm = ConstantContact;
    type Captcha = MemoryCaptcha;
    type Events = MemoryEvents;
    type Clock = VirtualClock;
    type Dice = OsDice;
}

/// Everything a keeper needs, each request of it a step.
struct Bench {
    aws: SdkConfig,
    table: String,
    prefix: String,
    sandbox: RunningSandbox,
    auth_url: Url,
    steps: Arc<Steps>,
}

pub async fn trials(
    aws: &SdkConfig,
    table: String,
    runtime: &Handle,
) -> anyhow::Result<Vec<Trial>> {
    let settings = Settings {
        limits: false,
        ..Settings::default()
    };
    let apps = vec![App::new("client", "secret", vec![CALLBACK.into()])];
    let sandbox = Sandbox::start(Config {
        apps,
        settings,
        ..Config::default()
    })
    .await?;
    let steps = Arc::new(Steps::default());
    let endpoint = aws.endpoint_url().unwrap_or_default();
    let bench = Arc::new(Bench {
        aws: aws
            .to_builder()
            .endpoint_url(wire::to(endpoint, &steps).await?)
            .build(),
        table,
        prefix: format!("leadfeed/{}", fresh::text()),
        auth_url: format!(
            "{}/oauth2/default/v1",
            wire::to(sandbox.url(), &steps).await?
        )
        .parse()?,
        sandbox,
        steps,
    });
    let runtime = runtime.clone();
    // One trial: the two parts share the wire, and the steps of one would be counted by the other.
    let run = move || runtime.block_on(bench.run()).map_err(Failed::from);
    Ok(vec![Trial::test(
        "aws::keeper::one_refresh_and_no_crash_but_one_loses_the_connection",
        run,
    )])
}

impl Bench {
    async fn run(&self) -> Result<(), String> {
        self.a_hundred_workers_make_one_refresh().await;
        self.killed_at_every_request().await
    }

    async fn a_hundred_workers_make_one_refresh(&self) {
        let clock = VirtualClock::standing(Timestamp::now());
        let customer = self.expired_connection(&clock).await;
        let before = self.refreshes();
        let keepers: Vec<_> = (0..100).map(|_| self.keeper(&clock)).collect();
        let ticking = async {
            loop {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                clock.advance(SignedDuration::from_millis(50));
            }
        };
        let work = join_all(keepers.iter().map(|keeper| keeper.access(&customer, None)));

        let results = tokio::select! {
            results = work => results,
            () = ticking => unreachable!("a clock does not end"),
        };

        for result in results {
            assert_eq!(result.unwrap().generation, 2);
        }
        assert_eq!(self.refreshes() - before, 1);
    }

    async fn killed_at_every_request(&self) -> Result<(), String> {
        let (requests, _) = self.killed(None).await;
        let mut table = String::new();
        let mut lost = Vec::new();
        for step in 1..=requests {
            for cut in [Cut::Before, Cut::After] {
                let (_, outcome) = self.killed(Some((step, cut))).await;
                let request = self.request_of(step, requests);
                table.push_str(&format!("| {step} | {request} | {cut:?} | {outcome} |\n"));
                if outcome == "needs_reconnect" {
                    lost.push((request, cut));
                }
            }
        }
        println!(
            "\n| request | what | killed | the next worker finds the connection |\n|---|---|---|---|\n{table}"
        );
        let window = [
            ("refresh", Cut::After),
            ("look what is stored", Cut::Before),
            ("look what is stored", Cut::After),
            ("store the new pair", Cut::Before),
        ];
        if lost == window {
            Ok(())
        } else {
            Err(format!("lost at {lost:?}"))
        }
    }

    /// One worker on an expired token, killed as told, and two minutes later another; the requests of the first and
    /// how the second fares.
    async fn killed(&self, cut: Option<(u64, Cut)>) -> (u64, &'static str) {
        let clock = VirtualClock::leaping(Timestamp::now());
        let customer = self.expired_connection(&clock).await;
        self.steps.restart(cut);
        let first = self.keeper(&clock);
        let done = self.steps.until_cut(first.access(&customer, None)).await;
        assert_eq!(done.is_none(), cut.is_some());
        let requests = self.steps.taken();

        self.steps.restart(None);
        clock.advance(SignedDuration::from_mins(2));
        self.sandbox.advance(SignedDuration::from_mins(2));
        let outcome = match self.keeper(&clock).access(&customer, None).await {
            Ok(access) => {
                assert_eq!(access.generation, 2);
                "works"
            }
            Err(AccessError::Waits(WaitReason::Reconnect)) => "needs_reconnect",
            Err(error) => panic!("{cut:?}: {error}"),
        };
        (requests, outcome)
    }

    /// What a worker does with its requests, told from their order.
    fn request_of(&self, step: u64, requests: u64) -> &'static str {
        match requests - step {
            0 => "advance the row",
            1 => "store the new pair",
            2 => "look what is stored",
            3 => "refresh",
            _ => match step {
                1 => "read the row",
                2 => "take the lease",
                _ => "read pair and application, take a moment of the endpoint",
            },
        }
    }

    fn refreshes(&self) -> usize {
        self.sandbox.with(|lab| {
            lab.journal
                .entries()
                .iter()
                .filter(|call| call.path.ends_with("/token"))
                .count()
        })
    }

    fn keeper(&self, clock: &VirtualClock) -> TokenKeeper<Real> {
        let secrets = || aws_sdk_secretsmanager::Client::new(&self.aws);
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.aws);
        let directory = DynamoDirectory::new(dynamodb, self.table.clone());
        let http = Http::new(Deadlines::default()).unwrap();
        TokenKeeper {
            connections: directory.clone(),
            vault: SecretsVault::new(secrets(), self.prefix.clone()),
            apps: SecretsApps::new(secrets(), self.prefix.clone(), directory.clone()),
            oauth: TokenEndpoint::new(http, &self.auth_url, CALLBACK.into(), clock.clone())
                .unwrap(),
            budget: directory,
            events: MemoryEvents::new(&Faults::default()),
            clock: clock.clone(),
            dice: OsDice,
            stack: "here".into(),
            seen: Seen::default(),
        }
    }

    /// A customer connected to the first account, whose access token has ended.
    async fn expired_connection(&self, clock: &VirtualClock) -> CustomerId {
        self.steps.restart(None);
        let keeper = self.keeper(clock);
        // An application of its own: the clocks of two cases would not agree about one's budget.
        let (customer, app) = (fresh::customer(), fresh::app());
        let credentials = AppCredentials {
            client_id: "client".into(),
            client_secret: "secret".into(),
        };
        keeper
            .apps
            .put(&app, &credentials, Limits::default())
            .await
            .unwrap();
        let minted = reqwest::Client::new()
            .post(format!("{}/_sandbox/tokens", self.sandbox.url()))
            .json(&json!({ "client_id": "client", "user": "owner@harbor-bakery.example" }))
            .send()
            .await
            .unwrap();
        let minted: Value = minted.json().await.unwrap();
        let expires_at = Timestamp::now() - SignedDuration::from_mins(1);
        let text = |name: &str| minted[name].as_str().unwrap().into();
        let tokens = Tokens {
            access: text("access_token"),
            refresh: text("refresh_token"),
            expires_at,
            scope: "contact_data account_read offline_access".into(),
        };
        keeper
            .vault
            .keep(
                &customer,
                &StoredTokens {
                    generation: 1,
                    tokens,
                },
            )
            .await
            .unwrap();
        let connection = Connection {
            app,
            generation: 1,
            token_expires_at: expires_at,
            lease: None,
            cooldown_until: None,
            ..samples::connection(&customer)
        };
        assert!(
            keeper
                .connections
                .put_connection(&connection)
                .await
                .unwrap()
        );
        customer
    }
}
