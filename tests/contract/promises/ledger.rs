//! Promises of the ledger about what is written and read back.

use leadfeed_shared::domain::ids::LeadId;
use leadfeed_shared::domain::lead::{
    LeadRecord, LeadState, LeadStatus, MAX_LINES, QuarantineReason, TimelineEntry, WaitReason,
};
use leadfeed_shared::domain::tally::Counts;
use leadfeed_shared::ports::{Due, LeadFilter, Recorded, Requeue};

use super::Leads;
use super::claims::{claim, delivered, imported, record, settle, settled, waiting};
use crate::promise::eventually;
use crate::samples::{at, far_future, lead, lead_with_id};
use crate::{fresh, promises};

promises! { Leads:
    recorded_lead_reads_back_unchanged,
    timeline_shows_when_a_lead_was_queued_waiting_and_delivered,
    only_a_lead_not_yet_recorded_can_be_quarantined,
    leads_are_listed_newest_first_page_by_page,
    filter_excludes_other_states_and_earlier_leads,
    since_filter_uses_the_arrival_time_even_if_the_lead_id_is_older,
    overlong_timeline_is_shortened_but_keeps_its_first_and_last_entries,
    customer_of_a_lead_is_found_by_the_leads_id,
    leads_of_a_day_are_counted_by_tally_label,
    records_are_read_in_bulk,
    leads_of_a_person_are_found_by_address_regardless_of_case,
    lookup_by_person_returns_at_most_the_requested_number_of_leads,
}

async fn recorded_lead_reads_back_unchanged<L: Leads>(ledger: L) {
    let lead = lead(&fresh::customer(), 5);

    ledger
        .record(&lead, &LeadState::Received, at(65))
        .await
        .unwrap();

    let read = ledger.lead(&lead.customer, &lead.id).await.unwrap();
    let expected = LeadRecord {
        state: LeadState::Received,
        due_at: Some(at(65)),
        attempts: 0,
        timeline: vec![TimelineEntry {
            at: lead.received_at,
            state: LeadState::Received,
        }],
        exported_at: None,
        imported_by: None,
        lead,
    };
    assert_eq!(read, Some(expected));
}

async fn timeline_shows_when_a_lead_was_queued_waiting_and_delivered<L: Leads>(ledger: L) {
    let quota = waiting(WaitReason::Quota, Some(50));
    let lead = settled(&ledger, &fresh::customer(), &quota).await;
    let seen = Requeue::Waits(Due::At(at(50)));
    let requeued = ledger.requeue(&lead.customer, &lead.id, seen, at(50), at(110));
    assert!(requeued.await.unwrap());
    claim(&ledger, &lead, "grace", 51).await;
    assert!(settle(&ledger, &lead, "grace", &delivered()).await);

    let read = ledger
        .lead(&lead.customer, &lead.id)
        .await
        .unwrap()
        .unwrap();

    let states: Vec<_> = read
        .timeline
        .iter()
        .map(|line| (line.state.as_str(), line.at))
        .collect();
    let expected = [
        ("queued", at(0)),
        ("waiting", at(9)),
        ("queued", at(50)),
        ("delivered", at(9)),
    ];
    assert_eq!(states, expected);
    assert_eq!((read.state, read.due_at), (delivered().state, None));
    assert_eq!(read.attempts, 2);
}

async fn leads_are_listed_newest_first_page_by_page<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let mut ids = Vec::new();
    for second in 0..5 {
        ids.push(record(&ledger, &customer, second).await.id);
    }
    ids.reverse();

    let mut listed = Vec::new();
    let mut cursor: Option<String> = None;
    let all = LeadFilter::default();
    loop {
        let page = ledger.leads(&customer, &all, cursor.as_deref(), 2);
        let page = page.await.unwrap();
        assert!(page.items.len() <= 2);
        listed.extend(page.items.into_iter().map(|record| record.lead.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }

    assert_eq!(listed, ids);
}

async fn filter_excludes_other_states_and_earlier_leads<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    settled(&ledger, &customer, &delivered()).await;
    record(&ledger, &customer, 5).await;
    let late = record(&ledger, &customer, 6).await;
    let list = async |status, since| {
        let filter = LeadFilter {
            status: Some(status),
            since: Some(at(since)),
        };
        let page = ledger.leads(&customer, &filter, None, 10).await.unwrap();
        page.items
            .into_iter()
            .map(|record| record.lead.id)
            .collect::<Vec<_>>()
    };

    assert_eq!(list(LeadStatus::Queued, 6).await, [late.id]);
    assert_eq!(list(LeadStatus::Queued, 0).await.len(), 2);
    assert_eq!(list(LeadStatus::Delivered, 0).await.len(), 1);
    assert_eq!(list(LeadStatus::Delivered, 1).await, []);
    assert_eq!(list(LeadStatus::Refused, 0).await, []);
}

async fn since_filter_uses_the_arrival_time_even_if_the_lead_id_is_older<L: Leads>(ledger: L) {
    let (customer, second) = (fresh::customer(), 200_000);
    let id = fresh::lead(i64::from(second) - LeadId::OLDER_AT_MOST.as_secs());
    let lead = lead_with_id(&customer, id, second);
    let received = &LeadState::Received;
    let due = at(i64::from(second));
    ledger.record(&lead, received, due).await.unwrap();

    let filter = LeadFilter {
        status: None,
        since: Some(due),
    };
    let page = ledger.leads(&customer, &filter, None, 10).await.unwrap();

    let listed: Vec<_> = page.items.into_iter().map(|known| known.lead.id).collect();
    assert_eq!(listed, [lead.id]);
}

