//! Whatever goes wrong, no secret and no personal data reaches a log, an error or an event.

use std::fmt::Write as _;

use jiff::SignedDuration;

use super::log::Log;
use super::scene::{ACCOUNT, Scene};
use crate::domain::crm::{CrmError, Refusal};
use crate::fakes::Fault;
use crate::ports::TokenError;

/// Contained in everything that a person typed and that Constant Contact said.
const MARK: &str = "Sentinel";
const ADDRESS: &str = "sentinel@example.com";
const LONG_ADDRESS: &str = "sentinel.with.an.address.longer.than.fifty.characters@example.com";

/// What happens to a lead from its arrival to its end, after something was set up.
#[derive(Debug, Clone, Copy)]
enum Walk {
    Straight,
    LongAddress,
    NewToken,
    Stale,
    Unconnected,
    Disconnected,
    Released,
}

const WALKS: [Walk; 7] = [
    Walk::Straight,
    Walk::LongAddress,
    Walk::NewToken,
    Walk::Stale,
    Walk::Unconnected,
    Walk::Disconnected,
    Walk::Released,
];

impl Walk {
    async fn scene(self) -> Scene {
        match self {
            Self::Unconnected => Scene::unconnected().await,
            _ => Scene::connected().await,
        }
    }

    /// Walks; returns what was logged on the way.
    async fn go(self, scene: &Scene) -> String {
        let memory = &scene.memory;
        let address = match self {
            Self::LongAddress => LONG_ADDRESS,
            _ => ADDRESS,
        };
        let mut said = format!("{:?}", submit(scene, address).await);
        match self {
            Self::NewToken => memory.crm.expire_access(ACCOUNT),
            Self::Stale => memory.clock.advance(SignedDuration::from_hours(1)),
            Self::Disconnected => {
                let admin = memory.admin();
                write!(said, "{:?}", admin.disconnect(&scene.customer).await).unwrap();
            }
            _ => {}
        }
        write!(said, "{:?}", scene.drain().await).unwrap();
        if matches!(self, Self::Released) {
            memory.clock.advance(SignedDuration::from_hours(24 * 62));
            write!(
                said,
                "{:?}",
                memory.keeper().keep_alive(jiff::Timestamp::MAX).await
            )
            .unwrap();
            write!(said, "{:?}", memory.release().await).unwrap();
            write!(said, "{:?}", scene.drain().await).unwrap();
        }
        said
    }
}

async fn submit(scene: &Scene, address: &str) -> String {
    use crate::app::intake::Arrival;
    use crate::domain::consent::Origin;
    use crate::fakes::samples;

    let fields = [
        ("email", address),
        ("first_name", MARK),
        ("phone_number", "+1 555 Sentinel"),
        ("custom_fields[Sentinel]", MARK),
        ("consent", "yes"),
    ];
    let origin = Origin {
        ip: Some(MARK.into()),
        user_agent: Some(MARK.into()),
        site: Some(MARK.into()),
        referer: Some(MARK.into()),
    };
    let arrival = Arrival {
        origin,
        ..samples::arrival(fields)
    };
    let intake = scene.memory.intake();
    format!("{:?}", intake.take(&scene.form, arrival).await)
}

fn assert_silent(text: &str) {
    let secrets = (1..100).flat_map(|n| [format!("access-{n}"), format!("refresh-{n}")]);
    let marks = ["sentinel", "client-secret"].map(str::to_owned);
    let lower = text.to_lowercase();
    for secret in secrets.chain(marks) {
        let place = lower.find(&secret);
        let around = place.map(|at| &lower[at.saturating_sub(200)..(at + 50).min(lower.len())]);
        assert_eq!(around, None, "{secret} was said");
    }
}

#[tokio::test]
async fn no_failing_step_of_any_walk_says_a_secret_or_an_address() {
    let log = Log::begin();
    for walk in WALKS {
        let whole = walk.scene().await;
        let before = whole.memory.faults.steps();
        let mut said = walk.go(&whole).await;
        let steps = whole.memory.faults.steps() - before;
        for step in 1..=steps {
            for fault in [
                Fault::FailBefore,
                Fault::FailAfter,
                Fault::CrashBefore,
                Fault::CrashAfter,
            ] {
                let scene = walk.scene().await;
                let faults = &scene.memory.faults;
                faults.at(faults.steps() + step, fault);
                said.extend(faults.until_crash(walk.go(&scene)).await);
                write!(said, "{:?}", scene.drain().await).unwrap();
                write!(said, "{:?}", scene.memory.events.published()).unwrap();
            }
        }
        assert_silent(&said);
    }

    let log = log.text();
    assert!(log.contains("a lead was not claimed"), "the log is on");
    let named = "looking whether a person has acted";
    assert!(log.contains(named), "what was not done is named");
    assert_silent(&log);
}

#[tokio::test]
async fn no_answer_of_constant_contact_is_quoted() {
    let refusal = Refusal::of(MARK, &format!("{MARK}: email {ADDRESS}"));
    let answers = [
        CrmError::Invalid(refusal.clone()),
        CrmError::NotFound(refusal.clone()),
        CrmError::Conflict(refusal),
        CrmError::Unauthorized,
        CrmError::Forbidden,
        CrmError::THROTTLED,
        CrmError::QuotaExceeded,
        CrmError::Ours(415),
        CrmError::Unavailable,
        CrmError::AnswerLost,
    ];
    let token_answers = [
        TokenError::InvalidGrant,
        TokenError::InvalidClient,
        TokenError::THROTTLED,
        TokenError::Unavailable,
        TokenError::AnswerLost,
    ];
    let log = Log::begin();
    let mut said = String::new();
    for walk in WALKS {
        for answer in &answers {
            let scene = walk.scene().await;
            for _ in 0..3 {
                scene.memory.crm.answer_next(answer.clone());
            }
            said += &walk.go(&scene).await;
            write!(said, "{:?}", scene.memory.events.published()).unwrap();
        }
        for answer in token_answers {
            let scene = walk.scene().await;
            scene.memory.crm.token_answer_next(answer);
            said += &walk.go(&scene).await;
            write!(said, "{:?}", scene.memory.events.published()).unwrap();
        }
    }

    assert!(!log.text().is_empty(), "the log is on");
    assert_silent(&said);
    assert_silent(&log.text());
}
