use std::cmp::Ordering;
use std::fmt;

use crate::domain::lead::{LeadState, Permission, QuarantineReason, RefusalReason, WaitReason};
use crate::domain::word_enum::word_enum;

word_enum! {
    /// What has become of a lead, as far as it is counted.
    pub enum Outcome {
        /// It is in Constant Contact.
        Delivered = "delivered",
        /// It will go out once something has changed.
        Waiting = "waiting",
        /// It will not go out.
        Refused = "refused",
        /// A person has to decide.
        Quarantined = "quarantined",
        /// It went out in a file, and is neither delivered nor erased since.
        Exported = "exported",
        /// Its data was erased on request.
        Erased = "erased",
    }
}

/// The parts of those delivered that have another permission than `explicit`.
const PENDING: &str = "pending_confirmation";
const IMPLICIT: &str = "implicit";

/// What a lead counts as: its outcome and, if it has one, its reason or its permission. Ordered as its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// Delivered, with whatever permission.
    Delivered,
    /// The part of [`Label::Delivered`] whose people Constant Contact asked to confirm first.
    DeliveredPending,
    /// The part of [`Label::Delivered`] that was imported, which records only the implicit permission.
    DeliveredImplicit,
    /// Waiting.
    Waiting(WaitReason),
    /// Refused.
    Refused(RefusalReason),
    /// Quarantined.
    Quarantined(QuarantineReason),
    /// Exported.
    Exported,
    /// Erased.
    Erased,
    /// A label of another version.
    Unknown(Box<str>),
}

impl Label {
    /// What a state counts as; `None` for a lead that is on its way.
    #[must_use]
    pub fn of(state: &LeadState) -> Option<Self> {
        match state {
            LeadState::Received | LeadState::Queued | LeadState::Sending { .. } => None,
            LeadState::Delivered { permission, .. } => Some(match permission {
                Permission::Explicit => Self::Delivered,
                Permission::PendingConfirmation => Self::DeliveredPending,
                Permission::Implicit => Self::DeliveredImplicit,
            }),
            LeadState::Waiting { why } => Some(Self::Waiting(*why)),
            LeadState::Refused { why, .. } => Some(Self::Refused(*why)),
            LeadState::Quarantined { why } => Some(Self::Quarantined(*why)),
            LeadState::Erased => Some(Self::Erased),
        }
    }

    /// Its text in two parts: the word of its outcome, and that of its reason or permission.
    #[must_use]
    pub fn parts(&self) -> (&str, Option<&str>) {
        let (outcome, reason) = match self {
            Self::Delivered => (Outcome::Delivered, None),
            Self::DeliveredPending => (Outcome::Delivered, Some(PENDING)),
            Self::DeliveredImplicit => (Outcome::Delivered, Some(IMPLICIT)),
            Self::Waiting(why) => (Outcome::Waiting, Some(why.as_str())),
            Self::Refused(why) => (Outcome::Refused, Some(why.as_str())),
            Self::Quarantined(why) => (Outcome::Quarantined, Some(why.as_str())),
            Self::Exported => (Outcome::Exported, None),
            Self::Erased => (Outcome::Erased, None),
            Self::Unknown(text) => return split(text),
        };
        (outcome.as_str(), reason)
    }

    /// Its outcome; `None` for one of another version.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        Outcome::from_word(self.parts().0)
    }

    /// The reason or permission in it.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.parts().1
    }

    /// Whether it means delivered, with whatever permission.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        self.outcome() == Some(Outcome::Delivered)
    }

    /// Whether its leads are counted as [`Label::Delivered`] as well.
    #[must_use]
    pub fn is_part_of_delivered(&self) -> bool {
        self.is_delivered() && *self != Self::Delivered
    }
}

fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once('.') {
        Some((outcome, reason)) => (outcome, Some(reason)),
        None => (text, None),
    }
}

impl From<&str> for Label {
    fn from(text: &str) -> Self {
        let (outcome, reason) = split(text);
        let known = Outcome::from_word(outcome).and_then(|outcome| match (outcome, reason) {
            (Outcome::Delivered, None) => Some(Self::Delivered),
            (Outcome::Delivered, Some(PENDING)) => Some(Self::DeliveredPending),
            (Outcome::Delivered, Some(IMPLICIT)) => Some(Self::DeliveredImplicit),
            (Outcome::Waiting, Some(why)) => WaitReason::from_word(why).map(Self::Waiting),
            (Outcome::Refused, Some(why)) => RefusalReason::from_word(why).map(Self::Refused),
            (Outcome::Quarantined, Some(why)) => {
                QuarantineReason::from_word(why).map(Self::Quarantined)
            }
            (Outcome::Exported, None) => Some(Self::Exported),
            (Outcome::Erased, None) => Some(Self::Erased),
            _ => None,
        });
        known.unwrap_or_else(|| Self::Unknown(text.into()))
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (outcome, Some(reason)) => write!(f, "{outcome}.{reason}"),
            (outcome, None) => f.write_str(outcome),
        }
    }
}

impl Ord for Label {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl PartialOrd for Label {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_round_trips_through_its_text() {
        let without_reason = [
            Label::Delivered,
            Label::DeliveredPending,
            Label::DeliveredImplicit,
            Label::Exported,
            Label::Erased,
        ];
        let labels = without_reason
            .into_iter()
            .chain(WaitReason::ALL.map(Label::Waiting))
            .chain(RefusalReason::ALL.map(Label::Refused))
            .chain(QuarantineReason::ALL.map(Label::Quarantined));
        for label in labels {
            assert_eq!(Label::from(label.to_string().as_str()), label);
            assert!(label.outcome().is_some());
        }
    }

    #[test]
    fn label_of_another_version_keeps_its_text_and_the_outcome_it_begins_with() {
        for (text, outcome) in [
            ("waiting.moonrise", Some(Outcome::Waiting)),
            ("delivered.by_hand", Some(Outcome::Delivered)),
            ("quarantined", Some(Outcome::Quarantined)),
            ("lost.at_sea", None),
            ("", None),
        ] {
            let label = Label::from(text);

            assert_eq!(label, Label::Unknown(text.into()));
            assert_eq!(
                (label.to_string().as_str(), label.outcome()),
                (text, outcome)
            );
        }
    }

    #[test]
    fn labels_are_ordered_as_their_texts() {
        let texts = [
            "delivered",
            "delivered.implicit",
            "delivered.pending_confirmation",
            "erased",
            "lost.at_sea",
            "quarantined.captcha",
            "waiting",
            "waiting.answer_lost",
            "waiting.import",
        ];

        assert!(texts.is_sorted());
        assert!(texts.map(Label::from).is_sorted());
    }
}