async fn overlong_timeline_is_shortened_but_keeps_its_first_and_last_entries<L: Leads>(ledger: L) {
    let lead = record(&ledger, &fresh::customer(), 0).await;
    let (upstream, quota) = (WaitReason::Upstream, WaitReason::Quota);
    for second in 1..=120 {
        claim(&ledger, &lead, "ada", second).await;
        let why = if second == 120 { quota } else { upstream };
        assert!(settle(&ledger, &lead, "ada", &waiting(why, Some(second))).await);
    }

    let record = ledger.lead(&lead.customer, &lead.id).await;
    let timeline = record.unwrap().unwrap().timeline;

    assert!(timeline.len() <= MAX_LINES, "{}", timeline.len());
    let states = [timeline.first(), timeline.last()].map(|line| &line.unwrap().state);
    let why = quota;
    assert_eq!(states, [&LeadState::Queued, &LeadState::waiting(why)]);
}

async fn customer_of_a_lead_is_found_by_the_leads_id<L: Leads>(ledger: L) {
    let lead = record(&ledger, &fresh::customer(), 0).await;

    let owner = eventually(
        || async { ledger.owner_of(&lead.id).await.unwrap() },
        Option::is_some,
    );

    assert_eq!(owner.await, Some(lead.customer));
    assert_eq!(ledger.owner_of(&fresh::lead(0)).await.unwrap(), None);
}

async fn leads_of_a_day_are_counted_by_tally_label<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let quota = waiting(WaitReason::Quota, Some(50));
    settled(&ledger, &customer, &delivered()).await;
    settled(&ledger, &customer, &imported()).await;
    let requeued = settled(&ledger, &customer, &quota).await;
    let lead = record(&ledger, &customer, 0).await;
    let seen = Requeue::Waits(Due::At(at(50)));
    let requeue = ledger.requeue(&customer, &requeued.id, seen, at(50), at(110));
    assert!(requeue.await.unwrap());

    let counts = ledger.count(&customer, lead.id.day()).await.unwrap();
    let other = lead.id.day().yesterday().unwrap();

    let expected = [
        ("delivered", 2),
        ("delivered.implicit", 1),
        ("waiting.quota", 1),
    ];
    let expected = expected.map(|(label, count)| (label.into(), count));
    assert_eq!(counts, Counts::from(expected));
    assert_eq!(ledger.count(&customer, other).await.unwrap(), Counts::new());
}

async fn only_a_lead_not_yet_recorded_can_be_quarantined<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let (unrecorded, recorded) = (lead(&customer, 5), record(&ledger, &customer, 6).await);
    let (why, other) = (QuarantineReason::TooFast, QuarantineReason::Honeypot);

    let new = ledger
        .quarantine(&unrecorded, why, far_future())
        .await
        .unwrap();
    let again = ledger
        .quarantine(&unrecorded, other, far_future())
        .await
        .unwrap();
    let queued = ledger
        .quarantine(&recorded, why, far_future())
        .await
        .unwrap();

    let quarantined = ledger
        .lead(&customer, &unrecorded.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (&quarantined.state, quarantined.due_at),
        (&LeadState::Quarantined { why }, None)
    );
    assert_eq!(
        (quarantined.timeline.len(), &quarantined.lead),
        (1, &unrecorded)
    );
    assert_eq!(
        (new, again),
        (Recorded::New, Recorded::Already(Box::new(quarantined)))
    );
    let Recorded::Already(queued) = queued else {
        panic!("a queued lead was quarantined")
    };
    assert_eq!(queued.state, LeadState::Queued);
}

async fn records_are_read_in_bulk<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let mut ids = vec![fresh::lead(9)];
    for _ in 0..130 {
        ids.push(record(&ledger, &customer, 0).await.id);
    }

    let twice = [&ids[..], &ids[1..3]].concat();
    let records = ledger.records(&customer, &twice).await.unwrap();

    let mut read: Vec<_> = records.into_iter().map(|record| record.lead.id).collect();
    read.sort();
    ids.remove(0);
    ids.sort();
    assert_eq!(read, ids);
    assert_eq!(ledger.records(&fresh::customer(), &ids).await.unwrap(), []);
}

async fn leads_of_a_person_are_found_by_address_regardless_of_case<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let lead = record(&ledger, &customer, 0).await;
    let email = lead.contact.email.as_str().to_uppercase().parse().unwrap();

    let found = async || ledger.leads_of(&customer, &email, 10).await.unwrap();

    assert_eq!(
        eventually(found, |found| !found.is_empty()).await,
        [lead.id]
    );
    let others = ledger
        .leads_of(&fresh::customer(), &email, 10)
        .await
        .unwrap();
    assert_eq!(others, []);
}

async fn lookup_by_person_returns_at_most_the_requested_number_of_leads<L: Leads>(ledger: L) {
    let customer = fresh::customer();
    let mut lead = record(&ledger, &customer, 0).await;
    for number in 1..3 {
        lead = record(&ledger, &customer, number).await;
    }
    let email = &lead.contact.email;

    let found = async || ledger.leads_of(&customer, email, 10).await.unwrap();
    assert_eq!(eventually(found, |found| found.len() == 3).await.len(), 3);
    let some = ledger.leads_of(&customer, email, 2).await.unwrap();

    assert_eq!(some.len(), 2);
}
