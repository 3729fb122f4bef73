//! Promises of the shared rate counters.

use leadfeed_shared::ports::RateCounters;

use crate::promise::at_once;
use crate::samples::at;
use crate::{fresh, promises};

promises! { RateCounters:
    everything_added_is_in_the_sum_and_each_is_told_another,
    a_counter_is_its_customers_own,
}

async fn everything_added_is_in_the_sum_and_each_is_told_another<C>(counters: C)
where
    C: RateCounters + Clone + 'static,
{
    let (customer, name) = (fresh::customer(), fresh::text());

    let mut told = at_once(10, |_| {
        let (counters, customer, name) = (counters.clone(), customer.clone(), name.clone());
        async move { counters.add(&customer, &name, 3, at(60)).await.unwrap() }
    })
    .await;

    told.sort_unstable();
    let sums: Vec<_> = (1..=10).map(|times| times * 3).collect();
    assert_eq!(told, sums);
}

async fn a_counter_is_its_customers_own<C: RateCounters>(counters: C) {
    let name = fresh::text();
    for _ in 0..2 {
        let sum = counters.add(&fresh::customer(), &name, 1, at(60)).await;
        assert_eq!(sum.unwrap(), 1);
    }
}
