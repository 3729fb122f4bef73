//! Checks every API call against what people did and against the limits.

use std::sync::Arc;

use jiff::SignedDuration;
use leadfeed_shared::domain::consent::FRESH_FOR;
use leadfeed_shared::domain::crm::CrmError;
use leadfeed_shared::domain::email::EmailAddress;
use leadfeed_shared::domain::ids::{CustomerId, ImportId, LeadId};
use leadfeed_shared::domain::import::{ImportJob, ImportRow, Stage};
use leadfeed_shared::domain::lead::{LeadState, WaitReason};
use leadfeed_shared::ports::{Activity, SignUp};
use secrecy::{ExposeSecret as _, SecretString};

use super::{MAX_LOOKUP_AGE, Oracle, Person, Promise};
use crate::wire::Process;

/// How long imports may rely on the account not asking for confirmations.
const OPT_IN_TRUSTED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Before a call that had to wait, suppressions are looked up again: how old that lookup may be.
const MAX_RECHECK_AGE: SignedDuration = SignedDuration::from_secs(10);

const DAY_MS: i64 = 86_400_000;

impl Oracle {
    /// This many calls arrive at once.
    pub fn api_called(&mut self, process: &Arc<Process>, token: &SecretString, calls: usize) {
        self.total_calls += u64::try_from(calls).unwrap_or_default();
        let now = self.now();
        let Some(issued) = self.tokens.get(token.expose_secret()) else {
            return;
        };
        if issued.unstored {
            let how = format!("{} uses a token that is stored nowhere", process.name);
            self.report_violation(Promise::OneRefresh, how);
        }
        let Some(customer) = self.customer_of_token(token) else {
            return;
        };
        let app = self.known_customer(&customer).app.clone();
        let window = self.recent_calls.entry(app.clone()).or_default();
        while window
            .front()
            .is_some_and(|call| now.duration_since(*call) >= SignedDuration::from_secs(1))
        {
            window.pop_front();
        }
        window.extend(std::iter::repeat_n(now, calls));
        let in_second = window.len();
        let day = self.day();
        let in_day = self.calls_of_day.entry((app.clone(), day)).or_default();
        *in_day += calls;
        let in_day = *in_day;
        if day == self.uncounted_day {
            return;
        }
        if in_second > self.limits.per_second {
            let how = format!("{in_second} calls in a second by {app}");
            self.report_violation(Promise::Limits, how);
        }
        if in_day > self.limits.per_day {
            let how = format!("{in_day} calls in a day by {app}");
            self.report_violation(Promise::Limits, how);
        }
    }

    /// A sign-up call arrives.
    pub fn sign_up_called(
        &mut self,
        process: &Arc<Process>,
        token: &SecretString,
        sign_up: &SignUp,
        changed: bool,
    ) {
        let (now, issued) = (self.now(), self.tokens.get(token.expose_secret()));
        let Some(account) = issued.map(|issued| issued.account.clone()) else {
            return;
        };
        let Some(customer) = self.customer_of_token(token) else {
            return;
        };
        let email = sign_up.contact.email.key();
        let person = Person {
            customer: customer.clone(),
            email,
        };
        self.check_may_reach(&person, &account, MAX_RECHECK_AGE);
        self.check_not_brought_back(&person, &account);
        let is_held_here = |(id, seen): &(&LeadId, &super::Seen)| {
            let holder = self.claim_holders.get(*id);
            seen.person() == person && holder.is_some_and(|holder| Arc::ptr_eq(holder, process))
        };
        let of_person = self.leads_of.get(&person).into_iter().flatten();
        let of_person = of_person.filter_map(|id| self.leads.get_key_value(id));
        let leads: Vec<_> = of_person.filter(is_held_here).collect();
        let is_sending = |state: &LeadState| match state {
            LeadState::Sending { until, .. } => *until > now,
            _ => false,
        };
        let sending: Vec<_> = leads
            .iter()
            .filter(|(_, seen)| is_sending(&seen.state))
            .collect();
        let tampered = sending
            .iter()
            .any(|(id, seen)| seen.tampered && !self.unanswered_claims.contains(*id));
        let sending: Vec<LeadId> = sending.iter().map(|(id, _)| (*id).clone()).collect();
        // A lead that was erased while a drain held it has no address any more.
        if sending.is_empty() && !self.holds_erased_lead(process) {
            let how = format!(
                "{} calls for {customer} without holding a lead of that address",
                process.name
            );
            self.report_violation(Promise::Once, how);
        }
        if tampered {
            let how = format!("{} sends a lead whose consent was changed", process.name);
            self.report_violation(Promise::Consent, how);
        }
        for id in sending {
            let other = self
                .calls_in_flight
                .iter()
                .find(|(lead, by)| *lead == id && !by.is_dead());
            if let Some((_, other)) = other {
                let how = format!("{} and {} call for {id} at once", other.name, process.name);
                self.report_violation(Promise::Once, how);
            }
            self.calls_in_flight.push((id, process.clone()));
        }
        if changed {
            let known = self.known_person(&person);
            known.opted_out_at = None;
            known.removed_at.remove(&account);
        }
    }

