//! Promises of the ledger about what is due.

use jiff::Timestamp;
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::domain::lead::{LeadState, QuarantineReason, WaitReason};
use leadfeed_shared::ports::{Due, LaneMark, LanePlace, RECHECK_DELAY, Requeue};

use super::Leads;
use super::claims::{claim, delivered, record, settle, settled, waiting};
use crate::promise::{eventually, run_concurrently};
use crate::samples::{at, far_future, lead};
use crate::{fresh, promises};

promises! { Leads:
    stuck_lead_is_overdue_once_it_is_due,
    waiting_or_delivered_lead_is_not_overdue,
    lane_lists_longest_due_leads_first_and_those_awaiting_a_person_last,
    earliest_mark_of_a_lane_wins,
    advancing_a_mark_moves_or_removes_it,
    last_mark_of_a_lane_is_removed_only_after_one_more_look,
    mark_made_before_the_last_look_gets_an_extra_look_of_its_own,
    stale_advance_leaves_an_earlier_mark_in_place,
    later_mark_is_kept_when_an_earlier_one_is_advanced,
    a_mark_made_while_an_earlier_one_is_advanced_is_not_lost,
    quarantined_leads_are_listed_by_arrival_time_until_released,
    lane_is_listed_page_by_page_and_its_backlog_counted,
    lanes_after_a_given_mark_are_listed_even_if_that_mark_has_moved,
}

/// How many entries of other tests the global listings may hold.
const ALL: u16 = 1_000;

async fn overdue<L: Leads>(ledger: &L, customer: &CustomerId, now: i64) -> usize {
    let due = ledger.overdue(at(now), ALL).await.unwrap();
    due.iter().filter(|(owner, _)| owner == customer).count()
}

async fn stuck_lead_is_overdue_once_it_is_due<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let unqueued = lead(&customer, 0);
    ledger
        .record(&unqueued, &LeadState::Received, at(60))
        .await
        .unwrap();
    record(&ledger, &customer, 0).await;
    let held = record(&ledger, &customer, 0).await;
    claim(&ledger, &held, "ada", 0).await;
    let count = async |now, expected| {
        eventually(
            || async { overdue(&ledger, &customer, now).await },
            |count| *count == expected,
        )
        .await
    };

    assert_eq!(count(60, 2).await, 2);
    assert_eq!(count(100, 3).await, 3);
    assert_eq!(count(59, 0).await, 0);
    assert!(settle(&ledger, &held, "ada", &delivered()).await);
    assert_eq!(count(100, 2).await, 2);
}

async fn waiting_or_delivered_lead_is_not_overdue<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    for settlement in [
        delivered(),
        waiting(WaitReason::Upstream, Some(50)),
        waiting(WaitReason::Reconnect, None),
    ] {
        settled(&ledger, &customer, &settlement).await;
    }
    let stuck = record(&ledger, &customer, 0).await;

    let due = eventually(
        || async { ledger.overdue(at(9_999), ALL).await.unwrap() },
        |due| due.iter().filter(|(owner, _)| *owner == customer).count() == 1,
    );

    let due: Vec<_> = due
        .await
        .into_iter()
        .filter(|(owner, _)| *owner == customer)
        .collect();
    assert_eq!(due, [(customer, stuck.id)]);
}

async fn lane_lists_longest_due_leads_first_and_those_awaiting_a_person_last<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let mut ids = Vec::new();
    for (why, due) in [
        (WaitReason::Reconnect, None),
        (WaitReason::Quota, Some(900)),
        (WaitReason::Upstream, Some(20)),
        (WaitReason::AnswerLost, Some(500)),
    ] {
        ids.push(settled(&ledger, &customer, &waiting(why, due)).await.id);
    }
    settled(&ledger, &customer, &delivered()).await;
    settled(
        &ledger,
        &fresh::customer(),
        &waiting(WaitReason::Quota, Some(1)),
    )
    .await;

    let all = eventually(
        || async { ledger.waiting(&customer, None, 10).await.unwrap() },
        |all| all.len() == 4,
    );

    let due = |second| Due::At(at(second));
    let for_person = Due::ForPerson { since: at(9) };
    let order = [(2, due(20)), (3, due(500)), (1, due(900)), (0, for_person)];
    let order = order.map(|(i, due): (usize, Due)| -> LanePlace { (ids[i].clone(), due) });
    assert_eq!(all.await, order);
    assert_eq!(
        ledger.waiting(&customer, None, 2).await.unwrap(),
        order[..2]
    );
}

