use std::fmt;

use clap::ValueEnum;

/// A safeguard that can be removed, to see whether the simulation would notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Guard {
    /// Only one drain has a lead at a time.
    Claim,
    /// Only one worker refreshes a connection's token at a time.
    Lease,
    /// A worker writes down which generation it will store before it asks for the pair.
    Intent,
    /// Older consents are checked against opt-outs and deleted contacts.
    OptOutCheck,
    /// A day has a limited number of calls.
    DayLimit,
    /// A second has a limited number of calls.
    SecondLimit,
    /// A submission without a ticked box is no lead.
    Consent,
    /// People whom the customer never wants mailed are refused.
    Suppression,
    /// A new token pair is stored before it is used.
    PairStored,
    /// A lead is kept before its sender is answered.
    KeptBeforeAnswer,
    /// A lane of waiting leads is marked, so that the scheduler looks.
    Mark,
    /// An emptied lane is looked at once more.
    LookAgain,
    /// A caller's key stands for one lead.
    Key,
    /// Equal submissions agree on one id at the turn of a minute.
    Turn,
    /// An import is written down before it is requested.
    ImportIntent,
    /// An import that failed or vanished does not count as successful.
    ImportEnd,
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.to_possible_value().ok_or(fmt::Error)?;
        f.write_str(word.get_name())
    }
}
