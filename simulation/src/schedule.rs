//! The events of a run: drawn from the seed before it begins, so that a failing schedule can be shortened.

use jiff::{SignedDuration, Timestamp};

use leadfeed_shared::domain::budget::Limits;
use leadfeed_shared::fakes::Fault;

use crate::dice::Dice;
use crate::wire::{Service, Weather};

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
    pub luck: u64,
}

/// Who fills in a form: indexes of the customer and of the person.
pub type Who = (u8, u8);

/// The kinds of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody fills in a form.
    Submit(Who, How),
    /// This many people fill in a customer's form, one right after the other.
    Flood(u8, u8),
    /// Somebody sends their last submission again.
    Resend(Who),
    /// A person leaves the account's mail.
    Leave(Who),
    /// A customer deletes a contact in its accounts.
    Remove(Who),
    /// A customer follows a new link and connects its first or another account.
    Connect(u8, u8),
    /// A customer disconnects.
    Disconnect(u8),
    /// The operator deletes a customer.
    Delete(u8),
    /// The operator erases a person.
    Erase(Who),
    /// The operator puts a person on the do-not-contact list, or takes them off.
    Suppress(Who, bool),
    /// The operator releases quarantined leads.
    Release(u8),
    /// A customer replays refused and waiting leads.
    Replay(u8),
    /// A customer exports the undelivered leads as a file.
    Export(u8),
    /// A customer looks at its leads.
    Look(u8),
    /// The operator puts the dead letters back.
    Redrive,
    /// The queue redelivers messages that are being worked on.
    Repeat,
    /// The queue loses all messages whose leads the ledger has, too.
    LoseQueue,
    /// A second run of the scheduler, concurrent with the first.
    Run,
    /// A consent is overwritten in the table.
    Tamper(u8),
    /// A list of the account is deleted.
    RemoveList(u8),
    /// The account asks new contacts to confirm, or no longer does.
    Confirm(u8, bool),
    /// The connected user may no longer write contacts, or may again.
    Rights(u8, bool),
    /// The account's access tokens become invalid.
    ExpireAccess(u8),
    /// The user revokes the access.
    Revoke(u8),
    /// The account's next imports fail.
    FailImports(u8),
    /// The account forgets its imports.
    ForgetImports(u8),
    /// The API answers its next calls with this.
    Answer(Answer, u8),
    /// The row of the budget is lost.
    LoseBudget,
    /// The ledger's index lists waiting leads this late, for this long.
    LateIndex(SignedDuration, SignedDuration),
    /// A service is out of order for this long.
    Outage(Service, Weather, SignedDuration),
}

/// How a form is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Correctly.
    Plainly,
    /// With a key.
    Keyed,
    /// With a key, having agreed this many days ago.
    Belated(u8),
    /// By a robot.
    Robot,
    /// Without the box ticked.
    NoConsent,
    /// With an invalid address.
    NoAddress,
}

/// Constant Contact's possible answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Throttled,
    QuotaExceeded,
    Unauthorized,
    Conflict,
    AnswerLost,
    Invalid,
    BadPhone,
    Ours,
}

/// People of a customer; the last ones never agree, or are robots.
pub const PEOPLE: u8 = 8;

impl Case {
    /// Draws the run of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let setting = Setting::draw(&mut dice);
        let mut steps = connecting(&setting, &mut dice);
        let count = dice.between(12, 60);
        let mut after = SignedDuration::from_secs(30);
        for _ in 0..count {
            after += gap(&setting, after, &mut dice);
            let event = event(&setting, &mut dice);
            if let Event::Submit(who, How::Plainly) = event
                && dice.chance(40)
            {
                steps.extend(double_click(&setting, &mut after, who, &mut dice));
                continue;
            }
            steps.push(Step {
                after,
                event,
                luck: dice.roll(),
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
            drains: dice.place(5) + 1,
            long_lived: dice.chance(15),
            takes_time: true,
        }
    }

    fn customer(&self, dice: &mut Dice) -> u8 {
        u8::try_from(dice.place(self.customers.into())).unwrap_or(0)
    }
}

/// Most customers connect before the first lead comes.
fn connecting(setting: &Setting, dice: &mut Dice) -> Vec<Step> {
    let some = (0..setting.customers).filter(|_| dice.chance(85));
    let some: Vec<_> = some.collect();
    let step = |customer| Step {
        after: SignedDuration::ZERO,
        event: Event::Connect(customer, 0),
        luck: 0,
    };
    some.into_iter().map(step).collect()
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
    who: Who,
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
        (first, Event::Submit(who, How::Plainly)),
        (*after, Event::Resend(who)),
    ]
    .map(|(after, event)| Step {
        after,
        event,
        luck: dice.roll(),
    })
}

