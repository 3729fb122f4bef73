//! The ports behind a line, except for the ledger, Constant Contact and the queue.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use leadfeed_shared::domain::budget::{BudgetState, CallClass, Limits, Meter, Pause, Reservation};
use leadfeed_shared::domain::captcha::Captcha;
use leadfeed_shared::domain::connection::{
    ConfirmedOptIn, Connection, ConnectionStatus, CustomField, Lease,
};
use leadfeed_shared::domain::customer::Customer;
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::handshake::Handshake;
use leadfeed_shared::domain::ids::{AppId, CustomerId, FormId, LinkId, RemoteId};
use leadfeed_shared::domain::suppression::{PersonId, Suppression};
use leadfeed_shared::domain::tally::{Tally, TallyChanges};
use leadfeed_shared::domain::token::{StoredTokens, Subject};
use leadfeed_shared::fakes::{
    MemoryApps, MemoryBudget, MemoryCaptcha, MemoryDirectory, MemoryEvents, MemoryVault,
};
use leadfeed_shared::ports::{
    AdvanceOutcome, AppCredentials, Apps, Budget, CaptchaCheck, CaptchaOutcome, CaptchaSecrets,
    Connections, Customers, Erasures, Event, Events, Forms, Handshakes, Holder, Links, Locks, Page,
    StoreError, StoreOutcome, Subjects, Suppressions, Tallies, Unsettled, Vault,
};
use secrecy::SecretString;

use super::{Guard, Service, Wire};

/// Wraps the operations of a port with a line. An operation `of` a lead may change it, so the oracle observes the lead
/// at the instant of the effect. Operations after the list are written out.
macro_rules! wired {
    ($port:ident of $fake:ty, $service:ident {
        $($op:ident($($arg:ident: $ty:ty),*) -> $ok:ty $(, of $customer:expr, $lead:expr)?;)*
    } $($own:tt)*) => {
        impl $port for Wire<$fake> {
            $(async fn $op(&self, $($arg: $ty),*) -> Result<$ok, StoreError> {
                let effect = async {
                    let result = $port::$op(&self.port, $($arg),*).await;
                    $(self.observe($customer, $lead);)?
                    result
                };
                self.line.call(Service::$service, stringify!($op), effect).await
            })*
            $($own)*
        }
    };
}

pub(super) use wired;

wired! { Customers of MemoryDirectory, Directory {
    customer(id: &CustomerId) -> Option<Customer>;
    put_customer(customer: &Customer) -> bool;
    delete_customer(id: &CustomerId) -> ();
    ever_existed(id: &CustomerId) -> bool;
    customers(cursor: Option<&str>, limit: u16) -> Page<Customer>;
} }

wired! { Forms of MemoryDirectory, Directory {
    form(id: &FormId) -> Option<Form>;
    put_form(form: &Form) -> ();
    replace_form(form: &Form) -> bool;
    delete_form(id: &FormId) -> ();
    forms_of(customer: &CustomerId) -> Vec<Form>;
} }

