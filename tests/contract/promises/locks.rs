use leadfeed_shared::ports::Locks;

use crate::promise::at_once;
use crate::samples::at;
use crate::{fresh, promises};

promises! { Locks:
    exactly_one_of_many_has_the_lock,
    a_lock_is_its_owners_until_it_gives_it_back_or_its_time_is_over,
}

async fn exactly_one_of_many_has_the_lock<T: Locks + Clone + 'static>(locks: T) {
    let work = fresh::text();

    let told = at_once(16, |i| {
        let (locks, work) = (locks.clone(), work.clone());
        async move {
            let owner = format!("w{i}");
            let taken = locks.lock(&work, &owner, at(60), at(0));
            taken.await.unwrap()
        }
    })
    .await;

    assert_eq!(told.iter().filter(|has| **has).count(), 1);
}

async fn a_lock_is_its_owners_until_it_gives_it_back_or_its_time_is_over<T: Locks>(locks: T) {
    let work = fresh::text();
    let take = async |owner, until, now| {
        let taken = locks.lock(&work, owner, at(until), at(now));
        taken.await.unwrap()
    };

    assert!(take("ada", 60, 0).await);
    assert!(take("ada", 70, 1).await, "asked again, it still has it");
    assert!(!take("bo", 100, 69).await);
    locks.unlock(&work, "bo").await.unwrap();
    assert!(!take("bo", 100, 69).await, "it is not bo's to end");
    assert!(take("bo", 100, 70).await);
    locks.unlock(&work, "bo").await.unwrap();
    assert!(take("ada", 200, 71).await);
}
