use super::ConnectError;
use crate::domain::connection::{Account, Connection, ConnectionStatus, LimitedReason};

/// The privileges without which a user cannot write leads as contacts: opt-outs are read before an old lead goes out.
const NEEDED: [&str; 3] = ["contacts:read", "contacts:write", "contacts:lists:read"];

/// Whether a user with these privileges can write contacts, and read what that takes.
pub(in crate::app) fn may_write_contacts(privileges: &[String]) -> bool {
    NEEDED
        .iter()
        .all(|needed| privileges.iter().any(|own| own == needed))
}

/// The status of a connection that has just been made to `account`, replacing `old`.
///
/// A user without rights is recorded only if there was nothing better: a connection that works, or waits for an answer
/// about its account, is kept. An account that differs from the previous one stays unconfirmed until somebody confirms
/// it, however often it is connected; even if the connection was ended meanwhile, when the only trace of the open
/// question is that nobody has agreed to the terms for it.
pub(super) fn verdict(
    old: Option<&Connection>,
    account: &Account,
    may_write_contacts: bool,
) -> Result<ConnectionStatus, ConnectError> {
    let unconfirmed = ConnectionStatus::Limited {
        reason: LimitedReason::AccountChanged,
    };
    let never_confirmed = |old: &Connection| {
        let ended = !matches!(
            old.status,
            ConnectionStatus::Active | ConnectionStatus::Limited { .. }
        );
        old.status == unconfirmed || (ended && old.terms.is_none())
    };
    let changed = old.is_some_and(|old| old.account.id != account.id || never_confirmed(old));
    let works = old.is_some_and(|old| old.status == ConnectionStatus::Active);
    match (may_write_contacts, changed) {
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
    const MISSING_PRIVILEGE: ConnectionStatus = ConnectionStatus::Limited {
        reason: LimitedReason::MissingPrivilege,
    };

    fn verdict_for(
        old: Option<ConnectionStatus>,
        account: &str,
        may_write_contacts: bool,
    ) -> Option<ConnectionStatus> {
        let old = old.map(|status| Connection {
            status,
            ..connection()
        });
        let account = Account {
            id: account.into(),
            ..connection().account
        };
        verdict(old.as_ref(), &account, may_write_contacts).ok()
    }

    #[test]
    fn same_account_becomes_active_and_another_waits_for_confirmation() {
        let gone = Some(ConnectionStatus::Disconnected);
        let active = Some(ConnectionStatus::Active);

        assert_eq!(
            verdict_for(None, "a1", true),
            Some(ConnectionStatus::Active)
        );
        assert_eq!(verdict_for(active.clone(), "a1", true), active);
        assert_eq!(
            verdict_for(gone.clone(), "a1", true),
            Some(ConnectionStatus::Active)
        );
        assert_eq!(verdict_for(active, "a2", true), Some(UNCONFIRMED));
        assert_eq!(verdict_for(gone, "a2", true), Some(UNCONFIRMED));
        assert_eq!(
            verdict_for(Some(UNCONFIRMED), "a1", true),
            Some(UNCONFIRMED)
        );
    }

    #[test]
    fn connection_that_ended_before_terms_were_accepted_needs_confirmation_again() {
        let account = connection().account;
        let lost = ConnectionStatus::NeedsReconnect {
            reason: ReconnectReason::InvalidGrant,
            since: Timestamp::UNIX_EPOCH,
        };
        for (status, needs_confirmation) in [
            (ConnectionStatus::Disconnected, true),
            (lost, true),
            (ConnectionStatus::Active, false),
            (MISSING_PRIVILEGE, false),
        ] {
            let old = Connection {
                status: status.clone(),
                terms: None,
                ..connection()
            };
            let new_status = verdict(Some(&old), &account, true).unwrap();
            assert_eq!(new_status == UNCONFIRMED, needs_confirmation, "{status:?}");
        }
    }

    #[test]
    fn user_without_rights_replaces_no_active_or_unconfirmed_connection() {
        let active = Some(ConnectionStatus::Active);

        assert_eq!(verdict_for(None, "a1", false), Some(MISSING_PRIVILEGE));
        assert_eq!(
            verdict_for(Some(MISSING_PRIVILEGE), "a1", false),
            Some(MISSING_PRIVILEGE)
        );
        assert_eq!(verdict_for(active.clone(), "a1", false), None);
        assert_eq!(verdict_for(active, "a2", false), None);
        assert_eq!(verdict_for(Some(UNCONFIRMED), "a1", false), None);
    }
}
