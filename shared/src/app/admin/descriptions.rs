//! What became of a lead, in plain words for a customer's page and files, and what can be done about it.

use crate::domain::contact::{Note, NoteKind};
use crate::domain::lead::{LeadState, Permission, QuarantineReason, RefusalReason, WaitReason};
use crate::domain::names::contact_field;
use crate::domain::tally::{Label, Outcome};

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Time.
    Wait,
    /// Connecting, which includes choosing lists.
    Connect,
    /// Trying again once the cause is fixed.
    Retry,
    /// Asking whoever runs the service.
    Ask,
    /// Nothing, and nothing is needed.
    Nothing,
}

/// A reason as people read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// What is the matter.
    pub what: &'static str,
    /// What to do.
    pub advice: &'static str,
    /// What helps.
    pub remedy: Remedy,
}

const fn description(what: &'static str, advice: &'static str, remedy: Remedy) -> Description {
    Description {
        what,
        advice,
        remedy,
    }
}

const LIKE_A_ROBOT: Description = description(
    "Looks like a robot filled in the form",
    "Set aside and not sent. Please tell whoever runs this service if one of them is a real person.",
    Remedy::Ask,
);

/// Describes what leads count as.
#[must_use]
pub fn describe(label: &Label) -> Description {
    use Remedy::{Ask, Connect, Nothing, Retry, Wait};
    match label {
        Label::Delivered => description("Delivered to Constant Contact", "", Nothing),
        Label::DeliveredPending => description(
            "Delivered, and asked by Constant Contact to confirm first",
            "They can be mailed once they have confirmed. Constant Contact shows whether they did; we are not told.",
            Nothing,
        ),
        Label::DeliveredImplicit => description(
            "Delivered by bulk import, with implied permission",
            "An import records no other permission. The proof that they ticked your box is kept here.",
            Nothing,
        ),
        Label::Erased => description("Erased on request", "", Nothing),
        Label::Waiting(WaitReason::NotConnected) => description(
            "No Constant Contact account is connected",
            "Connect your account. Waiting sign-ups are then delivered automatically.",
            Connect,
        ),
        Label::Waiting(WaitReason::Reconnect) => description(
            "The connection to Constant Contact has ended",
            "Connect again. No sign-up is lost in the meantime.",
            Connect,
        ),
        Label::Waiting(WaitReason::Rights) => description(
            "The connection cannot add contacts at the moment",
            "Connect again: if another account is connected, confirm it; if the user may not add contacts, sign in as the account’s owner or as an account manager. If that does not help, tell whoever runs this service.",
            Connect,
        ),
        Label::Waiting(WaitReason::NoList) => description(
            "No list is chosen, or the chosen one is gone",
            "Connect again and choose a list.",
            Connect,
        ),
        Label::Waiting(WaitReason::Quota) => description(
            "Constant Contact’s limit is reached",
            "Nothing to do: they are sent automatically as the limit allows. The daily limit resets at midnight UTC.",
            Wait,
        ),
        Label::Waiting(WaitReason::Upstream) => description(
            "Constant Contact could not accept them for now",
            "Nothing to do: we retry automatically.",
            Wait,
        ),
        Label::Waiting(WaitReason::AnswerLost) => description(
            "Constant Contact’s answer was lost on the way",
            "Nothing to do: we retry automatically.",
            Wait,
        ),
        Label::Waiting(WaitReason::Import) => description(
            "Being imported together with others",
            "Nothing to do: an import can take a few hours.",
            Wait,
        ),
        Label::Refused(RefusalReason::OptedOutAfterConsent) => description(
            "Unsubscribed, or was deleted by you, after signing up",
            "Nothing to do: they get your mail again once they sign up again.",
            Nothing,
        ),
        Label::Refused(RefusalReason::InvalidAddress) => description(
            "Constant Contact does not accept the address",
            "It is most likely mistyped. Constant Contact also blocks an address for two days if it signs up many times in one day; try again after that.",
            Retry,
        ),
        Label::Refused(RefusalReason::CcRefused) => description(
            "Constant Contact did not accept the contact",
            "Its reason, where it gave one, is in the file for a spreadsheet and with the newest sign-ups below. Try again once that is fixed.",
            Retry,
        ),
        Label::Refused(RefusalReason::Suppressed) => {
            description("On your do-not-contact list", "Nothing to do.", Nothing)
        }
        Label::Refused(RefusalReason::SealBroken) => description(
            "The proof of consent was changed afterwards",
            "They are held back. Please tell whoever runs this service.",
            Ask,
        ),
        Label::Refused(RefusalReason::ConsentTooOld) => description(
            "They agreed more than two years ago",
            "Nothing to do: after so long, people may be mailed only once they sign up again.",
            Nothing,
        ),
        Label::Refused(RefusalReason::CustomerDeleted) => description(
            "The service for this form had ended",
            "Try again if they should still be delivered.",
            Retry,
        ),
        Label::Quarantined(QuarantineReason::Captcha) => description(
            "The robot check was not passed, or could not be run",
            "Set aside and not sent. Please tell whoever runs this service if one of them is a real person.",
            Ask,
        ),
        Label::Quarantined(QuarantineReason::RepeatedAddress) => description(
            "The address signed up very often on one day",
            "Set aside and not sent. Please tell whoever runs this service if it is a real person’s.",
            Ask,
        ),
        Label::Quarantined(QuarantineReason::DailyLimit) => description(
            "More sign-ups in a day than your form lets through",
            "Set aside and not sent, as robots may have found the form. Please ask whoever runs this service to let them through.",
            Ask,
        ),
        Label::Quarantined(QuarantineReason::Honeypot | QuarantineReason::TooFast) => LIKE_A_ROBOT,
        Label::Unknown(_) if label.outcome() == Some(Outcome::Quarantined) => LIKE_A_ROBOT,
        Label::Exported | Label::Unknown(_) => description(
            "Held back for another reason",
            "Please ask whoever runs this service.",
            Ask,
        ),
    }
}

