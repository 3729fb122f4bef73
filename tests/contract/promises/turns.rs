use leadfeed_shared::ports::Turns;

use crate::promise::at_once;
use crate::samples::at;
use crate::{fresh, promises};

promises! { Turns:
    exactly_one_of_many_has_the_turn,
    a_turn_is_its_owners_until_it_ends_it_or_its_time_is_over,
}

async fn exactly_one_of_many_has_the_turn<T: Turns + Clone + 'static>(turns: T) {
    let work = fresh::text();

    let told = at_once(16, |i| {
        let (turns, work) = (turns.clone(), work.clone());
        async move {
            let owner = format!("w{i}");
            let taken = turns.take_turn(&work, &owner, at(60), at(0));
            taken.await.unwrap()
        }
    })
    .await;

    assert_eq!(told.iter().filter(|has| **has).count(), 1);
}

async fn a_turn_is_its_owners_until_it_ends_it_or_its_time_is_over<T: Turns>(turns: T) {
    let work = fresh::text();
    let take = async |owner, until, now| {
        let taken = turns.take_turn(&work, owner, at(until), at(now));
        taken.await.unwrap()
    };

    assert!(take("ada", 60, 0).await);
    assert!(take("ada", 70, 1).await, "asked again, it still has it");
    assert!(!take("bo", 100, 69).await);
    turns.end_turn(&work, "bo").await.unwrap();
    assert!(!take("bo", 100, 69).await, "it is not bo's to end");
    assert!(take("bo", 100, 70).await);
    turns.end_turn(&work, "bo").await.unwrap();
    assert!(take("ada", 200, 71).await);
}
