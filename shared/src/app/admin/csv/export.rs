use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::super::values::{flag_text, id, one_of};
use super::super::{Admin, AdminError, Properties, cursor};
use super::cells::Dialect;
use super::part::Part;
use super::place::Place;
use super::selection::{Selection, was_opted_out};
use crate::domain::customer::kept_for;
use crate::domain::ids::{CustomerId, FormId, LeadId};
use crate::domain::lead::LeadRecord;
use crate::domain::tally::{Label, TallyChanges, counted_as};
use crate::ports::{
    Clock as _, Exits as _, Forms as _, LeadFilter, Ledger as _, Page, StoreError,
    Suppressions as _, Tallies as _, Wiring,
};

/// Leads read at once; the ledger returns what fits into a megabyte.
const PAGE: u16 = 1_000;

/// Leads whose people are looked up, and which are marked, at once.
const AT_ONCE: usize = 25;

/// The most leads that there is time to mark for one answer.
const MARKED_AT_MOST: usize = 5_000;

/// The precision of a part's place.
const MILLISECOND: SignedDuration = SignedDuration::from_millis(1);

/// The names of forms.
pub(super) type Names = Arc<BTreeMap<FormId, String>>;

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Its name.
    pub name: String,
    /// Counts the parts from 1.
    pub number: u32,
    /// The form whose leads alone it has, by its name, or by its id if it has been removed.
    pub form: Option<String>,
    /// Rows under the headings.
    pub rows: u32,
    /// Leads of which an upload contains less than they say.
    pub cut: u32,
    /// The file.
    pub csv: Vec<u8>,
    /// Where this part begins and ends: requested with it, the part comes again with the same people.
    pub here: String,
    /// Where the next part begins; `None` after the last.
    pub next: Option<String>,
}

/// What was requested.
struct ExportRequest {
    selection: Selection,
    dialect: Dialect,
    /// The only form whose leads are wanted.
    form: Option<FormId>,
    /// Where the part begins.
    place: Place,
    /// Whether leads are marked.
    marks: bool,
}

impl ExportRequest {
    fn matches(&self, record: &LeadRecord, at: Timestamp) -> bool {
        let form = self.form.as_ref();
        form.is_none_or(|form| record.lead.form == *form)
            && self.selection.takes(self.dialect, record, at)
    }
}

/// A part under way.
struct Filling<'a> {
    customer: &'a CustomerId,
    part: Part,
    /// The time with which leads are marked.
    at: Timestamp,
    /// How long a marked lead is kept; `None` if none are marked.
    kept_for: Option<SignedDuration>,
    /// How many more leads there is time to mark.
    time_for: usize,
    /// What the marks change in the counters.
    changes: TallyChanges,
    /// Who was found to have opted out, with the time at which the newest lead refused for it came in.
    opted_out: HashMap<String, Timestamp>,
}

impl Filling<'_> {
    /// Notes which of these people were found to have opted out.
    fn note_opt_outs(&mut self, leads: &[LeadRecord]) {
        for lead in leads.iter().filter(|record| was_opted_out(&record.state)) {
            let (person, at) = (lead.lead.contact.email.key(), lead.lead.received_at);
            let newest = self.opted_out.entry(person).or_insert(at);
            *newest = at.max(*newest);
        }
    }

    /// Whether a lead's person was found to have opted out since it came in.
    fn has_opted_out(&self, record: &LeadRecord) -> bool {
        let found = self.opted_out.get(&record.lead.contact.email.key());
        found.is_some_and(|newest| record.lead.received_at <= *newest)
    }
}

