//! The live journal, as server-sent events.

use std::convert::Infallible;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use futures::stream;
use tokio::sync::broadcast::error::RecvError;

use crate::lab::Shared;

/// Sends each completed call; a slow reader may miss some.
pub async fn journal(
    State(shared): State<Shared>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let calls = stream::unfold(shared.live.subscribe(), |mut live| async move {
        loop {
            match live.recv().await {
                Ok(entry) => {
                    let event = Event::default().json_data(&*entry).unwrap_or_default();
                    return Some((Ok(event), live));
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    Sse::new(calls).keep_alive(KeepAlive::default())
}
