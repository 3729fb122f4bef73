use jiff::SignedDuration;
use leadfeed_shared::domain::ids::LeadId;
use leadfeed_shared::domain::lead::{
    DeliveryAction, LeadState, OptOutCheck, Permission, RefusalReason, WaitReason,
};
use leadfeed_shared::fakes::samples::delivered;
use leadfeed_shared::ports::{Claims as _, Settlement};
use serde_json::json;

use crate::csv::CSV;
use crate::stage::{Answer, Stage, now};

const LEADS: &str = "/v1/customers/engines/leads";

#[tokio::test]
async fn delivered_lead_shows_its_outcome_consent_and_timeline() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = accept(&stage, &form, "ada@example.com").await;
    let delivered = LeadState::Delivered {
        contact: Some("5e7b1a1c-0000-11ee-8c99-0242ac120002".parse().unwrap()),
        action: DeliveryAction::Created,
        permission: Permission::Explicit,
        opt_out_check: OptOutCheck::CameBack { left_at: now() },
        notes: vec![],
    };
    settle(&stage, &lead, delivered).await;
    stage.memory.ledger.tamper(|record| {
        let consent = &mut record.lead.consent;
        consent.page_url = Some("https://engines.example/news".into());
        consent.user_agent = Some("Browser/1".into());
    });

    let answer = stage.get(&format!("/v1/leads/{lead}")).await;

    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        json!({
            "lead_id": lead, "customer_id": "engines", "form_id": form, "status": "delivered",
            "contact_id": "5e7b1a1c-0000-11ee-8c99-0242ac120002", "action": "created", "permission": "explicit",
            "opt_out_check": "came_back", "left_at": "2026-11-23T09:30:00Z",
            "received_at": "2026-11-23T09:30:00Z", "attempts": 1,
            "contact": {
                "email": "ada@example.com", "first_name": "Ada", "last_name": "", "job_title": "",
                "company_name": "", "phone_number": "", "street_address": {}, "custom_fields": {},
            },
            "consent": {
                "statement": "Analytical Engines may mail me.", "version": 1,
                "given_at": "2026-11-23T09:30:00Z", "page_url": "https://engines.example/news",
                "ip": "192.0.2.7", "user_agent": "Browser/1", "certificates": {},
            },
            "notes": [],
            "timeline": [
                {"at": "2026-11-23T09:30:00Z", "status": "queued"},
                {
                    "at": "2026-11-23T09:30:00Z", "status": "delivered", "action": "created", "permission": "explicit",
            "opt_out_check": "came_back", "left_at": "2026-11-23T09:30:00Z",
                    "contact_id": "5e7b1a1c-0000-11ee-8c99-0242ac120002",
                },
            ],
        })
    );
}

#[tokio::test]
async fn lead_shows_why_it_waits_or_was_refused_but_never_its_claims_owner() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let waiting = accept(&stage, &form, "waits@example.com").await;
    settle(&stage, &waiting, LeadState::waiting(WaitReason::Quota)).await;
    let person = accept(&stage, &form, "person@example.com").await;
    settle(&stage, &person, LeadState::waiting(WaitReason::NoList)).await;
    let refused = accept(&stage, &form, "refused@example.com").await;
    let (why, detail) = (RefusalReason::CcRefused, Some("not today".into()));
    settle(&stage, &refused, LeadState::Refused { why, detail }).await;
    let held = accept(&stage, &form, "held@example.com").await;
    claim(&stage, &held).await;

    let get = async |lead: &LeadId| stage.get(&format!("/v1/leads/{lead}")).await;
    let (waiting, refused, held) = (get(&waiting).await, get(&refused).await, get(&held).await);
    let person = get(&person).await;

    assert_eq!(
        (waiting.text("status"), waiting.text("why")),
        ("waiting".into(), "quota".into())
    );
    assert_eq!(waiting.text("next_attempt_at"), "2026-11-24T00:00:00Z");
    assert_eq!(person.text("why"), "no_list");
    assert_eq!(
        person.body["next_attempt_at"],
        json!(null),
        "a person has to act first"
    );
    assert_eq!(
        (refused.text("why"), refused.text("detail")),
        ("cc_refused".into(), "not today".into())
    );
    assert_eq!(held.text("status"), "sending");
    assert!(!held.body.to_string().contains("SENTINEL"));
}

