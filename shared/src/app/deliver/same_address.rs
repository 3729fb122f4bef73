//! Leads of one address, which go out in one call.

use std::collections::BTreeSet;
use std::iter;

use crate::domain::connection::MAX_LISTS;
use crate::domain::contact::{Contact, StreetAddress};
use crate::domain::ids::RemoteId;
use crate::domain::lead::LeadRecord;

/// Leads of one address, at least one, in the order in which they came.
#[derive(Debug)]
pub(super) struct SameAddress {
    oldest: LeadRecord,
    newer: Vec<LeadRecord>,
}

/// Groups a customer's leads by address, in the order in which the addresses first came.
pub(super) fn by_address(records: Vec<LeadRecord>) -> Vec<SameAddress> {
    let mut groups: Vec<(String, Vec<LeadRecord>)> = Vec::new();
    for record in records {
        let key = record.lead.contact.email.key();
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(record),
            None => groups.push((key, vec![record])),
        }
    }
    let groups = groups.into_iter();
    groups
        .filter_map(|(_, group)| SameAddress::of(group))
        .collect()
}

impl SameAddress {
    fn of(mut records: Vec<LeadRecord>) -> Option<Self> {
        records.sort_by_key(|record| record.lead.received_at);
        let mut records = records.into_iter();
        Some(Self {
            oldest: records.next()?,
            newer: records.collect(),
        })
    }

    pub(super) fn single(record: LeadRecord) -> Self {
        Self {
            oldest: record,
            newer: vec![],
        }
    }

    pub(super) fn oldest(&self) -> &LeadRecord {
        &self.oldest
    }

    pub(super) fn newest(&self) -> &LeadRecord {
        self.newer.last().unwrap_or(&self.oldest)
    }

    pub(super) fn is_single(&self) -> bool {
        self.newer.is_empty()
    }

    /// All but the newest.
    pub(super) fn older(&self) -> impl Iterator<Item = &LeadRecord> {
        self.iter().take(self.newer.len())
    }

    /// The lead with the most recent consent, which need not be the one that came last: some consents come late.
    pub(super) fn freshest(&self) -> &LeadRecord {
        let given_at = |record: &LeadRecord| record.lead.consent.given_at;
        self.newer.iter().fold(&self.oldest, |freshest, record| {
            if given_at(record) < given_at(freshest) {
                freshest
            } else {
                record
            }
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &LeadRecord> {
        iter::once(&self.oldest).chain(&self.newer)
    }

    pub(super) fn into_records(self) -> impl Iterator<Item = LeadRecord> {
        iter::once(self.oldest).chain(self.newer)
    }

    /// Keeps the oldest leads that together join no more lists than one call may name, so that the newest values are
    /// sent last; returns the others. A single lead has no more lists than that.
    pub(super) fn take_beyond_lists(
        &mut self,
        lists_of: impl Fn(&LeadRecord) -> Vec<RemoteId>,
    ) -> Vec<LeadRecord> {
        let mut lists = BTreeSet::from_iter(lists_of(&self.oldest));
        let beyond = self.newer.iter().position(|record| {
            lists.extend(lists_of(record));
            lists.len() > MAX_LISTS
        });
        beyond.map_or(vec![], |at| self.newer.split_off(at))
    }

    /// What the leads say together: the newest value of everything, including what only an older one said.
    ///
    /// What a newer lead of `delivered_since`, which came after the oldest of these, says is left out, so that no older
    /// value replaces it.
    pub(super) fn merged(&self, delivered_since: &[LeadRecord]) -> Contact {
        let ours = self.newer.iter().map(|record| (record, true));
        let others = delivered_since.iter().map(|record| (record, false));
        let mut newer: Vec<_> = ours.chain(others).collect();
        newer.sort_by_key(|(record, _)| record.lead.received_at);
        let oldest = self.oldest.lead.contact.clone();
        newer.into_iter().fold(oldest, |older, (record, ours)| {
            let newer = &record.lead.contact;
            if ours {
                newer.clone().merged_over(older)
            } else {
                only_in_older(older, &newer.for_remote().0)
            }
        })
    }
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