    /// The caller gets the answer.
    pub fn sign_up_answered(&mut self, process: &Arc<Process>, email: &EmailAddress) {
        let key = email.key();
        let leads = &self.leads;
        self.calls_in_flight.retain(|(id, own)| {
            let same = leads.get(id).is_some_and(|seen| seen.email == key);
            !(same && Arc::ptr_eq(own, process))
        });
    }

    /// A lead was taken into an import.
    pub fn taken_for_import(&mut self, lead: &LeadId, import: &ImportId) {
        self.import_of.insert(lead.clone(), import.clone());
    }

    /// An import was written down.
    pub fn import_saved(&mut self, job: &ImportJob) {
        let submitting = &mut self.known_customer(&job.customer).submitting;
        submitting.remove(&job.id);
        if matches!(job.stage, Stage::Submitting { .. }) {
            submitting.insert(job.id.clone());
        }
    }

    /// An import call arrives.
    pub fn import_called(
        &mut self,
        token: &SecretString,
        rows: &[ImportRow],
        answer: &Result<Activity, CrmError>,
    ) {
        let (now, issued) = (self.now(), self.tokens.get(token.expose_secret()));
        let Some(account) = issued.map(|issued| issued.account.clone()) else {
            return;
        };
        let Some(customer) = self.customer_of_token(token) else {
            return;
        };
        let known_customer = self.known_customer(&customer).clone();
        if known_customer.submitting.is_empty() {
            let how = format!("an import of {customer} is requested and no row announces it");
            self.report_violation(Promise::Once, how);
        }
        if !known_customer.bulk {
            let how = format!("{customer} never agreed to imports");
            self.report_violation(Promise::Consent, how);
        }
        if known_customer
            .confirms_since
            .is_some_and(|since| since + OPT_IN_TRUSTED_FOR + MAX_LOOKUP_AGE < now)
        {
            let how =
                format!("the account of {customer} asks for confirmations and gets an import");
            self.report_violation(Promise::Consent, how);
        }
        let was_imported = matches!(answer, Ok(_) | Err(CrmError::AnswerLost));
        self.imports_at.insert(account.clone(), now);
        for row in rows {
            let email = row.email.to_lowercase();
            let person = Person {
                customer: customer.clone(),
                email,
            };
            self.check_may_reach(&person, &account, MAX_LOOKUP_AGE);
            self.check_not_imported_back(&person, &account);
            if was_imported {
                self.known_person(&person).removed_at.remove(&account);
            }
            let taken: Vec<_> = self
                .leads
                .iter()
                .filter(|(id, seen)| {
                    let in_import = LeadState::waiting(WaitReason::Import);
                    // Another lead of the same person may be in another import.
                    let import_of = self.import_of.get(*id);
                    let is_submitting =
                        import_of.is_some_and(|import| known_customer.submitting.contains(import));
                    let unmarked = known_customer.submitting.is_empty();
                    seen.person() == person
                        && seen.state == in_import
                        && (is_submitting || unmarked)
                })
                .map(|(id, seen)| (id.clone(), seen.tampered))
                .collect();
            if taken.is_empty() {
                let how =
                    format!("a row of an import of {customer} belongs to no lead in an import");
                self.report_violation(Promise::Once, how);
            }
            if !taken.is_empty() && taken.iter().all(|(_, tampered)| *tampered) {
                let how = format!("an import of {customer} holds a lead whose consent was changed");
                self.report_violation(Promise::Consent, how);
            }
            for (id, _) in taken.into_iter().filter(|_| was_imported) {
                let again = self.imported.insert(id.clone(), customer.clone()).is_some();
                if again && !known_customer.imports_unreliable {
                    let how = format!("{id} was imported twice");
                    self.report_violation(Promise::Once, how);
                }
            }
        }
    }

