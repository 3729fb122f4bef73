//! Drains the queue into Constant Contact.
//!
//! Takes the raw event, since one message that cannot be read must not cost the others, and reports by name what
//! the queue has to bring again.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent};
use leadfeed_shared::app::deliver::batch::Message;
use leadfeed_shared::app::deliver::{Drain, MARGIN};
use leadfeed_shared::ports::Wiring;

/// Delivers one batch.
///
/// # Errors
/// Where a record has no id, so that it could not be reported: the queue brings the whole batch again.
pub async fn handle<W: Wiring>(
    drain: &Drain<W>,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, Error> {
    let (event, context) = event.into_parts();
    let message = |(id, body): (Option<String>, Option<String>)| {
        Some(Message {
            id: id.filter(|id| !id.is_empty())?,
            body,
        })
    };
    let records = event
        .records
        .into_iter()
        .map(|record| (record.message_id, record.body));
    let messages: Option<Vec<Message>> = records.map(message).collect();
    let messages = messages.ok_or("a record of the batch has no message id")?;
    let deadline = Timestamp::from_millisecond(i64::try_from(context.deadline)?)? - MARGIN;

    let again = drain.drain(messages, deadline).await;

    let failure = |id: String| {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id;
        failure
    };
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = again.into_iter().map(failure).collect();
    Ok(response)
}
