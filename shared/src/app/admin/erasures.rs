//! Erasing a person: in the ledger, and among the dead letters, where their leads would otherwise stay for weeks. The
//! queue's own messages reach a drain within minutes, which drops them: those of erased leads, and by a note about the
//! person also those of which the ledger has never heard.

use std::collections::BTreeSet;
use std::slice;

use futures_util::future::{join_all, try_join_all};
use jiff::{SignedDuration, Timestamp};

use super::values::email;
use super::{Admin, AdminError, Properties};
use crate::domain::customer::kept_for;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::LeadRecord;
use crate::domain::suppression::PersonId;
use crate::domain::tally::{Label, TallyChanges, counted_as};
use crate::domain::task::Task;
use crate::ports::{
    Clock as _, Customers as _, DeadLetters as _, Erasures as _, Exits as _, HIDDEN_FOR,
    Ledger as _, Locks as _, SecureRandom as _, StoreError, Tallies as _, Wiring,
};

/// The shortest time for which the mark of an erased lead is kept. It says only that there was a lead, so that no
/// message of the queue, which keeps them for two weeks and its dead letters as long, brings it back.
const MARKED_FOR: SignedDuration = SignedDuration::from_hours(24 * 60);

/// The lock under which one erasure at a time looks through dead letters, since they are hidden from any other. An
/// erasure that is killed leaves the lock for as long as its letters may be hidden.
const DEAD_LETTERS_LOCK: &str = "dead-letters";

/// How long to wait for the lock. An erasure usually takes a second or two.
const LOCK_WAIT: SignedDuration = SignedDuration::from_secs(5);

/// The pause between two tries to get it.
const LOCK_PAUSE: SignedDuration = SignedDuration::from_millis(300);

/// How long dead letters are looked through at most: enough for thousands. Putting them back takes longer than that,
/// and the function has 29 s for all of it.
const LOOKED_THROUGH_FOR: SignedDuration = SignedDuration::from_secs(8);

/// Leads of a person that are read and erased at once. A robot may have signed somebody up thousands of times, each
/// time with as much as a body holds.
const AT_ONCE: usize = 25;

/// How long after its start one request erases a person's leads. Another request continues where this one ended.
const ERASED_FOR: SignedDuration = SignedDuration::from_secs(20);

/// How much longer the lock is held: letters may become visible that much later than expected.
const SLACK: SignedDuration = SignedDuration::from_secs(10);

impl<W: Wiring> Admin<W> {
    /// Erases every lead of one address, even if the customer was removed; returns how many there were. A lead in the
    /// queue is not sent. Can be repeated, and should be if the person signed up a moment ago.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Invalid`]; [`AdminError::Unavailable`] also if others look through the
    /// dead letters for long, for a minute after an erasure that failed while doing so, and if there are too many of
    /// them, or too many leads for one request: each repetition erases more.
    pub async fn erase_person(
        &self,
        customer: &CustomerId,
        mut request: Properties,
    ) -> Result<usize, AdminError> {
        let until = self.clock.now() + ERASED_FOR;
        self.require_ever_existed(customer).await?;
        let email = request.required("email", email);
        let email = request.finish(email)?;
        let now = self.clock.now();
        let person = PersonId::of(&self.keys, customer, &email);
        self.directory
            .note_erasure(customer, &person, now, now + MARKED_FOR)
            .await?;
        let is_theirs = |task: &Task| match task {
            Task::Accepted { lead } => {
                lead.customer == *customer && lead.contact.email.key() == email.key()
            }
            Task::Released { .. } => false,
        };
        let mut dead = self.discard_dead(is_theirs).await?;
        let ids = self.ledger.leads_of(customer, &email, usize::MAX).await?;
        let mut erased = 0;
        for (chunk, ids) in ids.chunks(AT_ONCE).enumerate() {
            if chunk > 0 && self.clock.now() >= until {
                let cause = "more leads of a person than one request can erase";
                return Err(StoreError::new(cause).into());
            }
            let records = ids.iter().map(|id| self.ledger.lead(customer, id));
            let records: Vec<_> = try_join_all(records).await?.into_iter().flatten().collect();
            erased += self.erase(customer, &records).await?;
            ids.iter().for_each(|id| {
                dead.remove(id);
            });
        }
        Ok(erased + dead.len())
    }

