//! A month of a customer's leads, written into the tables as the functions would.

use jiff::{SignedDuration, Timestamp, ToSpan as _, tz::TimeZone};
use leadfeed_shared::domain::consent::Consent;
use leadfeed_shared::domain::contact::Contact;
use leadfeed_shared::domain::ids::{CustomerId, FormId, LeadId};
use leadfeed_shared::domain::keys::SigningKeys;
use leadfeed_shared::domain::lead::{
    DeliveryAction, Lead, LeadState, OptOutCheck, Permission, RefusalReason, WaitReason,
};
use leadfeed_shared::domain::tally::{Label, TallyChanges};
use leadfeed_shared::ports::{Claim, Claims, Ledger, Settlement, Tallies};

/// Sign-ups of each day of a month, oldest first: delivered, waiting, refused.
const DAYS: [(u32, u32, u32); 30] = [
    (14, 0, 0),
    (11, 0, 1),
    (9, 0, 0),
    (16, 0, 0),
    (21, 0, 2),
    (19, 0, 0),
    (23, 0, 1),
    (17, 0, 0),
    (12, 0, 0),
    (10, 0, 0),
    (18, 0, 1),
    (24, 0, 0),
    (27, 0, 3),
    (31, 0, 0),
    (22, 0, 1),
    (13, 0, 0),
    (12, 0, 0),
    (25, 0, 2),
    (29, 0, 0),
    (26, 0, 0),
    (33, 0, 1),
    (28, 0, 0),
    (15, 0, 0),
    (14, 0, 1),
    (30, 0, 0),
    (35, 0, 2),
    (38, 0, 0),
    (27, 9, 1),
    (21, 14, 0),
    (7, 0, 0),
];

/// The newest sign-ups, oldest first: minutes ago, address, and the states of each.
fn newest() -> Vec<(i64, &'static str, Vec<LeadState>)> {
    let created = delivered(DeliveryAction::Created);
    let refused = LeadState::Refused {
        why: RefusalReason::InvalidAddress,
        detail: Some("The address is not one that mail can be sent to.".into()),
    };
    let late = vec![LeadState::waiting(WaitReason::Upstream), created.clone()];
    vec![
        (1_602, "grace.hopper@navy.example", vec![created.clone()]),
        (
            1_489,
            "m.somerville@heavens.example",
            vec![LeadState::waiting(WaitReason::Quota)],
        ),
        (1_455, "nobody@nowhere.example", vec![refused]),
        (171, "charles@difference.example", late),
        (
            64,
            "lovelace@engines.example",
            vec![delivered(DeliveryAction::Updated)],
        ),
        (9, "ada@example.com", vec![created]),
    ]
}

fn delivered(action: DeliveryAction) -> LeadState {
    LeadState::Delivered {
        contact: None,
        action,
        permission: Permission::Explicit,
        opt_out_check: OptOutCheck::NotNeeded,
        notes: vec![],
    }
}

/// Writes the history for a customer and its form.
pub async fn write(
    directory: &impl Tallies,
    ledger: &(impl Ledger + Claims),
    customer: &CustomerId,
    form: &FormId,
    now: Timestamp,
) {
    directory.tally(customer, &month(now), now).await.unwrap();
    for (number, (minutes_ago, email, states)) in (0_u128..).zip(newest()) {
        let at = now - SignedDuration::from_mins(minutes_ago);
        let lead = lead(customer, form, email, at, number);
        ledger.record(&lead, &LeadState::Queued, at).await.unwrap();
        for (minute, state) in (1..).zip(states) {
            let at = at + SignedDuration::from_mins(minute * 4);
            let until = at + SignedDuration::from_mins(1);
            let claim = ledger.claim(customer, &lead.id, "history", until, at);
            assert!(matches!(claim.await.unwrap(), Claim::Taken(_)));
            let settlement = Settlement {
                due_at: due_at(&state, now),
                state,
                at,
                expires_at: None,
            };
            let settled = ledger.settle(customer, &lead.id, "history", &settlement);
            assert!(settled.await.unwrap());
        }
    }
}

/// Leads that wait for quota must still be waiting when a test looks at them, although the scheduler runs every minute.
fn due_at(state: &LeadState, now: Timestamp) -> Option<Timestamp> {
    let waits = *state == LeadState::waiting(WaitReason::Quota);
    waits.then(|| now + SignedDuration::from_hours(12))
}

fn month(now: Timestamp) -> TallyChanges {
    let today = now.to_zoned(TimeZone::UTC).date();
    let refused = LeadState::refused(RefusalReason::InvalidAddress);
    let labels = [
        delivered(DeliveryAction::Created),
        LeadState::waiting(WaitReason::Quota),
        refused,
    ];
    let labels = labels.map(|state| Label::of(&state));
    let mut changes = TallyChanges::default();
    for (days_ago, (delivered, waiting, refused)) in (0_i32..).zip(DAYS.iter().rev()) {
        let day = today - days_ago.days();
        for (label, count) in labels.iter().zip([delivered, waiting, refused]) {
            for _ in 0..*count {
                changes.count(day, None, label.clone());
            }
        }
    }
    changes
}

/// A lead of this address that came in at this time.
///
/// # Panics
/// If the address is invalid.
pub fn lead(
    customer: &CustomerId,
    form: &FormId,
    email: &str,
    at: Timestamp,
    number: u128,
) -> Lead {
    Lead {
        id: LeadId::at(at, number),
        customer: customer.clone(),
        form: form.clone(),
        contact: Contact::of(email.parse().unwrap()),
        consent: Consent {
            statement: "Yes.".into(),
            version: Some(1),
            given_at: at,
            page_url: None,
            ip: None,
            user_agent: None,
            origin: None,
            certificates: Default::default(),
            brand: None,
        },
        received_at: at,
        seal: SigningKeys::new("history".into()).seal("agreed"),
        notes: vec![],
    }
}