/// The customer's mark, once it is the expected one.
async fn mark<L: Leads>(
    ledger: &L,
    customer: &CustomerId,
    expected: Option<Timestamp>,
) -> Option<Timestamp> {
    let seen = async || {
        let due = ledger.due_lanes(at(86_400), None, ALL).await.unwrap();
        let own = due.into_iter().find(|(owner, _)| owner == customer);
        own.map(|(_, at)| at)
    };
    eventually(seen, |seen| *seen == expected).await
}

async fn earliest_mark_of_a_lane_wins<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    for second in [30, 20, 40] {
        ledger.mark_lane(&customer, at(second)).await.unwrap();
    }

    assert_eq!(mark(&ledger, &customer, Some(at(20))).await, Some(at(20)));
    let early = ledger.due_lanes(at(19), None, ALL).await.unwrap();
    assert!(early.iter().all(|(owner, _)| *owner != customer));
}

async fn advancing_a_mark_moves_or_removes_it<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    ledger.mark_lane(&customer, at(20)).await.unwrap();

    ledger
        .advance_lane(&customer, at(20), Some(at(50)))
        .await
        .unwrap();
    assert_eq!(mark(&ledger, &customer, Some(at(50))).await, Some(at(50)));
    remove_last_mark(&ledger, &customer, at(50)).await;
    assert_eq!(mark(&ledger, &customer, None).await, None);
    ledger
        .advance_lane(&customer, at(50), Some(at(60)))
        .await
        .unwrap();
    assert_eq!(mark(&ledger, &customer, None).await, None);
    ledger.mark_lane(&customer, at(70)).await.unwrap();
    assert_eq!(mark(&ledger, &customer, Some(at(70))).await, Some(at(70)));
}

/// Advances the only mark of a lane until there is none.
async fn remove_last_mark<L: Leads>(ledger: &L, customer: &CustomerId, seen: Timestamp) {
    for seen in [seen, seen + RECHECK_DELAY] {
        ledger.advance_lane(customer, seen, None).await.unwrap();
    }
}

async fn last_mark_of_a_lane_is_removed_only_after_one_more_look<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    for seen in [at(20), at(30)] {
        let again = seen + RECHECK_DELAY;
        ledger.mark_lane(&customer, seen).await.unwrap();

        for _ in 0..2 {
            ledger.advance_lane(&customer, seen, None).await.unwrap();
            assert_eq!(mark(&ledger, &customer, Some(again)).await, Some(again));
        }
        ledger.advance_lane(&customer, again, None).await.unwrap();
        assert_eq!(mark(&ledger, &customer, None).await, None);
    }
}

/// The lead behind it may be listed only after the look that was already due.
async fn mark_made_before_the_last_look_gets_an_extra_look_of_its_own<L: Leads>(ledger: L) {
    for (new, order) in [(40, [40, 3_620, 7_220]), (4_000, [3_620, 4_000, 7_600])] {
        let customer = fresh::customer();
        ledger.mark_lane(&customer, at(20)).await.unwrap();
        ledger.advance_lane(&customer, at(20), None).await.unwrap();
        ledger.mark_lane(&customer, at(new)).await.unwrap();

        for second in order {
            let seen = at(second);
            assert_eq!(mark(&ledger, &customer, Some(seen)).await, Some(seen));
            ledger.advance_lane(&customer, seen, None).await.unwrap();
        }
        assert_eq!(mark(&ledger, &customer, None).await, None);
    }
}

async fn stale_advance_leaves_an_earlier_mark_in_place<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    ledger.mark_lane(&customer, at(20)).await.unwrap();
    ledger.mark_lane(&customer, at(10)).await.unwrap();

    ledger.advance_lane(&customer, at(20), None).await.unwrap();

    assert_eq!(mark(&ledger, &customer, Some(at(10))).await, Some(at(10)));
}

async fn later_mark_is_kept_when_an_earlier_one_is_advanced<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    for next in [None, Some(at(90))] {
        ledger.mark_lane(&customer, at(20)).await.unwrap();
        ledger.mark_lane(&customer, at(40)).await.unwrap();

        ledger.advance_lane(&customer, at(20), next).await.unwrap();

        assert_eq!(mark(&ledger, &customer, Some(at(40))).await, Some(at(40)));
        match next {
            None => remove_last_mark(&ledger, &customer, at(40)).await,
            Some(next) => {
                ledger.advance_lane(&customer, at(40), None).await.unwrap();
                remove_last_mark(&ledger, &customer, next).await;
            }
        }
        assert_eq!(mark(&ledger, &customer, None).await, None);
    }
}