#[tokio::test]
async fn exported_lead_shows_its_export_time() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = accept(&stage, &form, "ada@example.com").await;
    let exported_at = async || {
        let answer = stage.get(&format!("/v1/leads/{lead}")).await;
        answer.body["exported_at"].clone()
    };

    let before = exported_at().await;
    stage.memory.clock.advance(SignedDuration::from_mins(1));
    stage.get(CSV).await;

    assert_eq!(before, json!(null));
    assert_eq!(exported_at().await, json!("2026-11-23T09:31:00Z"));
}

#[tokio::test]
async fn delivered_lead_shows_that_its_confirmation_is_pending() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = accept(&stage, &form, "ada@example.com").await;
    let unconfirmed = LeadState::Delivered {
        contact: None,
        action: DeliveryAction::Created,
        permission: Permission::PendingConfirmation,
        opt_out_check: OptOutCheck::NotNeeded,
        notes: vec![],
    };
    settle(&stage, &lead, unconfirmed).await;

    let answer = stage.get(&format!("/v1/leads/{lead}")).await;

    assert_eq!(answer.text("status"), "delivered");
    assert_eq!(answer.text("permission"), "pending_confirmation");
    let line = &answer.body["timeline"][1];
    assert_eq!(line["permission"], "pending_confirmation");
}

#[tokio::test]
async fn leads_are_listed_newest_first_and_filtered_by_status_and_time() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let mut made = Vec::new();
    for i in 0..4 {
        made.push(
            accept(&stage, &form, &format!("p{i}@example.com"))
                .await
                .to_string(),
        );
        stage.memory.clock.advance(SignedDuration::from_mins(1));
    }
    made.reverse();

    let all = stage.get(LEADS).await;
    let late = stage
        .get(&format!("{LEADS}?since=2026-11-23T09:32:00Z&status=queued"))
        .await;
    let none = stage.get(&format!("{LEADS}?status=delivered")).await;
    let first = stage.get(&format!("{LEADS}?limit=3")).await;
    let cursor = first.text("next_cursor");
    let rest = stage.get(&format!("{LEADS}?limit=3&cursor={cursor}")).await;

    assert_eq!(ids(&all), made);
    assert_eq!(ids(&late), made[..2]);
    assert_eq!(ids(&none), [""; 0]);
    assert_eq!(
        (ids(&first), ids(&rest)),
        (made[..3].to_vec(), made[3..].to_vec())
    );
    for (query, fault) in [
        ("status=lost", ("status", "unknown_value")),
        ("since=yesterday", ("since", "malformed")),
        ("cursor=x", ("cursor", "malformed")),
    ] {
        let answer = stage.get(&format!("{LEADS}?{query}")).await;
        assert_eq!((answer.status, answer.field_errors()), (422, vec![fault]));
    }
}

#[tokio::test]
async fn data_of_one_customer_is_not_found_through_another() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    for email in ["a@example.com", "b@example.com"] {
        accept(&stage, &form, email).await;
        stage.memory.clock.advance(SignedDuration::from_mins(1));
    }
    let cursor = stage
        .get(&format!("{LEADS}?limit=1"))
        .await
        .text("next_cursor");

    let leads = stage.get("/v1/customers/looms/leads").await;
    let forms = stage.get("/v1/customers/looms/forms").await;
    let by_cursor = stage
        .get(&format!("/v1/customers/looms/leads?cursor={cursor}"))
        .await;
    let as_customers = stage.get(&format!("/v1/customers?cursor={cursor}")).await;
    let as_lead = stage.get(&format!("/v1/leads/{form}")).await;
    let unknown_customer = stage.get("/v1/customers/nobody/leads").await;

    assert_eq!(leads.body, json!({"leads": []}));
    assert_eq!(forms.body, json!({"forms": []}));
    assert_eq!(by_cursor.field_errors(), [("cursor", "malformed")]);
    assert_eq!(as_customers.field_errors(), [("cursor", "malformed")]);
    assert_eq!((as_lead.status, unknown_customer.status), (404, 404));
}

