//! Going on in spite of one customer's trouble: a row of theirs that nobody can read is not the others' fault.

use crate::domain::ids::CustomerId;
use crate::ports::{StoreError, causes};

/// The first error of work that goes on all the same.
#[derive(Default)]
pub(crate) struct FirstError(Option<StoreError>);

impl FirstError {
    /// What came of a customer's part; an error is logged and kept.
    pub(crate) fn log<T>(
        &mut self,
        customer: &CustomerId,
        result: Result<T, StoreError>,
    ) -> Option<T> {
        if let Err(error) = &result {
            tracing::error!(customer.id = %customer, error = %causes(error), "a customer's leads could not be looked after");
        }
        self.keep(result)
    }

    /// What came of a part that has told of its trouble itself.
    pub(crate) fn keep<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
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