/// The new mark finds the earlier one, which may have moved far ahead before the new one is written.
async fn a_mark_made_while_an_earlier_one_is_advanced_is_not_lost<L>(ledger: L)
where
    L: Leads + Clone + 'static,
{
    for _ in 0..20 {
        let customer = fresh::customer();
        ledger.mark_lane(&customer, at(20)).await.unwrap();

        run_concurrently(2, |caller| {
            let (ledger, customer) = (ledger.clone(), customer.clone());
            async move {
                let done = match caller {
                    0 => ledger.mark_lane(&customer, at(30)).await,
                    _ => ledger.advance_lane(&customer, at(20), Some(at(90))).await,
                };
                done.unwrap();
            }
        })
        .await;

        assert_eq!(mark(&ledger, &customer, Some(at(30))).await, Some(at(30)));
    }
}

async fn quarantined_leads_are_listed_by_arrival_time_until_released<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let leads = [3_000_001, 3_000_002, 3_000_003].map(|second| lead(&customer, second));
    for lead in &leads {
        let quarantined = ledger.quarantine(lead, QuarantineReason::Captcha, far_future());
        quarantined.await.unwrap();
    }
    let found = async || {
        let since = at(3_000_002);
        let mut found = ledger.quarantined(since, 1_000).await.unwrap();
        found.retain(|(owner, _)| *owner == customer);
        found.into_iter().map(|(_, lead)| lead).collect::<Vec<_>>()
    };

    let [_, second, third] = leads.map(|lead| lead.id);
    let both = [second.clone(), third.clone()];
    assert_eq!(eventually(found, |found| *found == both).await, both);
    let read = ledger.lead(&customer, &second).await.unwrap().unwrap();
    assert_eq!(read.due_at, None, "it is not due");

    let released = ledger.requeue(&customer, &second, Requeue::Quarantined, at(100), at(160));
    assert!(released.await.unwrap());
    assert_eq!(eventually(found, |found| found.len() == 1).await, [third]);
}

async fn lane_is_listed_page_by_page_and_its_backlog_counted<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    for due in [Some(30), Some(30), Some(10), None, None] {
        let why = due.map_or(WaitReason::Reconnect, |_| WaitReason::Quota);
        settled(&ledger, &customer, &waiting(why, due)).await;
    }
    let all = async || ledger.waiting(&customer, None, 100).await.unwrap();
    let all = eventually(all, |all| all.len() == 5).await;

    let mut paged = Vec::new();
    loop {
        let page = ledger.waiting(&customer, paged.last(), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all);
    assert_eq!(ledger.backlog(&customer, 3).await.unwrap(), 3);
    assert_eq!(ledger.backlog(&customer, 99).await.unwrap(), 5);
}

async fn lanes_after_a_given_mark_are_listed_even_if_that_mark_has_moved<L: Leads>(ledger: L) {
    // Earlier than any other promise's marks, so that all fit into one listing.
    let early = at(-86_000);
    let customers = [(); 4].map(|()| fresh::customer());
    for (customer, second) in customers.iter().zip([3, 1, 2, 2]) {
        let marked = ledger.mark_lane(customer, at(second - 90_000)).await;
        marked.unwrap();
    }
    let listed_after = async |place: Option<&LaneMark>| {
        let mut marks = ledger.due_lanes(early, place, ALL).await.unwrap();
        marks.retain(|(customer, _)| customers.contains(customer));
        marks
    };

    let all = eventually(|| listed_after(None), |all| all.len() == 4).await;

    let times: Vec<_> = all.iter().map(|(_, at)| *at).collect();
    assert_eq!(times, [1, 2, 2, 3].map(|second| at(second - 90_000)));
    for place in 0..4 {
        assert_eq!(listed_after(Some(&all[place])).await, all[place + 1..]);
    }
    let (first, seen) = &all[0];
    let moved = ledger.advance_lane(first, *seen, Some(at(20))).await;
    moved.unwrap();
    assert_eq!(listed_after(Some(&all[0])).await, all[1..]);
}
