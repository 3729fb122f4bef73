//! The events of a run: drawn from the seed before it begins, so that a failing schedule can be shortened.

use jiff::{SignedDuration, Timestamp};

use leadfeed_shared::domain::budget::Limits;
use leadfeed_shared::fakes::Fault;

use crate::dice::Dice;
use crate::wire::{Disruption, Service};

/// One run before it begins.
#[derive(Debug, Clone)]
pub struct Case {
    /// The seed it was drawn from, which also decides which runnable process goes first.
    pub seed: u64,
    /// The world it happens in.
    pub setting: Setting,
    /// The events, in order.
    pub steps: Vec<Step>,
}

/// The world of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// When it begins.
    pub begins: Timestamp,
    /// Customers.
    pub customers: u8,
    /// How many of them, from the first, agreed to imports.
    pub bulk: u8,
    /// Whether the last customer has an application of its own.
    pub own_app: bool,
    /// The limits of an application.
    pub limits: Limits,
    /// Concurrent drains.
    pub drains: usize,
    /// Whether refresh tokens are long-lived instead of rotating.
    pub long_lived: bool,
    /// Whether calls take time, and faults may happen.
    pub takes_time: bool,
}

/// A timed event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Time since the beginning.
    pub after: SignedDuration,
    /// The event.
    pub event: Event,
    /// Seeds the random choices of the event.
    pub seed: u64,
}

/// Who fills in a form: indexes of the customer and of the person.
pub type PersonIndex = (u8, u8);

/// The kinds of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody fills in a form.
    Submit(PersonIndex, SubmissionKind),
    /// This many people fill in a customer's form, one right after the other.
    Flood(u8, u8),
    /// Somebody sends their last submission again.
    Resend(PersonIndex),
    /// A person unsubscribes from the customer's accounts.
    OptOut(PersonIndex),
    /// A customer deletes a contact in its accounts.
    DeleteContact(PersonIndex),
    /// A customer follows a new link and connects its first or another account.
    Connect(u8, u8),
    /// A customer disconnects.
    Disconnect(u8),
    /// The operator deletes a customer.
    DeleteCustomer(u8),
    /// The operator erases a person.
    ErasePerson(PersonIndex),
    /// The operator puts a person on the do-not-contact list, or takes them off.
    Suppress(PersonIndex, bool),
    /// The operator releases quarantined leads.
    Release(u8),
    /// A customer replays refused and waiting leads.
    Replay(u8),
    /// A customer exports the undelivered leads as a file.
    Export(u8),
    /// A customer looks at its leads.
    ListLeads(u8),
    /// The operator puts the dead letters back.
    Redrive,
    /// The queue redelivers messages that are being worked on.
    Redeliver,
    /// The queue loses all messages whose leads are also in the ledger.
    LoseQueue,
    /// An additional run of the scheduler, perhaps concurrent with another.
    RunScheduler,
    /// A consent is overwritten in the table.
    Tamper(u8),
    /// A list of the account is deleted.
    RemoveList(u8),
    /// The account asks new contacts to confirm, or no longer does.
    SetConfirmedOptIn(u8, bool),
    /// The connected user loses the right to write contacts, or gets it back.
    SetRights(u8, bool),
    /// The account's access tokens become invalid.
    ExpireAccess(u8),
    /// The user revokes the access.
    Revoke(u8),
    /// The account's next imports fail.
    FailImports(u8),
    /// The account forgets its imports.
    ForgetImports(u8),
    /// The API answers its next calls with this.
    Answer(ApiAnswer, u8),
    /// The row of the budget is lost.
    LoseBudget,
    /// The ledger's index lists waiting leads this late, for this long.
    DelayIndex(SignedDuration, SignedDuration),
    /// A service is disrupted for this long.
    Outage(Service, Disruption, SignedDuration),
}

/// How a form is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmissionKind {
    /// Correctly.
    Plain,
    /// With a key.
    Keyed,
    /// With a key, and a consent given this many days ago.
    OldConsent(u8),
    /// By a robot.
    Robot,
    /// Without the box ticked.
    NoConsent,
    /// With an invalid address.
    NoAddress,
}

/// Constant Contact's possible answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiAnswer {
    Throttled,
    QuotaExceeded,
    Unauthorized,
    Conflict,
    AnswerLost,
    Invalid,
    BadPhone,
    Ours,
}

