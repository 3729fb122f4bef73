//! Checks every token that was ever issued.

use std::sync::Arc;

use leadfeed_shared::domain::connection::Lease;
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::domain::token::{Grant, StoredTokens, Tokens};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Oracle, Promise};
use crate::wire::Process;

/// An access or refresh token.
#[derive(Debug, Clone)]
pub(super) struct IssuedToken {
    pub account: String,
    /// Whether it came from a refresh and is not stored yet.
    pub unstored: bool,
}

/// Accounts are named after their customers.
#[must_use]
pub fn account_name(customer: &CustomerId, number: u8) -> String {
    format!("account-{number}-{customer}")
}

/// The customer whose account it is.
pub(super) fn customer_of(account: &str) -> Option<CustomerId> {
    account.splitn(3, '-').nth(2)?.parse().ok()
}

impl Oracle {
    /// A person agreed on the consent page, which returned a code.
    pub fn authorized(&mut self, account: &str, code: &str) {
        self.codes.insert(code.to_owned(), account.to_owned());
    }

    /// An account is connected without going through the pages.
    pub fn connected(&mut self, account: &str, tokens: &Tokens) {
        if let Some(customer) = customer_of(account) {
            self.account_confirmed(&customer, account);
        }
        for token in [&tokens.access, &tokens.refresh] {
            let (account, unstored) = (account.to_owned(), false);
            let issued = IssuedToken { account, unstored };
            self.tokens.insert(token.expose_secret().to_owned(), issued);
        }
    }

    /// A code was exchanged.
    pub fn exchanged(&mut self, code: &SecretString, grant: &Grant) {
        if let Some(account) = self.codes.get(code.expose_secret()).cloned() {
            self.issue(grant, &account, false);
        }
    }

    /// A refresh arrives at the token endpoint.
    pub fn refresh_called(&mut self, process: &Arc<Process>, token: &SecretString) {
        let now = self.now();
        let Some(customer) = self.customer_of_token(token) else {
            return;
        };
        let others = |(owner, worker): &&(CustomerId, Arc<Process>)| {
            *owner == customer && !worker.is_dead() && !Arc::ptr_eq(worker, process)
        };
        if let Some((_, other)) = self.refreshing.iter().find(others) {
            let how = format!(
                "{} refreshes {customer} while {} does",
                process.name, other.name
            );
            self.report_violation(Promise::OneRefresh, how);
        }
        let row = self.directory.peek(&customer);
        let announced = row.is_some_and(|row| {
            let superseded = self.is_superseded(process, &customer);
            let lease = row.lease;
            superseded
                || lease.is_some_and(|lease| lease.intent > row.generation && lease.until > now)
        });
        if !announced {
            let how = format!(
                "{} refreshes {customer} and no row announces it",
                process.name
            );
            self.report_violation(Promise::OneRefresh, how);
        }
        self.refreshing.push((customer, process.clone()));
    }

    /// A row announces a refresh.
    pub fn leased(
        &mut self,
        process: &Arc<Process>,
        customer: &CustomerId,
        generation: u64,
        lease: &Lease,
    ) {
        self.announced
            .retain(|(owner, worker, _)| owner != customer || !Arc::ptr_eq(worker, process));
        if lease.intent > generation {
            let announced = (customer.clone(), process.clone(), self.now());
            self.announced.push(announced);
        }
    }

    /// Whether another pair was granted since this refresh was announced, so that the refresh's pair is too old to be
    /// stored.
    fn is_superseded(&self, process: &Arc<Process>, customer: &CustomerId) -> bool {
        let authorized_at = self.authorized_at.get(customer);
        self.announced.iter().any(|(owner, worker, since)| {
            owner == customer
                && Arc::ptr_eq(worker, process)
                && authorized_at.is_some_and(|authorized_at| authorized_at > since)
        })
    }

    /// A refresh returned a pair.
    pub fn refreshed(&mut self, old: &SecretString, grant: &Grant) {
        let account = self.tokens.get(old.expose_secret());
        if let Some(account) = account.map(|issued| issued.account.clone()) {
            self.issue(grant, &account, true);
        }
    }

    /// A worker received the token endpoint's answer.
    pub fn refresh_answered(&mut self, process: &Arc<Process>) {
        self.refreshing
            .retain(|(_, own)| !Arc::ptr_eq(own, process));
    }

    /// A pair is stored, by a refresh or by the pages after somebody has connected.
    pub fn pair_stored(&mut self, process: &Process, customer: &CustomerId, pair: &StoredTokens) {
        if process.name.starts_with("pages") {
            self.authorized_at.insert(customer.clone(), self.now());
        }
        let access = pair.tokens.access.expose_secret();
        if let Some(issued) = self.tokens.get_mut(access) {
            issued.unstored = false;
        }
    }

    fn issue(&mut self, grant: &Grant, account: &str, unstored: bool) {
        for token in [Some(&grant.access), grant.refresh.as_ref()]
            .into_iter()
            .flatten()
        {
            let account = account.to_owned();
            let issued = IssuedToken { account, unstored };
            self.tokens.insert(token.expose_secret().to_owned(), issued);
        }
    }

    pub(super) fn customer_of_token(&self, token: &SecretString) -> Option<CustomerId> {
        customer_of(&self.tokens.get(token.expose_secret())?.account)
    }
}
