//! Checking consents against opt-outs.
//!
//! If a person has just agreed, that is trusted. An older consent, and any whose earlier call may have taken effect, is
//! first checked against the account: by one list of opt-outs for several leads, by a look-up for one.

use jiff::Timestamp;

use super::call::Delivery;
use super::outcome::Outcome;
use super::same_address::SameAddress;
use super::sign_up::Content;
use super::turns::Turn;
use super::{Drain, refused};
use crate::domain::crm::CrmError;
use crate::domain::lead::{
    DeliveryAction, LeadRecord, LeadState, OptOutCheck, Permission, RefusalReason, WaitReason,
};
use crate::ports::{Clock, Contacts, Found, OptOuts, SignUp, Wiring};

/// What has to be known about a person before they are signed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CheckKind {
    /// Nothing: they have just agreed.
    Nothing,
    /// Whether they are on the account's list of opt-outs.
    List,
    /// The account's contact.
    LookUp,
    /// The same, and whether the call whose answer was lost has arrived.
    Arrival,
}

impl CheckKind {
    /// The check for leads of one address. A look can show that they have arrived only if all of them lost an answer;
    /// and one that may have arrived makes even the freshest consent beside it need a look.
    pub(super) fn of(leads: &SameAddress, at: Timestamp) -> Self {
        let unsure = |record: &LeadRecord| lost_answer(record) || may_have_arrived(record);
        if leads.iter().all(lost_answer) {
            Self::Arrival
        } else if leads.freshest().lead.consent.is_fresh(at) && !leads.iter().any(unsure) {
            Self::Nothing
        } else {
            Self::LookUp
        }
    }
}

/// The checks that a customer's leads of a batch need.
pub(super) struct Plan {
    /// Since when opt-outs are listed, if they are.
    pub(super) list_since: Option<Timestamp>,
    /// The check for each address, in the order of the groups.
    pub(super) groups: Vec<CheckKind>,
}

impl Plan {
    /// One list is cheaper than two look-ups.
    pub(super) fn of(groups: &[SameAddress], now: Timestamp) -> Self {
        let mut checks: Vec<_> = groups
            .iter()
            .map(|leads| CheckKind::of(leads, now))
            .collect();
        let old = groups.iter().zip(&checks);
        let old = old.filter(|(_, check)| **check == CheckKind::LookUp);
        let given: Vec<_> = old
            .map(|(leads, _)| leads.freshest().lead.consent.given_at)
            .collect();
        let list_since = given.iter().min().copied().filter(|_| given.len() > 1);
        if list_since.is_some() {
            let listed = checks
                .iter_mut()
                .filter(|check| **check == CheckKind::LookUp);
            listed.for_each(|check| *check = CheckKind::List);
        }
        Self {
            list_since,
            groups: checks,
        }
    }
}

/// What the list of opt-outs said.
pub(super) enum ListedOptOuts {
    /// Who has opted out since the oldest of the consents.
    Known(OptOuts),
    /// It is longer than a page, was refused, or was not requested.
    LookUpEach,
}

impl<W: Wiring> Drain<W> {
    /// Lists who has opted out since the oldest of a customer's consents, or returns the outcome of the leads that
    /// cannot be checked against the list.
    pub(super) async fn list_opt_outs(
        &self,
        turn: &Turn<'_>,
        moment: Timestamp,
        since: Timestamp,
    ) -> Result<ListedOptOuts, Outcome> {
        let crm = &self.crm;
        let list = async |token| crm.opt_outs_since(&token, since).await;
        let error = match self.ask(turn, Some(moment), list).await {
            Ok(Some(opt_outs)) => return Ok(ListedOptOuts::Known(opt_outs)),
            Ok(None) => return Ok(ListedOptOuts::LookUpEach),
            Err(error) => error.failed()?,
        };
        let customer = &turn.customer().id;
        tracing::warn!(customer.id = %customer, error = %error, "who has left was not listed");
        if let CrmError::Invalid(_) = error {
            return Ok(ListedOptOuts::LookUpEach); // the list is refused, not the leads
        }
        let now = self.keeper.clock.now();
        Err(Outcome::of_error(&error, &[], now, self.jitter()))
    }

