//! Promises of the counters.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::domain::tally::{Counts, Label, Tally, TallyChanges};
use leadfeed_shared::ports::{Tallies, Unsettled};

use crate::promise::{eventually, run_concurrently};
use crate::samples::at;
use crate::{fresh, promises};

promises! { Tallies:
    changes_add_up_by_day,
    tally_of_a_single_day_can_be_read,
    concurrent_changes_are_all_counted,
    changed_or_doubted_day_is_unsettled_until_recounted,
    stale_recount_does_not_overwrite_newer_changes,
}

const MONDAY: Date = date(2026, 11, 23);
const SUNDAY: Date = date(2026, 11, 22);

fn label(text: &str) -> Option<Label> {
    Some(text.into())
}

fn counts(pairs: &[(&str, i64)]) -> Counts {
    let pairs = pairs.iter().filter(|(_, count)| *count != 0);
    pairs
        .map(|(label, count)| ((*label).into(), *count))
        .collect()
}

/// The counters that are not zero, by day.
async fn read<T: Tallies>(tallies: &T, customer: &CustomerId) -> Vec<(Date, Counts)> {
    let days = tallies.tallies(customer).await.unwrap().into_iter();
    let counted = |mut tally: Tally| {
        tally.counts.retain(|_, count| *count != 0);
        (tally.day, tally.counts)
    };
    days.map(counted).collect()
}

async fn unsettled<T: Tallies>(
    tallies: &T,
    customer: &CustomerId,
    quiet_since: Timestamp,
    fits: impl Fn(&Vec<Unsettled>) -> bool,
) -> Vec<Unsettled> {
    let own = async || {
        let mut days = tallies.unsettled(quiet_since).await.unwrap();
        days.retain(|day| day.customer == *customer);
        days
    };
    eventually(own, fits).await
}

async fn changes_add_up_by_day<T: Tallies>(tallies: T) {
    let customer = fresh::customer();
    let mut first = TallyChanges::default();
    first.count(MONDAY, None, label("waiting.quota"));
    first.count(MONDAY, None, label("delivered"));
    first.count(SUNDAY, None, label("waiting.no_list"));
    let mut second = TallyChanges::default();
    second.count(MONDAY, label("waiting.quota"), label("delivered"));

    tallies.tally(&customer, &first, at(1)).await.unwrap();
    tallies.tally(&customer, &second, at(2)).await.unwrap();

    let expected = [
        (SUNDAY, counts(&[("waiting.no_list", 1)])),
        (MONDAY, counts(&[("delivered", 2)])),
    ];
    assert_eq!(read(&tallies, &customer).await, expected);
    assert_eq!(read(&tallies, &fresh::customer()).await, []);
}

async fn tally_of_a_single_day_can_be_read<T: Tallies>(tallies: T) {
    let customer = fresh::customer();
    let mut changes = TallyChanges::default();
    changes.count(MONDAY, None, label("delivered.implicit"));
    tallies.tally(&customer, &changes, at(1)).await.unwrap();

    let monday = tallies.tally_of(&customer, MONDAY).await.unwrap();

    let counts = counts(&[("delivered", 1), ("delivered.implicit", 1)]);
    let day = MONDAY;
    assert_eq!(monday, Some(Tally { day, counts }));
    assert_eq!(tallies.tally_of(&customer, SUNDAY).await.unwrap(), None);
}

async fn concurrent_changes_are_all_counted<T: Tallies + Clone + 'static>(tallies: T) {
    let customer = fresh::customer();

    run_concurrently(10, |_| {
        let (tallies, customer) = (tallies.clone(), customer.clone());
        async move {
            let mut changes = TallyChanges::default();
            changes.count(MONDAY, None, label("delivered"));
            tallies.tally(&customer, &changes, at(1)).await.unwrap();
        }
    })
    .await;

    let expected = [(MONDAY, counts(&[("delivered", 10)]))];
    assert_eq!(read(&tallies, &customer).await, expected);
}

async fn changed_or_doubted_day_is_unsettled_until_recounted<T: Tallies>(tallies: T) {
    let customer = fresh::customer();
    let mut changes = TallyChanges::default();
    changes.count(MONDAY, None, label("delivered"));
    changes.doubt(SUNDAY);
    tallies.tally(&customer, &changes, at(7)).await.unwrap();

    let days = unsettled(&tallies, &customer, at(7), |days| days.len() == 2).await;
    assert_eq!(days.len(), 2);
    let monday = days.iter().find(|day| day.tally.day == MONDAY);
    let delivered = counts(&[("delivered", 1)]);
    assert_eq!(monday.map(|day| &day.tally.counts), Some(&delivered));
    let quiet_before = unsettled(&tallies, &customer, at(6), Vec::is_empty);
    assert_eq!(quiet_before.await, []);
    for day in days {
        assert_eq!(day.touched_at, at(7));
        let tally = Tally {
            day: day.tally.day,
            counts: counts(&[("erased", 3)]),
        };
        let settled = tallies.settle_tally(&customer, &tally, day.revision);
        assert!(settled.await.unwrap());
    }

    assert_eq!(
        unsettled(&tallies, &customer, at(7), Vec::is_empty).await,
        []
    );
    let erased = counts(&[("erased", 3)]);
    let expected = [(SUNDAY, erased.clone()), (MONDAY, erased)];
    assert_eq!(read(&tallies, &customer).await, expected);
}

async fn stale_recount_does_not_overwrite_newer_changes<T: Tallies>(tallies: T) {
    let customer = fresh::customer();
    let mut changes = TallyChanges::default();
    changes.count(MONDAY, None, label("delivered"));
    tallies.tally(&customer, &changes, at(1)).await.unwrap();
    let days = unsettled(&tallies, &customer, at(1), |days| days.len() == 1).await;
    let none = Tally {
        day: MONDAY,
        counts: Counts::new(),
    };
    let seen = days[0].revision;

    tallies.tally(&customer, &changes, at(2)).await.unwrap();
    let settled = tallies.settle_tally(&customer, &none, seen).await.unwrap();

    assert!(!settled);
    let expected = [(MONDAY, counts(&[("delivered", 2)]))];
    assert_eq!(read(&tallies, &customer).await, expected);
}
