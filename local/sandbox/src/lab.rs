//! The sandbox's whole state in memory, behind one lock that is never held across an await.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::broadcast;

use crate::clock::VirtualClock;
use crate::dice::Dice;
use crate::faults::Faults;
use crate::journal::{Entry, Journal};
use crate::settings::Settings;
use crate::signer::{Signer, SigningFailed};
use crate::world::{Context, Tokens, World};

/// The sandbox's state, fully accessible to tests.
#[derive(Debug)]
pub struct Lab {
    pub world: World,
    pub dice: Dice,
    pub settings: Settings,
    /// The settings that a reset restores.
    pub initial_settings: Settings,
    pub journal: Journal,
    pub faults: Faults,
}

impl Lab {
    /// The world, and the context of a call into it.
    pub fn at(&mut self, now: Timestamp) -> (&mut World, Context<'_>) {
        let context = Context {
            now,
            dice: &mut self.dice,
            settings: &self.settings,
        };
        (&mut self.world, context)
    }
}

/// The state that all handlers share.
#[derive(Clone)]
pub struct Shared {
    lab: Arc<Mutex<Lab>>,
    pub clock: Arc<VirtualClock>,
    pub signer: Signer,
    /// Completed journal entries, for the live page.
    pub live: broadcast::Sender<Arc<Entry>>,
}

impl Shared {
    pub fn new(lab: Lab, clock: VirtualClock, signer: Signer) -> Self {
        Self {
            lab: Arc::new(Mutex::new(lab)),
            clock: Arc::new(clock),
            signer,
            live: broadcast::channel(1024).0,
        }
    }

    pub fn lab(&self) -> MutexGuard<'_, Lab> {
        self.lab.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `act` on the world as it is now, background activities included.
    pub fn with_world<R>(&self, act: impl FnOnce(&mut World, &mut Context<'_>) -> R) -> R {
        let now = self.clock.now();
        let mut lab = self.lab();
        let (world, mut context) = lab.at(now);
        world.settle(now, context.dice);
        act(world, &mut context)
    }

    /// The access token in the form its client gets, valid from now on.
    pub fn sign(&self, tokens: &Tokens) -> Result<String, SigningFailed> {
        let mut lab = self.lab();
        let seat = tokens.access.seat;
        let user = &lab.world.accounts[seat.account].users[seat.user];
        let signed = self.signer.sign(tokens, user)?;
        let access = tokens.access.clone();
        lab.world.grants.register(signed.clone(), access);
        Ok(signed)
    }
}