impl<W: Wiring> Admin<W> {
    /// A part of a customer's leads as a file, newest first. Leads that come in meanwhile are in no later part, and in
    /// none that is requested again. An upload has one row per address, and all leads of that address are marked. With
    /// `look`, nothing is marked. No page is begun after `until`, unless the part was looked at and so has a fixed end;
    /// the next part continues there.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Invalid`].
    pub async fn export(
        &self,
        customer: &CustomerId,
        query: Properties,
        until: Timestamp,
    ) -> Result<Exported, AdminError> {
        let settings = self.customer(customer).await?;
        let request = self.parse_export(customer, query)?;
        let forms = self.names(customer, &request).await?;
        let mut filling = Filling {
            customer,
            part: Part::new(request.dialect, Arc::clone(&forms)),
            at: request.place.at,
            kept_for: request.marks.then(|| kept_for(Some(&settings))),
            time_for: if request.selection == Selection::Undelivered {
                MARKED_AT_MOST
            } else {
                usize::MAX
            },
            changes: TallyChanges::default(),
            opted_out: HashMap::new(),
        };
        let (next, last) = self.gather(&mut filling, &request, until).await?;
        let now = self.clock.now();
        self.directory
            .tally(customer, &filling.changes, now)
            .await?;
        let listing = listing(customer, &request);
        let (place, form) = (request.place, request.form);
        let cursor = |place: &Place| cursor::issue(&self.keys, &listing, &place.to_string());
        let following = next.map(|next| place.next(next));
        let of_form = form.as_ref().map(|form| format!("-{form}"));
        Ok(Exported {
            name: format!(
                "{customer}{}-{}-{}-part-{}.csv",
                of_form.unwrap_or_default(),
                request.selection.as_str(),
                place.at.strftime("%Y-%m-%d"),
                place.number
            ),
            number: place.number,
            form: form.map(|form| forms.get(&form).cloned().unwrap_or(form.to_string())),
            rows: filling.part.rows(),
            cut: filling.part.cut(),
            csv: filling.part.finish().map_err(StoreError::new)?,
            here: cursor(&place.ending(last)),
            next: following.as_ref().map(cursor),
        })
    }

    /// The names of a customer's forms, if the file or the answer shows them.
    async fn names(
        &self,
        customer: &CustomerId,
        request: &ExportRequest,
    ) -> Result<Names, StoreError> {
        if request.dialect == Dialect::Upload && request.form.is_none() {
            return Ok(Names::default());
        }
        let forms = self.directory.forms_of(customer).await?.into_iter();
        Ok(Arc::new(forms.map(|form| (form.id, form.name)).collect()))
    }

    /// Fills a part from where it begins; returns where the next part begins, if there is one, and the last lead of
    /// this one.
    async fn gather(
        &self,
        filling: &mut Filling<'_>,
        request: &ExportRequest,
        until: Timestamp,
    ) -> Result<(Option<String>, Option<LeadId>), StoreError> {
        let all = LeadFilter::default();
        let (at, to) = (filling.at, request.place.to.as_ref());
        let (mut from, mut last) = (request.place.after.clone(), None);
        loop {
            let mut page = self
                .ledger
                .leads(filling.customer, &all, from.as_deref(), PAGE)
                .await?;
            filling.note_opt_outs(&page.items);
            let is_over = to.map(|to| end_page_at(&mut page, to));
            let there = page.items.iter();
            let there = there.filter(|record| record.lead.received_at < at + MILLISECOND);
            let matching = there
                .filter(|record| request.matches(record, at) && !filling.has_opted_out(record));
            let chosen: Vec<_> = matching.filter(|record| self.is_sealed(record)).collect();
            if let Some(first) = self.fill(filling, &chosen).await? {
                let next = before(&page.items, first).or(from);
                let last = next.as_deref().and_then(|last| last.parse().ok());
                return Ok((next, last));
            }
            last = page.items.pop().map(|record| record.lead.id).or(last);
            let is_over = is_over.unwrap_or_else(|| self.clock.now() >= until);
            if is_over || page.next.is_none() {
                return Ok((page.next, last));
            }
            from = page.next;
        }
    }

    fn parse_export(
        &self,
        customer: &CustomerId,
        mut query: Properties,
    ) -> Result<ExportRequest, AdminError> {
        let known = Selection::ALL.map(|selection| (selection.as_str(), selection));
        let selection = query.optional("status", one_of(known));
        let selection = selection.unwrap_or(Selection::Undelivered);
        let known = Dialect::ALL.map(|dialect| (dialect.as_str(), dialect));
        let dialect = query.optional("dialect", one_of(known));
        let form = query.optional("form", id);
        let look = query.optional("look", flag_text);
        let mut request = ExportRequest {
            selection,
            dialect: dialect.unwrap_or(Dialect::Upload),
            form,
            place: Place::first(self.clock.now()),
            marks: selection == Selection::Undelivered && look != Some(true),
        };
        let listing = listing(customer, &request);
        let place = query.optional("cursor", |value| {
            let place = cursor::verify(&self.keys, &listing)(value)?;
            place.parse().map_err(|()| cursor::malformed())
        });
        request.place = place.unwrap_or(request.place);
        Ok(query.finish(Some(request))?)
    }

