//! What many customers and leads cost.

use leadfeed_simulation::scale::{Growth, day_quota, growth};
use leadfeed_simulation::wire::Service;

#[test]
fn a_lead_costs_one_call_and_no_more_table_operations_among_many_than_among_few() {
    let tables =
        |growth: &Growth| growth.per_lead(growth.of(&[Service::Directory, Service::Ledger]));
    let few = growth(10, 1_000);
    let many = growth(100, 10_000);

    for day in [&few, &many] {
        assert_eq!(day.delivered, day.leads);
        assert_eq!(day.calls, u64::from(day.leads));
    }
    assert!(
        tables(&many) <= tables(&few),
        "{} > {}",
        tables(&many),
        tables(&few)
    );
}

#[test]
fn under_a_days_quota_the_smallest_is_done_first_and_the_rest_after_midnight() {
    let day = day_quota(&[9_000, 2_900, 100], 3);

    let done = |place: usize| day.done[place].1;
    let midnight = "2026-11-24T00:00:00Z".parse().unwrap();
    assert!(done(2) < done(1) && done(1) < done(0), "{:?}", day.done);
    assert!(done(0) > midnight, "{:?}", day.done);
    assert!(day.busiest_day <= 10_000);
    assert_eq!((day.most_receives, day.dead), (1, 0));
}