/// People of a customer; the last ones have an address with capitals and an overlong one.
pub const PEOPLE: u8 = 8;

impl Case {
    /// Draws the run of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let setting = Setting::draw(&mut dice);
        let mut steps = initial_connections(&setting, &mut dice);
        let count = dice.between(12, 60);
        let mut after = SignedDuration::from_secs(30);
        for _ in 0..count {
            after += gap(&setting, after, &mut dice);
            let event = event(&setting, &mut dice);
            if let Event::Submit(who, SubmissionKind::Plain) = event
                && dice.chance(40)
            {
                steps.extend(double_click(&setting, &mut after, who, &mut dice));
                continue;
            }
            steps.push(Step {
                after,
                event,
                seed: dice.roll(),
            });
        }
        Self {
            seed,
            setting,
            steps,
        }
    }
}

impl Setting {
    fn draw(dice: &mut Dice) -> Self {
        let begins: Timestamp = "2026-11-23T00:00:00Z".parse().expect("a time");
        let customers = u8::try_from(dice.between(1, 3)).unwrap_or(1);
        Self {
            begins: begins + SignedDuration::from_secs(dice.between(0, 86_399)),
            customers,
            bulk: u8::try_from(dice.between(0, customers.into())).unwrap_or(0),
            own_app: dice.chance(30),
            limits: Limits {
                per_second: 4,
                per_day: dice.weighted(&[(5, 10_000), (1, 24), (1, 60), (1, 150)]),
            },
            drains: dice.pick_index(5) + 1,
            long_lived: dice.chance(15),
            takes_time: true,
        }
    }

    fn customer(&self, dice: &mut Dice) -> u8 {
        u8::try_from(dice.pick_index(self.customers.into())).unwrap_or(0)
    }
}

/// Most customers connect before the first lead comes.
fn initial_connections(setting: &Setting, dice: &mut Dice) -> Vec<Step> {
    let connected = (0..setting.customers).filter(|_| dice.chance(85));
    let connected: Vec<_> = connected.collect();
    let step = |customer| Step {
        after: SignedDuration::ZERO,
        event: Event::Connect(customer, 0),
        seed: 0,
    };
    connected.into_iter().map(step).collect()
}

/// Mostly seconds, sometimes hours, and now and then until just before midnight.
fn gap(setting: &Setting, after: SignedDuration, dice: &mut Dice) -> SignedDuration {
    let now = setting.begins + after;
    let to_midnight = 86_400 - now.as_second().rem_euclid(86_400);
    match dice.below(100) {
        0..45 => SignedDuration::from_millis(dice.between(0, 2_000)),
        45..70 => SignedDuration::from_millis(dice.between(2_000, 90_000)),
        70..88 => SignedDuration::from_secs(dice.between(60, 1_800)),
        88..96 => SignedDuration::from_secs(dice.between(1_800, 30_000)),
        _ => SignedDuration::from_secs((to_midnight - dice.between(0, 90)).max(0)),
    }
}

/// Somebody submits a form, and again at once or a little later: often across the turn of a minute.
fn double_click(
    setting: &Setting,
    after: &mut SignedDuration,
    who: PersonIndex,
    dice: &mut Dice,
) -> [Step; 2] {
    if dice.chance(60) {
        let into = (setting.begins + *after)
            .as_millisecond()
            .rem_euclid(60_000);
        let before_the_turn = dice.weighted(&[(2, 30), (1, 14_000)]);
        *after += SignedDuration::from_millis(60_000 - into - dice.between(0, before_the_turn));
    }
    let first = *after;
    let apart = dice.weighted(&[(2, 40), (1, 14_000)]);
    *after += SignedDuration::from_millis(dice.between(0, apart));
    [
        (first, Event::Submit(who, SubmissionKind::Plain)),
        (*after, Event::Resend(who)),
    ]
    .map(|(after, event)| Step {
        after,
        event,
        seed: dice.roll(),
    })
}

