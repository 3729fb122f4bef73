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

use super::{Oracle, Person, Promise, RACE};
use crate::wire::Process;

/// How long imports may rely on the account not asking for confirmations.
const BELIEVED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Before a call that had to wait, suppressions are looked up again: how old that lookup may be.
const LOOKED: SignedDuration = SignedDuration::from_secs(10);

const DAY_MS: i64 = 86_400_000;

impl Oracle {
    /// This many calls arrive at once.
    pub fn called(&mut self, process: &Arc<Process>, token: &SecretString, calls: usize) {
        self.total_calls += u64::try_from(calls).unwrap_or_default();
        let now = self.now();
        let Some(issued) = self.tokens.get(token.expose_secret()) else {
            return;
        };
        if issued.unstored {
            let how = format!("{} uses a token that is stored nowhere", process.name);
            self.object(Promise::OneRefresh, how);
        }
        let Some(customer) = self.customer_by(token) else {
            return;
        };
        let app = self.side(&customer).app.clone();
        let window = self.calls.entry(app.clone()).or_default();
        while window
            .front()
            .is_some_and(|call| now.duration_since(*call) >= SignedDuration::from_secs(1))
        {
            window.pop_front();
        }
        window.extend(std::iter::repeat_n(now, calls));
        let in_second = window.len();
        let day = self.day();
        let of_day = self.calls_of_day.entry((app.clone(), day)).or_default();
        *of_day += calls;
        let of_day = *of_day;
        if day == self.uncounted {
            return;
        }
        if in_second > self.limits.per_second {
            let how = format!("{in_second} calls in a second by {app}");
            self.object(Promise::Limits, how);
        }
        if of_day > self.limits.per_day {
            let how = format!("{of_day} calls in a day by {app}");
            self.object(Promise::Limits, how);
        }
    }

    /// A sign-up call arrives.
    pub fn signs_up(
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
        let Some(customer) = self.customer_by(token) else {
            return;
        };
        let email = sign_up.contact.email.key();
        let person = Person {
            customer: customer.clone(),
            email,
        };
        self.may_reach(&person, &account, LOOKED);
        self.is_not_brought_back(&person, &account);
        let mine = |(id, seen): &(&LeadId, &super::Seen)| {
            let holder = self.holders.get(*id);
            seen.person() == person && holder.is_some_and(|holder| Arc::ptr_eq(holder, process))
        };
        let theirs = self.leads_of.get(&person).into_iter().flatten();
        let theirs = theirs.filter_map(|id| self.leads.get_key_value(id));
        let leads: Vec<_> = theirs.filter(mine).collect();
        let held = |state: &LeadState| match state {
            LeadState::Sending { until, .. } => *until > now,
            _ => false,
        };
        let under_way: Vec<_> = leads.iter().filter(|(_, seen)| held(&seen.state)).collect();
        let tampered = under_way
            .iter()
            .any(|(id, seen)| seen.tampered && !self.unheard.contains(*id));
        let under_way: Vec<LeadId> = under_way.iter().map(|(id, _)| (*id).clone()).collect();
        // A lead that was erased while a drain held it has no address any more.
        if under_way.is_empty() && !self.was_erased_lately(process) {
            let how = format!(
                "{} calls for {customer} without holding a lead of that address",
                process.name
            );
            self.object(Promise::Once, how);
        }
        if tampered {
            let how = format!("{} sends a lead whose consent was changed", process.name);
            self.object(Promise::Consent, how);
        }
        for id in under_way {
            let other = self
                .calling
                .iter()
                .find(|(lead, by)| *lead == id && !by.is_dead());
            if let Some((_, other)) = other {
                let how = format!("{} and {} call for {id} at once", other.name, process.name);
                self.object(Promise::Once, how);
            }
            self.calling.push((id, process.clone()));
        }
        if changed {
            let known = self.person(&person);
            known.left_at = None;
            known.removed_at.remove(&account);
        }
    }

    /// The caller gets the answer.
    pub fn sign_up_ends(&mut self, process: &Arc<Process>, email: &EmailAddress) {
        let key = email.key();
        let leads = &self.leads;
        self.calling.retain(|(id, own)| {
            let same = leads.get(id).is_some_and(|seen| seen.email == key);
            !(same && Arc::ptr_eq(own, process))
        });
    }

    /// A lead was taken into an import.
    pub fn takes(&mut self, lead: &LeadId, import: &ImportId) {
        self.taken.insert(lead.clone(), import.clone());
    }

    /// An import was written down.
    pub fn saves(&mut self, job: &ImportJob) {
        let submitting = &mut self.side(&job.customer).submitting;
        submitting.remove(&job.id);
        if matches!(job.stage, Stage::Submitting { .. }) {
            submitting.insert(job.id.clone());
        }
    }

