use super::*;

pub(crate) fn connection() -> Connection {
    Connection {
        customer: "engines".parse().unwrap(),
        app: AppId::default_app(),
        stack: "here".into(),
        status: ConnectionStatus::Active,
        account: Account {
            id: "a1".into(),
            name: "Analytical Engines".into(),
        },
        lists: vec!["5e7b1a1c-0000-11ee-8c99-0242ac120002".parse().unwrap()],
        terms: Some(Terms {
            accepted_at: Timestamp::UNIX_EPOCH,
            ip: None,
            text: "ours".into(),
        }),
        catalog: Catalog::default(),
        generation: 3,
        token_expires_at: at(86_400),
        lease: None,
        cooldown_until: None,
        connected_at: Timestamp::UNIX_EPOCH,
        endings: 0,
        learned: Learned::default(),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn token_is_refreshed_before_expiry_after_rejection_and_after_a_crash() {
    let good = connection();
    let crashed = Connection {
        lease: Some(Lease {
            owner: "x".into(),
            until: at(10),
            intent: 4,
        }),
        ..connection()
    };

    assert_eq!(
        good.refresh_decision("here", None, at(0)),
        RefreshDecision::Fresh
    );
    assert_eq!(
        good.refresh_decision("here", None, at(86_000)),
        RefreshDecision::Due
    );
    assert_eq!(
        good.refresh_decision("here", Some(3), at(0)),
        RefreshDecision::Due
    );
    assert_eq!(
        good.refresh_decision("here", Some(2), at(0)),
        RefreshDecision::Fresh
    );
    assert_eq!(
        crashed.refresh_decision("here", None, at(10)),
        RefreshDecision::Due
    );
}

#[test]
fn no_refresh_begins_during_a_lease_or_a_cooldown() {
    let leased = Connection {
        lease: Some(Lease {
            owner: "x".into(),
            until: at(90_060),
            intent: 4,
        }),
        ..connection()
    };
    let cooling = Connection {
        cooldown_until: Some(at(90_030)),
        ..connection()
    };

    assert_eq!(
        leased.refresh_decision("here", None, at(90_000)),
        RefreshDecision::NotBefore(at(90_060))
    );
    assert_eq!(
        cooling.refresh_decision("here", None, at(90_000)),
        RefreshDecision::NotBefore(at(90_030))
    );
}

#[test]
fn refresh_decision_is_elsewhere_for_a_connection_of_another_stack() {
    for seconds in [0, 90_000] {
        assert_eq!(
            connection().refresh_decision("staging", None, at(seconds)),
            RefreshDecision::OtherStack
        );
    }
}

#[test]
fn lead_joins_its_forms_existing_lists_or_else_the_connections() {
    let own: RemoteId = "11111111-0000-11ee-8c99-0242ac120002".parse().unwrap();
    let without_lists = Connection {
        lists: vec![],
        ..connection()
    };
    let without_terms = Connection {
        terms: None,
        ..connection()
    };

    assert_eq!(connection().lists_for(&[]), Ok(connection().lists));
    assert_eq!(
        connection().lists_for(std::slice::from_ref(&own)),
        Ok(vec![own.clone()])
    );
    let gone = |gone: &[&RemoteId]| Connection {
        learned: Learned {
            lists_gone: gone.iter().copied().cloned().collect(),
            ..Learned::default()
        },
        ..connection()
    };
    let (default, forms) = (&connection().lists[0], std::slice::from_ref(&own));
    assert_eq!(gone(&[&own]).lists_for(forms), Ok(connection().lists));
    assert_eq!(gone(&[default]).lists_for(forms), Ok(forms.to_vec()));
    assert_eq!(gone(&[default]).lists_for(&[]), Err(WaitReason::NoList));
    let both = [own.clone(), default.clone()];
    let lists = gone(&[&own]).lists_without(&both[1..], forms);
    assert_eq!(lists, Err(WaitReason::NoList));
    let lists = connection().lists_without(&both[..1], forms);
    assert_eq!(lists, Ok(connection().lists));
    assert_eq!(without_lists.lists_for(&[]), Err(WaitReason::NoList));
    assert_eq!(without_terms.lists_for(&[]), Err(WaitReason::NoList));
}

#[test]
fn idle_months_are_the_six_before_the_previous_month() {
    let months = idle_months("2026-01-31T23:00:00Z".parse().unwrap());

    assert_eq!(months.first().unwrap(), "2025-06");
    assert_eq!(months.last().unwrap(), "2025-11");
    assert_eq!(months.len(), 6);
}
