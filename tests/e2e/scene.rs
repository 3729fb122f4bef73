//! What the tests may do to the stack that they share, and what became of it.

use std::panic::{AssertUnwindSafe, resume_unwind};

use anyhow::Result;
use cc_sandbox::journal::Filter;
use futures::FutureExt as _;
use leadfeed_local::Stack;
pub use leadfeed_tests::scene::{Scene, contact};
use leadfeed_tests::stack;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Held for writing by a test that takes something away from the whole stack.
static WHOLE_STACK: RwLock<()> = RwLock::const_new(());

/// Nobody takes anything away while this is held.
pub async fn shared() -> RwLockReadGuard<'static, ()> {
    WHOLE_STACK.read().await
}

/// Nobody else is on the stack while this is held.
pub async fn alone() -> RwLockWriteGuard<'static, ()> {
    WHOLE_STACK.write().await
}

pub fn the_stack() -> &'static Stack {
    stack()
}

/// Runs `body`, and gives back what was taken from the stack however it ends, so that who fails alone fails.
pub async fn finally<T, R>(
    body: impl Future<Output = T>,
    give_back: impl Future<Output = Result<R>>,
) -> T {
    let ended = AssertUnwindSafe(body).catch_unwind().await;
    give_back.await.unwrap();
    ended.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Addresses of contacts that begin like this.
pub fn contacts_like(beginning: &str) -> Vec<String> {
    stack().sandbox().running().with(|lab| {
        let accounts = lab.world.accounts.iter();
        let contacts = accounts.flat_map(|account| account.contacts());
        let addresses = contacts.filter_map(|contact| contact.email.clone());
        addresses
            .filter(|address| address.starts_with(beginning))
            .collect()
    })
}

/// How many calls signed this address up.
pub fn sign_ups(email: &str) -> usize {
    let filter = Filter {
        route: Some("/v3/contacts/sign_up_form".to_owned()),
        address: Some(email.to_owned()),
        ..Filter::default()
    };
    stack()
        .sandbox()
        .running()
        .with(|lab| lab.journal.matching(&filter).len())
}

/// How many calls of the token endpoint there have been.
pub fn token_calls() -> usize {
    let filter = Filter {
        route: Some("/oauth2/default/v1/token".to_owned()),
        ..Filter::default()
    };
    stack()
        .sandbox()
        .running()
        .with(|lab| lab.journal.matching(&filter).len())
}
