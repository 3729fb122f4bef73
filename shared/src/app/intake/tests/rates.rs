use std::ops::Range;

use jiff::SignedDuration;

use crate::app::intake::{Arrival, Channel, Intake, IntakeError};
use crate::app::scene::{Scene, arrival};
use crate::domain::consent::Origin;
use crate::domain::form::Form;
use crate::fakes::{Memory, samples};

/// Submissions, each by another person; returns how many were accepted, and the last wait that a refused one was given.
async fn burst(
    intakes: &[Intake<Memory>],
    form: &Form,
    numbers: Range<usize>,
    ip: Option<&str>,
) -> (usize, Option<u32>) {
    let origin = Origin {
        ip: ip.map(str::to_owned),
        ..Origin::default()
    };
    let (mut accepted, mut last_wait) = (0, None);
    for (i, intake) in numbers.zip(intakes.iter().cycle()) {
        let email = format!("ada{i}@example.com");
        let arrival = Arrival {
            origin: origin.clone(),
            ..samples::arrival([("email", email.as_str()), ("consent", "yes")])
        };
        match intake.take(form, arrival).await {
            Ok(_) => accepted += 1,
            Err(IntakeError::TooMany { wait }) => last_wait = Some(wait),
            Err(error) => panic!("{error}"),
        }
    }
    (accepted, last_wait)
}

#[tokio::test]
async fn burst_over_the_limit_is_refused_without_affecting_other_forms() {
    let scene = Scene::connected().await;
    let functions: Vec<_> = (0..10).map(|_| scene.memory.intake()).collect();
    let mut other = scene.form.clone();
    other.id = "frm_01ARZ3NDEKTSV4RRFFQ69G5FAA".parse().unwrap();
    other.customer = "looms".parse().unwrap();

    let (accepted, wait) = burst(&functions, &scene.form, 0..1_000, None).await;
    let (other_accepted, _) = burst(&functions, &other, 0..100, None).await;
    scene
        .memory
        .clock
        .advance(SignedDuration::from_secs(i64::from(wait.unwrap())));
    let (later, _) = burst(&functions, &scene.form, 1_000..1_100, None).await;

    let slack = 5 * functions.len();
    assert!((600..=600 + slack).contains(&accepted), "{accepted}");
    assert_eq!(other_accepted, 100);
    assert_eq!(later, 100);
    assert_eq!(scene.memory.ledger.all().len(), accepted + 200);
}

#[tokio::test]
async fn single_origin_cannot_use_up_the_forms_rate_limit() {
    let scene = Scene::connected().await;
    let functions = [scene.memory.intake()];

    let (flood, _) = burst(&functions, &scene.form, 0..200, Some("192.0.2.7")).await;
    let (others, _) = burst(&functions, &scene.form, 0..20, Some("192.0.2.8")).await;

    assert_eq!(flood, 60);
    assert_eq!(others, 20);
}

#[tokio::test]
async fn few_leads_a_minute_need_no_rate_limit_writes() {
    let scene = Scene::connected().await;
    let functions = [scene.memory.intake()];
    let before = scene.memory.faults.steps();

    burst(&functions, &scene.form, 0..3, Some("192.0.2.7")).await;

    let lookup_send_and_record = 3;
    assert_eq!(
        scene.memory.faults.steps() - before,
        3 * lookup_send_and_record
    );
}

#[tokio::test]
async fn signed_submissions_have_their_own_rate_limit() {
    let mut scene = Scene::connected().await;
    scene.form.screening.rates.per_minute = 2;
    let intake = scene.memory.intake();
    let (flood, _) = burst(std::slice::from_ref(&intake), &scene.form, 0..5, None).await;
    let submit_signed = async |key: &str| {
        let arrival = Arrival {
            channel: Channel::Webhook,
            ..arrival(key, &[("email", "ada@example.com")])
        };
        intake.take(&scene.form, arrival).await
    };

    let signed = [
        submit_signed("a").await,
        submit_signed("b").await,
        submit_signed("c").await,
    ];

    assert_eq!(flood, 2);
    let too_many = matches!(signed, [Ok(_), Ok(_), Err(IntakeError::TooMany { .. })]);
    assert!(too_many, "{signed:?}");
}
