use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{LeadRecord, LeadState, WaitReason};

/// Lines a timeline may have. A row of DynamoDB holds 400 kB, and a lead that met its limit could neither be claimed
/// nor settled any more.
pub const MAX_LINES: usize = 100;

/// Lines that are left of the beginning of one that has more.
const FIRST: usize = 10;

/// And of its end.
const LAST: usize = 40;

/// One line of a lead's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// The state entered.
    #[serde(flatten)]
    pub state: LeadState,
}

/// A timeline that has grown too long, without its middle.
#[must_use]
pub fn shortened(timeline: &[TimelineEntry]) -> Option<Vec<TimelineEntry>> {
    let last = timeline.len().checked_sub(LAST)?;
    let long = timeline.len() > MAX_LINES;
    long.then(|| [&timeline[..FIRST], &timeline[last..]].concat())
}

impl LeadRecord {
    /// How often in a row the lead has met trouble by now. Waits for the budget lie between the tries and say nothing
    /// of them.
    #[must_use]
    pub fn troubles(&self) -> u32 {
        let lines = self.timeline.iter().rev();
        let tries = lines.filter_map(|line| match line.state {
            LeadState::Waiting { why } => match why {
                WaitReason::Upstream | WaitReason::AnswerLost => Some(true),
                WaitReason::Quota => None,
                _ => Some(false),
            },
            LeadState::Received | LeadState::Queued | LeadState::Sending { .. } => None,
            _ => Some(false),
        });
        u32::try_from(tries.take_while(|trouble| *trouble).count()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lead::tests::record;

    fn line(second: i64, state: LeadState) -> TimelineEntry {
        let at = Timestamp::from_second(second).unwrap();
        TimelineEntry { at, state }
    }

    fn waits(why: WaitReason) -> LeadState {
        LeadState::Waiting { why }
    }

    #[test]
    fn a_timeline_of_any_length_keeps_its_beginning_and_its_end() {
        let lines = |count| -> Vec<_> {
            let lines = 0..count;
            lines
                .map(|second| line(second, LeadState::Queued))
                .collect()
        };

        assert_eq!(shortened(&lines(100)), None);
        let short = shortened(&lines(101)).unwrap();
        let seconds: Vec<_> = short.iter().map(|line| line.at.as_second()).collect();
        let kept: Vec<_> = (0..10).chain(61..101).collect();
        assert_eq!(seconds, kept);
    }

    #[test]
    fn only_troubles_in_a_row_count_and_no_wait_for_the_budget_parts_them() {
        let of = |states: &[LeadState]| {
            let mut record = record();
            record.timeline = states.iter().map(|state| line(0, state.clone())).collect();
            record.troubles()
        };
        let (queued, quota) = (LeadState::Queued, waits(WaitReason::Quota));
        let (upstream, lost) = (waits(WaitReason::Upstream), waits(WaitReason::AnswerLost));

        assert_eq!(of(&[queued.clone(), quota.clone(), quota.clone()]), 0);
        let reconnect = waits(WaitReason::Reconnect);
        assert_eq!(of(&[upstream.clone(), reconnect, queued.clone()]), 0);
        assert_eq!(of(&[upstream, queued.clone(), quota, queued, lost]), 2);
    }
}
