//! Finding the leads that a replay asks for. Leads that wait are in their lane; the others are among all of the
//! customer's, newest first, where the wanted ones may be few and old.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::ReplayRequest;
use crate::app::admin::Admin;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::LeadRecord;
use crate::ports::{Clock as _, Due, LanePlace, Lanes as _, Ledger as _, StoreError, Wiring};

/// The most leads put into the queue for one answer.
const MOST: usize = 500;

/// Leads read at once; the ledger returns what fits into a megabyte.
const PAGE: u16 = 1_000;

/// Waiting leads read at once.
const BATCH: u16 = 100;

/// How long leads are read: the rest of the function's time is for putting them back.
const READ_FOR: SignedDuration = SignedDuration::from_secs(10);

/// What was found so far.
#[derive(Default)]
pub(super) struct Found {
    /// Leads to be tried again.
    pub(super) chosen: Vec<LeadRecord>,
    /// Leads left alone because they went out in a file.
    pub(super) exported: u32,
    /// Leads left alone because they are on their way, or done with.
    pub(super) others: u32,
    /// Where to continue, if not all leads were looked at.
    pub(super) next: Option<String>,
}

impl Found {
    fn add(&mut self, record: LeadRecord, request: &ReplayRequest) {
        if request.can_take(&record) {
            self.chosen.push(record);
        } else if record.exported_at.is_some() && !request.again {
            self.exported += 1;
        } else {
            self.others += 1;
        }
    }
}

impl<W: Wiring> Admin<W> {
    /// Searches until there are as many as one answer may have, or the time is over.
    pub(super) async fn find(
        &self,
        customer: &CustomerId,
        request: &ReplayRequest,
    ) -> Result<Found, StoreError> {
        let until = self.clock.now() + READ_FOR;
        if let Some(ids) = &request.ids {
            self.find_named(customer, ids, request).await
        } else if request.is_in_lane() {
            self.find_in_lane(customer, request, until).await
        } else {
            self.find_among_all(customer, request, until).await
        }
    }

    async fn find_named(
        &self,
        customer: &CustomerId,
        ids: &BTreeSet<LeadId>,
        request: &ReplayRequest,
    ) -> Result<Found, StoreError> {
        let mut found = Found::default();
        for id in ids {
            if let Some(record) = self.ledger.lead(customer, id).await? {
                found.add(record, request);
            }
        }
        Ok(found)
    }

    async fn find_in_lane(
        &self,
        customer: &CustomerId,
        request: &ReplayRequest,
        until: Timestamp,
    ) -> Result<Found, StoreError> {
        let mut found = Found::default();
        let mut after = request.from.as_deref().and_then(place);
        loop {
            let mut places = self.ledger.waiting(customer, after.as_ref(), BATCH).await?;
            let leads: Vec<_> = places.iter().map(|(lead, _)| lead.clone()).collect();
            let records = self.ledger.records(customer, &leads).await?;
            for record in records.into_iter().filter(|record| request.matches(record)) {
                found.add(record, request);
            }
            if leads.len() < usize::from(BATCH) {
                return Ok(found);
            }
            after = places.pop();
            let is_full = found.chosen.len() + usize::from(BATCH) > MOST;
            if is_full || self.clock.now() >= until {
                found.next = after.as_ref().map(place_text);
                return Ok(found);
            }
        }
    }

    async fn find_among_all(
        &self,
        customer: &CustomerId,
        request: &ReplayRequest,
        until: Timestamp,
    ) -> Result<Found, StoreError> {
        let mut found = Found::default();
        let (filter, mut from) = (request.filter(), request.from.clone());
        loop {
            let page = self
                .ledger
                .leads(customer, &filter, from.as_deref(), PAGE)
                .await?;
            for record in page
                .items
                .into_iter()
                .filter(|record| request.matches(record))
            {
                let last = record.lead.id.to_string();
                found.add(record, request);
                if found.chosen.len() == MOST {
                    found.next = Some(last);
                    return Ok(found);
                }
            }
            from = page.next;
            if from.is_none() || self.clock.now() >= until {
                found.next = from;
                return Ok(found);
            }
        }
    }
}

/// A place in a lane as text for a cursor.
fn place_text((lead, due): &LanePlace) -> String {
    match due {
        Due::At(at) => format!("{lead} at {at}"),
        Due::ForPerson { since } => format!("{lead} since {since}"),
    }
}

fn place(text: &str) -> Option<LanePlace> {
    let mut words = text.splitn(3, ' ');
    let lead = words.next()?.parse().ok()?;
    let due = match (words.next()?, words.next()?.parse().ok()?) {
        ("at", at) => Due::At(at),
        ("since", since) => Due::ForPerson { since },
        _ => return None,
    };
    Some((lead, due))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lane_place_round_trips_through_a_cursor() {
        let lead: LeadId = "lead_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        let at = "2026-11-23T09:30:00.123Z".parse().unwrap();
        for due in [Due::At(at), Due::ForPerson { since: at }] {
            let at: LanePlace = (lead.clone(), due);

            assert_eq!(place(&place_text(&at)), Some(at));
        }
        assert_eq!(place("lead_01ARZ3NDEKTSV4RRFFQ69G5FAV"), None);
    }
}
