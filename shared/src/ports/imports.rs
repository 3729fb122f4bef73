use std::future::Future;

use jiff::Timestamp;

use super::{Settlement, StoreError};
use crate::domain::ids::{CustomerId, ImportId, LeadId};
use crate::domain::import::ImportJob;

/// Imports, and leads on their way through one. Every write is one atomic step, on one import with its last chunk or on
/// one lead.
pub trait Imports: Send + Sync {
    /// Writes an import, if the stored one is at the revision before, or at revision 1 if there is none. Says whether
    /// it did. A chunk is stored with it, as the import's last, or not at all.
    fn save_import(
        &self,
        job: &ImportJob,
        chunk: Option<&[LeadId]>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Imports that are due at `now`, longest due first. May be a moment behind.
    fn due_imports(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<(CustomerId, ImportId)>, StoreError>> + Send;

    /// One import, read consistently.
    fn import_of(
        &self,
        customer: &CustomerId,
        import: &ImportId,
    ) -> impl Future<Output = Result<Option<ImportJob>, StoreError>> + Send;

    /// A customer's imports, including closed ones for as long as they are kept.
    fn imports_of(
        &self,
        customer: &CustomerId,
    ) -> impl Future<Output = Result<Vec<ImportJob>, StoreError>> + Send;

    /// The leads of one chunk, from 0. Read consistently.
    fn chunk(
        &self,
        import: &ImportId,
        number: u32,
    ) -> impl Future<Output = Result<Vec<LeadId>, StoreError>> + Send;

    /// Takes a lead into an import at `at`, if it waits, but not for another import or after a lost answer, and was in
    /// no import before. Says whether it did, or had done so.
    fn take(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        import: &ImportId,
        at: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Ends a lead's stay in an import, with its outcome, if it is in it; with `taken_by`, only if it was taken no
    /// later than that. Says whether it did.
    fn leave(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        import: &ImportId,
        taken_by: Option<Timestamp>,
        settlement: &Settlement,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
