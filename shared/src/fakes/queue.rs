use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::cell::Cell;
use super::clock::VirtualClock;
use super::faults::Faults;
use crate::domain::task::Task;
use crate::ports::{
    Clock as _, DeadLetter, DeadLetters, HIDDEN_FOR, Queue, QueueError, StoreError,
};

/// Tasks sent and not yet received. The receiver decides how often and in what order they arrive.
#[derive(Debug, Clone)]
pub struct MemoryQueue(Cell<State>, VirtualClock);

#[derive(Debug, Default)]
struct State {
    /// By their sequence numbers.
    tasks: VecDeque<(u64, Task)>,
    last_number: u64,
    hidden: BTreeMap<u64, Timestamp>,
    refuse: Vec<usize>,
}

impl State {
    fn with_number(&mut self, task: Task) -> (u64, Task) {
        self.last_number += 1;
        (self.last_number, task)
    }
}

impl MemoryQueue {
    /// An empty queue.
    #[must_use]
    pub fn new(faults: &Faults, clock: VirtualClock) -> Self {
        Self(Cell::new(faults), clock)
    }

    /// The tasks that were sent and not received.
    #[must_use]
    pub fn sent(&self) -> Vec<Task> {
        self.0
            .with(|state| state.tasks.iter().map(|(_, task)| task.clone()).collect())
    }

    /// Takes up to `most` tasks out, first in, first out.
    #[must_use]
    pub fn receive(&self, most: usize) -> Vec<Task> {
        self.0.with(|state| {
            let most = most.min(state.tasks.len());
            state.tasks.drain(..most).map(|(_, task)| task).collect()
        })
    }

    /// Puts a task back in front, as a queue does with a message that its receiver did not delete.
    pub fn give_back(&self, task: Task) {
        self.0.with(|state| {
            let task = state.with_number(task);
            state.tasks.push_front(task);
        });
    }

    /// Refuses the tasks at these indexes of the next batch.
    pub fn refuse_next(&self, indexes: impl IntoIterator<Item = usize>) {
        self.0
            .with(|state| state.refuse = indexes.into_iter().collect());
    }
}

impl Queue for MemoryQueue {
    async fn send(&self, tasks: &[Task]) -> Result<(), QueueError> {
        let send = |state: &mut State| {
            let refuse = std::mem::take(&mut state.refuse);
            let indexes = tasks.iter().enumerate();
            for (_, task) in indexes.filter(|(index, _)| !refuse.contains(index)) {
                let task = state.with_number(task.clone());
                state.tasks.push_back(task);
            }
            refuse.into_iter().filter(|index| *index < tasks.len())
        };
        let sent: Result<_, StoreError> = self.0.step(send).await;
        match sent.map(Iterator::collect::<Vec<_>>) {
            Ok(failed) if failed.is_empty() => Ok(()),
            Ok(failed) => Err(QueueError {
                failed,
                source: None,
            }),
            Err(lost) => Err(QueueError {
                failed: (0..tasks.len()).collect(),
                source: Some(lost.0),
            }),
        }
    }

    async fn depth(&self) -> Result<u64, StoreError> {
        let count = |state: &mut State| u64::try_from(state.tasks.len()).unwrap_or(u64::MAX);
        self.0.step(count).await
    }
}

impl DeadLetters for MemoryQueue {
    async fn peek(&self) -> Result<Vec<DeadLetter>, StoreError> {
        let now = self.1.now();
        let look = |state: &mut State| {
            let is_hidden = |number| state.hidden.get(number).is_some_and(|until| *until > now);
            let visible = state.tasks.iter().filter(|(number, _)| !is_hidden(number));
            let batch: Vec<_> = visible.take(10).cloned().collect();
            let until = now + HIDDEN_FOR;
            state
                .hidden
                .extend(batch.iter().map(|(number, _)| (*number, until)));
            batch
        };
        let letter = |(number, task): (u64, Task)| DeadLetter {
            task: Some(task),
            receipt: number.to_string(),
        };
        let batch = self.0.step::<_, StoreError>(look).await?;
        Ok(batch.into_iter().map(letter).collect())
    }

    async fn put_back(&self, letters: &[DeadLetter]) -> Result<(), StoreError> {
        let shown = |number: &u64| {
            let receipt = number.to_string();
            letters.iter().any(|letter| letter.receipt == receipt)
        };
        let show = |state: &mut State| state.hidden.retain(|number, _| !shown(number));
        self.0.step(show).await
    }

    async fn discard(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        let named = |number: u64| number.to_string() == letter.receipt;
        let discard = |state: &mut State| state.tasks.retain(|(number, _)| !named(*number));
        self.0.step(discard).await
    }
}
