//! Reading a batch of messages: which leads they ask for, each once.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::connection::MAX_LISTS;
use crate::domain::contact::{Contact, StreetAddress};
use crate::domain::ids::{CustomerId, LeadId, RemoteId};
use crate::domain::lead::{Lead, LeadRecord};
use crate::domain::task::Task;

/// A message of the queue, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The queue's id for it.
    pub id: String,
    /// Its text.
    pub body: Option<String>,
}

/// One lead that the batch asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadRequest {
    /// Which.
    pub lead: LeadId,
    /// The lead itself, if a message carried it; of several copies the newest, since the person may have been erased
    /// before it came.
    pub carried: Option<Box<Lead>>,
    /// The messages that ask for it.
    pub messages: Vec<String>,
}

/// Sorts a batch by customer, each lead once, and returns the messages that nobody can read.
#[must_use]
pub fn sort(messages: Vec<Message>) -> (BTreeMap<CustomerId, Vec<LeadRequest>>, Vec<String>) {
    let mut sorted: BTreeMap<CustomerId, Vec<LeadRequest>> = BTreeMap::new();
    let mut unreadable = Vec::new();
    for message in messages {
        let Some(task) = message
            .body
            .as_deref()
            .and_then(|body| serde_json::from_str::<Task>(body).ok())
        else {
            unreadable.push(message.id);
            continue;
        };
        let requests = sorted.entry(task.customer().clone()).or_default();
        let lead = task.lead().clone();
        let carried = match task {
            Task::Accepted { lead } => Some(lead),
            Task::Released { .. } => None,
        };
        match requests.iter_mut().find(|known| known.lead == lead) {
            Some(known) => {
                known.messages.push(message.id);
                let both = known.carried.take().into_iter().chain(carried);
                known.carried = both.max_by_key(|lead| lead.received_at);
            }
            None => requests.push(LeadRequest {
                lead,
                carried,
                messages: vec![message.id],
            }),
        }
    }
    (sorted, unreadable)
}

/// Leads of one address that go out in one call, oldest first.
pub type SameAddress = Vec<LeadRecord>;

/// Groups a customer's leads by address, in the order in which the addresses first came.
#[must_use]
pub fn by_address(records: Vec<LeadRecord>) -> Vec<SameAddress> {
    let mut groups: Vec<(String, SameAddress)> = Vec::new();
    for record in records {
        let key = record.lead.contact.email.key();
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(record),
            None => groups.push((key, vec![record])),
        }
    }
    groups
        .iter_mut()
        .for_each(|(_, group)| group.sort_by_key(|record| record.lead.received_at));
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Keeps the oldest leads of one address that together join no more lists than one call may name, so that the newest
/// values are sent last; returns the others.
pub fn beyond_lists(
    leads: &mut SameAddress,
    lists_of: impl Fn(&LeadRecord) -> Vec<RemoteId>,
) -> Vec<LeadRecord> {
    let mut lists = BTreeSet::new();
    let beyond = leads.iter().position(|lead| {
        lists.extend(lists_of(lead));
        lists.len() > MAX_LISTS
    });
    // A single lead has no more lists than that.
    beyond.map_or(vec![], |at| leads.split_off(at.max(1)))
}

/// What leads of one address say together: the newest value of everything, including what only an older one said.
///
/// What a newer lead of `delivered_since` says is left out, so that no older value replaces it. `None` if there is no
/// lead.
#[must_use]
pub fn merged(leads: &[LeadRecord], delivered_since: &[LeadRecord]) -> Option<Contact> {
    let ours = leads.iter().map(|record| (record, true));
    let mut all: Vec<_> = ours
        .chain(delivered_since.iter().map(|record| (record, false)))
        .collect();
    all.sort_by_key(|(record, _)| record.lead.received_at);
    all.into_iter().fold(None, |older, (record, ours)| {
        let newer = &record.lead.contact;
        match older {
            Some(older) if ours => Some(newer.clone().merged_over(older)),
            Some(older) => Some(only_in_older(older, &newer.for_remote().0)),
            None => ours.then(|| newer.clone()),
        }
    })
}

/// What an older contact says and a newer one does not.
fn only_in_older(old: Contact, new: &Contact) -> Contact {
    let unless_in_new = |old: String, new: &str| if new.is_empty() { old } else { String::new() };
    let new_has = |label: &str| {
        let mut fields = new.custom_fields.iter();
        fields.any(|(own, value)| own.eq_ignore_ascii_case(label) && !value.is_empty())
    };
    let fields = old.custom_fields.into_iter();
    Contact {
        email: old.email,
        first_name: unless_in_new(old.first_name, &new.first_name),
        last_name: unless_in_new(old.last_name, &new.last_name),
        job_title: unless_in_new(old.job_title, &new.job_title),
        company_name: unless_in_new(old.company_name, &new.company_name),
        phone_number: unless_in_new(old.phone_number, &new.phone_number),
        street_address: if new.street_address.is_empty() {
            old.street_address
        } else {
            StreetAddress::default()
        },
        custom_fields: fields.filter(|(label, _)| !new_has(label)).collect(),
    }
}
