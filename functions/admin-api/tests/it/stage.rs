//! A stack in memory and a client for it. Every answer is also checked against `docs/openapi.yaml`.

use std::future::poll_fn;
use std::ops::Range;
use std::pin::pin;

use admin_api::{Api, handle};
use jiff::{SignedDuration, Timestamp};
use lambda_http::http::HeaderMap;
use lambda_http::request::from_str;
use lambda_http::{Body, Request, Response};
use leadfeed_shared::app::admin::AdminAuth;
use leadfeed_shared::app::intake::Arrival;
use leadfeed_shared::domain::consent::Origin;
use leadfeed_shared::domain::ids::LeadId;
use leadfeed_shared::domain::lead::{Lead, LeadState};
use leadfeed_shared::fakes::{Faults, Memory, MemoryTokens, run_ready, samples};
use leadfeed_shared::ports::{Claims as _, Clock as _, Ledger as _, Settlement};
use serde_json::{Value, json};

use crate::document::Document;

pub const TOKEN: &str = "test-admin-token";

pub struct Stage {
    pub memory: Memory,
    pub api: Api<Memory, MemoryTokens>,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    pub bytes: Vec<u8>,
}

pub fn now() -> Timestamp {
    "2026-11-23T09:30:00Z".parse().unwrap()
}

impl Stage {
    pub fn new() -> Self {
        let memory = Memory::new(now());
        let tokens = MemoryTokens::new(&Faults::default(), &[TOKEN, "next-token"]);
        let auth = run_ready(AdminAuth::read(tokens, now())).unwrap();
        let admin = memory.admin();
        Self {
            memory,
            api: Api {
                auth,
                admin,
                service: "Leadfeed".to_owned(),
            },
        }
    }

    /// With the customers `engines` and `looms`.
    pub async fn with_customers() -> Self {
        let stage = Self::new();
        for (id, brand) in [("engines", "Analytical Engines"), ("looms", "Looms")] {
            let settings = json!({"name": brand, "brand": brand});
            let answer = stage.put(&format!("/v1/customers/{id}"), settings).await;
            assert_eq!(answer.status, 201);
        }
        stage
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.send(event("GET", target, None)).await
    }

    pub async fn delete(&self, target: &str) -> Answer {
        self.send(event("DELETE", target, None)).await
    }

    pub async fn put(&self, target: &str, body: Value) -> Answer {
        self.send(event("PUT", target, Some(&body))).await
    }

    pub async fn post(&self, target: &str, body: Value) -> Answer {
        self.send(event("POST", target, Some(&body))).await
    }

    pub async fn patch(&self, target: &str, body: Value) -> Answer {
        self.send(event("PATCH", target, Some(&body))).await
    }

