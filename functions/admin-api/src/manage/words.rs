//! Reasons in plain words, and what a customer can do about them.

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Time.
    Wait,
    /// Connecting, or choosing lists, which is part of it.
    Connect,
    /// Trying again once what was wrong is put right.
    Retry,
    /// Asking whoever runs the service.
    Ask,
    /// Nothing, and nothing has to.
    Nothing,
}

/// A reason as a person reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// What is the matter.
    pub what: &'static str,
    /// What to do.
    pub advice: &'static str,
    pub remedy: Remedy,
}

const fn words(what: &'static str, advice: &'static str, remedy: Remedy) -> Words {
    Words {
        what,
        advice,
        remedy,
    }
}

/// The words for what leads count as.
pub fn of(label: &str) -> Words {
    use Remedy::{Ask, Connect, Nothing, Retry, Wait};
    match label {
        "delivered" => words("Delivered to Constant Contact", "", Nothing),
        "erased" => words("Erased on request", "", Nothing),
        "waiting.not_connected" => words(
            "No Constant Contact account is connected",
            "Connect your account. Waiting sign-ups are then delivered automatically.",
            Connect,
        ),
        "waiting.reconnect" => words(
            "The connection to Constant Contact has ended",
            "Connect again. No sign-up is lost in the meantime.",
            Connect,
        ),
        "waiting.rights" => words(
            "The user who connected may not add contacts",
            "Connect again as the account’s owner or as an account manager.",
            Connect,
        ),
        "waiting.no_list" => words(
            "No list is chosen, or the chosen one is gone",
            "Connect again and choose a list.",
            Connect,
        ),
        "waiting.quota" => words(
            "Constant Contact’s limit is reached",
            "Nothing to do: they are sent automatically as the limit allows. The daily limit resets at midnight UTC.",
            Wait,
        ),
        "waiting.upstream" => words(
            "Constant Contact could not accept them for now",
            "Nothing to do: we retry automatically.",
            Wait,
        ),
        "waiting.answer_lost" => words(
            "Constant Contact’s answer was lost on the way",
            "Nothing to do: we retry automatically.",
            Wait,
        ),
        "waiting.import" => words(
            "Being imported together with others",
            "Nothing to do: an import can take a few hours.",
            Wait,
        ),
        "refused.opted_out_after_consent" => words(
            "The person unsubscribed after signing up",
            "Nothing to do: they do not want your mail any more.",
            Nothing,
        ),
        "refused.invalid_address" => words(
            "Constant Contact does not take the address",
            "It is most likely mistyped. Constant Contact also blocks an address for two days if it signs up many times in one day; try again after that.",
            Retry,
        ),
        "refused.cc_refused" => words(
            "Constant Contact refused the contact",
            "Its reason is shown with the person below. Try again once that is fixed.",
            Retry,
        ),
        "refused.suppressed" => words(
            "The address is on your do-not-contact list",
            "Nothing to do.",
            Nothing,
        ),
        "refused.seal_broken" => words(
            "The proof of consent was changed afterwards",
            "They are held back. Please tell whoever runs this service.",
            Ask,
        ),
        "refused.consent_too_old" => words(
            "They agreed more than two years ago",
            "Nothing to do: after so long, people may be mailed only once they sign up again.",
            Nothing,
        ),
        "refused.customer_deleted" => words(
            "The service for this form had ended",
            "Try again if they should still be delivered.",
            Retry,
        ),
        _ if label.starts_with("quarantined.") => words(
            "Looks like a robot filled in the form",
            "Set aside and not sent. Please tell whoever runs this service if one of them is a real person.",
            Ask,
        ),
        _ => words(
            "Held back for another reason",
            "Please ask whoever runs this service.",
            Ask,
        ),
    }
}

/// A state on a timeline.
pub fn of_state(label: Option<&str>, word: &str) -> &'static str {
    match (label, word) {
        (Some(label), _) => of(label).what,
        (None, "received") => "Received",
        (None, "queued") => "On the way",
        (None, "sending") => "Being sent",
        (None, _) => "Kept",
    }
}

#[cfg(test)]
mod tests {
    use leadfeed_shared::domain::lead::{RefusalReason, WaitReason};

    use super::*;

    #[test]
    fn every_reason_has_words_of_its_own() {
        use RefusalReason as R;
        use WaitReason as W;
        let word = |value: serde_json::Value| value.as_str().unwrap().to_owned();
        let waits = [
            W::NotConnected,
            W::Reconnect,
            W::Rights,
            W::NoList,
            W::Quota,
            W::Upstream,
            W::AnswerLost,
            W::Import,
        ];
        let refusals = [
            R::OptedOutAfterConsent,
            R::InvalidAddress,
            R::CcRefused,
            R::Suppressed,
            R::CustomerDeleted,
            R::SealBroken,
            R::ConsentTooOld,
        ];
        let waits = waits.map(|why| format!("waiting.{}", word(serde_json::json!(why))));
        let refusals = refusals.map(|why| format!("refused.{}", word(serde_json::json!(why))));
        let mut said: Vec<_> = waits
            .iter()
            .chain(&refusals)
            .map(|label| of(label).what)
            .collect();
        let all = said.len();
        said.sort_unstable();
        said.dedup();

        assert_eq!(said.len(), all);
        assert!(!said.contains(&of("waiting.unheard_of").what));
    }
}
