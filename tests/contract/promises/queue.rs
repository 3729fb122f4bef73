use leadfeed_shared::domain::task::Task;
use leadfeed_shared::ports::Queue;

use crate::promise::eventually;
use crate::samples::lead;
use crate::{fresh, promises};

promises! { Queue:
    a_batch_of_any_size_is_taken_and_counted,
}

async fn a_batch_of_any_size_is_taken_and_counted<Q: Queue>(queue: Q) {
    let customer = fresh::customer();
    let accepted = (0..12).map(|second| Task::Accepted {
        lead: Box::new(lead(&customer, second)),
    });
    let released = (0..13).map(|second| Task::Released {
        customer: customer.clone(),
        lead: fresh::lead(second),
    });
    let before = queue.depth().await.unwrap();

    queue.send(&[]).await.unwrap();
    queue
        .send(&accepted.chain(released).collect::<Vec<_>>())
        .await
        .unwrap();

    let depth = eventually(
        || async { queue.depth().await.unwrap() },
        |depth| *depth >= before + 25,
    );
    assert_eq!(depth.await, before + 25);
}