/// Describes a state on a timeline.
#[must_use]
pub fn describe_state(state: &LeadState) -> &'static str {
    let Some(label) = Label::of(state) else {
        return match state {
            LeadState::Received => "Received",
            LeadState::Sending { .. } => "Being sent",
            _ => "On the way",
        };
    };
    describe(&label).what
}

/// Where a lead stands, in a word or two.
#[must_use]
pub fn status(state: &LeadState) -> &'static str {
    match state {
        LeadState::Received | LeadState::Queued | LeadState::Sending { .. } => "On the way",
        LeadState::Delivered { .. } => "Delivered",
        LeadState::Waiting { .. } => "Waiting",
        LeadState::Refused { .. } => "Not delivered",
        LeadState::Quarantined { .. } => "Set aside",
        LeadState::Erased => "Erased",
    }
}

/// What holds a lead back, if anything.
#[must_use]
pub fn reason(state: &LeadState) -> Option<&'static str> {
    let is_held = matches!(
        state,
        LeadState::Waiting { .. } | LeadState::Refused { .. } | LeadState::Quarantined { .. }
    );
    is_held.then(|| describe_state(state))
}

/// The permission with which a delivered lead's person can be mailed.
#[must_use]
pub fn permission(state: &LeadState) -> Option<&'static str> {
    let LeadState::Delivered { permission, .. } = state else {
        return None;
    };
    Some(match permission {
        Permission::Explicit => "Explicit: they asked for your mail",
        Permission::PendingConfirmation => {
            "Pending when delivered: Constant Contact asked them to confirm first"
        }
        Permission::Implicit => "Implied: a bulk import records no other",
    })
}

/// What was changed or left out of a lead, one sentence for each kind.
#[must_use]
pub fn notes<'n>(notes: impl IntoIterator<Item = &'n Note>) -> Vec<String> {
    let mut kinds: Vec<(NoteKind, Vec<String>)> = Vec::new();
    for note in notes {
        let field = field(&note.field);
        match kinds.iter_mut().find(|(kind, _)| *kind == note.what) {
            Some((_, fields)) if fields.contains(&field) => {}
            Some((_, fields)) => fields.push(field),
            None => kinds.push((note.what, vec![field])),
        }
    }
    let said = kinds.into_iter();
    said.map(|(kind, fields)| sentence(kind, &fields.join(", ")))
        .collect()
}

fn sentence(kind: NoteKind, fields: &str) -> String {
    match kind {
        NoteKind::Cut => format!("Shortened for Constant Contact: {fields}"),
        NoteKind::Omitted => format!("Left out, as Constant Contact would not accept it: {fields}"),
        NoteKind::Unknown => format!("Not kept, as your form has no such field: {fields}"),
        NoteKind::NoSuchField => {
            format!("Left out, as your account has no custom field with this name: {fields}")
        }
        NoteKind::RoleAddress => {
            "An address that is kept but not mailed by Constant Contact, such as admin@".to_owned()
        }
        NoteKind::StaleForm => {
            "The form was open for more than a day before it was sent".to_owned()
        }
        NoteKind::OtherSite => "Sent from another site than that of the page it names".to_owned(),
    }
}

/// A field as people call it; a field of their own keeps the name they gave it.
fn field(name: &str) -> String {
    if contact_field(name).is_some() {
        name.replace('_', " ")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_description() {
        let waits = WaitReason::ALL.map(Label::Waiting);
        let refusals = RefusalReason::ALL.map(Label::Refused);
        let quarantines = QuarantineReason::ALL.map(Label::Quarantined);
        let as_honeypot = Label::Quarantined(QuarantineReason::TooFast);
        let reasons = waits.iter().chain(&refusals).chain(&quarantines);
        let mut descriptions: Vec<_> = reasons
            .filter(|label| **label != as_honeypot)
            .map(|label| describe(label).what)
            .collect();
        let all = descriptions.len();
        descriptions.sort_unstable();
        descriptions.dedup();

        assert_eq!(descriptions.len(), all);
        assert!(!descriptions.contains(&describe(&"waiting.unheard_of".into()).what));
    }

    #[test]
    fn notes_of_one_kind_form_one_sentence_listing_each_field_once() {
        let note = |field: &str, what| Note {
            field: field.to_owned(),
            what,
        };
        let all = [
            note("first_name", NoteKind::Cut),
            note("phone_number", NoteKind::Omitted),
            note("Last_words", NoteKind::Cut),
            note("first_name", NoteKind::Cut),
            note("email", NoteKind::RoleAddress),
            note("fax", NoteKind::Unknown),
            note("form_time", NoteKind::StaleForm),
            note("consent_page_url", NoteKind::OtherSite),
        ];

        assert_eq!(
            notes(&all),
            [
                "Shortened for Constant Contact: first name, Last_words",
                "Left out, as Constant Contact would not accept it: phone number",
                "An address that is kept but not mailed by Constant Contact, such as admin@",
                "Not kept, as your form has no such field: fax",
                "The form was open for more than a day before it was sent",
                "Sent from another site than that of the page it names",
            ]
        );
    }
}
