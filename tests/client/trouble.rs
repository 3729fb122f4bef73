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

use crate::bench::{Bench, bare, email, http, sign_up};
use crate::wire::{Reply, Wire, answer, last};

const LIST: &str = "5e7b1a1c-0000-11ee-8c99-0242ac120002";
const MADE: &str = r#"{"contact_id":"5e7b1a1c-0000-11ee-8c99-0242ac120003","action":"created"}"#;
const SIGN_UP: &str = "/v3/contacts/sign_up_form";

fn parts(request: &str) -> (Vec<String>, String) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().map(str::to_ascii_lowercase).collect();
    lines[1..].sort();
    (lines, body.to_owned())
}

#[tokio::test]
async fn a_sign_up_carries_the_described_fields_and_no_others() {
    let wire = Wire::answering(vec![answer(201, MADE), answer(200, MADE)]).await;
    let api = ConstantContact::new(http(), wire.url("/v3"));
    let mut lead = sign_up("ada@example.com", LIST.parse().unwrap());
    lead.custom_fields = vec![(LIST.parse().unwrap(), "difference".into())];

    api.sign_up(&"access".into(), &lead).await.unwrap();
    api.sign_up(
        &"access".into(),
        &bare("ada@example.com", LIST.parse().unwrap()),
    )
    .await
    .unwrap();

    let (head, body) = parts(&wire.requests()[0]);
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
    let (_, body) = parts(&wire.requests()[1]);
    let expected = json!({ "email_address": "ada@example.com", "list_memberships": [LIST] });
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    assert_eq!(wire.connections(), 1);
}

