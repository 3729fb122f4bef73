//! The conformance suite: one check per published fact of the Constant Contact V3 API.
//!
//! By default each fact gets a sandbox of its own. With `CC_BASE_URL` (and `CC_AUTH_URL`,
//! `CC_CLIENT_ID`, `CC_CLIENT_SECRET`, `CC_REDIRECT_URI`, `CC_ACCESS_TOKEN`) the same facts are
//! checked against that host; those that need the sandbox's control are listed as ignored.

mod account;
mod activities;
mod authorize;
mod contacts;
mod errors;
mod fact;
mod fields;
mod file_imports;
mod import_limits;
mod imports;
mod jwt;
mod limits;
mod lists;
mod query;
mod refresh;
mod reply;
mod resubscribe;
mod sign_up;
mod sign_up_fields;
mod sign_up_limits;
mod sign_up_lists;
mod site;
mod sources;
mod target;
mod token;
mod updates;

use std::process::ExitCode;

use fact::Fact;
use libtest_mimic::{Arguments, Trial};
use target::Target;

fn main() -> ExitCode {
    let target = Target::from_env();
    let mut arguments = Arguments::from_args();
    if target.is_remote() {
        // One after the other: the host's limits apply to all of them together.
        arguments.test_threads = Some(1);
    }
    let facts = modules()
        .into_iter()
        .flat_map(|(module, facts)| facts.into_iter().map(move |fact| (module, fact)));
    let (mut trials, mut unchecked) = (Vec::new(), 0);
    for (module, fact) in facts {
        let supported = target.supports(fact.needs);
        unchecked += usize::from(!supported);
        trials.push(trial(module, fact, &target).with_ignored_flag(!supported));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if unchecked > 0 {
        eprintln!(
            "NOT CHECKED: {unchecked} facts need more than this host offers (shown as ignored)"
        );
    }
    conclusion.exit_code()
}

fn trial(module: &str, fact: Fact, target: &Target) -> Trial {
    let target = target.clone();
    let name = format!("{module}::{}", fact.name);
    let check = move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let site = target.open().await;
            (fact.check)(site).await;
        });
        Ok(())
    };
    Trial::test(name, check).with_kind(fact.source)
}

fn modules() -> Vec<(&'static str, Vec<Fact>)> {
    vec![
        ("authorize", authorize::facts()),
        ("token", token::facts()),
        ("refresh", refresh::facts()),
        ("jwt", jwt::facts()),
        ("errors", errors::facts()),
        ("limits", limits::facts()),
        ("account", account::facts()),
        ("lists", lists::facts()),
        ("fields", fields::facts()),
        ("sign_up", sign_up::facts()),
        ("sign_up_limits", sign_up_limits::facts()),
        ("sign_up_lists", sign_up_lists::facts()),
        ("sign_up_fields", sign_up_fields::facts()),
        ("contacts", contacts::facts()),
        ("updates", updates::facts()),
        ("resubscribe", resubscribe::facts()),
        ("query", query::facts()),
        ("imports", imports::facts()),
        ("file_imports", file_imports::facts()),
        ("import_limits", import_limits::facts()),
        ("activities", activities::facts()),
    ]
}
