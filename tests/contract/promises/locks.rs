use leadfeed_shared::ports::Locks;

use crate::promise::run_concurrently;
use crate::samples::at;
use crate::{fresh, promises};

promises! { Locks:
    exactly_one_of_many_concurrent_callers_gets_the_lock,
    lock_is_held_until_its_owner_releases_it_or_it_expires,
}

async fn exactly_one_of_many_concurrent_callers_gets_the_lock<T: Locks + Clone + 'static>(
    locks: T,
) {
    let work = fresh::text();

    let results = run_concurrently(16, |i| {
        let (locks, work) = (locks.clone(), work.clone());
        async move {
            let owner = format!("w{i}");
            let taken = locks.lock(&work, &owner, at(60), at(0));
            taken.await.unwrap()
        }
    })
    .await;

    assert_eq!(results.iter().filter(|acquired| **acquired).count(), 1);
}

async fn lock_is_held_until_its_owner_releases_it_or_it_expires<T: Locks>(locks: T) {
    let work = fresh::text();
    let take = async |owner, until, now| {
        let taken = locks.lock(&work, owner, at(until), at(now));
        taken.await.unwrap()
    };

    assert!(take("ada", 60, 0).await);
    assert!(take("ada", 70, 1).await, "the owner may lock it again");
    assert!(!take("bo", 100, 69).await);
    locks.unlock(&work, "bo").await.unwrap();
    assert!(!take("bo", 100, 69).await, "only the owner can unlock it");
    assert!(take("bo", 100, 70).await);
    locks.unlock(&work, "bo").await.unwrap();
    assert!(take("ada", 200, 71).await);
}
