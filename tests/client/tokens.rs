use cc_sandbox::faults::Action;
use cc_sandbox::settings::{ExpiresIn, LongLivedRefresh, Pkce, Settings};
use cc_sandbox::world::TokenKind;
use jiff::SignedDuration;
use leadfeed_shared::adapters::{Http, TokenEndpoint};
use leadfeed_shared::domain::ids::AppId;
use leadfeed_shared::domain::token::Tokens;
use leadfeed_shared::fakes::VirtualClock;
use leadfeed_shared::ports::{AppCredentials, Authorization, Clock as _, TokenError};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpListener;
use url::Url;

use crate::harness::{CALLBACK, Harness, http, http_with_short_timeout, url};

const TOKEN: &str = "/oauth2/default/v1/token";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

struct Setup {
    harness: Harness,
    clock: VirtualClock,
    endpoint: TokenEndpoint<VirtualClock>,
}

impl Setup {
    async fn start() -> Self {
        Self::with_http(http()).await
    }

    async fn with_http(http: Http) -> Self {
        let harness = Harness::start().await;
        let clock = VirtualClock::manual(harness.sandbox.clock().now());
        let base = url(&harness.sandbox, "/oauth2/default/v1");
        let endpoint = TokenEndpoint::new(http, &base, CALLBACK.into(), clock.clone()).unwrap();
        Self {
            harness,
            clock,
            endpoint,
        }
    }

    fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        self.harness.sandbox.with(|lab| change(&mut lab.settings));
    }

    /// The person allows the access; returns the code that the callback gets.
    async fn code(&self, challenge: Option<&str>) -> SecretString {
        self.code_of(0, challenge).await
    }

    /// The same for another user of the account.
    async fn code_of(&self, user: usize, challenge: Option<&str>) -> SecretString {
        let login = self
            .harness
            .account(|account| account.users[user].login.clone());
        let mut form = vec![
            ("response_type", "code"),
            ("client_id", "client"),
            ("redirect_uri", CALLBACK),
            ("scope", "contact_data account_read offline_access"),
            ("state", "a-state-of-sixteen-bytes"),
            ("user", &login),
            ("decision", "allow"),
        ];
        if let Some(challenge) = challenge {
            form.push(("code_challenge", challenge));
            form.push(("code_challenge_method", "S256"));
        }
        let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let consent = url(&self.harness.sandbox, "/oauth2/default/v1/consent");
        let sent = browser
            .build()
            .unwrap()
            .post(consent)
            .form(&form)
            .send()
            .await
            .unwrap();
        let location: Url = sent.headers()["location"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        let mut query = location.query_pairs();
        let (_, code) = query.find(|(name, _)| name == "code").unwrap();
        code.into_owned().into()
    }

    async fn connect(&self) -> SecretString {
        let code = self.code(None).await;
        let grant = self
            .endpoint
            .exchange(&app("secret"), &code, None)
            .await
            .unwrap();
        grant.refresh.unwrap()
    }

    async fn refresh(&self, token: &SecretString) -> Result<(), TokenError> {
        self.endpoint.refresh(&app("secret"), token).await.map(drop)
    }
}

fn app(secret: &str) -> AppCredentials {
    AppCredentials {
        client_id: "client".into(),
        client_secret: secret.into(),
    }
}

#[tokio::test]
async fn new_authorization_replaces_the_same_users_tokens_and_identifies_the_user() {
    let setup = Setup::start().await;
    let authorize = async |user| {
        let code = setup.code_of(user, None).await;
        let grant = setup.endpoint.exchange(&app("secret"), &code, None).await;
        grant.unwrap().into_tokens().unwrap()
    };
    let subject = |tokens: &Tokens| tokens.subject(&AppId::default_app());

    let (first, again, other) = (authorize(0).await, authorize(0).await, authorize(1).await);

    assert!(subject(&first).is_some());
    assert_eq!(subject(&first), subject(&again));
    assert_ne!(subject(&first), subject(&other));
    let old = setup.refresh(&first.refresh).await;
    assert_eq!(old, Err(TokenError::InvalidGrant));
    for good in [&again, &other] {
        assert_eq!(setup.refresh(&good.refresh).await, Ok(()));
    }
}

