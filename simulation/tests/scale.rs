//! What many customers and leads cost.

use leadfeed_simulation::scale::{Growth, day_quota, growth};
use leadfeed_simulation::wire::Service;

#[test]
fn a_lead_costs_one_call_and_no_more_table_operations_among_many_than_among_few() {
    let tables =
        |growth: &Growth| growth.per_lead(growth.of(&[Service::Directory, Service::Ledger]));
    let few = growth(10, 1_000);
    let many = growth(30, 3_000);

    for day in [&few, &many] {
        assert_eq!(day.delivered, day.leads);
        let calls = day.per_lead(day.calls);
        assert!((1.0..1.005).contains(&calls), "{calls} calls a lead");
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
    let day = day_quota(&[9_000, 2_900, 100], 10_000, 3);

    let done = |place: usize| day.done[place].1;
    let midnight = "2026-11-24T00:00:00Z".parse().expect("a time");
    assert!(done(2) < midnight && midnight < done(1), "{:?}", day.done);
    assert!(done(1) < done(0), "{:?}", day.done);
    assert!(day.busiest_day <= 10_000);
    assert_eq!((day.most_receives, day.dead), (1, 0));
}
