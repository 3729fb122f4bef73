//! A scheduler of concurrent invocations, polled one step at a time in random order.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use jiff::Timestamp;

use crate::dice::Dice;
use crate::wire::Process;

/// Work of one invocation.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Task<K> {
    process: Arc<Process>,
    work: Work,
    woken: Arc<Woken>,
    waker: Waker,
    /// When its time limit is reached.
    ends_at: Timestamp,
    kept: K,
}

/// The result of a step.
pub enum Stepped<K> {
    /// One took a step.
    On,
    /// One is done; with what was kept for it.
    Done(K),
    /// One was killed.
    Killed(Arc<Process>),
    /// All of them wait.
    Nobody,
}

/// All invocations under way, each with something that is kept for it until it is done.
pub struct Tasks<K>(Vec<Task<K>>);

impl<K> Default for Tasks<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K> Tasks<K> {
    /// Adds one, which is killed at `ends_at` if it is not done by then.
    pub fn start(&mut self, process: Arc<Process>, ends_at: Timestamp, kept: K, work: Work) {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        self.0.push(Task {
            process,
            work,
            waker: Waker::from(woken.clone()),
            woken,
            ends_at,
            kept,
        });
    }

    /// One step of an invocation that can take one.
    pub fn step(&mut self, dice: &mut Dice) -> Stepped<K> {
        let can = |task: &Task<K>| task.woken.0.load(Ordering::Relaxed);
        let count = self.0.iter().filter(|task| can(task)).count();
        if count == 0 {
            return Stepped::Nobody;
        }
        let which = dice.place(count);
        let mut places = (0..self.0.len()).filter(|place| can(&self.0[*place]));
        let place = places.nth(which).unwrap_or(0);
        let task = &mut self.0[place];
        task.woken.0.store(false, Ordering::Relaxed);
        let mut context = Context::from_waker(&task.waker);
        match task.work.as_mut().poll(&mut context) {
            Poll::Ready(()) => Stepped::Done(self.0.swap_remove(place).kept),
            Poll::Pending if task.process.is_dead() => {
                Stepped::Killed(self.0.swap_remove(place).process)
            }
            Poll::Pending => Stepped::On,
        }
    }

    /// Kills one whose time limit is reached; returns it.
    pub fn end(&mut self, now: Timestamp) -> Option<Arc<Process>> {
        let place = self.0.iter().position(|task| task.ends_at <= now)?;
        let process = self.0.swap_remove(place).process;
        process.kill();
        Some(process)
    }

    /// When the first time limit is reached.
    pub fn first_end(&self) -> Option<Timestamp> {
        self.0.iter().map(|task| task.ends_at).min()
    }
}
