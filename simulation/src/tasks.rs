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
    deadline: Timestamp,
    payload: K,
}

/// The result of a step.
pub enum StepResult<K> {
    /// One took a step.
    Progressed,
    /// One is done; with its payload.
    Done(K),
    /// One was killed.
    Killed(Arc<Process>),
    /// All of them wait.
    AllWaiting,
}

/// All running invocations, each with a payload that is returned when it is done.
pub struct Tasks<K>(Vec<Task<K>>);

impl<K> Default for Tasks<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K> Tasks<K> {
    /// Adds one, which is killed at `deadline` if it is not done by then.
    pub fn start(&mut self, process: Arc<Process>, deadline: Timestamp, payload: K, work: Work) {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        self.0.push(Task {
            process,
            work,
            waker: Waker::from(woken.clone()),
            woken,
            deadline,
            payload,
        });
    }

    /// One step of an invocation that can take one.
    pub fn step(&mut self, dice: &mut Dice) -> StepResult<K> {
        let is_ready = |task: &Task<K>| task.woken.0.load(Ordering::Relaxed);
        let count = self.0.iter().filter(|task| is_ready(task)).count();
        if count == 0 {
            return StepResult::AllWaiting;
        }
        let chosen = dice.pick_index(count);
        let mut indexes = (0..self.0.len()).filter(|index| is_ready(&self.0[*index]));
        let index = indexes.nth(chosen).unwrap_or(0);
        let task = &mut self.0[index];
        task.woken.0.store(false, Ordering::Relaxed);
        let mut context = Context::from_waker(&task.waker);
        match task.work.as_mut().poll(&mut context) {
            Poll::Ready(()) => StepResult::Done(self.0.swap_remove(index).payload),
            Poll::Pending if task.process.is_dead() => {
                StepResult::Killed(self.0.swap_remove(index).process)
            }
            Poll::Pending => StepResult::Progressed,
        }
    }

    /// Kills one whose time limit is reached; returns it.
    pub fn kill_expired(&mut self, now: Timestamp) -> Option<Arc<Process>> {
        let index = self.0.iter().position(|task| task.deadline <= now)?;
        let process = self.0.swap_remove(index).process;
        process.kill();
        Some(process)
    }

    /// When the first time limit is reached.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.0.iter().map(|task| task.deadline).min()
    }
}
