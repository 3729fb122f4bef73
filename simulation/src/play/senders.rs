//! Events of people who fill in forms.

use jiff::SignedDuration;
use leadfeed_shared::app::intake::{Arrival, Channel, IntakeError};
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::fakes::samples;
use leadfeed_shared::ports::Clock as _;

use super::Player;
use crate::oracle::{Answer, Name, Person};
use crate::schedule::{How, PEOPLE, Who};
use crate::wire::Guard;
use crate::world::{Warm, World};

/// The time limit of the function.
const TIME: SignedDuration = SignedDuration::from_secs(25);

/// A submission as somebody sent it.
#[derive(Debug, Clone)]
pub struct Sent {
    address: String,
    fields: Vec<(String, String)>,
    key: Option<String>,
    /// Whether nothing in it should be refused.
    good: bool,
    /// Whether the person agreed, and how many days ago.
    agreed: Option<u8>,
}

/// The address of a customer's person. One is long, one has capitals.
pub fn address(customer: &CustomerId, place: u8) -> String {
    match place {
        6 => format!("P{place}@{customer}.Example"),
        7 => format!("p{place}.{}@{customer}.example", "long".repeat(12)),
        _ => format!("p{place}@{customer}.example"),
    }
}

impl Player {
    pub(super) fn submit(&mut self, world: &mut World, who: Who, how: How, luck: u64) {
        let customer = world.sides[usize::from(who.0)].id.clone();
        self.submissions += 1;
        let number = self.submissions;
        let address = match how {
            How::Robot => format!("robot{number}@{customer}.example"),
            How::NoConsent => format!("never{number}@{customer}.example"),
            How::NoAddress => format!("{customer}.example"),
            How::Plainly | How::Keyed | How::Belated(_) => address(&customer, who.1),
        };
        let mut fields = vec![
            ("email".to_owned(), address.clone()),
            ("first_name".to_owned(), format!("n{number}")),
            ("phone_number".to_owned(), "+1 555 0100".to_owned()),
        ];
        // Without the guard, an unticked box counts as ticked.
        if how != How::NoConsent || world.shared.lacks(Guard::Consent) {
            fields.push(("consent".to_owned(), "yes".to_owned()));
        }
        let days = match how {
            How::Belated(days) => days,
            _ => 0,
        };
        if days > 0 {
            let given = world.now() - SignedDuration::from_hours(24 * i64::from(days));
            fields.push(("consent_given_at".to_owned(), given.to_string()));
        }
        if how == How::Robot {
            fields.push(("contact_website".to_owned(), "buy".to_owned()));
        }
        let keyed = matches!(how, How::Keyed | How::Belated(_));
        let sent = Sent {
            good: !matches!(how, How::NoConsent | How::NoAddress),
            agreed: (how != How::NoConsent).then_some(days),
            key: keyed.then(|| format!("k{number}")),
            address,
            fields,
        };
        if who.1 < PEOPLE {
            self.sent.insert(who, sent.clone());
        }
        send(world, who.0, sent, luck);
    }

    pub(super) fn resend(&mut self, world: &mut World, who: Who, luck: u64) {
        if let Some(sent) = self.sent.get(&who) {
            send(world, who.0, sent.clone(), luck);
        }
    }

    pub(super) fn flood(&mut self, world: &mut World, customer: u8, count: u8, luck: u64) {
        for place in 0..count {
            let luck = luck.wrapping_add(u64::from(place));
            // Indexes beyond the customer's people: everybody else.
            self.submit(world, (customer, PEOPLE + place), How::Plainly, luck);
        }
    }
}

fn send(world: &mut World, customer: u8, sent: Sent, luck: u64) {
    let (process, intake) = world.warm_webhook();
    let warm = Warm::Webhook(process.clone(), intake.clone());
    let side = &world.sides[usize::from(customer)];
    let (customer, form) = (side.id.clone(), side.form.id.to_string());
    if let Some(days) = sent.agreed {
        let person = Person {
            customer: customer.clone(),
            email: sent.address.to_lowercase(),
        };
        let given = if days == 0 {
            world.now()
        } else {
            given_at(&sent)
        };
        world.shared.oracle().agrees(&person, given);
    }
    let name = match &sent.key {
        Some(key) => Name::Key(key.clone()),
        None => {
            let content = format!("{:?}", sent.fields);
            world.shared.oracle().sends(&customer, &content);
            Name::Content(content)
        }
    };
    let (shared, by) = (world.shared.clone(), process.clone());
    let work = async move {
        let arrival = Arrival {
            key: sent.key.as_ref().map(|key| key.parse().expect("a key")),
            ..samples::arrival(sent.fields)
        };
        let form = intake.form(&form).await;
        let form = form.and_then(|form| Channel::Form.accepted_by(&form).map(|()| form));
        let came_at = shared.clock.now();
        let answer = match form {
            Ok(form) => intake.take(&form, arrival).await,
            Err(error) => Err(error),
        };
        let mut oracle = shared.oracle();
        match answer {
            Ok(accepted) => oracle.answered(Answer {
                customer,
                lead: accepted.lead,
                name,
                came_at,
                shaken: by.was_struck(),
            }),
            Err(IntakeError::Unavailable) => oracle.failed_by_us(by.was_struck()),
            Err(IntakeError::Rejected(_)) if sent.good => oracle.failed_by_us(false),
            Err(_) => {}
        }
    };
    world.start(&process, luck, TIME, warm, Box::pin(work));
}

fn given_at(sent: &Sent) -> jiff::Timestamp {
    let given = sent
        .fields
        .iter()
        .find(|(name, _)| name == "consent_given_at");
    let given = given.and_then(|(_, at)| at.parse().ok());
    given.unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}