    /// Checks that a person may be sent to an account at all, by a lookup no older than `max_age`.
    fn check_may_reach(&mut self, person: &Person, account: &str, max_age: SignedDuration) {
        let now = self.now();
        let known_customer = self.known_customer(&person.customer).clone();
        let known = self.known_person(person).clone();
        let customer = &person.customer;
        if known.consented_at.is_none() {
            let consented_elsewhere = self
                .people
                .iter()
                .any(|(other, known)| other.email == person.email && known.consented_at.is_some());
            let (promise, how) = if consented_elsewhere {
                (
                    Promise::OwnDataOnly,
                    "another customer's lead reaches the account of",
                )
            } else {
                (
                    Promise::Consent,
                    "somebody who did not consent reaches the account of",
                )
            };
            self.report_violation(promise, format!("{how} {customer}"));
        }
        if !known_customer.accounts.contains(account) {
            let how = format!("a lead of {customer} reaches an account that nobody confirmed");
            self.report_violation(Promise::OwnDataOnly, how);
        }
        if known_customer
            .deleted_at
            .is_some_and(|at| at + MAX_LOOKUP_AGE < now)
        {
            let how = format!("{customer} was deleted, and a lead is delivered for it");
            self.report_violation(Promise::OwnDataOnly, how);
        }
        if known
            .unwanted_since
            .is_some_and(|since| since + max_age < now)
        {
            let how = format!("a person whom {customer} suppressed is sent");
            self.report_violation(Promise::NobodyBroughtBack, how);
        }
    }

    /// A fresh consent is trusted, and a lookup may be as old as a drain's time limit.
    fn check_not_brought_back(&mut self, person: &Person, account: &str) {
        let now = self.now();
        let known = self.known_person(person).clone();
        let gone = known
            .opted_out_at
            .max(known.removed_at.get(account).copied());
        let (Some(left), Some(consented)) = (gone, known.consented_at) else {
            return;
        };
        let consent_is_fresh = now.duration_since(consented) <= FRESH_FOR + MAX_LOOKUP_AGE;
        if left > consented && left + MAX_LOOKUP_AGE < now && !consent_is_fresh {
            let how = format!(
                "somebody who left {} at {left} and consented at {consented} is brought back",
                person.customer
            );
            self.report_violation(Promise::NobodyBroughtBack, how);
        }
    }

    /// At an import the account itself keeps people who left off its lists, but brings back those whom it has deleted.
    fn check_not_imported_back(&mut self, person: &Person, account: &str) {
        let now = self.now();
        let known = self.known_person(person).clone();
        let deleted = known.removed_at.get(account).copied();
        let (Some(deleted), Some(consented)) = (deleted, known.consented_at) else {
            return;
        };
        if deleted > consented && deleted + MAX_LOOKUP_AGE < now {
            let customer = &person.customer;
            let how = format!("somebody whom {customer} deleted at {deleted} is imported");
            self.report_violation(Promise::NobodyBroughtBack, how);
        }
    }

    fn holds_erased_lead(&self, process: &Arc<Process>) -> bool {
        let own = |id: &LeadId| {
            self.claim_holders
                .get(id)
                .is_some_and(|holder| Arc::ptr_eq(holder, process))
        };
        self.leads
            .iter()
            .any(|(id, seen)| seen.state == LeadState::Erased && own(id))
    }

    /// Changes the limits that Constant Contact enforces.
    pub fn set_limits(&mut self, limits: super::Limits) {
        self.limits = limits;
    }

    /// The rows that count calls are lost. Until the day ends, more calls may be made than allowed; Constant Contact
    /// then refuses them.
    pub fn budget_lost(&mut self) {
        self.uncounted_day = self.day();
    }

    fn day(&self) -> i64 {
        self.now().as_millisecond().div_euclid(DAY_MS)
    }

    /// Whether a customer was deleted.
    #[must_use]
    pub fn is_deleted(&self, customer: &CustomerId) -> bool {
        self.customers
            .get(customer)
            .is_some_and(|known_customer| known_customer.deleted_at.is_some())
    }
}
