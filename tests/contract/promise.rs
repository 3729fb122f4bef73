use std::future::Future;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use leadfeed_shared::ports::Wiring;
use libtest_mimic::Trial;
use tokio::runtime::Handle;

use crate::promises;

/// A promise of a port, and the test that it is kept.
pub struct Promise<P> {
    pub name: &'static str,
    pub check: fn(P) -> BoxFuture<'static, ()>,
}

/// The promises of a port by the names of their checks, as `pub fn all()`.
#[macro_export]
macro_rules! promises {
    ($($port:ident)+: $($check:ident),+ $(,)?) => {
        pub fn all<P: $($port +)+ Clone + 'static>() -> Vec<$crate::promise::Promise<P>> {
            vec![$($crate::promise::Promise {
                name: stringify!($check),
                check: |port| Box::pin($check(port)),
            }),+]
        }
    };
}

/// The ports of one implementation that are tested.
pub struct TestedPorts<W: Wiring> {
    pub directory: W::Directory,
    pub ledger: W::Ledger,
    pub queue: W::Queue,
    pub vault: W::Vault,
    pub apps: W::Apps,
    pub budget: W::Budget,
}

/// Every promise as a test of this implementation.
pub fn promise_trials<W: Wiring>(
    name: &'static str,
    ports: &TestedPorts<W>,
    runtime: &Handle,
) -> Vec<Trial> {
    let implementation = Implementation { name, runtime };
    let mut trials = Vec::new();
    trials.extend(implementation.trials("customers", promises::customers::all(), &ports.directory));
    trials.extend(implementation.trials("forms", promises::forms::all(), &ports.directory));
    trials.extend(implementation.trials(
        "connections",
        promises::connections::all(),
        &ports.directory,
    ));
    trials.extend(implementation.trials(
        "connections",
        promises::connection_lists::all(),
        &ports.directory,
    ));
    trials.extend(implementation.trials("leases", promises::leases::all(), &ports.directory));
    trials.extend(implementation.trials(
        "handshakes",
        promises::handshakes::all(),
        &ports.directory,
    ));
    trials.extend(implementation.trials("erasures", promises::erasures::all(), &ports.directory));
    trials.extend(implementation.trials("links", promises::links::all(), &ports.directory));
    trials.extend(implementation.trials("locks", promises::locks::all(), &ports.directory));
    trials.extend(implementation.trials("subjects", promises::subjects::all(), &ports.directory));
    trials.extend(implementation.trials("tallies", promises::tallies::all(), &ports.directory));
    trials.extend(implementation.trials(
        "suppressions",
        promises::suppressions::all(),
        &ports.directory,
    ));
    trials.extend(implementation.trials("claims", promises::claims::all(), &ports.ledger));
    trials.extend(implementation.trials("requeues", promises::requeues::all(), &ports.ledger));
    trials.extend(implementation.trials("ledger", promises::ledger::all(), &ports.ledger));
    trials.extend(implementation.trials(
        "idempotency",
        promises::idempotency::all(),
        &ports.ledger,
    ));
    trials.extend(implementation.trials("exits", promises::exits::all(), &ports.ledger));
    trials.extend(implementation.trials("counters", promises::counters::all(), &ports.ledger));
    trials.extend(implementation.trials("lanes", promises::lanes::all(), &ports.ledger));
    trials.extend(implementation.trials("imports", promises::imports::all(), &ports.ledger));
    trials.extend(implementation.trials("queue", promises::queue::all(), &ports.queue));
    trials.extend(implementation.trials("vault", promises::vault::all(), &ports.vault));
    trials.extend(implementation.trials("apps", promises::apps::all(), &ports.apps));
    trials.extend(implementation.trials("budget", promises::budget::all(), &ports.budget));
    trials
}

struct Implementation<'a> {
    name: &'static str,
    runtime: &'a Handle,
}

impl Implementation<'_> {
    fn trials<P: Clone + Send + 'static>(
        &self,
        port: &str,
        promises: Vec<Promise<P>>,
        ports: &P,
    ) -> Vec<Trial> {
        let trial = |promise: Promise<P>| {
            let name = format!("{}::{port}::{}", self.name, promise.name);
            let (runtime, ports) = (self.runtime.clone(), ports.clone());
            Trial::test(name, move || {
                runtime.block_on((promise.check)(ports));
                Ok(())
            })
        };
        promises.into_iter().map(trial).collect()
    }
}

/// The results of this many concurrent calls.
pub async fn run_concurrently<F, T>(callers: usize, call: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let calls: Vec<_> = (0..callers).map(|i| tokio::spawn(call(i))).collect();
    let results = join_all(calls).await;
    results.into_iter().map(|result| result.unwrap()).collect()
}

/// Polls until the result matches, for reads that may be a moment behind. Returns the last result.
pub async fn eventually<F, T>(read: impl Fn() -> F, is_expected: impl Fn(&T) -> bool) -> T
where
    F: Future<Output = T>,
{
    leadfeed_tests::eventually(Duration::from_secs(10), read, is_expected).await
}
