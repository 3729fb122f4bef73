use super::ConnectError;
use crate::domain::connection::{Account, Connection, ConnectionStatus, LimitedReason};

/// The privileges without which a user cannot feed leads: opt-outs are read before an old lead goes out.
const NEEDED: [&str; 3] = ["contacts:read", "contacts:write", "contacts:lists:read"];

/// Whether a user with these privileges can feed leads.
pub(in crate::app) fn may_feed(privileges: &[String]) -> bool {
    NEEDED
        .iter()
        .all(|needed| privileges.iter().any(|own| own == needed))
}

/// The status of a connection that has just been made to `account`, replacing `old`.
///
/// A user without rights is recorded only if there was nothing better: a connection that works, or waits for an answer
/// about its account, is kept. An account that differs from the previous one stays unconfirmed until somebody confirms
/// it, however often it is connected; even if the connection was ended meanwhile, when the only trace of the question
/// is that nobody has agreed to the terms for it.
pub(super) fn verdict(
    old: Option<&Connection>,
    account: &Account,
    may_feed: bool,
) -> Result<ConnectionStatus, ConnectError> {
    let unconfirmed = ConnectionStatus::Limited {
        reason: LimitedReason::AccountChanged,
    };
    let unasked = |old: &Connection| {
        let ended = !matches!(
            old.status,
            ConnectionStatus::Active | ConnectionStatus::Limited { .. }
        );
        old.status == unconfirmed || (ended && old.terms.is_none())
    };
    let changed = old.is_some_and(|old| old.account.id != account.id || unasked(old));
    let works = old.is_some_and(|old| old.status == ConnectionStatus::Active);
    match (may_feed, changed) {
        (true, false) => Ok(ConnectionStatus::Active),
        (true, true) => Ok(unconfirmed),
        (false, false) if !works => Ok(ConnectionStatus::Limited {
            reason: LimitedReason::MissingPrivilege,
        }),
        (false, _) => Err(ConnectError::MissingPrivilege),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    use crate::domain::connection::ReconnectReason;
    use crate::domain::connection::tests::connection;

    const UNCONFIRMED: ConnectionStatus = ConnectionStatus::Limited {
        reason: LimitedReason::AccountChanged,
    };
    const POWERLESS: ConnectionStatus = ConnectionStatus::Limited {
        reason: LimitedReason::MissingPrivilege,
    };

    fn judged(
        old: Option<ConnectionStatus>,
        account: &str,
        may_feed: bool,
    ) -> Option<ConnectionStatus> {
        let old = old.map(|status| Connection {
            status,
            ..connection()
        });
        let account = Account {
            id: account.into(),
            ..connection().account
        };
        verdict(old.as_ref(), &account, may_feed).ok()
    }

    #[test]
    fn the_same_account_goes_on_and_another_waits_for_a_word() {
        let gone = Some(ConnectionStatus::Disconnected);
        let active = Some(ConnectionStatus::Active);

        assert_eq!(judged(None, "a1", true), Some(ConnectionStatus::Active));
        assert_eq!(judged(active.clone(), "a1", true), active);
        assert_eq!(
            judged(gone.clone(), "a1", true),
            Some(ConnectionStatus::Active)
        );
        assert_eq!(judged(active, "a2", true), Some(UNCONFIRMED));
        assert_eq!(judged(gone, "a2", true), Some(UNCONFIRMED));
        assert_eq!(judged(Some(UNCONFIRMED), "a1", true), Some(UNCONFIRMED));
    }

    #[test]
    fn a_connection_that_ended_before_its_account_was_agreed_on_asks_again() {
        let account = connection().account;
        let lost = ConnectionStatus::NeedsReconnect {
            reason: ReconnectReason::InvalidGrant,
            since: Timestamp::UNIX_EPOCH,
        };
        for (status, asks) in [
            (ConnectionStatus::Disconnected, true),
            (lost, true),
            (ConnectionStatus::Active, false),
            (POWERLESS, false),
        ] {
            let old = Connection {
                status: status.clone(),
                terms: None,
                ..connection()
            };
            let judged = verdict(Some(&old), &account, true).unwrap();
            assert_eq!(judged == UNCONFIRMED, asks, "{status:?}");
        }
    }

    #[test]
    fn a_user_without_rights_replaces_nothing_that_works_or_waits_for_a_word() {
        let active = Some(ConnectionStatus::Active);

        assert_eq!(judged(None, "a1", false), Some(POWERLESS));
        assert_eq!(judged(Some(POWERLESS), "a1", false), Some(POWERLESS));
        assert_eq!(judged(active.clone(), "a1", false), None);
        assert_eq!(judged(active, "a2", false), None);
        assert_eq!(judged(Some(UNCONFIRMED), "a1", false), None);
    }
}
