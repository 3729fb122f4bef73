//! How many leads a form, and a person at it, lets go out in a day.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::app::intake::{Accepted, Arrival, Channel, Intake};
use crate::app::scene::Scene;
use crate::domain::form::Form;
use crate::domain::screening::Rates;
use crate::domain::tally::label;
use crate::fakes::{Fault, Memory, samples};

const ADA: &str = "ada@example.com";

fn rates(per_day: u32, per_address: u32) -> Rates {
    Rates {
        per_day,
        per_address,
        ..Rates::default()
    }
}

async fn come(
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

/// A person with this number.
async fn person(intake: &Intake<Memory>, form: &Form, number: usize) {
    let email = format!("p{number}@example.com");
    come(intake, form, Channel::Form, &[("email", &email)]).await;
}

/// One person, with another name each time.
async fn ada(intake: &Intake<Memory>, form: &Form, email: &str, number: usize) {
    let name = format!("Ada {number}");
    let fields = [("email", email), ("first_name", &name)];
    come(intake, form, Channel::Form, &fields).await;
}

/// What the leads count as; those on their way are not counted.
fn states(scene: &Scene) -> BTreeMap<String, usize> {
    let mut states = BTreeMap::new();
    for record in scene.memory.ledger.all() {
        *states
            .entry(label(&record.state).unwrap_or_default())
            .or_default() += 1;
    }
    states
}

fn told<const N: usize>(states: [(&str, usize); N]) -> BTreeMap<String, usize> {
    states
        .map(|(label, count)| (label.to_owned(), count))
        .into()
}

#[tokio::test]
async fn a_form_lets_so_many_leads_out_in_a_day_and_sets_the_others_aside() {
    let mut scene = Scene::connected().await;
    scene.form.screening.rates = rates(10, 20);
    let intake = scene.memory.intake();

    for number in 0..14 {
        person(&intake, &scene.form, number).await;
    }
    let today = states(&scene);
    scene.memory.clock.advance(SignedDuration::from_hours(12));
    for number in 14..18 {
        person(&intake, &scene.form, number).await;
    }

    assert_eq!(today, told([("", 10), ("quarantined.daily_limit", 4)]));
    assert_eq!(states(&scene)[""], 14);
    assert_eq!(scene.memory.queue.sent().len(), 14);
}

#[tokio::test]
async fn an_address_that_comes_again_and_again_is_set_aside_and_no_other_feels_it() {
    let scene = Scene::connected().await;
    let intake = scene.memory.intake();

    for number in 0..25 {
        let email = if number % 2 == 0 {
            ADA
        } else {
            "Ada@Example.com"
        };
        ada(&intake, &scene.form, email, number).await;
    }
    person(&intake, &scene.form, 0).await;

    let aside = ("quarantined.repeated_address", 5);
    assert_eq!(states(&scene), told([("", 21), aside]));
}

#[tokio::test]
async fn all_functions_together_let_a_few_more_out_than_the_form_does() {
    let mut scene = Scene::connected().await;
    scene.form.screening.rates = Rates {
        per_minute: 10_000,
        ..rates(600, 20)
    };
    let functions: Vec<_> = (0..10).map(|_| scene.memory.intake()).collect();

    for (number, intake) in (0..1_000).zip(functions.iter().cycle()) {
        person(intake, &scene.form, number).await;
    }

    let out = states(&scene)[""];
    assert!((600..=600 + 20 * functions.len()).contains(&out), "{out}");
}

#[tokio::test]
async fn what_a_server_signs_is_held_to_no_limit_of_a_day() {
    let mut scene = Scene::connected().await;
    scene.form.screening.rates = rates(1, 1);
    let intake = scene.memory.intake();

    for name in ["Ada", "Augusta", "Aad"] {
        let fields = [("email", ADA), ("first_name", name)];
        come(&intake, &scene.form, Channel::Webhook, &fields).await;
    }

    assert_eq!(states(&scene), told([("", 3)]));
}

#[tokio::test]
async fn only_what_would_go_out_counts_against_a_day() {
    let mut scene = Scene::connected().await;
    scene.form.screening.rates = rates(1, 1);
    let intake = scene.memory.intake();
    let robot = [("email", ADA), ("contact_website", "x")];
    come(&intake, &scene.form, Channel::Form, &robot).await;
    let rehearsed = samples::arrival([("email", ADA), ("consent", "yes")]);
    intake.rehearse(&scene.form, &rehearsed).await.unwrap();

    ada(&intake, &scene.form, ADA, 1).await;
    ada(&intake, &scene.form, ADA, 2).await;

    let robots = ("quarantined.honeypot", 1);
    let aside = ("quarantined.repeated_address", 1);
    assert_eq!(states(&scene), told([("", 1), robots, aside]));
}

#[tokio::test]
async fn sums_of_a_day_out_of_reach_set_nobody_aside() {
    let mut scene = Scene::connected().await;
    scene.form.screening.rates = rates(1, 1);
    ada(&scene.memory.intake(), &scene.form, ADA, 1).await;
    // Intake agrees on an id, then adds to both sums.
    let agreed = scene.memory.faults.steps() + 1;
    for step in [agreed + 1, agreed + 2] {
        scene.memory.faults.at(step, Fault::FailBefore);
    }

    ada(&scene.memory.intake(), &scene.form, ADA, 2).await;
    ada(&scene.memory.intake(), &scene.form, ADA, 3).await;

    let aside = ("quarantined.repeated_address", 1);
    assert_eq!(states(&scene), told([("", 2), aside]));
}
