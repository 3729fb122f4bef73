use leadfeed_shared::domain::task::Task;
use leadfeed_shared::ports::{DeadLetters, Queue};

use crate::promise::eventually;
use crate::samples::lead;
use crate::{fresh, promises};

promises! { Queue DeadLetters:
    batch_of_any_size_is_queued_counted_and_read_back_exactly_once,
}

async fn batch_of_any_size_is_queued_counted_and_read_back_exactly_once<Q: Queue + DeadLetters>(
    queue: Q,
) {
    let customer = fresh::customer();
    let accepted = (0..12).map(|second| Task::Accepted {
        lead: Box::new(lead(&customer, second)),
    });
    let released = (0..13).map(|second| Task::Released {
        customer: customer.clone(),
        lead: fresh::lead(second),
    });
    let sent: Vec<_> = accepted.chain(released).collect();
    let before = queue.depth().await.unwrap();

    queue.send(&[]).await.unwrap();
    queue.send(&sent).await.unwrap();

    let depth = eventually(
        || async { queue.depth().await.unwrap() },
        |depth| *depth >= before + 25,
    );
    assert_eq!(depth.await, before + 25);

    let some = queue.peek().await.unwrap();
    assert!(!some.is_empty());
    queue.put_back(&some).await.unwrap();
    let mut seen = Vec::new();
    loop {
        let letters = queue.peek().await.unwrap();
        if letters.is_empty() {
            break;
        }
        assert!(letters.len() <= 10);
        for letter in &letters {
            queue.discard(letter).await.unwrap();
            seen.extend(letter.task.clone());
        }
    }
    seen.retain(|task| *task.customer() == customer);
    for task in &sent {
        assert_eq!(seen.iter().filter(|seen| *seen == task).count(), 1);
    }
    assert_eq!(seen.len(), 25);
}