    /// How many leads of one address there are to erase. One just made may be missing for a moment.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Invalid`].
    pub async fn count_person(
        &self,
        customer: &CustomerId,
        mut request: Properties,
    ) -> Result<usize, AdminError> {
        self.customer(customer).await?;
        let email = request.required("email", email);
        let email = request.finish(email)?;
        Ok(self
            .ledger
            .leads_of(customer, &email, usize::MAX)
            .await?
            .len())
    }

    /// Erases one lead. Can be repeated.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Unavailable`].
    pub async fn erase_lead(&self, id: &LeadId) -> Result<(), AdminError> {
        let record = self.lead(id).await?;
        self.discard_dead(|task| task.lead() == id).await?;
        self.erase(&record.lead.customer, slice::from_ref(&record))
            .await?;
        Ok(())
    }

    /// Discards dead letters and returns the leads they were about. Done before the ledger is changed, so that a
    /// repeated request still finds something to erase.
    async fn discard_dead(
        &self,
        is_theirs: impl Fn(&Task) -> bool,
    ) -> Result<BTreeSet<LeadId>, StoreError> {
        let owner = self.random.owner_name();
        let looks_until = self.lock_to_look(&owner).await? + LOOKED_THROUGH_FOR;
        let (mut discarded, mut others) = (BTreeSet::new(), Vec::new());
        while self.clock.now() < looks_until {
            let letters = self.dead_letters.peek().await?;
            if letters.is_empty() {
                self.dead_letters.put_back(&others).await?;
                self.directory.unlock(DEAD_LETTERS_LOCK, &owner).await?;
                return Ok(discarded);
            }
            for letter in letters {
                match letter.task.as_ref().filter(|task| is_theirs(task)) {
                    Some(task) => {
                        self.dead_letters.discard(&letter).await?;
                        discarded.insert(task.lead().clone());
                    }
                    None => others.push(letter),
                }
            }
        }
        Err(StoreError::new(
            "more dead letters than can be looked through",
        ))
    }

    /// Waits for the lock on the dead letters; returns when it was obtained.
    async fn lock_to_look(&self, owner: &str) -> Result<Timestamp, StoreError> {
        let give_up_at = self.clock.now() + LOCK_WAIT;
        loop {
            let now = self.clock.now();
            let until = now + LOOKED_THROUGH_FOR + HIDDEN_FOR + SLACK;
            let lock = self.directory.lock(DEAD_LETTERS_LOCK, owner, until, now);
            if lock.await? {
                return Ok(now);
            }
            if now >= give_up_at {
                return Err(StoreError::new("another erasure hides dead letters"));
            }
            self.clock.sleep_until(now + LOCK_PAUSE).await;
        }
    }

    /// Erases leads of a customer; returns how many were not erased before.
    async fn erase(
        &self,
        customer: &CustomerId,
        records: &[LeadRecord],
    ) -> Result<usize, StoreError> {
        let settings = self.directory.customer(customer).await?;
        let marked_for = kept_for(settings.as_ref()).max(MARKED_FOR);
        let ids = records.iter().map(|record| &record.lead.id);
        self.doubt(customer, ids).await?;
        let mut changes = TallyChanges::default();
        let erased = self.erase_each(records, marked_for, &mut changes).await;
        let now = self.clock.now();
        self.directory.tally(customer, &changes, now).await?;
        erased
    }

    /// The same without counting; on an error, the changes for what was erased are still recorded.
    async fn erase_each(
        &self,
        records: &[LeadRecord],
        marked_for: SignedDuration,
        changes: &mut TallyChanges,
    ) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let expires_at = now + marked_for;
        let erasures = records.iter().map(async |record| {
            let blank = record.lead.without_person();
            self.ledger.erase(&blank, now, expires_at).await
        });
        let (mut erased, mut failed) = (0, None);
        for (record, done) in records.iter().zip(join_all(erasures).await) {
            match done {
                Ok(true) => {
                    let to = Some(Label::Erased);
                    changes.count(record.lead.id.day(), counted_as(record), to);
                    erased += 1;
                }
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(erased), Err)
    }
}
