//! Access to the stack that the tests share, and to the results.

use std::panic::{AssertUnwindSafe, resume_unwind};

use anyhow::Result;
use cc_sandbox::journal::Filter;
use futures::FutureExt as _;
use leadfeed_local::Stack;
pub use leadfeed_tests::scene::{Scene, contact};
use leadfeed_tests::stack;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Locked for writing by a test that changes the whole stack.
static WHOLE_STACK: RwLock<()> = RwLock::const_new(());

/// While this is held, no test changes the whole stack.
pub async fn shared() -> RwLockReadGuard<'static, ()> {
    WHOLE_STACK.read().await
}

/// While this is held, no other test uses the stack.
pub async fn exclusive() -> RwLockWriteGuard<'static, ()> {
    WHOLE_STACK.write().await
}

pub fn the_stack() -> &'static Stack {
    stack()
}

/// Runs `body`, then restores the stack, even after a panic, so that no other test is affected.
pub async fn finally<T, R>(
    body: impl Future<Output = T>,
    restore: impl Future<Output = Result<R>>,
) -> T {
    let result = AssertUnwindSafe(body).catch_unwind().await;
    restore.await.unwrap();
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Addresses of contacts that start with this.
pub fn contacts_starting_with(prefix: &str) -> Vec<String> {
    stack().sandbox().running().with(|lab| {
        let accounts = lab.world.accounts.iter();
        let contacts = accounts.flat_map(|account| account.contacts());
        let addresses = contacts.filter_map(|contact| contact.email.clone());
        addresses
            .filter(|address| address.starts_with(prefix))
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
