//! A model of SQS: at-least-once delivery in no order, limited retention, and dead letters.

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::app::deliver::batch::Message;
use leadfeed_shared::domain::ids::LeadId;
use leadfeed_shared::domain::task::Task;
use leadfeed_shared::fakes::MemoryQueue;

use crate::dice::Dice;

/// Messages of a batch (`BatchSize`).
const BATCH: usize = 10;
/// How long a received message is hidden (`VisibilityTimeout`).
const HIDDEN_FOR: SignedDuration = SignedDuration::from_secs(360);
/// Receives before a message becomes a dead letter (`maxReceiveCount`).
const RECEIVES: u32 = 5;

#[derive(Debug, Clone)]
struct Sent {
    id: u64,
    task: Task,
    visible_at: Timestamp,
    receives: u32,
}

/// A queue and its dead letters.
#[derive(Debug)]
pub struct Sqs {
    messages: Vec<Sent>,
    dead: MemoryQueue,
    made: u64,
}

impl Sqs {
    /// An empty queue, whose dead letters can be inspected by others.
    #[must_use]
    pub fn new(dead: MemoryQueue) -> Self {
        Self {
            messages: Vec::new(),
            dead,
            made: 0,
        }
    }

    /// Accepts what was sent; some of it arrives late, and some twice.
    pub fn take(&mut self, tasks: Vec<Task>, dice: &mut Dice, now: Timestamp) {
        for task in tasks {
            let copies = if dice.chance(6) { 2 } else { 1 };
            for _ in 0..copies {
                let late = match dice.below(20) {
                    0 => dice.between(1_000, 600_000),
                    1..6 => dice.between(1, 3_000),
                    _ => 0,
                };
                self.add(task.clone(), now + SignedDuration::from_millis(late));
            }
        }
    }

    /// Accepts what was sent, unchanged.
    pub fn take_plainly(&mut self, tasks: Vec<Task>, now: Timestamp) {
        for task in tasks {
            self.add(task, now);
        }
    }

    fn add(&mut self, task: Task, visible_at: Timestamp) {
        self.made += 1;
        self.messages.push(Sent {
            id: self.made,
            task,
            visible_at,
            receives: 0,
        });
    }

    /// When the next message can be received.
    pub fn next_visible(&self) -> Option<Timestamp> {
        self.messages.iter().map(|sent| sent.visible_at).min()
    }

    /// Receives up to ten visible messages, in any order.
    pub fn receive(&mut self, dice: &mut Dice, now: Timestamp) -> Vec<Message> {
        let mut there: Vec<_> = (0..self.messages.len())
            .filter(|place| self.messages[*place].visible_at <= now)
            .collect();
        let mut batch = Vec::new();
        while batch.len() < BATCH && !there.is_empty() {
            let place = there.swap_remove(dice.place(there.len()));
            let sent = &mut self.messages[place];
            sent.receives += 1;
            sent.visible_at = now + HIDDEN_FOR;
            if sent.receives <= RECEIVES {
                batch.push(Message {
                    id: sent.id.to_string(),
                    body: serde_json::to_string(&sent.task).ok(),
                });
            }
        }
        let dead = |sent: &mut Sent| sent.receives > RECEIVES;
        for sent in self.messages.extract_if(.., dead) {
            self.dead.give_back(sent.task);
        }
        batch
    }

    /// Deletes what a drain has finished: the batch except for what it hands back.
    pub fn delete(&mut self, batch: &[String], again: &[String]) {
        self.messages.retain(|sent| {
            let id = sent.id.to_string();
            !batch.contains(&id) || again.contains(&id)
        });
    }

    /// Makes every hidden message visible again.
    pub fn repeat(&mut self, now: Timestamp) {
        for sent in &mut self.messages {
            sent.visible_at = sent.visible_at.min(now);
        }
    }

    /// Loses the messages of leads that are kept elsewhere, according to `kept`.
    pub fn lose(&mut self, kept: impl Fn(&LeadId) -> bool) {
        self.messages.retain(|sent| !kept(sent.task.lead()));
    }

    /// Puts the dead letters into the queue again.
    pub fn redrive(&mut self, now: Timestamp) {
        for task in self.dead.receive(usize::MAX) {
            self.add(task, now);
        }
    }

    /// Whether a message here carries the lead itself.
    pub fn carries(&self, lead: &LeadId) -> bool {
        let carried = |task: &Task| matches!(task, Task::Accepted { lead: own } if own.id == *lead);
        self.messages.iter().any(|sent| carried(&sent.task)) || self.dead.sent().iter().any(carried)
    }

    /// Whether all messages are dead letters, or gone.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}