wired! { Connections of MemoryDirectory, Directory {
    connection(customer: &CustomerId) -> Option<Connection>;
    connections_of(customers: &BTreeSet<CustomerId>) -> BTreeMap<CustomerId, Option<Connection>>;
    put_connection(connection: &Connection) -> bool;
    choose(connection: &Connection) -> bool;
    advance(customer: &CustomerId, generation: u64, token_expires_at: Timestamp) -> AdvanceOutcome;
    idle(now: Timestamp, limit: u16) -> Vec<CustomerId>;
    lost(limit: u16) -> Vec<(CustomerId, ConnectionStatus)>;
    release(customer: &CustomerId, owner: &str, cooldown_until: Timestamp) -> ();
    mark_list_gone(customer: &CustomerId, list: &RemoteId) -> bool;
    record_opt_in(customer: &CustomerId, connected_at: Timestamp, seen: ConfirmedOptIn) -> ();
    record_fields(
        customer: &CustomerId, connected_at: Timestamp, fields: Option<&[CustomField]>, at: Timestamp
    ) -> ();
    set_status(customer: &CustomerId, generation: u64, status: &ConnectionStatus) -> bool;
}
    async fn lease(
        &self,
        customer: &CustomerId,
        generation: u64,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<Option<Box<Connection>>, StoreError> {
        let mut lease = lease.clone();
        if self.line.shared.lacks(Guard::Intent) {
            lease.intent = generation;
        }
        let now = if self.line.shared.lacks(Guard::Lease) { Timestamp::MAX } else { now };
        let effect = async {
            let leased = self.port.lease(customer, generation, &lease, now).await;
            if let Ok(Some(_)) = &leased {
                let mut oracle = self.line.shared.oracle();
                oracle.leased(&self.line.process, customer, generation, &lease);
            }
            leased
        };
        self.line.call(Service::Directory, "lease", effect).await
    }
}

wired! { Handshakes of MemoryDirectory, Directory {
    open(state: &str, handshake: &Handshake) -> ();
    take(state: &str, now: Timestamp) -> Option<Handshake>;
} }

wired! { Links of MemoryDirectory, Directory {
    create_link(customer: &CustomerId, link: &LinkId, expires_at: Timestamp) -> ();
    is_redeemable(customer: &CustomerId, link: &LinkId, by: &LinkId, now: Timestamp) -> bool;
    redeem(customer: &CustomerId, link: &LinkId, by: &LinkId, now: Timestamp) -> bool;
    revoke_manage_links(customer: &CustomerId, at: Timestamp, expires_at: Timestamp) -> ();
    manage_links_revoked_at(customer: &CustomerId) -> Option<Timestamp>;
} }

wired! { Locks of MemoryDirectory, Directory {
    lock(work: &str, owner: &str, until: Timestamp, now: Timestamp) -> bool;
    unlock(work: &str, owner: &str) -> ();
} }

wired! { Subjects of MemoryDirectory, Directory {
    take_subject(subject: &Subject, customer: &CustomerId, now: Timestamp, void: Option<&Holder>) -> Option<Holder>;
} }

wired! { Tallies of MemoryDirectory, Directory {
    tally(customer: &CustomerId, changes: &TallyChanges, now: Timestamp) -> ();
    tallies(customer: &CustomerId) -> Vec<Tally>;
    tally_of(customer: &CustomerId, day: Date) -> Option<Tally>;
    unsettled(quiet_since: Timestamp) -> Vec<Unsettled>;
    settle_tally(customer: &CustomerId, tally: &Tally, revision: u64) -> bool;
} }

wired! { Erasures of MemoryDirectory, Directory {
    note_erasure(customer: &CustomerId, person: &PersonId, at: Timestamp, expires_at: Timestamp) -> ();
    erased_at(customer: &CustomerId, person: &PersonId) -> Option<Timestamp>;
} }

wired! { Suppressions of MemoryDirectory, Directory {
    suppress(customer: &CustomerId, person: &PersonId, now: Timestamp) -> Suppression;
    unsuppress(customer: &CustomerId, person: &PersonId) -> bool;
    suppressions(customer: &CustomerId, cursor: Option<&str>, limit: u16) -> Page<Suppression>;
}
    async fn suppressed(
        &self,
        customer: &CustomerId,
        people: &BTreeSet<PersonId>,
    ) -> Result<BTreeSet<PersonId>, StoreError> {
        let effect = async {
            if self.line.shared.lacks(Guard::Suppression) {
                return Ok(BTreeSet::new());
            }
            self.port.suppressed(customer, people).await
        };
        self.line.call(Service::Directory, "suppressed", effect).await
    }
}

wired! { Vault of MemoryVault, Vault {
    tokens(customer: &CustomerId) -> Option<StoredTokens>;
    delete(customer: &CustomerId) -> ();
}
    async fn store(&self, customer: &CustomerId, tokens: &StoredTokens) -> Result<StoreOutcome, StoreError> {
        let effect = async {
            if self.line.shared.lacks(Guard::PairStored) {
                return Ok(StoreOutcome::Stored);
            }
            let kept = self.port.store(customer, tokens).await;
            if let Ok(StoreOutcome::Stored) = kept {
                self.line.shared.oracle().pair_stored(&self.line.process, customer, tokens);
            }
            kept
        };
        self.line.call(Service::Vault, "store", effect).await
    }
}

wired! { Apps of MemoryApps, Vault {
    credentials(app: &AppId, bypass_cache: bool) -> Option<AppCredentials>;
    limits(app: &AppId) -> Limits;
    put(app: &AppId, credentials: &AppCredentials, limits: Limits) -> ();
    all(limit: u16) -> Vec<AppId>;
    is_set(app: &AppId) -> bool;
} }

wired! { Budget of MemoryBudget, Directory {
    state(app: &AppId) -> Option<BudgetState>;
    pause(meter: Meter<'_>, now: Timestamp, pause: Pause) -> ();
}
    async fn reserve(
        &self,
        mut meter: Meter<'_>,
        class: CallClass,
        want: u32,
        now: Timestamp,
        horizon: Timestamp,
    ) -> Result<Reservation, StoreError> {
        if let Meter::Api(_, limits) = &mut meter {
            if self.line.shared.lacks(Guard::DayLimit) {
                limits.per_day = 1_000_000;
            }
            if self.line.shared.lacks(Guard::SecondLimit) {
                limits.per_second = 1_000;
            }
        }
        let effect = self.port.reserve(meter, class, want, now, horizon);
        self.line.call(Service::Directory, "reserve", effect).await
    }
}

wired! { Events of MemoryEvents, Bus {}
    async fn publish(&self, events: &[Event]) -> Result<(), StoreError> {
        let text = serde_json::to_string(events).unwrap_or_default();
        self.line.shared.oracle().check_text("an event", &text);
        self.line.call(Service::Bus, "publish", self.port.publish(events)).await
    }
}

wired! { CaptchaCheck of MemoryCaptcha, Captcha {
    check(form: &FormId, captcha: &Captcha, answer: &str) -> CaptchaOutcome;
} }

wired! { CaptchaSecrets of MemoryCaptcha, Vault {
    store_secret(form: &FormId, secret: &SecretString) -> ();
    delete_secret(form: &FormId) -> ();
} }
