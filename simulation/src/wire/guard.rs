use std::fmt;

use clap::ValueEnum;

/// A guard that can be taken away, to see whether the simulation would notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Guard {
    /// Only one drain has a lead at a time.
    Claim,
    /// Only one worker refreshes a connection's token at a time.
    Lease,
    /// A worker writes down which pair it means to store before it asks for it.
    Intent,
    /// Older consents are held against who has left, and whom the account has deleted.
    OptOutCheck,
    /// A day has a number of calls.
    DayLimit,
    /// A second has a number of calls.
    SecondLimit,
    /// A submission without a ticked box is no lead.
    Consent,
    /// People whom the customer never wants mailed are refused.
    Suppression,
    /// A new token pair is stored before it is used.
    PairStored,
    /// A lead is kept before its sender is answered.
    KeptBeforeAnswer,
    /// A wait is marked, so that the scheduler looks.
    Mark,
    /// An emptied lane is looked at once more.
    LookAgain,
    /// A caller's key stands for one lead.
    Key,
    /// Equal submissions agree on one id at the turn of a minute.
    Turn,
    /// That an import is about to be asked for is written before it is.
    ImportIntent,
    /// An import that failed or vanished is not taken for one that went in.
    ImportEnd,
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.to_possible_value().ok_or(fmt::Error)?;
        f.write_str(word.get_name())
    }
}
