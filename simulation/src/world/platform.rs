//! What Lambda, SQS and EventBridge do: deliver batches, run the schedule, keep functions warm and end those that take
//! too long.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::app::deliver::{Drain, MARGIN};
use leadfeed_shared::app::intake::Intake;
use leadfeed_shared::app::scheduler::Scheduler;
use leadfeed_shared::fakes::at_once;
use leadfeed_shared::locked;
use leadfeed_shared::ports::{Imports as _, Lanes as _, Tallies as _};

use super::{MINUTE, Warm, World};
use crate::wire::{Process, Wired};

/// Timeouts of the functions, as in the template.
const DRAIN_TIME: SignedDuration = SignedDuration::from_secs(60);
const SCHEDULER_TIME: SignedDuration = SignedDuration::from_secs(55);

/// The scheduler's interval after a long quiet time: the minutes between are left out.
const IDLE_MINUTES: i32 = 30;

impl World {
    pub(super) fn put_away(&mut self, warm: Warm) {
        if matches!(warm, Warm::Drain(..)) {
            self.drains -= 1;
        }
        let stays = self.calm || self.dice.chance(80);
        if stays && !matches!(warm, Warm::Cold) {
            self.pool.push(warm);
        }
    }

    pub(super) fn bury(&mut self, process: &Arc<Process>) {
        if process.name.starts_with("drain") {
            self.drains -= 1;
        }
        self.shared.oracle().dies(process);
        self.shared
            .log()
            .note(self.now(), &process.name, || "is killed".to_owned());
    }

    /// Makes the platform do its part; returns whether something can run now.
    pub(super) fn begin_what_is_due(&mut self) -> bool {
        let now = self.now();
        if let Some(process) = self.tasks.end(now) {
            self.bury(&process);
            return true;
        }
        self.take_what_was_sent();
        if self.next_poll.is_some_and(|at| at <= now) {
            self.next_poll = None;
            if self.poll() {
                return true;
            }
        }
        self.plan_poll();
        if self.next_run <= now {
            self.idle_minutes = (self.idle_minutes * 2).min(IDLE_MINUTES);
            self.next_run = now + MINUTE * self.idle_minutes;
            if self.has_work() {
                self.run_scheduler(self.made.into());
                return true;
            }
        }
        false
    }

    /// Whether a run of the scheduler would find anything to do; otherwise it is left out.
    fn has_work(&self) -> bool {
        let (ledger, directory, now) = (&self.memory.ledger, &self.memory.directory, self.now());
        let lanes = at_once(ledger.due_lanes(now, None, 1)).is_ok_and(|lanes| !lanes.is_empty());
        let stuck = at_once(ledger.overdue(now, 1)).is_ok_and(|leads| !leads.is_empty());
        let imports = at_once(ledger.due_imports(now, 1)).is_ok_and(|jobs| !jobs.is_empty());
        let days = at_once(directory.unsettled(now)).is_ok_and(|days| !days.is_empty());
        lanes || stuck || imports || days || self.idle_minutes <= 2
    }

    /// Moves messages from our side of the queue to Amazon's.
    pub fn take_what_was_sent(&mut self) {
        let now = self.now();
        let sent = self.memory.queue.receive(usize::MAX);
        let mut sqs = locked(&self.sqs);
        if self.calm {
            sqs.take_plainly(sent, now);
        } else {
            sqs.take(sent, &mut self.dice, now);
        }
    }

    fn plan_poll(&mut self) {
        if self.next_poll.is_none() && self.drains < self.most_drains {
            let pause = if self.calm {
                20
            } else {
                self.dice.pick(&[1, 20, 500, 4_000])
            };
            let pause = SignedDuration::from_millis(pause);
            let visible = self.sqs().next_visible();
            self.next_poll = visible.map(|at| at.max(self.now()) + pause);
        }
    }

    pub(super) fn next_moment(&self) -> Option<Timestamp> {
        let moments = [
            self.shared.clock.next_alarm(),
            self.tasks.first_end(),
            self.next_poll,
            Some(self.next_run),
        ];
        moments.into_iter().flatten().min()
    }

    /// Lets a drain work on the visible messages; returns whether there were any.
    fn poll(&mut self) -> bool {
        let now = self.now();
        let batch = locked(&self.sqs).receive(&mut self.dice, now);
        if batch.is_empty() {
            return false;
        }
        let (process, drain) = self.warm_drain();
        let (sqs, deadline) = (self.sqs.clone(), now + DRAIN_TIME - MARGIN);
        let luck = self.dice.roll();
        let warm = Warm::Drain(process.clone(), drain.clone());
        self.drains += 1;
        let work = async move {
            let ids: Vec<_> = batch.iter().map(|message| message.id.clone()).collect();
            let again = drain.drain(batch, deadline).await;
            locked(&sqs).delete(&ids, &again);
        };
        self.start(&process, luck, DRAIN_TIME, warm, Box::pin(work));
        true
    }

    fn warm_drain(&mut self) -> (Arc<Process>, Arc<Drain<Wired>>) {
        let known = self.reuse(|warm| match warm {
            Warm::Drain(process, drain) => Some((process.clone(), drain.clone())),
            _ => None,
        });
        known.unwrap_or_else(|| {
            let reach = self.reach("drain");
            (reach.line.process.clone(), Arc::new(reach.ports().drain()))
        })
    }

    /// A process of the intake.
    pub fn warm_webhook(&mut self) -> (Arc<Process>, Arc<Intake<Wired>>) {
        let known = self.reuse(|warm| match warm {
            Warm::Webhook(process, intake) => Some((process.clone(), intake.clone())),
            _ => None,
        });
        known.unwrap_or_else(|| {
            let reach = self.reach("webhook");
            (reach.line.process.clone(), Arc::new(reach.ports().intake()))
        })
    }

    fn warm_scheduler(&mut self) -> (Arc<Process>, Arc<Scheduler<Wired>>) {
        let known = self.reuse(|warm| match warm {
            Warm::Scheduler(process, scheduler) => Some((process.clone(), scheduler.clone())),
            _ => None,
        });
        known.unwrap_or_else(|| {
            let reach = self.reach("scheduler");
            (
                reach.line.process.clone(),
                Arc::new(reach.ports().scheduler()),
            )
        })
    }

    /// Takes a warm process of a kind.
    fn reuse<T>(&mut self, of_kind: impl Fn(&Warm) -> Option<T>) -> Option<T> {
        let mut pool = self.pool.iter().enumerate();
        let (place, known) = pool.find_map(|(place, warm)| Some((place, of_kind(warm)?)))?;
        self.pool.swap_remove(place);
        Some(known)
    }

    /// One run of the scheduler.
    pub fn run_scheduler(&mut self, luck: u64) {
        let (process, scheduler) = self.warm_scheduler();
        let warm = Warm::Scheduler(process.clone(), scheduler.clone());
        let end = self.now() + SCHEDULER_TIME;
        let (shared, struck_by) = (self.shared.clone(), process.clone());
        let work = async move {
            let ran = scheduler.run(end).await;
            let measured = scheduler.measure().await;
            if ran.is_err() || measured.is_err() {
                shared.oracle().failed_by_us(struck_by.was_struck());
            }
        };
        self.start(&process, luck, SCHEDULER_TIME, warm, Box::pin(work));
    }
}
