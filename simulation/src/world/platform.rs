//! What Lambda, SQS and EventBridge do: deliver batches, run the schedule, reuse idle functions, and kill those that
//! take too long.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::app::deliver::{Drain, MARGIN};
use leadfeed_shared::app::intake::Intake;
use leadfeed_shared::app::scheduler::Scheduler;
use leadfeed_shared::fakes::run_ready;
use leadfeed_shared::locked;
use leadfeed_shared::ports::{Imports as _, Lanes as _, Tallies as _};

use super::{Instance, MINUTE, World};
use crate::wire::{Process, Wired};

/// Timeouts of the functions, as in the template.
const DRAIN_TIMEOUT: SignedDuration = SignedDuration::from_secs(60);
const SCHEDULER_TIMEOUT: SignedDuration = SignedDuration::from_secs(55);

/// The longest interval between runs of the scheduler while nothing happens, in minutes.
const MAX_IDLE_MINUTES: i32 = 30;

impl World {
    pub(super) fn finish_invocation(&mut self, instance: Instance) {
        if matches!(instance, Instance::Drain(..)) {
            self.drains -= 1;
        }
        let is_reused = self.fault_free || self.dice.chance(80);
        if is_reused && !matches!(instance, Instance::OneOff) {
            self.idle_instances.push(instance);
        }
    }

    pub(super) fn remove_killed(&mut self, process: &Arc<Process>) {
        if process.name.starts_with("drain") {
            self.drains -= 1;
        }
        self.shared.oracle().process_died(process);
        self.shared
            .log()
            .note(self.now(), &process.name, || "is killed".to_owned());
    }

    /// Starts and kills what is due; returns whether something can run now.
    pub(super) fn start_due_work(&mut self) -> bool {
        let now = self.now();
        if let Some(process) = self.tasks.kill_expired(now) {
            self.remove_killed(&process);
            return true;
        }
        self.collect_sent_messages();
        if self.next_poll.is_some_and(|at| at <= now) {
            self.next_poll = None;
            if self.poll() {
                return true;
            }
        }
        self.plan_poll();
        if self.next_run <= now {
            self.idle_minutes = (self.idle_minutes * 2).min(MAX_IDLE_MINUTES);
            self.next_run = now + MINUTE * self.idle_minutes;
            if self.scheduler_has_work() {
                self.run_scheduler(self.process_count.into());
                return true;
            }
        }
        false
    }

    /// Whether a run of the scheduler would find anything to do; otherwise the run is skipped.
    fn scheduler_has_work(&self) -> bool {
        let (ledger, directory, now) = (&self.memory.ledger, &self.memory.directory, self.now());
        let lanes = run_ready(ledger.due_lanes(now, None, 1)).is_ok_and(|lanes| !lanes.is_empty());
        let stuck = run_ready(ledger.overdue(now, 1)).is_ok_and(|leads| !leads.is_empty());
        let imports = run_ready(ledger.due_imports(now, 1)).is_ok_and(|jobs| !jobs.is_empty());
        let days = run_ready(directory.unsettled(now)).is_ok_and(|days| !days.is_empty());
        lanes || stuck || imports || days || self.idle_minutes <= 2
    }

    /// Moves messages from our side of the queue to Amazon's.
    pub fn collect_sent_messages(&mut self) {
        let now = self.now();
        let sent = self.memory.queue.receive(usize::MAX);
        let mut sqs = locked(&self.sqs);
        if self.fault_free {
            sqs.enqueue_unchanged(sent, now);
        } else {
            sqs.enqueue(sent, &mut self.dice, now);
        }
    }

    fn plan_poll(&mut self) {
        if self.next_poll.is_none() && self.drains < self.max_drains {
            let pause = if self.fault_free {
                20
            } else {
                self.dice.pick(&[1, 20, 500, 4_000])
            };
            let pause = SignedDuration::from_millis(pause);
            let visible = self.sqs().next_visible();
            self.next_poll = visible.map(|at| at.max(self.now()) + pause);
        }
    }

    pub(super) fn next_event_at(&self) -> Option<Timestamp> {
        let moments = [
            self.shared.clock.next_alarm(),
            self.tasks.next_deadline(),
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
        let (process, drain) = self.idle_drain();
        let (sqs, deadline) = (self.sqs.clone(), now + DRAIN_TIMEOUT - MARGIN);
        let seed = self.dice.roll();
        let instance = Instance::Drain(process.clone(), drain.clone());
        self.drains += 1;
        let work = async move {
            let ids: Vec<_> = batch.iter().map(|message| message.id.clone()).collect();
            let handed_back = drain.drain(batch, deadline).await;
            locked(&sqs).delete(&ids, &handed_back);
        };
        self.start(&process, seed, DRAIN_TIMEOUT, instance, Box::pin(work));
        true
    }

    fn idle_drain(&mut self) -> (Arc<Process>, Arc<Drain<Wired>>) {
        let known = self.reuse(|instance| match instance {
            Instance::Drain(process, drain) => Some((process.clone(), drain.clone())),
            _ => None,
        });
        known.unwrap_or_else(|| {
            let context = self.new_process("drain");
            (
                context.line.process.clone(),
                Arc::new(context.ports().drain()),
            )
        })
    }

    /// A process of the intake.
    pub fn idle_webhook(&mut self) -> (Arc<Process>, Arc<Intake<Wired>>) {
        let known = self.reuse(|instance| match instance {
            Instance::Webhook(process, intake) => Some((process.clone(), intake.clone())),
            _ => None,
        });
        known.unwrap_or_else(|| {
            let context = self.new_process("webhook");
            (
                context.line.process.clone(),
                Arc::new(context.ports().intake()),
            )
        })
    }

    fn idle_scheduler(&mut self) -> (Arc<Process>, Arc<Scheduler<Wired>>) {
        let known = self.reuse(|instance| match instance {
            Instance::Scheduler(process, scheduler) => Some((process.clone(), scheduler.clone())),
            _ => None,
        });
        known.unwrap_or_else(|| {
            let context = self.new_process("scheduler");
            (
                context.line.process.clone(),
                Arc::new(context.ports().scheduler()),
            )
        })
    }

    /// Takes an idle process of a kind.
    fn reuse<T>(&mut self, of_kind: impl Fn(&Instance) -> Option<T>) -> Option<T> {
        let mut idle = self.idle_instances.iter().enumerate();
        let (index, known) =
            idle.find_map(|(index, instance)| Some((index, of_kind(instance)?)))?;
        self.idle_instances.swap_remove(index);
        Some(known)
    }

    /// One run of the scheduler.
    pub fn run_scheduler(&mut self, seed: u64) {
        let (process, scheduler) = self.idle_scheduler();
        let instance = Instance::Scheduler(process.clone(), scheduler.clone());
        let end = self.now() + SCHEDULER_TIMEOUT;
        let (shared, worker) = (self.shared.clone(), process.clone());
        let work = async move {
            let ran = scheduler.run(end).await;
            let measured = scheduler.measure().await;
            if ran.is_err() || measured.is_err() {
                shared.oracle().check_failure(worker.was_disturbed());
            }
        };
        self.start(&process, seed, SCHEDULER_TIMEOUT, instance, Box::pin(work));
    }
}
