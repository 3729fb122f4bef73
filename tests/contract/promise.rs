use std::future::Future;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use leadfeed_shared::ports::Wiring;
use libtest_mimic::Trial;
use tokio::runtime::Handle;

use crate::promises;

/// A promise of a port, and the check that it is kept.
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

/// The ports of one keeper that make promises.
pub struct Promised<W: Wiring> {
    pub directory: W::Directory,
    pub ledger: W::Ledger,
    pub queue: W::Queue,
    pub vault: W::Vault,
    pub apps: W::Apps,
    pub budget: W::Budget,
}

/// Every promise as a test of `keeper`.
pub fn every_promise<W: Wiring>(
    keeper: &'static str,
    ports: &Promised<W>,
    runtime: &Handle,
) -> Vec<Trial> {
    let on = Keeper { keeper, runtime };
    let mut trials = Vec::new();
    trials.extend(on.keeps("customers", promises::customers::all(), &ports.directory));
    trials.extend(on.keeps("forms", promises::forms::all(), &ports.directory));
    trials.extend(on.keeps(
        "connections",
        promises::connections::all(),
        &ports.directory,
    ));
    trials.extend(on.keeps("leases", promises::leases::all(), &ports.directory));
    trials.extend(on.keeps("handshakes", promises::handshakes::all(), &ports.directory));
    trials.extend(on.keeps("links", promises::links::all(), &ports.directory));
    trials.extend(on.keeps("locks", promises::locks::all(), &ports.directory));
    trials.extend(on.keeps("subjects", promises::subjects::all(), &ports.directory));
    trials.extend(on.keeps("tallies", promises::tallies::all(), &ports.directory));
    trials.extend(on.keeps(
        "suppressions",
        promises::suppressions::all(),
        &ports.directory,
    ));
    trials.extend(on.keeps("claims", promises::claims::all(), &ports.ledger));
    trials.extend(on.keeps("requeues", promises::requeues::all(), &ports.ledger));
    trials.extend(on.keeps("ledger", promises::ledger::all(), &ports.ledger));
    trials.extend(on.keeps("idempotency", promises::idempotency::all(), &ports.ledger));
    trials.extend(on.keeps("exits", promises::exits::all(), &ports.ledger));
    trials.extend(on.keeps("counters", promises::counters::all(), &ports.ledger));
    trials.extend(on.keeps("lanes", promises::lanes::all(), &ports.ledger));
    trials.extend(on.keeps("imports", promises::imports::all(), &ports.ledger));
    trials.extend(on.keeps("queue", promises::queue::all(), &ports.queue));
    trials.extend(on.keeps("vault", promises::vault::all(), &ports.vault));
    trials.extend(on.keeps("apps", promises::apps::all(), &ports.apps));
    trials.extend(on.keeps("budget", promises::budget::all(), &ports.budget));
    trials
}

struct Keeper<'a> {
    keeper: &'static str,
    runtime: &'a Handle,
}

impl Keeper<'_> {
    fn keeps<P: Clone + Send + 'static>(
        &self,
        port: &str,
        promises: Vec<Promise<P>>,
        keeper: &P,
    ) -> Vec<Trial> {
        let trial = |promise: Promise<P>| {
            let name = format!("{}::{port}::{}", self.keeper, promise.name);
            let (runtime, keeper) = (self.runtime.clone(), keeper.clone());
            Trial::test(name, move || {
                runtime.block_on((promise.check)(keeper));
                Ok(())
            })
        };
        promises.into_iter().map(trial).collect()
    }
}

/// The results of this many concurrent calls.
pub async fn at_once<F, T>(callers: usize, call: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let calls: Vec<_> = (0..callers).map(|i| tokio::spawn(call(i))).collect();
    let told = join_all(calls).await;
    told.into_iter().map(|told| told.unwrap()).collect()
}

/// Asks until the answer fits: for reads that may be a moment behind. Returns the last answer.
pub async fn eventually<F, T>(ask: impl Fn() -> F, fits: impl Fn(&T) -> bool) -> T
where
    F: Future<Output = T>,
{
    leadfeed_tests::eventually(Duration::from_secs(10), ask, fits).await
}
