//! A fact about the API: a sentence, where it is published, and a check.

use std::future::Future;
use std::pin::Pin;

use crate::site::Site;

type Check = fn(Site) -> Pin<Box<dyn Future<Output = ()>>>;

pub struct Fact {
    pub name: &'static str,
    pub source: &'static str,
    pub needs: Needs,
    pub check: Check,
}

/// What a host must offer so that the check can run on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// The host and a registered client.
    Host,
    /// A valid access token of an account's owner as well.
    Token,
    /// The sandbox's clock, faults, settings or accounts.
    Sandbox,
}

/// The facts of a module by the names of their checks, as `pub fn facts()`: what each needs, and where it is published.
macro_rules! facts {
    ($($needs:ident $source:ident: $check:ident),+ $(,)?) => {
        pub fn facts() -> Vec<$crate::fact::Fact> {
            vec![$($crate::fact::Fact {
                name: stringify!($check),
                source: $crate::sources::$source,
                needs: $crate::fact::Needs::$needs,
                check: |site| Box::pin($check(site)),
            }),+]
        }
    };
}

pub(crate) use facts;
