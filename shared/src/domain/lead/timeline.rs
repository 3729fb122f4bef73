use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{LeadRecord, LeadState, WaitReason};

/// The most lines of a timeline. A row of DynamoDB holds 400 kB, and a lead that reached this limit could no longer be
/// claimed or settled.
pub const MAX_LINES: usize = 100;

/// How many of the first lines of a longer one are kept.
const FIRST: usize = 10;

/// How many of the last.
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
    /// How many of the lead's latest tries in a row have met trouble.
    #[must_use]
    pub fn transient_failures(&self) -> u32 {
        u32::try_from(self.consecutive_failures().count()).unwrap_or(u32::MAX)
    }

    /// Since when it has met nothing but trouble.
    #[must_use]
    pub fn failing_since(&self) -> Option<Timestamp> {
        self.consecutive_failures().last().map(|line| line.at)
    }

    /// The latest tries in a row that met trouble, newest first. Waits for the budget between them do not count either
    /// way.
    fn consecutive_failures(&self) -> impl Iterator<Item = &TimelineEntry> {
        let lines = self.timeline.iter().rev();
        let tries = lines.filter_map(|line| match line.state {
            LeadState::Waiting {
                why: WaitReason::Quota,
            } => None,
            LeadState::Waiting { why } => Some((line, why.is_transient())),
            LeadState::Received | LeadState::Queued | LeadState::Sending { .. } => None,
            _ => Some((line, false)),
        });
        let failures = tries.take_while(|(_, trouble)| *trouble);
        failures.map(|(line, _)| line)
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

    #[test]
    fn timeline_over_100_lines_keeps_its_first_10_and_last_40() {
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
    fn only_consecutive_failures_count_and_quota_waits_do_not_interrupt_them() {
        let failures_of = |states: &[LeadState]| {
            let mut record = record();
            let lines = (0..).zip(states);
            let lines = lines.map(|(second, state)| line(second, state.clone()));
            record.timeline = lines.collect();
            let since = record.failing_since().map(Timestamp::as_second);
            (record.transient_failures(), since)
        };
        let (queued, quota) = (LeadState::Queued, LeadState::waiting(WaitReason::Quota));
        let (upstream, lost) = (
            LeadState::waiting(WaitReason::Upstream),
            LeadState::waiting(WaitReason::AnswerLost),
        );

        let none = (0, None);
        assert_eq!(
            failures_of(&[queued.clone(), quota.clone(), quota.clone()]),
            none
        );
        let reconnect = LeadState::waiting(WaitReason::Reconnect);
        let interrupted = [upstream.clone(), reconnect, queued.clone()];
        assert_eq!(failures_of(&interrupted), none);
        let mut failed_again = interrupted.to_vec();
        failed_again.push(lost.clone());
        assert_eq!(failures_of(&failed_again), (1, Some(3)));
        let consecutive = [upstream, queued.clone(), quota, queued, lost];
        assert_eq!(failures_of(&consecutive), (2, Some(0)));
    }
}
