use super::{
    Accounts, Apps, Authorization, Budget, BulkImports, CaptchaCheck, CaptchaSecrets, Claims,
    Clock, Connections, Contacts, Customers, DeadLetters, Erasures, Events, Exits, Forms,
    Handshakes, Idempotency, Imports, Lanes, Ledger, Links, Locks, Queue, RateCounters,
    SecureRandom, Subjects, Suppressions, Tallies, Vault,
};

/// One choice of adapter for every port, except for those that only one function needs.
///
/// Those are `Metrics`, `FormEndpoint` and `AdminTokens`. A function has exactly one wiring, that of AWS; tests and the
/// simulation have their own. A use case holds the few ports it needs.
pub trait Wiring: 'static {
    /// Customers, forms, connections, handshakes, links, counters, suppressed and erased people, locks, users who connected
    /// customers.
    type Directory: Customers
        + Forms
        + Connections
        + Handshakes
        + Links
        + Tallies
        + Suppressions
        + Erasures
        + Locks
        + Subjects
        + Clone;
    /// Leads, the keys they came with, how many came, and imports.
    type Ledger: Ledger + Claims + Lanes + Exits + Idempotency + RateCounters + Imports + Clone;
    /// The queue to the drain, and its dead letters.
    type Queue: Queue + DeadLetters + Clone;
    /// Tokens.
    type Vault: Vault + Clone;
    /// Applications.
    type Apps: Apps + Clone;
    /// The applications' call budgets.
    type Budget: Budget + Clone;
    /// The token endpoint.
    type OAuth: Authorization + Clone;
    /// The API.
    type Crm: Contacts + Accounts + BulkImports + Clone;
    /// The providers of captchas.
    type Captcha: CaptchaCheck + CaptchaSecrets + Clone;
    /// The event bus.
    type Events: Events + Clone;
    /// The time.
    type Clock: Clock + Clone;
    /// Randomness.
    type SecureRandom: SecureRandom + Clone;
}