#[tokio::test]
async fn deleting_a_customer_requeues_its_waiting_leads() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let lead = accept(&stage, &form, "ada@example.com").await;
    settle(&stage, &lead, LeadState::waiting(WaitReason::NotConnected)).await;

    stage.delete("/v1/customers/engines").await;

    let answer = stage.get(&format!("/v1/leads/{lead}")).await;
    assert_eq!(
        (answer.status, answer.text("status")),
        (200, "queued".into())
    );
}

fn ids(answer: &Answer) -> Vec<String> {
    let leads = answer.body["leads"].as_array().unwrap().iter();
    leads
        .map(|lead| lead["lead_id"].as_str().unwrap().to_owned())
        .collect()
}

async fn accept(stage: &Stage, form: &str, email: &str) -> LeadId {
    stage.sign_up(form, email).await
}

async fn claim(stage: &Stage, lead: &LeadId) {
    let (customer, until) = (
        "engines".parse().unwrap(),
        now() + SignedDuration::from_mins(1),
    );
    let ledger = &stage.memory.ledger;
    ledger
        .claim(&customer, lead, "SENTINEL", until, now())
        .await
        .unwrap();
}

async fn settle(stage: &Stage, lead: &LeadId, state: LeadState) {
    claim(stage, lead).await;
    let settlement = Settlement {
        state,
        due_at: Some("2026-11-24T00:00:00Z".parse().unwrap()),
        at: now(),
        expires_at: None,
    };
    let customer = "engines".parse().unwrap();
    let settled = stage
        .memory
        .ledger
        .settle(&customer, lead, "SENTINEL", &settlement)
        .await;
    assert!(settled.unwrap());
}

#[tokio::test]
async fn refused_lead_behind_many_delivered_ones_is_found_in_one_response() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let ada = accept(&stage, &form, "ada@example.com").await;
    let template = stage.lead(&ada);
    let refused = LeadState::refused(RefusalReason::CcRefused);
    settle(&stage, &ada, refused).await;
    let delivered = delivered();
    stage.settle_copies(&template, 1..301, &delivered).await;

    let page = async |query: &str| stage.get(&format!("{LEADS}?limit=1&{query}")).await.body;
    let refused = page("status=refused").await;
    let newest = page("status=delivered").await;
    let cursor = newest["next_cursor"].as_str().unwrap();
    let second = page(&format!("status=delivered&cursor={cursor}")).await;

    assert_eq!(refused["leads"][0]["lead_id"], json!(ada));
    assert_eq!(refused["next_cursor"], json!(null));
    assert_ne!(newest["leads"][0]["lead_id"], second["leads"][0]["lead_id"]);
}

#[tokio::test]
async fn page_of_large_leads_stays_within_the_response_size_limit() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let ada = accept(&stage, &form, "ada@example.com").await;
    let mut template = stage.lead(&ada);
    template.contact.company_name = "\"".repeat(60_000);
    stage.settle_copies(&template, 1..100, &delivered()).await;

    let mut listed = Vec::new();
    let mut query = "limit=100".to_owned();
    loop {
        let page = stage.get(&format!("{LEADS}?{query}")).await;
        let response = json!({"body": page.body.to_string()}).to_string();
        assert!(response.len() < 6_000_000, "{} bytes", response.len());
        listed.extend(ids(&page));
        match page.text("next_cursor") {
            end if end.is_empty() => break,
            cursor => query = format!("limit=100&cursor={cursor}"),
        }
    }

    assert_eq!(listed.len(), 100);
    listed.dedup();
    assert_eq!((listed.len(), listed.last()), (100, Some(&ada.to_string())));
}
