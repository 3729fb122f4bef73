use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::super::values::{flag_text, one_of};
use super::super::{Admin, AdminError, Properties, cursor};
use super::cells::Dialect;
use super::part::Part;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{Lead, LeadRecord, LeadState, RefusalReason};
use crate::domain::tally::{EXPORTED, Moves, counted_as};
use crate::ports::{Clock as _, LeadFilter, Ledger as _, StoreError, Tallies as _, Wiring};

/// Leads read at once; the ledger gives what fits into a megabyte.
const PAGE: u16 = 1_000;

/// Leads marked at once.
const AT_ONCE: usize = 25;

/// Which leads go into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// Those that Constant Contact has not got and could take; they are marked, and are neither delivered by
    /// themselves nor chosen again.
    Undelivered,
    /// Those that were marked before: the file once more.
    Exported,
    /// Those that were delivered.
    Delivered,
    /// All whose person has consented and not left since.
    All,
}

impl Selection {
    /// The words of all.
    pub const WORDS: [&str; 4] = ["undelivered", "exported", "delivered", "all"];

    fn named(word: &str) -> Self {
        match word {
            "undelivered" => Self::Undelivered,
            "exported" => Self::Exported,
            "delivered" => Self::Delivered,
            _ => Self::All,
        }
    }

    /// Nobody goes out who has opted out, was set aside or erased.
    fn takes(self, record: &LeadRecord) -> bool {
        let pending = match &record.state {
            LeadState::Received | LeadState::Queued | LeadState::Waiting { .. } => true,
            LeadState::Refused { why, .. } => matches!(
                why,
                RefusalReason::CcRefused | RefusalReason::CustomerDeleted
            ),
            _ => false,
        };
        let delivered = matches!(record.state, LeadState::Delivered { .. });
        let exported = record.exported_at.is_some();
        match self {
            Self::Undelivered => pending && !exported,
            Self::Exported => pending && exported,
            Self::Delivered => delivered,
            Self::All => pending || delivered || matches!(record.state, LeadState::Sending { .. }),
        }
    }
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Its name.
    pub name: String,
    /// Counts the parts from 1.
    pub number: u32,
    /// Leads in it.
    pub rows: u32,
    /// The file.
    pub csv: Vec<u8>,
    /// Where the next part begins; `None` after the last.
    pub next: Option<String>,
}

/// What was asked for.
struct Wanted {
    word: &'static str,
    selection: Selection,
    dialect: Dialect,
    /// The part's number and the last lead of the part before.
    from: (u32, Option<String>),
    look: bool,
}

impl<W: Wiring> Admin<W> {
    /// A part of a customer's leads as a file, newest first. Leads that come in meanwhile are in no later part.
    /// With `look` nothing is marked. Begins no further page after `until`; the next part goes on there.
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
        let wanted = self.wanted(customer, query)?;
        let days = i64::from(settings.retention_days);
        let kept_for = SignedDuration::from_hours(24 * days);
        let filter = LeadFilter {
            status: (wanted.selection == Selection::Delivered).then(|| "delivered".to_owned()),
            since: None,
        };
        let mut part = Part::new(wanted.dialect);
        let mut from = wanted.from.1.clone();
        let mut moves = Moves::default();
        let next = loop {
            let page = self
                .ledger
                .leads(customer, &filter, from.as_deref(), PAGE)
                .await?;
            let mut taken = Vec::new();
            let mut full = None;
            for record in &page.items {
                let fits = wanted.selection.takes(record) && self.is_sealed(&record.lead);
                if fits && !part.push(record).map_err(StoreError::new)? {
                    full = Some(from.clone());
                    break;
                }
                from = Some(record.lead.id.to_string());
                if fits {
                    taken.push(record);
                }
            }
            if wanted.selection == Selection::Undelivered && !wanted.look {
                self.mark(customer, &taken, kept_for, &mut moves).await?;
            }
            match (full, page.next) {
                (Some(full), _) => break full,
                (None, None) => break None,
                (None, next) if self.clock.now() >= until => break next,
                (None, next) => from = next,
            }
        };
        let now = self.clock.now();
        if moves.days().next().is_some() {
            self.directory.tally(customer, &moves, now).await?;
        }
        let (number, word) = (wanted.from.0, wanted.word);
        let next = next.map(|next| {
            let place = format!("{}:{next}", number + 1);
            cursor::give_out(&self.keys, &listing(customer, word, wanted.dialect), &place)
        });
        Ok(Exported {
            name: format!(
                "{customer}-{word}-{}-part-{number}.csv",
                now.strftime("%Y-%m-%d")
            ),
            number,
            rows: part.rows(),
            csv: part.finish().map_err(StoreError::new)?,
            next,
        })
    }

    fn wanted(&self, customer: &CustomerId, mut query: Properties) -> Result<Wanted, AdminError> {
        let word = query.optional("status", |value| {
            let word = one_of(&Selection::WORDS)(value)?;
            let known = Selection::WORDS.iter().find(|known| **known == word);
            Ok(known.copied().unwrap_or("all"))
        });
        let dialect = query.optional("dialect", |value| {
            one_of(&Dialect::WORDS)(value).map(|word| Dialect::named(Some(word)))
        });
        let (word, dialect) = (
            word.unwrap_or("undelivered"),
            dialect.unwrap_or(Dialect::Upload),
        );
        let listing = listing(customer, word, dialect);
        let place = query.optional("cursor", cursor::take_back(&self.keys, &listing));
        let look = query.optional("look", flag_text);
        let place = place.as_deref().and_then(|place| place.split_once(':'));
        let from = place.map_or((1, None), |(number, last)| {
            (number.parse().unwrap_or(1), Some(last.to_owned()))
        });
        Ok(query.finish(Some(Wanted {
            word,
            selection: Selection::named(word),
            dialect,
            from,
            look: look.unwrap_or(false),
        }))?)
    }

    /// Marks leads before the file is given out: a file that never arrives can be had again, a lead that went out
    /// twice cannot be called back.
    async fn mark(
        &self,
        customer: &CustomerId,
        taken: &[&LeadRecord],
        kept_for: SignedDuration,
        moves: &mut Moves,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let expires_at = Some((now + kept_for).as_second());
        let leads = taken.iter().map(|record| &record.lead.id);
        self.doubt(customer, leads).await?;
        for some in taken.chunks(AT_ONCE) {
            let marks = some.iter().map(|record| {
                self.ledger
                    .export(customer, &record.lead.id, now, expires_at)
            });
            for (record, marked) in some.iter().zip(join_all(marks).await) {
                if marked? {
                    let day = LeadId::day(&record.lead.id);
                    moves.count(day, counted_as(record), Some(EXPORTED.to_owned()));
                }
            }
        }
        Ok(())
    }

    /// Whether the consent is as it was sealed.
    fn is_sealed(&self, lead: &Lead) -> bool {
        let sealed = lead.is_sealed(&self.keys);
        if !sealed {
            tracing::error!(lead.id = %lead.id, "a consent record was changed after it was sealed");
        }
        sealed
    }
}

/// What cursors are signed for.
fn listing(customer: &CustomerId, word: &str, dialect: Dialect) -> String {
    format!("csv:{customer}:{word}:{}", dialect.word())
}
