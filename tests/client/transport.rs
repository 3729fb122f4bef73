//! What is sent over the wire, and what happens to a call when the connection breaks.

use cc_sandbox::faults::Action;
use cc_sandbox::world::ForbiddenBecause;
use jiff::SignedDuration;
use leadfeed_shared::adapters::{ConstantContact, TokenEndpoint};
use leadfeed_shared::domain::crm::{Blame, CrmError, OptionalField};
use leadfeed_shared::domain::lead::DeliveryAction;
use leadfeed_shared::fakes::VirtualClock;
use leadfeed_shared::ports::{Accounts as _, AppCredentials, Authorization, Contacts, TokenError};
use serde_json::{Value, json};

use crate::harness::{Harness, email, http, minimal_sign_up, sign_up};
use crate::scripted_server::{Reply, ScriptedServer, json_reply, json_reply_then_close};

const LIST: &str = "5e7b1a1c-0000-11ee-8c99-0242ac120002";
const CREATED: &str = r#"{"contact_id":"5e7b1a1c-0000-11ee-8c99-0242ac120003","action":"created"}"#;
const SIGN_UP: &str = "/v3/contacts/sign_up_form";

fn parts(request: &str) -> (Vec<String>, String) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().map(str::to_ascii_lowercase).collect();
    lines[1..].sort();
    (lines, body.to_owned())
}

