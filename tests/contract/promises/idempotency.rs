//! Promises about idempotency keys: a key stands for what its first caller sent.

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::ids::LeadId;
use leadfeed_shared::ports::{Idempotency, KeyClaim, KeyClaimed};

use crate::promise::run_concurrently;
use crate::samples::at;
use crate::{fresh, promises};

promises! { Idempotency:
    exactly_one_of_many_concurrent_callers_claims_a_key,
    repeating_a_key_claim_succeeds_only_for_its_owner,
    expired_key_can_be_claimed_again,
    key_is_not_shared_between_customers,
    key_is_freed_only_for_the_lead_that_holds_it,
    exactly_one_concurrent_caller_takes_over_the_key_of_a_lead_that_is_gone,
}

fn claim(now: Timestamp) -> KeyClaim {
    KeyClaim {
        lead: fresh::lead(0),
        content: fresh::text(),
        owner: fresh::text(),
        until: now + SignedDuration::from_secs(20),
        expires_at: now + SignedDuration::from_hours(24),
    }
}

async fn exactly_one_of_many_concurrent_callers_claims_a_key<K>(keys: K)
where
    K: Idempotency + Clone + 'static,
{
    let (customer, key) = (fresh::customer(), fresh::text());

    let results = run_concurrently(10, |_| {
        let (keys, customer, key) = (keys.clone(), customer.clone(), key.clone());
        async move {
            let own = claim(at(0));
            let result = keys.claim_key(&customer, &key, &own, None, at(0)).await;
            (own, result.unwrap())
        }
    })
    .await;

    let (winners, others): (Vec<_>, Vec<_>) = results
        .into_iter()
        .partition(|(_, result)| *result == KeyClaimed::Fresh);
    let [(first, _)] = winners.as_slice() else {
        panic!("{} callers claimed the key", winners.len())
    };
    for (_, result) in others {
        assert_eq!(result, KeyClaimed::Known(Box::new(first.clone())));
    }
}

async fn repeating_a_key_claim_succeeds_only_for_its_owner<K: Idempotency>(keys: K) {
    let (customer, key) = (fresh::customer(), fresh::text());
    let (own, other) = (claim(at(0)), claim(at(0)));
    let try_claim = async |claim: &KeyClaim| {
        let result = keys.claim_key(&customer, &key, claim, None, at(0)).await;
        result.unwrap()
    };

    assert_eq!(try_claim(&own).await, KeyClaimed::Fresh);
    assert_eq!(try_claim(&own).await, KeyClaimed::Fresh);
    assert_eq!(
        try_claim(&other).await,
        KeyClaimed::Known(Box::new(own.clone()))
    );
}

async fn expired_key_can_be_claimed_again<K: Idempotency>(keys: K) {
    let (customer, key) = (fresh::customer(), fresh::text());
    let first = claim(at(0));
    keys.claim_key(&customer, &key, &first, None, at(0))
        .await
        .unwrap();
    let try_claim = async |now| {
        keys.claim_key(&customer, &key, &claim(now), None, now)
            .await
            .unwrap()
    };

    let before = first.expires_at - SignedDuration::from_secs(1);
    assert_eq!(
        try_claim(before).await,
        KeyClaimed::Known(Box::new(first.clone()))
    );
    assert_eq!(try_claim(first.expires_at).await, KeyClaimed::Fresh);
    assert_ne!(try_claim(first.expires_at).await, KeyClaimed::Fresh);
}

async fn key_is_not_shared_between_customers<K: Idempotency>(keys: K) {
    let key = fresh::text();
    for _ in 0..2 {
        let result = keys
            .claim_key(&fresh::customer(), &key, &claim(at(0)), None, at(0))
            .await;
        assert_eq!(result.unwrap(), KeyClaimed::Fresh);
    }
}

async fn key_is_freed_only_for_the_lead_that_holds_it<K: Idempotency>(keys: K) {
    let (customer, key) = (fresh::customer(), fresh::text());
    let first = claim(at(0));
    let try_claim = async || {
        let by_other_owner = KeyClaim {
            owner: fresh::text(),
            ..first.clone()
        };
        let result = keys
            .claim_key(&customer, &key, &by_other_owner, None, at(0))
            .await;
        result.unwrap()
    };
    assert_eq!(try_claim().await, KeyClaimed::Fresh);

    keys.free_key(&customer, &key, &fresh::lead(1))
        .await
        .unwrap();
    assert_ne!(try_claim().await, KeyClaimed::Fresh);
    keys.free_key(&customer, &key, &first.lead).await.unwrap();

    assert_eq!(try_claim().await, KeyClaimed::Fresh);
    let unknown_key = fresh::text();
    keys.free_key(&customer, &unknown_key, &first.lead)
        .await
        .unwrap();
}

async fn exactly_one_concurrent_caller_takes_over_the_key_of_a_lead_that_is_gone<K>(keys: K)
where
    K: Idempotency + Clone + 'static,
{
    let (customer, key) = (fresh::customer(), fresh::text());
    let first = claim(at(0));
    let try_claim = async |claim: &KeyClaim, gone: Option<&LeadId>| {
        let result = keys.claim_key(&customer, &key, claim, gone, at(0)).await;
        result.unwrap()
    };
    assert_eq!(try_claim(&first, None).await, KeyClaimed::Fresh);
    let other = try_claim(&claim(at(0)), Some(&fresh::lead(1))).await;
    assert_eq!(other, KeyClaimed::Known(Box::new(first.clone())));

    let results = run_concurrently(10, |_| {
        let (keys, customer, key) = (keys.clone(), customer.clone(), key.clone());
        let gone = first.lead.clone();
        async move {
            let own = claim(at(0));
            let result = keys.claim_key(&customer, &key, &own, Some(&gone), at(0));
            let result = result.await.unwrap();
            (own, result)
        }
    })
    .await;

    let winners: Vec<_> = results
        .iter()
        .filter(|(_, result)| *result == KeyClaimed::Fresh)
        .collect();
    let [(second, _)] = winners.as_slice() else {
        panic!("{} callers claimed the key", winners.len())
    };
    assert_eq!(
        try_claim(second, Some(&first.lead)).await,
        KeyClaimed::Fresh,
        "repeated after a lost answer"
    );
    let known = try_claim(&claim(at(0)), Some(&first.lead)).await;
    assert_eq!(known, KeyClaimed::Known(Box::new(second.clone())));
}