    /// Puts leads into the part, and returns the first for which there is no room. A few at a time are looked up,
    /// marked and written, so that no lead is written that has moved on since it was read.
    async fn fill<'r>(
        &self,
        filling: &mut Filling<'_>,
        leads: &[&'r LeadRecord],
    ) -> Result<Option<&'r LeadRecord>, StoreError> {
        if filling.kept_for.is_some() {
            let leads = leads.iter().map(|record| &record.lead.id);
            self.doubt(filling.customer, leads).await?;
        }
        for chunk in leads.chunks(AT_ONCE) {
            let chunk = self.without_suppressed(filling.customer, chunk).await?;
            let room = filling.part.room_for(&chunk).map_err(StoreError::new)?;
            let (fit, others) = chunk.split_at(room.min(filling.time_for));
            let marked = self.mark(filling, fit).await?;
            filling.time_for -= marked.len();
            for record in marked {
                filling.part.push(record).map_err(StoreError::new)?;
            }
            if let Some(first) = others.first() {
                return Ok(Some(*first));
            }
        }
        Ok(None)
    }

    /// The leads whose people are not on the suppression list.
    async fn without_suppressed<'r>(
        &self,
        customer: &CustomerId,
        leads: &[&'r LeadRecord],
    ) -> Result<Vec<&'r LeadRecord>, StoreError> {
        let people = leads.iter().map(|record| record.lead.person(&self.keys));
        let people: Vec<_> = people.collect();
        let distinct: BTreeSet<_> = people.iter().cloned().collect();
        let suppressed = self.directory.suppressed(customer, &distinct).await?;
        let known = leads.iter().copied().zip(people);
        let allowed = known.filter(|(_, person)| !suppressed.contains(person));
        Ok(allowed.map(|(record, _)| record).collect())
    }

    /// Marks leads before the file is given out: a file that never arrives can be requested again, but a lead that went
    /// out twice cannot be called back. Returns the marked ones; the others go another way.
    async fn mark<'r>(
        &self,
        filling: &mut Filling<'_>,
        leads: &[&'r LeadRecord],
    ) -> Result<Vec<&'r LeadRecord>, StoreError> {
        let Some(kept_for) = filling.kept_for else {
            return Ok(leads.to_vec());
        };
        let (customer, at) = (filling.customer, filling.at);
        let expires_at = self.clock.now() + kept_for;
        let marks = leads.iter().map(|record| {
            self.ledger
                .export(customer, &record.lead.id, at, expires_at)
        });
        let marks = join_all(marks).await;
        let mut marked = Vec::new();
        for (record, done) in leads.iter().copied().zip(marks) {
            if done? {
                let day = record.lead.id.day();
                let to = Some(Label::Exported);
                filling.changes.count(day, counted_as(record), to);
                marked.push(record);
            }
        }
        Ok(marked)
    }

    /// Whether the consent is as it was sealed.
    fn is_sealed(&self, record: &LeadRecord) -> bool {
        let sealed = record.lead.is_sealed(&self.keys);
        if !sealed {
            tracing::error!(lead.id = %record.lead.id, "a consent record was changed after it was sealed");
        }
        sealed
    }
}

/// Ends a page after a lead, if it reaches that far; says whether it does.
fn end_page_at(page: &mut Page<LeadRecord>, to: &LeadId) -> bool {
    let (read, last) = (page.items.len(), page.items.last());
    let reaches = last.is_some_and(|last| last.lead.id <= *to);
    page.items.retain(|record| record.lead.id >= *to);
    if page.items.len() < read {
        page.next = Some(to.to_string());
    }
    reaches
}

/// The place of a part that begins with a lead of a page: after the lead before it.
fn before(page: &[LeadRecord], first: &LeadRecord) -> Option<String> {
    let place = page
        .iter()
        .position(|record| record.lead.id == first.lead.id)?;
    let last = page[..place].last()?;
    Some(last.lead.id.to_string())
}

/// The listing for which cursors are signed.
fn listing(customer: &CustomerId, request: &ExportRequest) -> String {
    let (selection, dialect) = (request.selection.as_str(), request.dialect.as_str());
    let form = request.form.as_ref().map(|form| format!(":{form}"));
    format!(
        "csv:{customer}:{selection}:{dialect}{}",
        form.unwrap_or_default()
    )
}