#[tokio::test]
async fn sign_up_request_has_the_documented_fields_and_no_others() {
    let server =
        ScriptedServer::start(vec![json_reply(201, CREATED), json_reply(200, CREATED)]).await;
    let api = ConstantContact::new(http(), server.url("/v3"));
    let mut lead = sign_up("ada@example.com", LIST.parse().unwrap());
    lead.custom_fields = vec![(LIST.parse().unwrap(), "difference".into())];

    api.sign_up(&"access".into(), &lead).await.unwrap();
    api.sign_up(
        &"access".into(),
        &minimal_sign_up("ada@example.com", LIST.parse().unwrap()),
    )
    .await
    .unwrap();

    let (head, body) = parts(&server.requests()[0]);
    assert_eq!(head[0], "post /v3/contacts/sign_up_form http/1.1");
    for line in [
        "accept: application/json",
        "authorization: bearer access",
        "content-type: application/json",
    ] {
        assert!(head.iter().any(|l| l == line), "{line}");
    }
    let expected = json!({
        "email_address": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Łovelace",
        "job_title": "Countess",
        "company_name": "Engines",
        "phone_number": "+1 555 0100",
        "street_address": {
            "kind": "other", "street": "12 St James's Square", "city": "London",
            "postal_code": "SW1Y", "country": "United Kingdom",
        },
        "custom_fields": [{ "custom_field_id": LIST, "value": "difference" }],
        "list_memberships": [LIST],
    });
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    let (_, body) = parts(&server.requests()[1]);
    let expected = json!({ "email_address": "ada@example.com", "list_memberships": [LIST] });
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_token_request_has_its_secrets_in_header_and_body_only() {
    let grant = json!({ "access_token": "a", "token_type": "Bearer", "expires_in": 86_400 });
    let server = ScriptedServer::start(vec![json_reply(200, &grant.to_string())]).await;
    let clock = VirtualClock::manual(jiff::Timestamp::UNIX_EPOCH);
    let endpoint = TokenEndpoint::new(
        http(),
        &server.url("/v1"),
        "https://a.example/".into(),
        clock,
    );
    let app = AppCredentials {
        client_id: "client".into(),
        client_secret: "secret".into(),
    };

    let granted = endpoint
        .unwrap()
        .refresh(&app, &"a+b/c=".into())
        .await
        .unwrap();

    assert!(granted.refresh.is_none() && granted.scope.is_none());
    let (head, body) = parts(&server.requests()[0]);
    assert_eq!(head[0], "post /v1/token http/1.1");
    for line in [
        "accept: application/json",
        "authorization: basic y2xpzw50onnly3jlda==",
        "content-type: application/x-www-form-urlencoded",
    ] {
        assert!(head.iter().any(|l| l == line), "{line}");
    }
    assert_eq!(body, "grant_type=refresh_token&refresh_token=a%2Bb%2Fc%3D");
}

#[tokio::test]
async fn an_address_is_escaped_in_a_query() {
    let server = ScriptedServer::start(vec![json_reply(200, r#"{"contacts":[]}"#)]).await;
    let api = ConstantContact::new(http(), server.url("/v3"));

    api.find(&"access".into(), &email("a+b&c@example.com"))
        .await
        .unwrap();

    let (head, _) = parts(&server.requests()[0]);
    assert_eq!(
        head[0],
        "get /v3/contacts?email=a%2bb%26c%40example.com&status=all&include=list_memberships http/1.1"
    );
}

#[tokio::test]
async fn closed_keep_alive_connection_does_not_fail_the_next_call() {
    let server = ScriptedServer::start(vec![
        json_reply_then_close(201, CREATED),
        json_reply_then_close(200, CREATED),
        json_reply_then_close(200, CREATED),
    ])
    .await;
    let api = ConstantContact::new(http(), server.url("/v3"));
    let lead = minimal_sign_up("ada@example.com", LIST.parse().unwrap());

    for number in 1..=3 {
        api.sign_up(&"access".into(), &lead).await.unwrap();
        server.wait_until_closed(number).await;
    }

    assert_eq!((server.requests().len(), server.connections()), (3, 3));
}

#[tokio::test]
async fn unsent_call_is_distinguished_from_a_lost_answer() {
    let closed = ConstantContact::new(http(), "http://127.0.0.1:1/v3".parse().unwrap());
    let silent = ScriptedServer::start(vec![]).await;
    let lossy = ConstantContact::new(http(), silent.url("/v3"));
    let lead = minimal_sign_up("ada@example.com", LIST.parse().unwrap());

    let unsent = closed.sign_up(&"access".into(), &lead).await;
    let lost = lossy.sign_up(&"access".into(), &lead).await;
    let read = lossy.find(&"access".into(), &lead.contact.email).await;

    assert_eq!(unsent, Err(CrmError::Unavailable));
    assert_eq!(lost, Err(CrmError::AnswerLost));
    assert_eq!(silent.requests().len(), 2, "neither call is repeated");
    assert_eq!(read, Err(CrmError::Unavailable));
}

/// A host name that is too long fails like one that does not exist, without asking a name server.
#[tokio::test]
async fn unresolvable_host_and_host_without_tls_are_unavailable() {
    let harness = Harness::start().await;
    let unresolvable = format!("http://{}.invalid/v3", "x".repeat(64));
    let plain = harness.sandbox.url().replacen("http:", "https:", 1);
    let lead = minimal_sign_up("ada@example.com", harness.list());
    for base in [unresolvable, format!("{plain}/v3")] {
        let api = ConstantContact::new(http(), base.parse().unwrap());

        let created = api.sign_up(&harness.token, &lead).await;
        let read = api.find(&harness.token, &lead.contact.email).await;

        assert_eq!(created, Err(CrmError::Unavailable), "{base}");
        assert_eq!(read, Err(CrmError::Unavailable), "{base}");
    }
    assert_eq!(harness.calls(), [""; 0]);
}

#[tokio::test]
async fn api_error_responses_map_to_crm_error_variants() {
    let harness = Harness::start().await;
    let lead = minimal_sign_up("ada@example.com", harness.list());
    let elsewhere = ScriptedServer::start(vec![]).await;
    let redirect = Action::Redirect {
        status: 307,
        location: elsewhere.url("/").into(),
    };
    for (action, expected) in [
        (Action::Unauthorized, CrmError::Unauthorized),
        (Action::Throttled, CrmError::THROTTLED),
        (Action::QuotaExceeded, CrmError::QuotaExceeded),
        (Action::Html { status: 503 }, CrmError::AnswerLost),
        (Action::Empty { status: 500 }, CrmError::AnswerLost),
        (redirect, CrmError::BadRequest(307)),
        (Action::Cut, CrmError::AnswerLost),
    ] {
        harness.inject_fault(SIGN_UP, false, action.clone());
        let refused = harness.api.sign_up(&harness.token, &lead).await;
        assert_eq!(refused, Err(expected), "{action:?}");
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn gateway_403_is_not_mistaken_for_a_missing_privilege() {
    let harness = Harness::start().await;
    let lead = minimal_sign_up("ada@example.com", harness.list());
    let gateway = Action::Gateway {
        status: 403,
        message: "Forbidden".into(),
    };
    let because = ForbiddenBecause::Privilege;
    for (action, expected) in [
        (gateway, CrmError::BadRequest(403)),
        (Action::Empty { status: 403 }, CrmError::BadRequest(403)),
        (Action::Html { status: 403 }, CrmError::BadRequest(403)),
        (Action::Forbidden { because }, CrmError::Forbidden),
    ] {
        for route in [SIGN_UP, "/v3/contacts", "/v3/account/user/privileges"] {
            harness.inject_fault(route, false, action.clone());
        }
        let expected = Some(expected);

        let signed_up = harness.api.sign_up(&harness.token, &lead).await;
        let found = harness.api.find(&harness.token, &lead.contact.email).await;
        let summary = harness.api.summary(&harness.token).await;

        assert_eq!(signed_up.err(), expected, "{action:?}");
        assert_eq!(found.err(), expected, "{action:?}");
        assert_eq!(summary.err(), expected, "{action:?}");
    }
}

#[tokio::test]
async fn all_errors_of_a_response_are_read() {
    let harness = Harness::start().await;
    let lead = sign_up("ada@example.com", harness.list());
    let messages = ["phone_number is invalid", "street_address is too long"];
    let invalid = Action::Invalid {
        messages: messages.map(str::to_owned).into(),
    };
    harness.inject_fault(SIGN_UP, false, invalid);

    let refused = harness
        .api
        .sign_up(&harness.token, &lead)
        .await
        .unwrap_err();

    let parts = [OptionalField::Phone, OptionalField::StreetAddress];
    let blames = refused.blames(&lead.contact.email);
    assert_eq!(blames, parts.map(Blame::Optional));
    let CrmError::Invalid(refusal) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(refusal.message(), messages.join("; "));
}

#[tokio::test]
async fn throttled_retry_after_is_capped_at_1_hour_and_defaults_to_1_second() {
    let throttled = |after: &str| {
        let head = format!("HTTP/1.1 429 Too Many Requests\r\nretry-after: {after}\r\n");
        Reply::Close(format!("{head}content-length: 0\r\n\r\n"))
    };
    let values = ["30", "1000000", "Mon, 30 Nov 2026 12:00:00 GMT"];
    let server = ScriptedServer::start(values.map(throttled).into()).await;
    let api = ConstantContact::new(http(), server.url("/v3"));
    let lead = minimal_sign_up("ada@example.com", LIST.parse().unwrap());

    for seconds in [30, 3_600, 1] {
        let retry_after = SignedDuration::from_secs(seconds);
        let refused = api.sign_up(&"access".into(), &lead).await;
        assert_eq!(refused, Err(CrmError::Throttled { retry_after }));
    }
}

#[tokio::test]
async fn response_cut_off_after_a_201_status_is_still_a_success() {
    let half = "HTTP/1.1 201 Created\r\ncontent-length: 90\r\n\r\n{\"contact_id\":";
    let server = ScriptedServer::start(vec![
        Reply::Close(half.into()),
        json_reply_then_close(201, ""),
    ])
    .await;
    let api = ConstantContact::new(http(), server.url("/v3"));
    let lead = minimal_sign_up("ada@example.com", LIST.parse().unwrap());

    for _ in 0..2 {
        let created = api.sign_up(&"access".into(), &lead).await.unwrap();

        assert_eq!(
            (created.contact, created.action),
            (None, DeliveryAction::Created)
        );
    }
}

#[tokio::test]
async fn late_or_trickling_response_is_cut_off_at_the_timeout() {
    let harness = Harness::start().await;
    let (api, lead) = (
        harness.api_with_short_timeout(),
        minimal_sign_up("ada@example.com", harness.list()),
    );
    let trickle = Action::SlowBody {
        pieces: 10,
        pause_ms: 600,
    };
    harness.inject_fault(SIGN_UP, false, trickle.clone());
    harness.inject_fault("/v3/contacts", false, trickle);

    let created = api.sign_up(&harness.token, &lead).await.unwrap();
    let found = api.find(&harness.token, &lead.contact.email).await;
    harness.inject_fault(SIGN_UP, false, Action::Delay { ms: 6_000 });
    let late = api.sign_up(&harness.token, &lead).await;

    assert_eq!(
        (created.contact, created.action),
        (None, DeliveryAction::Created)
    );
    assert_eq!(late, Err(CrmError::AnswerLost));
    assert_eq!(found, Err(CrmError::Unavailable));
}

#[tokio::test]
async fn endless_response_body_is_not_read_to_the_end() {
    let harness = Harness::start().await;
    let lead = minimal_sign_up("ada@example.com", harness.list());
    harness.inject_fault(SIGN_UP, false, Action::HugeBody { bytes: 1 << 40 });
    harness.inject_fault("/v3/contacts", false, Action::HugeBody { bytes: 1 << 40 });

    let created = harness.api.sign_up(&harness.token, &lead).await.unwrap();
    let found = harness.api.find(&harness.token, &lead.contact.email).await;

    assert_eq!(
        (created.contact, created.action),
        (None, DeliveryAction::Updated)
    );
    assert_eq!(found, Err(CrmError::Unavailable));
}

#[tokio::test]
async fn errors_do_not_reveal_secrets_or_response_bodies() {
    let body = r#"{"access_token":"SENTINEL","token_type":1}"#;
    let server = ScriptedServer::start(vec![
        json_reply_then_close(200, body),
        json_reply_then_close(200, "SENTINEL"),
    ])
    .await;
    let clock = VirtualClock::manual(jiff::Timestamp::UNIX_EPOCH);
    let base = server.url("/v1");
    let endpoint = TokenEndpoint::new(http(), &base, "https://a.example/".into(), clock).unwrap();
    let app = AppCredentials {
        client_id: "client".into(),
        client_secret: "SENTINEL".into(),
    };
    let token = "SENTINEL".into();

    for _ in 0..3 {
        let error = endpoint.refresh(&app, &token).await.unwrap_err();
        assert_eq!(error, TokenError::AnswerLost);
        assert!(!format!("{error:?} {error} {endpoint:?} {app:?}").contains("SENTINEL"));
    }
}
