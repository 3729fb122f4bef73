//! Carries out the events of a schedule.

mod accounts;
mod operators;
mod senders;

use jiff::SignedDuration;
use leadfeed_shared::domain::crm::{CrmError, Refusal};
use leadfeed_shared::fakes::Memory;

use crate::dice::Dice;
use crate::oracle::Person;
use crate::schedule::{ApiAnswer, Event, PersonIndex, Step};
use crate::world::World;

pub use self::senders::Submission;

/// What the player remembers about the people it plays.
#[derive(Default)]
pub struct Player {
    last_submissions: std::collections::BTreeMap<PersonIndex, Submission>,
    submission_count: u64,
}

impl Player {
    /// Makes one event happen, or begin.
    pub fn play(&mut self, world: &mut World, step: &Step) {
        let (now, mut dice) = (world.now(), Dice::new(step.seed));
        world.wake_scheduler();
        world.collect_sent_messages();
        let note = || format!("{:?}", step.event);
        world.shared.log().note(now, "* happens", note);
        match &step.event {
            Event::Submit(who, kind) => self.submit(world, *who, *kind, step.seed),
            Event::Flood(customer, count) => self.flood(world, *customer, *count, step.seed),
            Event::Resend(who) => self.resend(world, *who, step.seed),
            Event::OptOut(who) => opt_out(world, *who),
            Event::DeleteContact(who) => delete_contact(world, *who),
            Event::Connect(customer, account) => world.connect(*customer, *account, &mut dice),
            Event::Disconnect(customer) => world.disconnect(*customer, step.seed),
            Event::DeleteCustomer(customer) => world.delete(*customer, step.seed),
            Event::ErasePerson(who) => world.erase(&person(world, *who), step.seed),
            Event::Suppress(who, on) => world.suppress(&person(world, *who), *on, step.seed),
            Event::Release(customer) => world.release(*customer, step.seed),
            Event::Replay(customer) => world.replay(*customer, step.seed),
            Event::Export(customer) => world.export(*customer, step.seed),
            Event::ListLeads(customer) => world.list_leads(*customer, step.seed),
            Event::Redrive => world.sqs().redrive(now),
            Event::Redeliver => world.sqs().redeliver(now),
            Event::LoseQueue => {
                let oracle = world.shared.oracle();
                world.sqs().lose(|lead| oracle.is_recorded(lead));
            }
            Event::RunScheduler => world.run_scheduler(step.seed),
            Event::Tamper(customer) => world.tamper(*customer, &mut dice),
            Event::RemoveList(customer) => world.remove_list(*customer),
            Event::SetConfirmedOptIn(customer, on) => world.set_confirmed_opt_in(*customer, *on),
            Event::SetRights(customer, on) => world.set_rights(*customer, *on),
            Event::ExpireAccess(customer) => {
                world.for_each_account(*customer, |crm, account| crm.expire_access(account))
            }
            Event::Revoke(customer) => {
                world.for_each_account(*customer, |crm, account| crm.revoke(account))
            }
            Event::FailImports(customer) => {
                let id = world.customers[usize::from(*customer)].id.clone();
                world.shared.oracle().imports_may_fail(&id);
                world.for_each_account(*customer, |crm, account| crm.fail_imports(account, 1));
            }
            Event::ForgetImports(customer) => {
                let id = world.customers[usize::from(*customer)].id.clone();
                world.shared.oracle().imports_may_fail(&id);
                world.for_each_account(*customer, |crm, account| crm.forget_activities(account));
            }
            Event::Answer(answer, times) => {
                for _ in 0..*times {
                    world.memory.crm.fail_next(answer.error());
                }
            }
            Event::LoseBudget => world.lose_budget(),
            Event::DelayIndex(delay, duration) => {
                world.shared.delay_listing(*delay, now + *duration)
            }
            Event::Outage(service, disruption, duration) => {
                world.shared.disrupt(*service, *disruption, now + *duration);
            }
        }
    }
}

/// The person at this index.
fn person(world: &World, (customer, index): PersonIndex) -> Person {
    let customer = &world.customers[usize::from(customer)].id;
    Person {
        email: senders::address(customer, index).to_lowercase(),
        customer: customer.clone(),
    }
}

/// A person opts out, unless they consented within the last minute: their form may still be on its way.
fn opt_out(world: &mut World, who: PersonIndex) {
    let person = person(world, who);
    let (memory, now): (&Memory, _) = (&world.memory, world.now());
    let mut oracle = world.shared.oracle();
    if oracle.consented_since(&person, now - SignedDuration::from_mins(1)) {
        return;
    }
    oracle.opted_out(&person);
    let email = person.email.parse().expect("an address");
    let customer = &world.customers[usize::from(who.0)];
    for account in 0..2 {
        memory.crm.opt_out(&customer.account(account), &email);
    }
}

/// The customer deletes a contact wherever it exists, under the same condition.
fn delete_contact(world: &mut World, who: PersonIndex) {
    let person = person(world, who);
    let (memory, now): (&Memory, _) = (&world.memory, world.now());
    let mut oracle = world.shared.oracle();
    if oracle.consented_since(&person, now - SignedDuration::from_mins(1)) {
        return;
    }
    let email = person.email.parse().expect("an address");
    let customer = &world.customers[usize::from(who.0)];
    for account in (0..2).map(|account| customer.account(account)) {
        if memory.crm.contact(&account, &email).is_some() {
            memory.crm.delete_contact(&account, &email);
            oracle.contact_deleted(&person, &account);
        }
    }
}

impl ApiAnswer {
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
            Self::Ours => CrmError::BadRequest(415),
        }
    }
}
