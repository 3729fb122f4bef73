use leadfeed_shared::fakes::Memory;
use libtest_mimic::Trial;
use tokio::runtime::Handle;

use crate::kills;
use crate::promise::{TestedPorts, promise_trials};
use crate::samples::at;

/// Trials of the fakes.
pub fn trials(runtime: &Handle) -> Vec<Trial> {
    let memory = Memory::new(at(0));
    let ports = TestedPorts::<Memory> {
        directory: memory.directory,
        ledger: memory.ledger,
        queue: memory.queue,
        vault: memory.vault,
        apps: memory.apps,
        budget: memory.budget,
    };
    let mut trials = promise_trials("memory", &ports, runtime);
    trials.push(kills::memory(runtime));
    trials
}