#[tokio::test]
async fn code_can_be_exchanged_only_once() {
    let setup = Setup::start().await;
    let code = setup.code(None).await;

    let grant = setup
        .endpoint
        .exchange(&app("secret"), &code, None)
        .await
        .unwrap();
    let again = setup.endpoint.exchange(&app("secret"), &code, None).await;

    assert_eq!(
        grant.expires_at,
        setup.clock.now() + SignedDuration::from_hours(24)
    );
    assert!(grant.clone().into_tokens().is_ok());
    assert_eq!(again.unwrap_err(), TokenError::InvalidGrant);
}

#[tokio::test]
async fn rotating_refresh_token_works_once_and_returns_a_new_one() {
    let setup = Setup::start().await;
    let first = setup.connect().await;

    let grant = setup
        .endpoint
        .refresh(&app("secret"), &first)
        .await
        .unwrap();

    let second = grant.refresh.unwrap();
    assert_ne!(first.expose_secret(), second.expose_secret());
    assert_eq!(setup.refresh(&first).await, Err(TokenError::InvalidGrant));
}

#[tokio::test]
async fn long_lived_token_is_kept_if_the_response_omits_blanks_or_repeats_it() {
    for reading in [
        LongLivedRefresh::Missing,
        LongLivedRefresh::Empty,
        LongLivedRefresh::Same,
    ] {
        let setup = Setup::start().await;
        setup.change_settings(|settings| settings.readings.long_lived_refresh = reading);
        setup.harness.sandbox.with(|lab| {
            let app = lab.world.apps.get_mut("client").unwrap();
            app.token_kind = TokenKind::LongLived;
        });
        let code = setup.code(None).await;
        let grant = setup
            .endpoint
            .exchange(&app("secret"), &code, None)
            .await
            .unwrap();
        let old = grant.into_tokens().unwrap();

        for _ in 0..2 {
            let grant = setup
                .endpoint
                .refresh(&app("secret"), &old.refresh)
                .await
                .unwrap();
            let new = grant.renew(&old);
            assert_eq!(
                new.refresh.expose_secret(),
                old.refresh.expose_secret(),
                "{reading:?}"
            );
        }
    }
}

#[tokio::test]
async fn expires_in_given_as_an_epoch_timestamp_is_understood() {
    let setup = Setup::start().await;
    setup.change_settings(|settings| settings.readings.expires_in = ExpiresIn::Epoch);
    let code = setup.code(None).await;

    let grant = setup
        .endpoint
        .exchange(&app("secret"), &code, None)
        .await
        .unwrap();

    let lasts = grant.expires_at.duration_since(setup.clock.now());
    assert!((lasts - SignedDuration::from_hours(24)).abs() < SignedDuration::from_secs(60));
}

#[tokio::test]
async fn exchange_sends_the_pkce_verifier_if_there_is_one() {
    let setup = Setup::start().await;
    setup.change_settings(|settings| settings.readings.pkce = Pkce::Accept);
    let verifier = SecretString::from(VERIFIER);
    let code = setup.code(Some(CHALLENGE)).await;

    let without = setup.endpoint.exchange(&app("secret"), &code, None).await;
    let code = setup.code(Some(CHALLENGE)).await;
    let with = setup
        .endpoint
        .exchange(&app("secret"), &code, Some(&verifier))
        .await;

    assert!(without.is_err());
    assert!(with.is_ok());
}

