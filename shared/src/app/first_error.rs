//! Going on in spite of one customer's error: if nobody can read a row of theirs, that must not affect the others.

use crate::domain::ids::CustomerId;
use crate::ports::{StoreError, causes};

/// The first error of work that continues in spite of it.
#[derive(Default)]
pub(crate) struct FirstError(Option<StoreError>);

impl FirstError {
    /// The result of a customer's part; an error is logged and recorded.
    pub(crate) fn log<T>(
        &mut self,
        customer: &CustomerId,
        result: Result<T, StoreError>,
    ) -> Option<T> {
        if let Err(error) = &result {
            tracing::error!(customer.id = %customer, error = %causes(error), "a customer's leads could not be looked after");
        }
        self.record(result)
    }

    /// The result of a part that has already logged its error.
    pub(crate) fn record<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
        match result {
            Ok(done) => Some(done),
            Err(error) => {
                self.0.get_or_insert(error);
                None
            }
        }
    }

    /// The first error, if there was one.
    pub(crate) fn end<T>(self, done: T) -> Result<T, StoreError> {
        self.0.map_or(Ok(done), Err)
    }
}