    /// An import call arrives.
    pub fn imports(
        &mut self,
        token: &SecretString,
        rows: &[ImportRow],
        answer: &Result<Activity, CrmError>,
    ) {
        let (now, issued) = (self.now(), self.tokens.get(token.expose_secret()));
        let Some(account) = issued.map(|issued| issued.account.clone()) else {
            return;
        };
        let Some(customer) = self.customer_by(token) else {
            return;
        };
        let side = self.side(&customer).clone();
        if side.submitting.is_empty() {
            let how = format!("an import of {customer} is asked for and no row says so");
            self.object(Promise::Once, how);
        }
        if !side.bulk {
            let how = format!("{customer} never agreed to imports");
            self.object(Promise::Consent, how);
        }
        if side
            .confirms_since
            .is_some_and(|since| since + BELIEVED_FOR + RACE < now)
        {
            let how =
                format!("the account of {customer} asks for confirmations and was imported to");
            self.object(Promise::Consent, how);
        }
        let went_in = matches!(answer, Ok(_) | Err(CrmError::AnswerLost));
        self.imports_at.insert(account.clone(), now);
        for row in rows {
            let email = row.email.to_lowercase();
            let person = Person {
                customer: customer.clone(),
                email,
            };
            self.may_reach(&person, &account, RACE);
            self.is_not_imported_back(&person, &account);
            if went_in {
                self.person(&person).removed_at.remove(&account);
            }
            let taken: Vec<_> = self
                .leads
                .iter()
                .filter(|(id, seen)| {
                    let import = LeadState::waits(WaitReason::Import);
                    // Another lead of the same person may be in another import.
                    let theirs = self.taken.get(*id);
                    let theirs = theirs.is_some_and(|import| side.submitting.contains(import));
                    let unmarked = side.submitting.is_empty();
                    seen.person() == person && seen.state == import && (theirs || unmarked)
                })
                .map(|(id, seen)| (id.clone(), seen.tampered))
                .collect();
            if taken.is_empty() {
                let how = format!("a row of an import of {customer} is no lead in an import");
                self.object(Promise::Once, how);
            }
            if !taken.is_empty() && taken.iter().all(|(_, tampered)| *tampered) {
                let how = format!("an import of {customer} holds a lead whose consent was changed");
                self.object(Promise::Consent, how);
            }
            for (id, _) in taken.into_iter().filter(|_| went_in) {
                let again = self.imported.insert(id.clone(), customer.clone()).is_some();
                if again && !side.imports_troubled {
                    let how = format!("{id} was imported twice");
                    self.object(Promise::Once, how);
                }
            }
        }
    }

    /// Whether a person may be sent to an account at all, by a lookup no older than `looked`.
    fn may_reach(&mut self, person: &Person, account: &str, looked: SignedDuration) {
        let now = self.now();
        let side = self.side(&person.customer).clone();
        let known = self.person(person).clone();
        let whose = &person.customer;
        if known.agreed_at.is_none() {
            let theirs = self
                .people
                .iter()
                .any(|(other, known)| other.email == person.email && known.agreed_at.is_some());
            let (promise, how) = if theirs {
                (
                    Promise::OwnDataOnly,
                    "another customer's lead reaches the account of",
                )
            } else {
                (
                    Promise::Consent,
                    "somebody who did not agree reaches the account of",
                )
            };
            self.object(promise, format!("{how} {whose}"));
        }
        if !side.accounts.contains(account) {
            let how = format!("a lead of {whose} reaches an account that nobody confirmed");
            self.object(Promise::OwnDataOnly, how);
        }
        if side.deleted_at.is_some_and(|at| at + RACE < now) {
            let how = format!("{whose} was deleted and is delivered to");
            self.object(Promise::OwnDataOnly, how);
        }
        if known
            .unwanted_since
            .is_some_and(|since| since + looked < now)
        {
            let how = format!("{whose} did not want somebody mailed who is sent all the same");
            self.object(Promise::NobodyBroughtBack, how);
        }
    }

    /// A person who has just agreed is trusted, and a lookup may be as old as a drain's time.
    fn is_not_brought_back(&mut self, person: &Person, account: &str) {
        let now = self.now();
        let known = self.person(person).clone();
        let gone = known.left_at.max(known.removed_at.get(account).copied());
        let (Some(left), Some(agreed)) = (gone, known.agreed_at) else {
            return;
        };
        let at_their_word = now.duration_since(agreed) <= FRESH_FOR + RACE;
        if left > agreed && left + RACE < now && !at_their_word {
            let how = format!(
                "somebody who left {} at {left} and agreed at {agreed} is brought back",
                person.customer
            );
            self.object(Promise::NobodyBroughtBack, how);
        }
    }

    /// The account itself keeps people who left off its lists, but brings back those it has deleted.
    fn is_not_imported_back(&mut self, person: &Person, account: &str) {
        let now = self.now();
        let known = self.person(person).clone();
        let removed = known.removed_at.get(account).copied();
        let (Some(removed), Some(agreed)) = (removed, known.agreed_at) else {
            return;
        };
        if removed > agreed && removed + RACE < now {
            let whose = &person.customer;
            let how = format!("somebody whom {whose} deleted at {removed} is imported");
            self.object(Promise::NobodyBroughtBack, how);
        }
    }

    fn was_erased_lately(&self, process: &Arc<Process>) -> bool {
        let own = |id: &LeadId| {
            self.holders
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
    pub fn budget_was_lost(&mut self) {
        self.uncounted = self.day();
    }

    fn day(&self) -> i64 {
        self.now().as_millisecond().div_euclid(DAY_MS)
    }

    /// Whether a customer was deleted.
    #[must_use]
    pub fn is_deleted(&self, customer: &CustomerId) -> bool {
        self.customers
            .get(customer)
            .is_some_and(|side| side.deleted_at.is_some())
    }
}