fn event(setting: &Setting, dice: &mut Dice) -> Event {
    let customer = setting.customer(dice);
    let who = (
        customer,
        u8::try_from(dice.pick_index(PEOPLE.into())).unwrap_or(0),
    );
    match dice.below(200) {
        0..56 => Event::Submit(who, submission_kind(dice)),
        56..60 => Event::ExpireAccess(customer),
        60..66 => {
            let max = if setting.limits.per_day < 10_000 {
                110
            } else {
                25
            };
            Event::Flood(customer, u8::try_from(dice.between(8, max)).unwrap_or(8))
        }
        66..80 => Event::Resend(who),
        80..89 => Event::OptOut(who),
        89..92 => Event::DeleteContact(who),
        92..98 => Event::Connect(customer, dice.weighted(&[(4, 0), (1, 1)])),
        98..101 => Event::Disconnect(customer),
        101..102 => Event::DeleteCustomer(customer),
        102..106 => Event::ErasePerson(who),
        106..110 => Event::Suppress(who, dice.chance(60)),
        110..115 => Event::Release(customer),
        115..120 => Event::Replay(customer),
        120..123 => Event::Export(customer),
        123..125 => Event::ListLeads(customer),
        125..129 => Event::Redrive,
        129..136 => Event::Redeliver,
        136..139 => Event::LoseQueue,
        139..143 => Event::RunScheduler,
        143..145 => Event::Tamper(customer),
        145..149 => Event::RemoveList(customer),
        149..152 => Event::SetConfirmedOptIn(customer, dice.chance(50)),
        152..155 => Event::SetRights(customer, dice.chance(40)),
        155..161 => Event::ExpireAccess(customer),
        161..163 => Event::Revoke(customer),
        163..165 => Event::FailImports(customer.min(setting.bulk.saturating_sub(1))),
        165..166 => Event::ForgetImports(customer),
        166..178 => Event::Answer(
            api_answer(dice),
            u8::try_from(dice.between(1, 3)).unwrap_or(1),
        ),
        178..179 => Event::LoseBudget,
        179..181 => delay_index(dice),
        _ => outage(dice),
    }
}

fn submission_kind(dice: &mut Dice) -> SubmissionKind {
    let days = u8::try_from(dice.between(1, 20)).unwrap_or(1);
    dice.weighted(&[
        (10, SubmissionKind::Plain),
        (5, SubmissionKind::Keyed),
        (4, SubmissionKind::OldConsent(days)),
        (2, SubmissionKind::Robot),
        (2, SubmissionKind::NoConsent),
        (1, SubmissionKind::NoAddress),
    ])
}

fn api_answer(dice: &mut Dice) -> ApiAnswer {
    dice.weighted(&[
        (3, ApiAnswer::Throttled),
        (1, ApiAnswer::QuotaExceeded),
        (3, ApiAnswer::Unauthorized),
        (2, ApiAnswer::Conflict),
        (4, ApiAnswer::AnswerLost),
        (1, ApiAnswer::Invalid),
        (1, ApiAnswer::BadPhone),
        (1, ApiAnswer::Ours),
    ])
}

/// Usually a little later than a mark allows for, sometimes much later.
fn delay_index(dice: &mut Dice) -> Event {
    let max = dice.weighted(&[(3, 20), (2, 120), (1, 1_800)]);
    let delay = SignedDuration::from_secs(dice.between(1, max));
    let duration = SignedDuration::from_secs(dice.between(30, 7_200));
    Event::DelayIndex(delay, duration)
}

fn outage(dice: &mut Dice) -> Event {
    let service = dice.pick(&Service::ALL);
    let disruption = dice.weighted(&[
        (3, Disruption::Down),
        (4, Disruption::Flaky),
        (2, Disruption::Slow),
    ]);
    let seconds = dice.weighted(&[(4, 8), (3, 60), (2, 400), (1, 7_200)]);
    let seconds = dice.between(1, seconds);
    Event::Outage(service, disruption, SignedDuration::from_secs(seconds))
}

/// The fault of an invocation: usually none.
#[must_use]
pub fn draw_fault(dice: &mut Dice) -> Option<(u64, Fault)> {
    let fault = dice.pick(&[
        Fault::FailBefore,
        Fault::FailAfter,
        Fault::CrashBefore,
        Fault::CrashAfter,
    ]);
    let call = dice.weighted(&[(3, 6), (2, 16), (1, 40)]);
    let call = dice.below(call) + 1;
    dice.chance(22).then_some((call, fault))
}