#[tokio::test]
async fn a_token_request_has_its_secrets_in_header_and_body_only() {
    let grant = json!({ "access_token": "a", "token_type": "Bearer", "expires_in": 86_400 });
    let wire = Wire::answering(vec![answer(200, &grant.to_string())]).await;
    let clock = VirtualClock::standing(jiff::Timestamp::UNIX_EPOCH);
    let endpoint = TokenEndpoint::new(http(), &wire.url("/v1"), "https://a.example/".into(), clock);
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
    let (head, body) = parts(&wire.requests()[0]);
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
    let wire = Wire::answering(vec![answer(200, r#"{"contacts":[]}"#)]).await;
    let api = ConstantContact::new(http(), wire.url("/v3"));

    api.find(&"access".into(), &email("a+b&c@example.com"))
        .await
        .unwrap();

    let (head, _) = parts(&wire.requests()[0]);
    assert_eq!(
        head[0],
        "get /v3/contacts?email=a%2bb%26c%40example.com&status=all&include=list_memberships http/1.1"
    );
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_costs_no_call() {
    let wire = Wire::answering(vec![last(201, MADE), last(200, MADE), last(200, MADE)]).await;
    let api = ConstantContact::new(http(), wire.url("/v3"));
    let lead = bare("ada@example.com", LIST.parse().unwrap());

    for number in 1..=3 {
        api.sign_up(&"access".into(), &lead).await.unwrap();
        wire.has_closed(number).await;
    }

    assert_eq!((wire.requests().len(), wire.connections()), (3, 3));
}

#[tokio::test]
async fn a_call_that_never_left_is_told_from_one_whose_answer_was_lost() {
    let closed = ConstantContact::new(http(), "http://127.0.0.1:1/v3".parse().unwrap());
    let silent = Wire::answering(vec![]).await;
    let lossy = ConstantContact::new(http(), silent.url("/v3"));
    let lead = bare("ada@example.com", LIST.parse().unwrap());

    let never = closed.sign_up(&"access".into(), &lead).await;
    let lost = lossy.sign_up(&"access".into(), &lead).await;
    let read = lossy.find(&"access".into(), &lead.contact.email).await;

    assert_eq!(never, Err(CrmError::Unavailable));
    assert_eq!(lost, Err(CrmError::AnswerLost));
    assert_eq!(silent.requests().len(), 2, "neither is made twice");
    assert_eq!(read, Err(CrmError::Unavailable));
}

/// A host name that is too long fails like one that does not exist, without asking a name server.
#[tokio::test]
async fn a_host_that_nobody_finds_and_one_that_speaks_no_tls_are_called_without_effect() {
    let bench = Bench::start().await;
    let nobody = format!("http://{}.invalid/v3", "x".repeat(64));
    let plain = bench.sandbox.url().replacen("http:", "https:", 1);
    let lead = bare("ada@example.com", bench.list());
    for base in [nobody, format!("{plain}/v3")] {
        let api = ConstantContact::new(http(), base.parse().unwrap());

        let made = api.sign_up(&bench.token, &lead).await;
        let read = api.find(&bench.token, &lead.contact.email).await;

        assert_eq!(made, Err(CrmError::Unavailable), "{base}");
        assert_eq!(read, Err(CrmError::Unavailable), "{base}");
    }
    assert_eq!(bench.calls(), [""; 0]);
}

#[tokio::test]
async fn every_answer_of_the_api_has_its_meaning() {
    let bench = Bench::start().await;
    let lead = bare("ada@example.com", bench.list());
    let away = Wire::answering(vec![]).await;
    let redirect = Action::Redirect {
        status: 307,
        location: away.url("/").into(),
    };
    for (action, expected) in [
        (Action::Unauthorized, CrmError::Unauthorized),
        (Action::Throttled, CrmError::THROTTLED),
        (Action::QuotaExceeded, CrmError::QuotaExceeded),
        (Action::Html { status: 503 }, CrmError::AnswerLost),
        (Action::Empty { status: 500 }, CrmError::AnswerLost),
        (redirect, CrmError::Ours(307)),
        (Action::Cut, CrmError::AnswerLost),
    ] {
        bench.strike(SIGN_UP, false, action.clone());
        let refused = bench.api.sign_up(&bench.token, &lead).await;
        assert_eq!(refused, Err(expected), "{action:?}");
    }
    assert!(away.requests().is_empty());
}

#[tokio::test]
async fn a_call_that_the_gateway_forbids_is_not_taken_for_one_that_lacks_a_right() {
    let bench = Bench::start().await;
    let lead = bare("ada@example.com", bench.list());
    let gateway = Action::Gateway {
        status: 403,
        message: "Forbidden".into(),
    };
    let because = ForbiddenBecause::Privilege;
    for (action, expected) in [
        (gateway, CrmError::Ours(403)),
        (Action::Empty { status: 403 }, CrmError::Ours(403)),
        (Action::Html { status: 403 }, CrmError::Ours(403)),
        (Action::Forbidden { because }, CrmError::Forbidden),
    ] {
        for route in [SIGN_UP, "/v3/contacts", "/v3/account/user/privileges"] {
            bench.strike(route, false, action.clone());
        }
        let expected = Some(expected);

        let signed_up = bench.api.sign_up(&bench.token, &lead).await;
        let found = bench.api.find(&bench.token, &lead.contact.email).await;
        let summary = bench.api.summary(&bench.token).await;

        assert_eq!(signed_up.err(), expected, "{action:?}");
        assert_eq!(found.err(), expected, "{action:?}");
        assert_eq!(summary.err(), expected, "{action:?}");
    }
}

#[tokio::test]
async fn every_error_of_an_answer_is_read() {
    let bench = Bench::start().await;
    let lead = sign_up("ada@example.com", bench.list());
    let messages = ["phone_number is invalid", "street_address is too long"];
    let invalid = Action::Invalid {
        messages: messages.map(str::to_owned).into(),
    };
    bench.strike(SIGN_UP, false, invalid);

    let refused = bench.api.sign_up(&bench.token, &lead).await.unwrap_err();

    let parts = [OptionalField::Phone, OptionalField::Address];
    let blames = refused.blames(&lead.contact.email);
    assert_eq!(blames, parts.map(Blame::Optional));
    let CrmError::Invalid(words) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(words.words(), messages.join("; "));
}

#[tokio::test]
async fn a_throttled_call_says_how_long_the_api_asks_to_be_left_alone() {
    let throttled = |after: &str| {
        let head = format!("HTTP/1.1 429 Too Many Requests\r\nretry-after: {after}\r\n");
        Reply::Close(format!("{head}content-length: 0\r\n\r\n"))
    };
    let said = ["30", "1000000", "Mon, 30 Nov 2026 12:00:00 GMT"];
    let wire = Wire::answering(said.map(throttled).into()).await;
    let api = ConstantContact::new(http(), wire.url("/v3"));
    let lead = bare("ada@example.com", LIST.parse().unwrap());

    for seconds in [30, 3_600, 1] {
        let retry_after = SignedDuration::from_secs(seconds);
        let refused = api.sign_up(&"access".into(), &lead).await;
        assert_eq!(refused, Err(CrmError::Throttled { retry_after }));
    }
}

#[tokio::test]
async fn an_answer_that_broke_off_after_its_status_is_still_a_success() {
    let half = "HTTP/1.1 201 Created\r\ncontent-length: 90\r\n\r\n{\"contact_id\":";
    let wire = Wire::answering(vec![Reply::Close(half.into()), last(201, "")]).await;
    let api = ConstantContact::new(http(), wire.url("/v3"));
    let lead = bare("ada@example.com", LIST.parse().unwrap());

    for _ in 0..2 {
        let made = api.sign_up(&"access".into(), &lead).await.unwrap();

        assert_eq!((made.contact, made.action), (None, DeliveryAction::Created));
    }
}

#[tokio::test]
async fn an_answer_that_is_late_or_trickles_is_waited_for_no_longer_than_the_deadline() {
    let bench = Bench::start().await;
    let (api, lead) = (bench.hasty(), bare("ada@example.com", bench.list()));
    let trickle = Action::SlowBody {
        pieces: 10,
        pause_ms: 600,
    };
    bench.strike(SIGN_UP, false, trickle.clone());
    bench.strike("/v3/contacts", false, trickle);

    let made = api.sign_up(&bench.token, &lead).await.unwrap();
    let asked = api.find(&bench.token, &lead.contact.email).await;
    bench.strike(SIGN_UP, false, Action::Delay { ms: 6_000 });
    let late = api.sign_up(&bench.token, &lead).await;

    assert_eq!((made.contact, made.action), (None, DeliveryAction::Created));
    assert_eq!(late, Err(CrmError::AnswerLost));
    assert_eq!(asked, Err(CrmError::Unavailable));
}

#[tokio::test]
async fn an_answer_without_bounds_is_not_read_to_its_end() {
    let bench = Bench::start().await;
    let lead = bare("ada@example.com", bench.list());
    bench.strike(SIGN_UP, false, Action::HugeBody { bytes: 1 << 40 });
    bench.strike("/v3/contacts", false, Action::HugeBody { bytes: 1 << 40 });

    let made = bench.api.sign_up(&bench.token, &lead).await.unwrap();
    let asked = bench.api.find(&bench.token, &lead.contact.email).await;

    assert_eq!((made.contact, made.action), (None, DeliveryAction::Updated));
    assert_eq!(asked, Err(CrmError::Unavailable));
}

#[tokio::test]
async fn no_error_shows_what_was_sent_or_answered() {
    let body = r#"{"access_token":"SENTINEL","token_type":1}"#;
    let wire = Wire::answering(vec![last(200, body), last(200, "SENTINEL")]).await;
    let clock = VirtualClock::standing(jiff::Timestamp::UNIX_EPOCH);
    let base = wire.url("/v1");
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
