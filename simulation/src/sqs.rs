//! A model of SQS: at-least-once delivery in no order, limited retention, and dead letters.

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::app::deliver::Message;
use leadfeed_shared::domain::ids::LeadId;
use leadfeed_shared::domain::task::Task;
use leadfeed_shared::fakes::MemoryQueue;

use crate::dice::Dice;

/// Messages in a batch (`BatchSize`).
const BATCH_SIZE: usize = 10;
/// How long a received message is hidden (`VisibilityTimeout`).
const VISIBILITY_TIMEOUT: SignedDuration = SignedDuration::from_secs(360);
/// Receives before a message becomes a dead letter (`maxReceiveCount`).
const MAX_RECEIVES: u32 = 5;

#[derive(Debug, Clone)]
struct QueuedMessage {
    id: u64,
    task: Task,
    visible_at: Timestamp,
    receives: u32,
}

/// A queue and its dead letters.
#[derive(Debug)]
pub struct Sqs {
    messages: Vec<QueuedMessage>,
    dead_letters: MemoryQueue,
    last_id: u64,
}

impl Sqs {
    /// An empty queue, whose dead letters can be inspected by others.
    #[must_use]
    pub fn new(dead_letters: MemoryQueue) -> Self {
        Self {
            messages: Vec::new(),
            dead_letters,
            last_id: 0,
        }
    }

    /// Accepts what was sent; some of it arrives late, and some twice.
    pub fn enqueue(&mut self, tasks: Vec<Task>, dice: &mut Dice, now: Timestamp) {
        for task in tasks {
            let copies = if dice.chance(6) { 2 } else { 1 };
            for _ in 0..copies {
                let delay = match dice.below(20) {
                    0 => dice.between(1_000, 600_000),
                    1..6 => dice.between(1, 3_000),
                    _ => 0,
                };
                self.add(task.clone(), now + SignedDuration::from_millis(delay));
            }
        }
    }

    /// Accepts what was sent, at once and only once.
    pub fn enqueue_unchanged(&mut self, tasks: Vec<Task>, now: Timestamp) {
        for task in tasks {
            self.add(task, now);
        }
    }

    fn add(&mut self, task: Task, visible_at: Timestamp) {
        self.last_id += 1;
        self.messages.push(QueuedMessage {
            id: self.last_id,
            task,
            visible_at,
            receives: 0,
        });
    }

    /// When the next message can be received.
    pub fn next_visible(&self) -> Option<Timestamp> {
        self.messages.iter().map(|message| message.visible_at).min()
    }

    /// Receives up to ten visible messages, in any order.
    pub fn receive(&mut self, dice: &mut Dice, now: Timestamp) -> Vec<Message> {
        let mut visible: Vec<_> = (0..self.messages.len())
            .filter(|index| self.messages[*index].visible_at <= now)
            .collect();
        let mut batch = Vec::new();
        while batch.len() < BATCH_SIZE && !visible.is_empty() {
            let index = visible.swap_remove(dice.pick_index(visible.len()));
            let message = &mut self.messages[index];
            message.receives += 1;
            message.visible_at = now + VISIBILITY_TIMEOUT;
            if message.receives <= MAX_RECEIVES {
                batch.push(Message {
                    id: message.id.to_string(),
                    body: serde_json::to_string(&message.task).ok(),
                });
            }
        }
        let is_dead = |message: &mut QueuedMessage| message.receives > MAX_RECEIVES;
        for message in self.messages.extract_if(.., is_dead) {
            self.dead_letters.give_back(message.task);
        }
        batch
    }

    /// Deletes what a drain has finished: the batch except for what it hands back.
    pub fn delete(&mut self, batch: &[String], handed_back: &[String]) {
        self.messages.retain(|message| {
            let id = message.id.to_string();
            !batch.contains(&id) || handed_back.contains(&id)
        });
    }

    /// Makes every hidden message visible again.
    pub fn redeliver(&mut self, now: Timestamp) {
        for message in &mut self.messages {
            message.visible_at = message.visible_at.min(now);
        }
    }

    /// Loses the messages of leads that are kept elsewhere, according to `is_kept`.
    pub fn lose(&mut self, is_kept: impl Fn(&LeadId) -> bool) {
        self.messages
            .retain(|message| !is_kept(message.task.lead()));
    }

    /// Puts the dead letters back into the queue.
    pub fn redrive(&mut self, now: Timestamp) {
        for task in self.dead_letters.receive(usize::MAX) {
            self.add(task, now);
        }
    }

    /// Whether a message here carries the lead itself.
    pub fn carries(&self, lead: &LeadId) -> bool {
        let carried = |task: &Task| matches!(task, Task::Accepted { lead: own } if own.id == *lead);
        self.messages.iter().any(|message| carried(&message.task))
            || self.dead_letters.sent().iter().any(carried)
    }

    /// Whether all messages are dead letters, or gone.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}
