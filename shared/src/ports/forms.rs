use std::future::Future;

use super::StoreError;
use crate::domain::form::Form;
use crate::domain::ids::{CustomerId, FormId};

/// Lead forms. [`form`](Self::form) is the only call without a customer: a form's id is public, and a submission names
/// nothing else.
pub trait Forms: Send + Sync {
    /// One form.
    fn form(&self, id: &FormId) -> impl Future<Output = Result<Option<Form>, StoreError>> + Send;

    /// Makes a form, or replaces it in whatever state it is.
    fn put_form(&self, form: &Form) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Replaces a form that exists and is one revision behind. Of any number of concurrent calls with one revision,
    /// exactly one is told that it did.
    fn replace_form(&self, form: &Form) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes a form.
    fn delete_form(&self, id: &FormId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// A customer's forms, oldest first. One just made may be missing for a moment.
    fn forms_of(
        &self,
        customer: &CustomerId,
    ) -> impl Future<Output = Result<Vec<Form>, StoreError>> + Send;
}
