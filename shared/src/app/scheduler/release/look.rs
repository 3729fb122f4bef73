//! Which leads of a lane may be released.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::app::requeue::ToRequeue;
use crate::app::scheduler::Scheduler;
use crate::domain::connection::Connection;
use crate::domain::ids::{CustomerId, FormId, LeadId};
use crate::ports::{Clock, Due, Forms, LanePlace, Lanes, Ledger, Requeue, StoreError, Wiring};

/// Leads of one customer looked at at a time: more than the budget of a run can carry.
const LANE: u16 = 1_000;

/// How many pages, if some wait for a list that the others have.
const PAGES: usize = 20;

/// Which of the leads that wait for a person may go now.
pub(super) enum Freed {
    All,
    /// Those of forms that have lists of their own, while the connection has none.
    OfForms(BTreeSet<FormId>),
}

impl Freed {
    /// How many pages of a lane are searched for them. If all of them may go, those after a full page of others are
    /// looked at once these are gone; if none may, there is nothing to look for.
    fn pages(&self) -> usize {
        match self {
            Self::OfForms(forms) if !forms.is_empty() => PAGES,
            _ => 1,
        }
    }
}

impl<W: Wiring> Scheduler<W> {
    /// Which leads that waited for a person may go: those for which there is a list to join, even if only their form's.
    pub(super) async fn freed(&self, connection: &Connection) -> Result<Freed, StoreError> {
        if connection.lists_for(&[]).is_ok() {
            return Ok(Freed::All);
        }
        let mut forms = self.directory.forms_of(&connection.customer).await?;
        forms.retain(|form| connection.lists_for(&form.lists).is_ok());
        let forms = forms.into_iter().map(|form| form.id);
        Ok(Freed::OfForms(forms.collect()))
    }

    /// A customer's leads that may go, including those due `by` then, and when to look at the next ones.
    pub(super) async fn look(
        &self,
        customer: &CustomerId,
        freed: &Freed,
        by: Timestamp,
    ) -> Result<(Vec<ToRequeue>, Option<Timestamp>), StoreError> {
        let (mut ready, mut place) = (Vec::new(), None);
        for _ in 0..freed.pages() {
            let page = self.ledger.waiting(customer, place.as_ref(), LANE).await?;
            let full = page.len() == usize::from(LANE);
            let mut times = page.iter().filter_map(|(_, due)| due.time());
            let next = times.find(|at| *at > by);
            place = page.last().cloned();
            ready.extend(self.releasable(customer, freed, by, page).await?);
            if !full || next.is_some() {
                return Ok((ready, next));
            }
            if ready.len() >= usize::from(LANE) {
                return Ok((ready, Some(self.clock.now())));
            }
        }
        Ok((ready, None))
    }

    /// Which leads of a page of a lane may go.
    async fn releasable(
        &self,
        customer: &CustomerId,
        freed: &Freed,
        by: Timestamp,
        page: Vec<LanePlace>,
    ) -> Result<Vec<ToRequeue>, StoreError> {
        let theirs = match freed {
            Freed::All => None,
            Freed::OfForms(forms) => Some(self.of_forms(customer, &page, forms).await?),
        };
        let is_releasable = |(lead, due): &LanePlace| match due {
            Due::At(at) => *at <= by,
            Due::ForPerson { .. } => theirs.as_ref().is_none_or(|theirs| theirs.contains(lead)),
        };
        let ready = page.into_iter().filter(is_releasable);
        Ok(ready
            .map(|(lead, due)| (lead, Requeue::Waits(due)))
            .collect())
    }

    /// Those of the leads that wait for a person and came through one of these forms.
    async fn of_forms(
        &self,
        customer: &CustomerId,
        page: &[LanePlace],
        forms: &BTreeSet<FormId>,
    ) -> Result<BTreeSet<LeadId>, StoreError> {
        if forms.is_empty() {
            return Ok(BTreeSet::new());
        }
        let for_person = page.iter().filter(|(_, due)| due.time().is_none());
        let leads: Vec<_> = for_person.map(|(lead, _)| lead.clone()).collect();
        let mut records = self.ledger.records(customer, &leads).await?;
        records.retain(|record| forms.contains(&record.lead.form));
        Ok(records.into_iter().map(|record| record.lead.id).collect())
    }
}