#[tokio::test]
async fn token_endpoint_errors_map_to_token_error_variants() {
    let setup = Setup::start().await;
    let token = setup.connect().await;
    let error = |status, body: &str| Action::Answer {
        status,
        headers: Default::default(),
        body: body.into(),
    };
    let okta = r#"{"errorCode":"E0000047","errorSummary":"SENTINEL"}"#;
    let old = r#"{"error_description":"unknown, invalid, or expired refresh token","error":"invalid_grant"}"#;
    for (action, expected) in [
        (Action::InvalidGrant, TokenError::InvalidGrant),
        (error(400, old), TokenError::InvalidGrant),
        (error(401, old), TokenError::InvalidGrant),
        (
            error(401, r#"{"error":"invalid_client"}"#),
            TokenError::InvalidClient,
        ),
        (error(429, okta), TokenError::THROTTLED),
        (error(400, okta), TokenError::Unavailable),
        (error(400, ""), TokenError::Unavailable),
        (error(503, old), TokenError::Unavailable),
        (Action::Html { status: 502 }, TokenError::Unavailable),
        (Action::Html { status: 400 }, TokenError::Unavailable),
        (
            Action::Redirect {
                status: 302,
                location: "http://127.0.0.1:1/".into(),
            },
            TokenError::Unavailable,
        ),
        (Action::Html { status: 200 }, TokenError::AnswerLost),
        (Action::Empty { status: 200 }, TokenError::AnswerLost),
        (Action::MalformedJson, TokenError::AnswerLost),
        (
            Action::HugeBody { bytes: 1_000_000 },
            TokenError::AnswerLost,
        ),
        (Action::Cut, TokenError::AnswerLost),
    ] {
        setup.harness.inject_fault(TOKEN, false, action.clone());
        assert_eq!(setup.refresh(&token).await, Err(expected), "{action:?}");
    }
    let wrong = setup.endpoint.refresh(&app("wrong"), &token).await;
    assert_eq!(wrong.unwrap_err(), TokenError::InvalidClient);
    assert_eq!(setup.refresh(&token).await, Ok(()));
}

#[tokio::test]
async fn token_endpoint_retry_after_is_clamped_between_5_seconds_and_1_hour() {
    let setup = Setup::start().await;
    let token = setup.connect().await;
    for (value, seconds) in [("1", 5), ("90", 90), ("1000000", 3_600), ("soon", 5)] {
        let busy = Action::Answer {
            status: 429,
            headers: [("retry-after".into(), value.into())].into(),
            body: String::new(),
        };
        setup.harness.inject_fault(TOKEN, false, busy);

        let retry_after = SignedDuration::from_secs(seconds);
        let throttled = TokenError::Throttled { retry_after };
        assert_eq!(setup.refresh(&token).await, Err(throttled), "{value}");
    }
    assert_eq!(setup.refresh(&token).await, Ok(()));
}

#[tokio::test]
async fn valid_token_response_over_the_size_limit_is_answer_lost() {
    let setup = Setup::start().await;
    let token = setup.connect().await;
    let grant =
        r#"{"access_token":"a","refresh_token":"r","expires_in":86400,"token_type":"Bearer"}"#;
    for (spaces, expected) in [(200_000, Ok(())), (300_000, Err(TokenError::AnswerLost))] {
        let answer = Action::Answer {
            status: 200,
            headers: [("content-type".into(), "application/json".into())].into(),
            body: format!("{grant}{}", " ".repeat(spaces)),
        };
        setup.harness.inject_fault(TOKEN, false, answer);

        assert_eq!(setup.refresh(&token).await, expected, "{spaces}");
    }
}

#[tokio::test]
async fn failing_or_unreachable_token_endpoint_is_unavailable() {
    let setup = Setup::start().await;
    let token = setup.connect().await;
    let broken = Action::Answer {
        status: 500,
        headers: Default::default(),
        body: String::new(),
    };
    setup.harness.inject_fault(TOKEN, false, broken);
    assert_eq!(setup.refresh(&token).await, Err(TokenError::Unavailable));

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let base = format!("http://{address}/oauth2/default/v1")
        .parse()
        .unwrap();
    let (callback, clock) = (CALLBACK.into(), setup.clock.clone());
    let endpoint = TokenEndpoint::new(http(), &base, callback, clock).unwrap();
    let refused = endpoint.refresh(&app("secret"), &token).await;
    assert_eq!(refused.unwrap_err(), TokenError::Unavailable);
}

#[tokio::test]
async fn lost_response_may_have_consumed_the_refresh_token() {
    for (action, http) in [
        (Action::Cut, http()),
        (Action::CutBody, http()),
        (Action::Delay { ms: 6_000 }, http_with_short_timeout()),
    ] {
        let setup = Setup::with_http(http).await;
        let token = setup.connect().await;
        setup.harness.inject_fault(TOKEN, true, action);

        assert_eq!(setup.refresh(&token).await, Err(TokenError::AnswerLost));
        assert_eq!(setup.refresh(&token).await, Err(TokenError::InvalidGrant));
    }
}
