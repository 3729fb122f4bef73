//! Delivers leads from the queue to Constant Contact.
//!
//! Takes the raw event, so that one unreadable message does not fail the others, and reports by id which ones the queue
//! has to deliver again.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent};
use leadfeed_shared::app::deliver::{Drain, MARGIN, Message};
use leadfeed_shared::ports::Wiring;

/// Delivers one batch.
///
/// # Errors
/// If a record has no id and so cannot be reported: the queue delivers the whole batch again.
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

    let to_redeliver = drain.drain(messages, deadline).await;

    let failure = |id: String| {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = id;
        failure
    };
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = to_redeliver.into_iter().map(failure).collect();
    Ok(response)
}