    /// Creates a form of `engines` and returns its id.
    pub async fn form(&self) -> String {
        let statement = "Analytical Engines may mail me.";
        let body = json!({"name": "Newsletter", "consent_statement": statement});
        let answer = self.post("/v1/customers/engines/forms", body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.text("form_id")
    }

    pub async fn send(&self, event: Value) -> Answer {
        let request = from_str(&event.to_string()).unwrap();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = Answer::of(self.respond(request).await);
        Document::read().check(&method, &path, &answer);
        answer
    }

    /// Requests a page as a browser does; returns its status, headers and HTML.
    pub async fn page(&self, method: &str, target: &str, form: &str) -> (u16, HeaderMap, String) {
        let mut event = event(method, target, None);
        event["headers"]["accept"] = "text/html".into();
        event["headers"]["content-type"] = "application/x-www-form-urlencoded".into();
        event["headers"]["authorization"] = Value::Null;
        event["headers"]
            .as_object_mut()
            .unwrap()
            .remove("authorization");
        event["body"] = form.into();
        let response = self.respond(from_str(&event.to_string()).unwrap()).await;
        let headers = response.headers().clone();
        let (status, body) = (response.status().as_u16(), response.into_body());
        let html = String::from_utf8(body.to_vec()).unwrap();
        (status, headers, html)
    }

    /// The path of the page of `engines`.
    pub async fn manage_path(&self) -> String {
        let link = self
            .post("/v1/customers/engines/manage-links", json!({}))
            .await;
        let url = link.text("url");
        url.strip_prefix("https://leads.example")
            .unwrap()
            .to_owned()
    }

    /// A visitor signs up.
    pub async fn sign_up(&self, form: &str, email: &str) -> LeadId {
        let intake = self.memory.intake();
        let form = intake.form(form).await.unwrap();
        let fields = [("email", email), ("first_name", "Ada"), ("consent", "yes")];
        let origin = Origin {
            ip: Some("192.0.2.7".into()),
            ..Origin::default()
        };
        let arrival = Arrival {
            origin,
            ..samples::arrival(fields)
        };
        intake.take(&form, arrival).await.unwrap().lead
    }

    /// A lead of `engines` as the ledger has it.
    pub fn lead(&self, id: &LeadId) -> Lead {
        let customer = "engines".parse().unwrap();
        self.memory.ledger.peek(&customer, id).unwrap().lead
    }

    /// Changes the retention of `engines`.
    pub async fn set_retention(&self, days: i64) {
        let settings =
            json!({"name": "Engines", "brand": "Analytical Engines", "retention_days": days});
        let answer = self.put("/v1/customers/engines", settings).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// For how much longer a lead of `engines` is kept, if that is determined.
    pub fn remaining_retention(&self, id: &LeadId) -> Option<SignedDuration> {
        let until = self
            .memory
            .ledger
            .kept_until(&"engines".parse().unwrap(), id)?;
        Some(until.duration_since(self.memory.clock.now()))
    }

    /// Does the work while every port call takes this long.
    pub async fn with_slow_calls<T>(
        &self,
        call: SignedDuration,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = pin!(work);
        let mut seen = self.memory.faults.steps();
        poll_fn(|context| {
            let polled = work.as_mut().poll(context);
            let steps = self.memory.faults.steps();
            let calls = i32::try_from(steps - seen).unwrap();
            self.memory.clock.advance(call * calls);
            seen = steps;
            polled
        })
        .await
    }

    /// Records copies of a lead, received this many seconds later and settled with this state.
    pub async fn settle_copies(&self, template: &Lead, seconds: Range<i64>, state: &LeadState) {
        let ledger = &self.memory.ledger;
        for second in seconds {
            let at = template.received_at + SignedDuration::from_secs(second);
            let mut lead = template.clone();
            lead.id = LeadId::at(at, 0);
            lead.received_at = at;
            let customer = &lead.customer;
            ledger.record(&lead, &LeadState::Queued, at).await.unwrap();
            let claim = ledger.claim(customer, &lead.id, "ada", at, at);
            claim.await.unwrap();
            let settlement = Settlement {
                state: state.clone(),
                due_at: None,
                at,
                expires_at: None,
            };
            let settled = ledger.settle(customer, &lead.id, "ada", &settlement);
            assert!(settled.await.unwrap());
        }
    }

    async fn respond(&self, request: Request) -> Response<Body> {
        handle(&self.api, request).await
    }
}

impl Answer {
    fn of(response: Response<Body>) -> Self {
        let body = match response.body() {
            Body::Text(text) => serde_json::from_str(text).unwrap(),
            _ => Value::Null,
        };
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            bytes: response.body().to_vec(),
            body,
        }
    }

    pub fn text(&self, property: &str) -> String {
        self.body[property].as_str().unwrap_or_default().to_owned()
    }

    /// Invalid fields with their codes.
    pub fn field_errors(&self) -> Vec<(&str, &str)> {
        let errors = self.body["errors"].as_array().into_iter().flatten();
        errors
            .filter_map(|error| Some((error["field"].as_str()?, error["code"].as_str()?)))
            .collect()
    }
}

/// An event of the gateway: `events/admin-get-health.json` with another request in it.
pub fn event(method: &str, target: &str, body: Option<&Value>) -> Value {
    let mut event: Value =
        serde_json::from_str(include_str!("../../../../events/admin-get-health.json")).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    event["rawPath"] = path.into();
    event["rawQueryString"] = query.into();
    event["requestContext"]["http"]["path"] = path.into();
    event["requestContext"]["http"]["method"] = method.into();
    if let Some(body) = body {
        event["headers"]["content-type"] = "application/json".into();
        event["body"] = body.to_string().into();
    }
    event
}
