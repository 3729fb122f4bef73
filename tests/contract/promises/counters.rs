//! Promises of the shared rate counters.

use leadfeed_shared::ports::RateCounters;

use crate::promise::run_concurrently;
use crate::samples::at;
use crate::{fresh, promises};

promises! { RateCounters:
    concurrent_additions_all_count_and_each_gets_a_distinct_sum,
    counter_is_not_shared_between_customers,
}

async fn concurrent_additions_all_count_and_each_gets_a_distinct_sum<C>(counters: C)
where
    C: RateCounters + Clone + 'static,
{
    let (customer, name) = (fresh::customer(), fresh::text());

    let mut sums = run_concurrently(10, |_| {
        let (counters, customer, name) = (counters.clone(), customer.clone(), name.clone());
        async move { counters.add(&customer, &name, 3, at(60)).await.unwrap() }
    })
    .await;

    sums.sort_unstable();
    let expected: Vec<_> = (1..=10).map(|times| times * 3).collect();
    assert_eq!(sums, expected);
}

async fn counter_is_not_shared_between_customers<C: RateCounters>(counters: C) {
    let name = fresh::text();
    for _ in 0..2 {
        let sum = counters.add(&fresh::customer(), &name, 1, at(60)).await;
        assert_eq!(sum.unwrap(), 1);
    }
}
