//! The queue behind a line.

use leadfeed_shared::domain::task::Task;
use leadfeed_shared::fakes::MemoryQueue;
use leadfeed_shared::ports::{DeadLetter, DeadLetters, Queue, QueueError, StoreError};

use super::{Guard, Service, Wire};

impl Queue for Wire<MemoryQueue> {
    async fn send(&self, tasks: &[Task]) -> Result<(), QueueError> {
        let effect = async {
            if self.line.shared.lacks(Guard::KeptBeforeAnswer) {
                return Ok(());
            }
            let sent = self.port.send(tasks).await;
            sent.map_err(StoreError::new)
        };
        let sent = self.line.call(Service::Queue, "send", effect).await;
        sent.map_err(|StoreError(source)| QueueError {
            failed: (0..tasks.len()).collect(),
            source: Some(source),
        })
    }

    async fn depth(&self) -> Result<u64, StoreError> {
        self.line
            .call(Service::Queue, "depth", self.port.depth())
            .await
    }
}

impl DeadLetters for Wire<MemoryQueue> {
    async fn peek(&self) -> Result<Vec<DeadLetter>, StoreError> {
        let effect = self.port.peek();
        self.line.call(Service::Queue, "peek", effect).await
    }

    async fn put_back(&self, letters: &[DeadLetter]) -> Result<(), StoreError> {
        let effect = self.port.put_back(letters);
        self.line.call(Service::Queue, "put_back", effect).await
    }

    async fn discard(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        let effect = async {
            let result = self.port.discard(letter).await;
            if let Some(Task::Accepted { lead }) = &letter.task {
                self.line.shared.oracle().dead_letter_discarded(lead);
            }
            result
        };
        self.line.call(Service::Queue, "discard", effect).await
    }
}