    /// Whether the leads of an address may go out. A look-up takes the moment, so that the sign-up has to find another.
    pub(super) async fn check(
        &self,
        delivery: &mut Delivery<'_>,
        content: &Content,
    ) -> Result<OptOutCheck, Outcome> {
        let Delivery {
            turn, leads, check, ..
        } = *delivery;
        let freshest = leads.freshest();
        let email = &freshest.lead.contact.email;
        match (check, delivery.opt_outs) {
            (CheckKind::Nothing, _) => return Ok(OptOutCheck::NotNeeded),
            (CheckKind::List, ListedOptOuts::Known(opt_outs)) => {
                return verdict(freshest, opt_outs.get(&email.key()));
            }
            (CheckKind::List, ListedOptOuts::LookUpEach)
            | (CheckKind::LookUp | CheckKind::Arrival, _) => {}
        }
        let crm = &self.crm;
        let find = async |token| crm.find(&token, email).await;
        let found = match self.ask(turn, delivery.moment.take(), find).await {
            Ok(found) => found,
            Err(error) => {
                let error = error.failed()?;
                let outcome = self.outcome_of(&error, freshest);
                return Err(self.give_up_if_hopeless(leads, &error, outcome).await);
            }
        };
        let left = found.as_ref().and_then(|found| found.opted_out_at);
        let verdict = verdict(freshest, left.as_ref())?;
        match found {
            Some(found) if check == CheckKind::Arrival => {
                match arrived_with(&found, &content.sign_up) {
                    Some(permission) => Err(Outcome::settled(LeadState::Delivered {
                        contact: Some(found.contact),
                        action: DeliveryAction::Found,
                        permission,
                        opt_out_check: verdict,
                        notes: content.notes.clone(),
                    })),
                    None => Ok(verdict),
                }
            }
            _ => Ok(verdict),
        }
    }

    pub(super) fn outcome_of(&self, error: &CrmError, record: &LeadRecord) -> Outcome {
        let lead = &record.lead;
        tracing::warn!(lead.id = %lead.id, customer.id = %lead.customer, error = %error, "a lead was not delivered");
        let (blames, now) = (error.blames(&lead.contact.email), self.keeper.clock.now());
        Outcome::of_error(error, &blames, now, self.jitter())
    }
}

fn verdict(freshest: &LeadRecord, left: Option<&Timestamp>) -> Result<OptOutCheck, Outcome> {
    match left {
        Some(left) if *left > freshest.lead.consent.given_at => {
            Err(refused(RefusalReason::OptedOutAfterConsent))
        }
        Some(left) => Ok(OptOutCheck::CameBack { left_at: *left }),
        None => Ok(OptOutCheck::Clear),
    }
}

/// The permission of a contact that needs no further call: it is on all lists, with the permission that a sign-up
/// gives, and has everything that would be sent. What a look does not show is sent again.
fn arrived_with(found: &Found, sign_up: &SignUp) -> Option<Permission> {
    let contact = &sign_up.contact;
    let on_lists = sign_up.lists.iter().all(|list| found.lists.contains(list));
    let texts = [
        (&contact.first_name, &found.first_name),
        (&contact.last_name, &found.last_name),
        (&contact.job_title, &found.job_title),
        (&contact.company_name, &found.company_name),
    ];
    let shown = texts
        .iter()
        .all(|(sent, has)| sent.is_empty() || sent == has)
        && contact.phone_number.is_empty()
        && contact.street_address.is_empty()
        && sign_up.custom_fields.is_empty();
    let permission = found.permission.filter(|has| *has != Permission::Implicit);
    permission.filter(|_| on_lists && shown)
}

/// Whether an answer of the lead was lost.
fn lost_answer(record: &LeadRecord) -> bool {
    let why = WaitReason::AnswerLost;
    let lost = LeadState::waiting(why);
    record.timeline.iter().any(|line| line.state == lost)
}

/// Whether an earlier claim may have taken effect: a drain died during it, or a bulk import had the lead.
fn may_have_arrived(record: &LeadRecord) -> bool {
    let waits = record.timeline.iter().filter_map(|line| match line.state {
        LeadState::Waiting { why } => Some(why),
        _ => None,
    });
    let waits: Vec<_> = waits.collect();
    let earlier = record.attempts.saturating_sub(1);
    waits.contains(&WaitReason::Import)
        || u32::try_from(waits.len()).is_ok_and(|settled| settled < earlier)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::RemoteId;
    use crate::domain::lead::tests::record;

    #[test]
    fn sign_up_counts_as_arrived_only_if_permission_lists_and_fields_match() {
        let list: RemoteId = "00000000-0000-4000-8000-000000000001".parse().unwrap();
        let mut contact = record().lead.contact;
        contact.first_name = "Ada".into();
        let sign_up = SignUp {
            contact,
            custom_fields: vec![],
            lists: vec![list.clone()],
        };
        let found = Found {
            contact: list.clone(),
            opted_out_at: None,
            permission: Some(Permission::Explicit),
            lists: vec![list],
            first_name: "Ada".into(),
            last_name: "Lovelace".into(),
            job_title: String::new(),
            company_name: String::new(),
        };
        let with = |change: fn(&mut Found)| {
            let mut found = found.clone();
            change(&mut found);
            arrived_with(&found, &sign_up)
        };

        assert_eq!(with(|_| {}), Some(Permission::Explicit));
        let pending = with(|found| found.permission = Some(Permission::PendingConfirmation));
        assert_eq!(pending, Some(Permission::PendingConfirmation));
        let implicit = with(|found| found.permission = Some(Permission::Implicit));
        assert_eq!(implicit, None);
        assert_eq!(with(|found| found.permission = None), None);
        assert_eq!(with(|found| found.first_name.clear()), None);
        assert_eq!(with(|found| found.lists.clear()), None);
    }
}
