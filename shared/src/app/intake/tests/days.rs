//! Daily limits of a form, and of an address at a form.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::app::intake::{Accepted, Arrival, Channel, Intake};
use crate::app::scene::Scene;
use crate::domain::form::Form;
use crate::domain::screening::Rates;
use crate::domain::tally::Label;
use crate::fakes::{Fault, Memory, samples};

const ADA: &str = "ada@example.com";

fn rates(per_day: u32, per_address: u32) -> Rates {
    Rates {
        per_day,
        per_address,
        ..Rates::default()
    }
}

async fn submit(
    intake: &Intake<Memory>,
    form: &Form,
    channel: Channel,
    fields: &[(&str, &str)],
) -> Accepted {
    let fields = fields.iter().copied().chain([("consent", "yes")]);
    let arrival = Arrival {
        channel,
        ..samples::arrival(fields)
    };
    intake.take(form, arrival).await.unwrap()
}

/// Submits a lead of the person with this number.
async fn submit_person(intake: &Intake<Memory>, form: &Form, number: usize) {
    let email = format!("p{number}@example.com");
    submit(intake, form, Channel::Form, &[("email", &email)]).await;
}

/// Submits a lead of one person, with another name each time.
async fn submit_ada(intake: &Intake<Memory>, form: &Form, email: &str, number: usize) {
    let name = format!("Ada {number}");
    let fields = [("email", email), ("first_name", &name)];
    submit(intake, form, Channel::Form, &fields).await;
}

/// How many leads there are of each label; those on their way have an empty one.
fn states(scene: &Scene) -> BTreeMap<String, usize> {
    let mut states = BTreeMap::new();
    for record in scene.memory.ledger.all() {
        *states
            .entry(Label::of(&record.state).map_or_else(String::new, |label| label.to_string()))
            .or_default() += 1;
    }
    states
}

fn expected<const N: usize>(states: [(&str, usize); N]) -> BTreeMap<String, usize> {
    states
        .map(|(label, count)| (label.to_owned(), count))
        .into()
}

#[tokio::test]
async fn daily_limit_of_a_form_quarantines_further_leads_until_midnight() {
    let mut scene = Scene::connected().await;
    scene.form.screening.rates = rates(10, 20);
    let intake = scene.memory.intake();

    for number in 0..14 {
        submit_person(&intake, &scene.form, number).await;
    }
    let today = states(&scene);
    scene.memory.clock.advance(SignedDuration::from_hours(12));
    for number in 14..18 {
        submit_person(&intake, &scene.form, number).await;
    }

    assert_eq!(today, expected([("", 10), ("quarantined.daily_limit", 4)]));
    assert_eq!(states(&scene)[""], 14);
    assert_eq!(scene.memory.queue.sent().len(), 14);
}

#[tokio::test]
async fn repeated_sign_ups_of_one_address_are_quarantined_without_affecting_others() {
    let scene = Scene::connected().await;
    let intake = scene.memory.intake();

    for number in 0..25 {
        let email = if number % 2 == 0 {
            ADA
        } else {
            "Ada@Example.com"
        };
        submit_ada(&intake, &scene.form, email, number).await;
    }
    submit_person(&intake, &scene.form, 0).await;

    let quarantined = ("quarantined.repeated_address", 5);
    assert_eq!(states(&scene), expected([("", 21), quarantined]));
}

#[tokio::test]
async fn concurrent_functions_exceed_the_daily_limit_by_at_most_twenty_each() {
    let mut scene = Scene::connected().await;
    scene.form.screening.rates = Rates {
        per_minute: 10_000,
        ..rates(600, 20)
    };
    let functions: Vec<_> = (0..10).map(|_| scene.memory.intake()).collect();

    for (number, intake) in (0..1_000).zip(functions.iter().cycle()) {
        submit_person(intake, &scene.form, number).await;
    }

    let out = states(&scene)[""];
    assert!((600..=600 + 20 * functions.len()).contains(&out), "{out}");
}

#[tokio::test]
async fn signed_submissions_have_no_daily_limit() {
    let mut scene = Scene::connected().await;
    scene.form.screening.rates = rates(1, 1);
    let intake = scene.memory.intake();

    for name in ["Ada", "Augusta", "Aad"] {
        let fields = [("email", ADA), ("first_name", name)];
        submit(&intake, &scene.form, Channel::Webhook, &fields).await;
    }

    assert_eq!(states(&scene), expected([("", 3)]));
}

#[tokio::test]
async fn quarantined_and_rehearsed_leads_do_not_count_against_the_daily_limit() {
    let mut scene = Scene::connected().await;
    scene.form.screening.rates = rates(1, 1);
    let intake = scene.memory.intake();
    let robot = [("email", ADA), ("contact_website", "x")];
    submit(&intake, &scene.form, Channel::Form, &robot).await;
    let rehearsed = samples::arrival([("email", ADA), ("consent", "yes")]);
    intake.rehearse(&scene.form, &rehearsed).await.unwrap();

    submit_ada(&intake, &scene.form, ADA, 1).await;
    submit_ada(&intake, &scene.form, ADA, 2).await;

    let honeypot = ("quarantined.honeypot", 1);
    let quarantined = ("quarantined.repeated_address", 1);
    assert_eq!(states(&scene), expected([("", 1), honeypot, quarantined]));
}

#[tokio::test]
async fn daily_counter_outage_quarantines_no_lead() {
    let mut scene = Scene::connected().await;
    scene.form.screening.rates = rates(1, 1);
    submit_ada(&scene.memory.intake(), &scene.form, ADA, 1).await;
    // Intake agrees on an id, then adds to both sums.
    let agreed = scene.memory.faults.steps() + 1;
    for step in [agreed + 1, agreed + 2] {
        scene.memory.faults.at(step, Fault::FailBefore);
    }

    submit_ada(&scene.memory.intake(), &scene.form, ADA, 2).await;
    submit_ada(&scene.memory.intake(), &scene.form, ADA, 3).await;

    let quarantined = ("quarantined.repeated_address", 1);
    assert_eq!(states(&scene), expected([("", 2), quarantined]));
}
