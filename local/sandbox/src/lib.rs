//! A sandbox for the Constant Contact V3 API, as strict as the real one.
//!
//! [`Sandbox::start`] runs one on a free loopback port; the [`RunningSandbox`] gives its address and, for tests, its
//! clock and its whole state.

pub mod clock;
pub mod contract;
mod control;
pub mod dice;
pub mod faults;
mod http;
pub mod journal;
pub mod lab;
mod pages;
mod server;
pub mod settings;
mod signer;
pub mod world;

use std::io;

use jiff::SignedDuration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use control::Minted;

use clock::VirtualClock;
use dice::Dice;
use lab::{Lab, Shared};
use settings::Settings;
use signer::Signer;
use world::{App, World};

/// A sandbox's start options.
#[derive(Debug)]
pub struct Config {
    /// 0 chooses a free port.
    pub port: u16,
    pub apps: Vec<App>,
    pub settings: Settings,
    /// The same seed gives the same accounts, lists and ids.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 0,
            apps: Vec::new(),
            settings: Settings::default(),
            seed: 1,
        }
    }
}

pub struct Sandbox;

impl Sandbox {
    pub async fn start(config: Config) -> io::Result<RunningSandbox> {
        let listener = server::listen(config.port).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let signer = Signer::new(&url).map_err(io::Error::other)?;
        let clock = VirtualClock::default();
        let mut dice = Dice::seeded(config.seed);
        let mut world = World::seeded(clock.now(), &mut dice);
        let apps = config
            .apps
            .into_iter()
            .map(|app| (app.client_id.clone(), app));
        world.apps.extend(apps);
        let lab = Lab {
            world,
            dice,
            initial_settings: config.settings.clone(),
            settings: config.settings,
            journal: journal::Journal::default(),
            faults: faults::Faults::default(),
        };
        let shared = Shared::new(lab, clock, signer);
        let control_and_pages = control::routes(&shared).merge(pages::routes(&shared));
        let app = http::vendor(&shared).merge(control_and_pages);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server::serve(listener, app, stopped));
        Ok(RunningSandbox {
            url,
            shared,
            stop: Some(stop),
            task,
        })
    }
}

/// A sandbox in this process. Dropping it stops it.
pub struct RunningSandbox {
    url: String,
    shared: Shared,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl RunningSandbox {
    /// `http://127.0.0.1:PORT`, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn clock(&self) -> &VirtualClock {
        &self.shared.clock
    }

    pub fn advance(&self, by: SignedDuration) {
        self.shared.clock.advance(by);
    }

    /// Reads or changes anything; no call is served meanwhile.
    pub fn with<R>(&self, act: impl FnOnce(&mut Lab) -> R) -> R {
        let now = self.shared.clock.now();
        let mut lab = self.shared.lab();
        let lab = &mut *lab;
        lab.world.settle(now, &mut lab.dice);
        act(lab)
    }

    /// Tokens of the user with this login, without the consent page.
    pub fn mint(&self, client_id: &str, login: &str) -> anyhow::Result<Minted> {
        let refused = |control::Refused(_, why)| anyhow::anyhow!(why);
        control::mint_tokens(&self.shared, control::Mint::usual(client_id, login)).map_err(refused)
    }

    /// Adds a user with this login as a manager of the first account, unless there is one.
    pub fn add_manager(&self, login: &str) {
        self.shared
            .with_world(|world, context| world.accounts[0].add_manager(login, context.dice));
    }

    /// The calls so far whose body breaks the contract: unknown, incomplete or too long in some part.
    pub fn broken_contracts(&self) -> Vec<String> {
        self.with(|lab| {
            let calls = lab.journal.entries().iter();
            let broken = calls.filter(|call| call.outcome == http::BROKEN_CONTRACT);
            broken
                .map(|call| format!("{} {}", call.method, call.route))
                .collect()
        })
    }

    /// Stops and waits until every connection is closed.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that it has stopped already.
            stop.send(()).ok();
        }
        (&mut self.task).await.ok();
    }
}

impl Drop for RunningSandbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}
