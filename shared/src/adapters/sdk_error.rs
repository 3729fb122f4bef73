//! Errors of the AWS SDK, without the requests and responses inside them: those hold leads and tokens.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::ports::StoreError;

/// What went wrong with a call to AWS.
#[derive(Debug, thiserror::Error)]
pub(super) enum AwsError {
    /// The service refused.
    #[error("{operation}: {code}: {message}")]
    Refused {
        operation: &'static str,
        code: String,
        message: String,
    },
    /// There was no readable answer.
    #[error("{operation}: {what}")]
    Failed {
        operation: &'static str,
        what: String,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl AwsError {
    pub(super) fn new<E, R>(operation: &'static str, error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        match error.as_service_error() {
            Some(refusal) => Self::Refused {
                operation,
                code: refusal.code().unwrap_or("unknown").to_owned(),
                message: refusal.message().unwrap_or_default().to_owned(),
            },
            None => Self::Failed {
                operation,
                what: error.to_string(),
                source: error.into_source().ok(),
            },
        }
    }
}

/// What is stored under this name cannot be read. Says no more, since the parser's message may quote it.
#[derive(Debug, thiserror::Error)]
#[error("what is stored as {0} cannot be read")]
pub(super) struct Unreadable(pub(super) String);

/// For `map_err`: turns the error of a failed call into a store error.
pub(super) fn failed<E, R>(operation: &'static str) -> impl Fn(SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    move |error| StoreError::new(AwsError::new(operation, error))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::error::ErrorMetadata;
    use aws_sdk_dynamodb::operation::update_item::UpdateItemError;

    use super::*;

    #[test]
    fn aws_error_keeps_the_services_message_but_not_the_response() {
        let metadata = ErrorMetadata::builder()
            .code("Throttling")
            .message("slower");
        let error = UpdateItemError::generic(metadata.build());
        let response = "SENTINEL".to_owned();

        let error = failed("UpdateItem")(SdkError::service_error(error, response));

        assert_eq!(error.0.to_string(), "UpdateItem: Throttling: slower");
        assert!(!format!("{error:?}").contains("SENTINEL"));
    }
}
