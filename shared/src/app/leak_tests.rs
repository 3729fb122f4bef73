//! Whatever goes wrong, no secret and no personal data reaches a log, an error or an event.

use std::fmt::Write as _;

use jiff::SignedDuration;

use super::log::Log;
use super::scene::{ACCOUNT, Scene};
use crate::domain::crm::{CrmError, Refusal};
use crate::fakes::Fault;
use crate::ports::TokenError;

/// Part of everything that a person typed and of every message of Constant Contact.
const SENTINEL: &str = "Sentinel";
const ADDRESS: &str = "sentinel@example.com";
const LONG_ADDRESS: &str = "sentinel.with.an.address.longer.than.fifty.characters@example.com";

/// What happens to a lead from its arrival to its end, after something was set up.
#[derive(Debug, Clone, Copy)]
enum Scenario {
    Straight,
    LongAddress,
    NewToken,
    Stale,
    Unconnected,
    Disconnected,
    Released,
}

const SCENARIOS: [Scenario; 7] = [
    Scenario::Straight,
    Scenario::LongAddress,
    Scenario::NewToken,
    Scenario::Stale,
    Scenario::Unconnected,
    Scenario::Disconnected,
    Scenario::Released,
];

impl Scenario {
    async fn scene(self) -> Scene {
        match self {
            Self::Unconnected => Scene::unconnected().await,
            _ => Scene::connected().await,
        }
    }

    /// Runs the scenario; returns the debug output of every result.
    async fn run(self, scene: &Scene) -> String {
        let memory = &scene.memory;
        let address = match self {
            Self::LongAddress => LONG_ADDRESS,
            _ => ADDRESS,
        };
        let mut output = format!("{:?}", submit(scene, address).await);
        match self {
            Self::NewToken => memory.crm.expire_access(ACCOUNT),
            Self::Stale => memory.clock.advance(SignedDuration::from_hours(1)),
            Self::Disconnected => {
                let admin = memory.admin();
                write!(output, "{:?}", admin.disconnect(&scene.customer).await).unwrap();
            }
            _ => {}
        }
        write!(output, "{:?}", scene.drain().await).unwrap();
        if matches!(self, Self::Released) {
            memory.clock.advance(SignedDuration::from_hours(24 * 62));
            write!(
                output,
                "{:?}",
                memory.keeper().keep_alive(jiff::Timestamp::MAX).await
            )
            .unwrap();
            write!(output, "{:?}", memory.release().await).unwrap();
            write!(output, "{:?}", scene.drain().await).unwrap();
        }
        output
    }
}

async fn submit(scene: &Scene, address: &str) -> String {
    use crate::app::intake::Arrival;
    use crate::domain::consent::Origin;
    use crate::fakes::samples;

    let fields = [
        ("email", address),
        ("first_name", SENTINEL),
        ("phone_number", "+1 555 Sentinel"),
        ("custom_fields[Sentinel]", SENTINEL),
        ("consent", "yes"),
    ];
    let origin = Origin {
        ip: Some(SENTINEL.into()),
        user_agent: Some(SENTINEL.into()),
        site: Some(SENTINEL.into()),
        referer: Some(SENTINEL.into()),
    };
    let arrival = Arrival {
        origin,
        ..samples::arrival(fields)
    };
    let intake = scene.memory.intake();
    format!("{:?}", intake.take(&scene.form, arrival).await)
}

fn assert_no_secrets(text: &str) {
    let secrets = (1..100).flat_map(|n| [format!("access-{n}"), format!("refresh-{n}")]);
    let marks = ["sentinel", "client-secret"].map(str::to_owned);
    let lower = text.to_lowercase();
    for secret in secrets.chain(marks) {
        let place = lower.find(&secret);
        let around = place.map(|at| &lower[at.saturating_sub(200)..(at + 50).min(lower.len())]);
        assert_eq!(around, None, "{secret} leaked");
    }
}

#[tokio::test]
async fn no_failing_step_of_any_scenario_leaks_a_secret_or_an_address() {
    let log = Log::begin();
    for scenario in SCENARIOS {
        let reference = scenario.scene().await;
        let before = reference.memory.faults.steps();
        let mut output = scenario.run(&reference).await;
        let steps = reference.memory.faults.steps() - before;
        for step in 1..=steps {
            for fault in [
                Fault::FailBefore,
                Fault::FailAfter,
                Fault::CrashBefore,
                Fault::CrashAfter,
            ] {
                let scene = scenario.scene().await;
                let faults = &scene.memory.faults;
                faults.at(faults.steps() + step, fault);
                output.extend(faults.until_crash(scenario.run(&scene)).await);
                write!(output, "{:?}", scene.drain().await).unwrap();
                write!(output, "{:?}", scene.memory.events.published()).unwrap();
            }
        }
        assert_no_secrets(&output);
    }

    let log = log.text();
    assert!(log.contains("a lead was not claimed"), "the log is on");
    let named = "looking whether a person has acted";
    assert!(log.contains(named), "the log names what was not done");
    assert_no_secrets(&log);
}

#[tokio::test]
async fn constant_contact_answers_are_never_quoted() {
    let refusal = Refusal::of(SENTINEL, &format!("{SENTINEL}: email {ADDRESS}"));
    let answers = [
        CrmError::Invalid(refusal.clone()),
        CrmError::NotFound(refusal.clone()),
        CrmError::Conflict(refusal),
        CrmError::Unauthorized,
        CrmError::Forbidden,
        CrmError::THROTTLED,
        CrmError::QuotaExceeded,
        CrmError::BadRequest(415),
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
    let mut output = String::new();
    for scenario in SCENARIOS {
        for answer in &answers {
            let scene = scenario.scene().await;
            for _ in 0..3 {
                scene.memory.crm.fail_next(answer.clone());
            }
            output += &scenario.run(&scene).await;
            write!(output, "{:?}", scene.memory.events.published()).unwrap();
        }
        for answer in token_answers {
            let scene = scenario.scene().await;
            scene.memory.crm.fail_next_token_call(answer);
            output += &scenario.run(&scene).await;
            write!(output, "{:?}", scene.memory.events.published()).unwrap();
        }
    }

    assert!(!log.text().is_empty(), "the log is on");
    assert_no_secrets(&output);
    assert_no_secrets(&log.text());
}