fn event(setting: &Setting, dice: &mut Dice) -> Event {
    let customer = setting.customer(dice);
    let who = (
        customer,
        u8::try_from(dice.place(PEOPLE.into())).unwrap_or(0),
    );
    match dice.below(200) {
        0..56 => Event::Submit(who, how(dice)),
        56..60 => Event::ExpireAccess(customer),
        60..66 => {
            let most = if setting.limits.per_day < 10_000 {
                110
            } else {
                25
            };
            Event::Flood(customer, u8::try_from(dice.between(8, most)).unwrap_or(8))
        }
        66..80 => Event::Resend(who),
        80..89 => Event::Leave(who),
        89..92 => Event::Remove(who),
        92..98 => Event::Connect(customer, dice.weighted(&[(4, 0), (1, 1)])),
        98..101 => Event::Disconnect(customer),
        101..102 => Event::Delete(customer),
        102..106 => Event::Erase(who),
        106..110 => Event::Suppress(who, dice.chance(60)),
        110..115 => Event::Release(customer),
        115..120 => Event::Replay(customer),
        120..123 => Event::Export(customer),
        123..125 => Event::Look(customer),
        125..129 => Event::Redrive,
        129..136 => Event::Repeat,
        136..139 => Event::LoseQueue,
        139..143 => Event::Run,
        143..145 => Event::Tamper(customer),
        145..149 => Event::RemoveList(customer),
        149..152 => Event::Confirm(customer, dice.chance(50)),
        152..155 => Event::Rights(customer, dice.chance(40)),
        155..161 => Event::ExpireAccess(customer),
        161..163 => Event::Revoke(customer),
        163..165 => Event::FailImports(customer.min(setting.bulk.saturating_sub(1))),
        165..166 => Event::ForgetImports(customer),
        166..178 => Event::Answer(answer(dice), u8::try_from(dice.between(1, 3)).unwrap_or(1)),
        178..179 => Event::LoseBudget,
        179..181 => late_index(dice),
        _ => outage(dice),
    }
}

fn how(dice: &mut Dice) -> How {
    let days = u8::try_from(dice.between(1, 20)).unwrap_or(1);
    dice.weighted(&[
        (10, How::Plainly),
        (5, How::Keyed),
        (4, How::Belated(days)),
        (2, How::Robot),
        (2, How::NoConsent),
        (1, How::NoAddress),
    ])
}

fn answer(dice: &mut Dice) -> Answer {
    dice.weighted(&[
        (3, Answer::Throttled),
        (1, Answer::QuotaExceeded),
        (3, Answer::Unauthorized),
        (2, Answer::Conflict),
        (4, Answer::AnswerLost),
        (1, Answer::Invalid),
        (1, Answer::BadPhone),
        (1, Answer::Ours),
    ])
}

/// Usually a little later than a mark allows for, sometimes much later.
fn late_index(dice: &mut Dice) -> Event {
    let most = dice.weighted(&[(3, 20), (2, 120), (1, 1_800)]);
    let by = SignedDuration::from_secs(dice.between(1, most));
    let lasts = SignedDuration::from_secs(dice.between(30, 7_200));
    Event::LateIndex(by, lasts)
}

fn outage(dice: &mut Dice) -> Event {
    let service = dice.pick(&Service::ALL);
    let weather = dice.weighted(&[(3, Weather::Down), (4, Weather::Shaky), (2, Weather::Slow)]);
    let seconds = dice.weighted(&[(4, 8), (3, 60), (2, 400), (1, 7_200)]);
    let seconds = dice.between(1, seconds);
    Event::Outage(service, weather, SignedDuration::from_secs(seconds))
}

/// The fault of an invocation: usually none.
#[must_use]
pub fn strike(luck: &mut Dice) -> Option<(u64, Fault)> {
    let strike = luck.pick(&[
        Fault::FailBefore,
        Fault::FailAfter,
        Fault::CrashBefore,
        Fault::CrashAfter,
    ]);
    let call = luck.weighted(&[(3, 6), (2, 16), (1, 40)]);
    let call = luck.below(call) + 1;
    luck.chance(22).then_some((call, strike))
}
