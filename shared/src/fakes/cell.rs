use std::sync::{Arc, Mutex};

use super::faults::{Failure, Faults};
use crate::locked;

/// The state of a fake: all of it behind one mutex.
#[derive(Debug)]
pub(super) struct Cell<T> {
    state: Arc<Mutex<T>>,
    faults: Faults,
}

impl<T> Clone for Cell<T> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            faults: self.faults.clone(),
        }
    }
}

impl<T: Default> Cell<T> {
    pub(super) fn new(faults: &Faults) -> Self {
        Self {
            state: Arc::default(),
            faults: faults.clone(),
        }
    }
}

impl<T> Cell<T> {
    /// One port call that cannot fail except by an injected fault.
    pub(super) async fn step<R, E: Failure>(
        &self,
        effect: impl FnOnce(&mut T) -> R,
    ) -> Result<R, E> {
        self.try_step(|state| Ok(effect(state))).await
    }

    /// One port call.
    pub(super) async fn try_step<R, E: Failure>(
        &self,
        effect: impl FnOnce(&mut T) -> Result<R, E>,
    ) -> Result<R, E> {
        self.faults.around(|| self.with(effect)).await
    }

    /// A read or a change from outside, which is not a port call.
    pub(super) fn with<R>(&self, look: impl FnOnce(&mut T) -> R) -> R {
        look(&mut locked(&self.state))
    }
}
