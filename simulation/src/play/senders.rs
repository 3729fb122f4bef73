//! Events of people who fill in forms.

use jiff::SignedDuration;
use leadfeed_shared::app::intake::{Arrival, Channel, IntakeError};
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::fakes::samples;
use leadfeed_shared::ports::Clock as _;

use super::Player;
use crate::oracle::{Answer, Person, SubmissionId};
use crate::schedule::{PEOPLE, PersonIndex, SubmissionKind};
use crate::wire::Guard;
use crate::world::{Instance, World};

/// The time limit of the function.
const TIMEOUT: SignedDuration = SignedDuration::from_secs(25);

/// A submission as it was sent.
#[derive(Debug, Clone)]
pub struct Submission {
    address: String,
    fields: Vec<(String, String)>,
    key: Option<String>,
    /// Whether nothing in it should be refused.
    valid: bool,
    /// How many days ago the person consented, if they did.
    consent_age_days: Option<u8>,
}

/// The address of a customer's person. One is long, one has capitals.
pub fn address(customer: &CustomerId, index: u8) -> String {
    match index {
        6 => format!("P{index}@{customer}.Example"),
        7 => format!("p{index}.{}@{customer}.example", "long".repeat(12)),
        _ => format!("p{index}@{customer}.example"),
    }
}

impl Player {
    pub(super) fn submit(
        &mut self,
        world: &mut World,
        who: PersonIndex,
        kind: SubmissionKind,
        seed: u64,
    ) {
        let customer = world.customers[usize::from(who.0)].id.clone();
        self.submission_count += 1;
        let number = self.submission_count;
        let address = match kind {
            SubmissionKind::Robot => format!("robot{number}@{customer}.example"),
            SubmissionKind::NoConsent => format!("never{number}@{customer}.example"),
            SubmissionKind::NoAddress => format!("{customer}.example"),
            SubmissionKind::Plain | SubmissionKind::Keyed | SubmissionKind::OldConsent(_) => {
                address(&customer, who.1)
            }
        };
        let mut fields = vec![
            ("email".to_owned(), address.clone()),
            ("first_name".to_owned(), format!("n{number}")),
            ("phone_number".to_owned(), "+1 555 0100".to_owned()),
        ];
        // Without the guard, an unticked box counts as ticked.
        if kind != SubmissionKind::NoConsent || world.shared.lacks(Guard::Consent) {
            fields.push(("consent".to_owned(), "yes".to_owned()));
        }
        let days = match kind {
            SubmissionKind::OldConsent(days) => days,
            _ => 0,
        };
        if days > 0 {
            let given = world.now() - SignedDuration::from_hours(24 * i64::from(days));
            fields.push(("consent_given_at".to_owned(), given.to_string()));
        }
        if kind == SubmissionKind::Robot {
            fields.push(("contact_website".to_owned(), "buy".to_owned()));
        }
        let keyed = matches!(kind, SubmissionKind::Keyed | SubmissionKind::OldConsent(_));
        let submission = Submission {
            valid: !matches!(kind, SubmissionKind::NoConsent | SubmissionKind::NoAddress),
            consent_age_days: (kind != SubmissionKind::NoConsent).then_some(days),
            key: keyed.then(|| format!("k{number}")),
            address,
            fields,
        };
        if who.1 < PEOPLE {
            self.last_submissions.insert(who, submission.clone());
        }
        send(world, who.0, submission, seed);
    }

    pub(super) fn resend(&mut self, world: &mut World, who: PersonIndex, seed: u64) {
        if let Some(submission) = self.last_submissions.get(&who) {
            send(world, who.0, submission.clone(), seed);
        }
    }

    pub(super) fn flood(&mut self, world: &mut World, customer: u8, count: u8, seed: u64) {
        for index in 0..count {
            let seed = seed.wrapping_add(u64::from(index));
            // Indexes beyond the customer's people: everybody else.
            self.submit(
                world,
                (customer, PEOPLE + index),
                SubmissionKind::Plain,
                seed,
            );
        }
    }
}

fn send(world: &mut World, customer: u8, submission: Submission, seed: u64) {
    let (process, intake) = world.idle_webhook();
    let instance = Instance::Webhook(process.clone(), intake.clone());
    let simulated = &world.customers[usize::from(customer)];
    let (customer, form) = (simulated.id.clone(), simulated.form.id.to_string());
    let person = Person {
        customer: customer.clone(),
        email: submission.address.to_lowercase(),
    };
    if let Some(days) = submission.consent_age_days {
        let given_at = if days == 0 {
            world.now()
        } else {
            consent_given_at(&submission)
        };
        world.shared.oracle().consented(&person, given_at);
    }
    let submission_id = match &submission.key {
        Some(key) => SubmissionId::Key(key.clone()),
        None => {
            let content = format!("{:?}", submission.fields);
            world.shared.oracle().submitted(&customer, &content);
            SubmissionId::Content(content)
        }
    };
    let (shared, worker) = (world.shared.clone(), process.clone());
    let work = async move {
        let arrival = Arrival {
            key: submission
                .key
                .as_ref()
                .map(|key| key.parse().expect("a key")),
            ..samples::arrival(submission.fields)
        };
        let form = intake.form(&form).await;
        let form = form.and_then(|form| Channel::Form.accepted_by(&form).map(|()| form));
        let received_at = shared.clock.now();
        let answer = match form {
            Ok(form) => intake.take(&form, arrival).await,
            Err(error) => Err(error),
        };
        let mut oracle = shared.oracle();
        match answer {
            Ok(accepted) => oracle.answered(Answer {
                person,
                lead: accepted.lead,
                submission_id,
                received_at,
                disturbed: worker.was_disturbed(),
            }),
            Err(IntakeError::Unavailable) => oracle.check_failure(worker.was_disturbed()),
            Err(IntakeError::Rejected(_)) if submission.valid => oracle.check_failure(false),
            Err(_) => {}
        }
    };
    world.start(&process, seed, TIMEOUT, instance, Box::pin(work));
}

fn consent_given_at(submission: &Submission) -> jiff::Timestamp {
    let given = submission
        .fields
        .iter()
        .find(|(name, _)| name == "consent_given_at");
    let given = given.and_then(|(_, at)| at.parse().ok());
    given.unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}
