//! Carries out the events of a schedule.

mod accounts;
mod operators;
mod senders;

use jiff::SignedDuration;
use leadfeed_shared::domain::crm::{CrmError, Refusal};
use leadfeed_shared::fakes::Memory;

use crate::dice::Dice;
use crate::oracle::Person;
use crate::schedule::{Answer, Event, Step, Who};
use crate::world::World;

pub use self::senders::Sent;

/// What the player remembers about the people it plays.
#[derive(Default)]
pub struct Player {
    sent: std::collections::BTreeMap<Who, Sent>,
    submissions: u64,
}

impl Player {
    /// Makes one event happen, or begin.
    pub fn play(&mut self, world: &mut World, step: &Step) {
        let (now, mut luck) = (world.now(), Dice::new(step.luck));
        world.stir();
        world.take_what_was_sent();
        let note = || format!("{:?}", step.event);
        world.shared.log().note(now, "* happens", note);
        match &step.event {
            Event::Submit(who, how) => self.submit(world, *who, *how, step.luck),
            Event::Flood(customer, count) => self.flood(world, *customer, *count, step.luck),
            Event::Resend(who) => self.resend(world, *who, step.luck),
            Event::Leave(who) => leave(world, *who),
            Event::Remove(who) => remove(world, *who),
            Event::Connect(customer, account) => world.connect(*customer, *account, &mut luck),
            Event::Disconnect(customer) => world.disconnect(*customer, step.luck),
            Event::Delete(customer) => world.delete(*customer, step.luck),
            Event::Erase(who) => world.erase(&person(world, *who), step.luck),
            Event::Suppress(who, on) => world.suppress(&person(world, *who), *on, step.luck),
            Event::Release(customer) => world.release(*customer, step.luck),
            Event::Replay(customer) => world.replay(*customer, step.luck),
            Event::Export(customer) => world.export(*customer, step.luck),
            Event::Look(customer) => world.look_at_leads(*customer, step.luck),
            Event::Redrive => world.sqs().redrive(now),
            Event::Repeat => world.sqs().repeat(now),
            Event::LoseQueue => {
                let oracle = world.shared.oracle();
                world.sqs().lose(|lead| oracle.has(lead));
            }
            Event::Run => world.run_scheduler(step.luck),
            Event::Tamper(customer) => world.tamper(*customer, &mut luck),
            Event::RemoveList(customer) => world.remove_list(*customer),
            Event::Confirm(customer, on) => world.ask_to_confirm(*customer, *on),
            Event::Rights(customer, on) => world.set_rights(*customer, *on),
            Event::ExpireAccess(customer) => {
                world.of_accounts(*customer, |crm, account| crm.expire_access(account))
            }
            Event::Revoke(customer) => {
                world.of_accounts(*customer, |crm, account| crm.revoke(account))
            }
            Event::FailImports(customer) => {
                let id = world.sides[usize::from(*customer)].id.clone();
                world.shared.oracle().imports_may_fail(&id);
                world.of_accounts(*customer, |crm, account| crm.fail_imports(account, 1));
            }
            Event::ForgetImports(customer) => {
                let id = world.sides[usize::from(*customer)].id.clone();
                world.shared.oracle().imports_may_fail(&id);
                world.of_accounts(*customer, |crm, account| crm.forget_activities(account));
            }
            Event::Answer(answer, times) => {
                for _ in 0..*times {
                    world.memory.crm.answer_next(answer.error());
                }
            }
            Event::LoseBudget => world.lose_budget(),
            Event::LateIndex(by, lasts) => world.shared.list_late(*by, now + *lasts),
            Event::Outage(service, weather, lasts) => {
                world.shared.set_weather(*service, *weather, now + *lasts);
            }
        }
    }
}

/// The person at this index.
fn person(world: &World, (customer, place): Who) -> Person {
    let customer = &world.sides[usize::from(customer)].id;
    Person {
        email: senders::address(customer, place).to_lowercase(),
        customer: customer.clone(),
    }
}

/// Nobody leaves while their form is being submitted, or while they are still trusted because they have just agreed.
fn leave(world: &mut World, who: Who) {
    let person = person(world, who);
    let (memory, now): (&Memory, _) = (&world.memory, world.now());
    let mut oracle = world.shared.oracle();
    if oracle.has_just_agreed(&person, now - SignedDuration::from_mins(1)) {
        return;
    }
    oracle.leaves(&person);
    let email = person.email.parse().expect("an address");
    let side = &world.sides[usize::from(who.0)];
    for account in 0..2 {
        memory.crm.opt_out(&side.account(account), &email);
    }
}

/// The same for a contact that the customer deletes wherever it exists.
fn remove(world: &mut World, who: Who) {
    let person = person(world, who);
    let (memory, now): (&Memory, _) = (&world.memory, world.now());
    let mut oracle = world.shared.oracle();
    if oracle.has_just_agreed(&person, now - SignedDuration::from_mins(1)) {
        return;
    }
    let email = person.email.parse().expect("an address");
    let side = &world.sides[usize::from(who.0)];
    for account in (0..2).map(|account| side.account(account)) {
        if memory.crm.contact(&account, &email).is_some() {
            memory.crm.delete_contact(&account, &email);
            oracle.is_removed(&person, &account);
        }
    }
}

impl Answer {
    fn error(self) -> CrmError {
        let refusal = |message: &str| Refusal::of("contacts.api.validation.error", message);
        match self {
            Self::Throttled => CrmError::THROTTLED,
            Self::QuotaExceeded => CrmError::QuotaExceeded,
            Self::Unauthorized => CrmError::Unauthorized,
            Self::Conflict => CrmError::Conflict(Refusal::default()),
            Self::AnswerLost => CrmError::AnswerLost,
            Self::Invalid => CrmError::Invalid(refusal("the contact cannot be taken")),
            Self::BadPhone => CrmError::Invalid(refusal("phone_number is invalid")),
            Self::Ours => CrmError::Ours(415),
        }
    }
}
