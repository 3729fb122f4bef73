//! Promises about idempotency keys: a key stands for what its first caller sent.

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::ids::LeadId;
use leadfeed_shared::ports::{Idempotency, KeyClaim, KeyClaimed};

use crate::promise::at_once;
use crate::samples::at;
use crate::{fresh, promises};

promises! { Idempotency:
    one_of_many_at_once_claims_a_key,
    a_claim_made_again_is_its_owners_still,
    a_key_is_free_again_once_it_has_expired,
    a_key_is_its_customers_own,
    a_key_is_freed_for_its_own_lead_only,
    one_of_many_at_once_claims_the_key_of_a_lead_that_is_gone,
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

async fn one_of_many_at_once_claims_a_key<K>(keys: K)
where
    K: Idempotency + Clone + 'static,
{
    let (customer, key) = (fresh::customer(), fresh::text());

    let told = at_once(10, |_| {
        let (keys, customer, key) = (keys.clone(), customer.clone(), key.clone());
        async move {
            let mine = claim(at(0));
            let told = keys.claim_key(&customer, &key, &mine, None, at(0)).await;
            (mine, told.unwrap())
        }
    })
    .await;

    let (fresh, known): (Vec<_>, Vec<_>) = told
        .into_iter()
        .partition(|(_, told)| *told == KeyClaimed::Fresh);
    let [(first, _)] = fresh.as_slice() else {
        panic!("{} were told that the key is theirs", fresh.len())
    };
    for (_, told) in known {
        assert_eq!(told, KeyClaimed::Known(Box::new(first.clone())));
    }
}

async fn a_claim_made_again_is_its_owners_still<K: Idempotency>(keys: K) {
    let (customer, key) = (fresh::customer(), fresh::text());
    let (mine, other) = (claim(at(0)), claim(at(0)));
    let ask = async |claim: &KeyClaim| {
        let told = keys.claim_key(&customer, &key, claim, None, at(0)).await;
        told.unwrap()
    };

    assert_eq!(ask(&mine).await, KeyClaimed::Fresh);
    assert_eq!(ask(&mine).await, KeyClaimed::Fresh);
    assert_eq!(ask(&other).await, KeyClaimed::Known(Box::new(mine.clone())));
}

async fn a_key_is_free_again_once_it_has_expired<K: Idempotency>(keys: K) {
    let (customer, key) = (fresh::customer(), fresh::text());
    let first = claim(at(0));
    keys.claim_key(&customer, &key, &first, None, at(0))
        .await
        .unwrap();
    let ask = async |now| {
        keys.claim_key(&customer, &key, &claim(now), None, now)
            .await
            .unwrap()
    };

    let before = first.expires_at - SignedDuration::from_secs(1);
    assert_eq!(
        ask(before).await,
        KeyClaimed::Known(Box::new(first.clone()))
    );
    assert_eq!(ask(first.expires_at).await, KeyClaimed::Fresh);
    assert_ne!(ask(first.expires_at).await, KeyClaimed::Fresh);
}

async fn a_key_is_its_customers_own<K: Idempotency>(keys: K) {
    let key = fresh::text();
    for _ in 0..2 {
        let told = keys
            .claim_key(&fresh::customer(), &key, &claim(at(0)), None, at(0))
            .await;
        assert_eq!(told.unwrap(), KeyClaimed::Fresh);
    }
}

async fn a_key_is_freed_for_its_own_lead_only<K: Idempotency>(keys: K) {
    let (customer, key) = (fresh::customer(), fresh::text());
    let first = claim(at(0));
    let ask = async || {
        let anew = KeyClaim {
            owner: fresh::text(),
            ..first.clone()
        };
        let told = keys.claim_key(&customer, &key, &anew, None, at(0)).await;
        told.unwrap()
    };
    assert_eq!(ask().await, KeyClaimed::Fresh);

    keys.free_key(&customer, &key, &fresh::lead(1))
        .await
        .unwrap();
    assert_ne!(ask().await, KeyClaimed::Fresh);
    keys.free_key(&customer, &key, &first.lead).await.unwrap();

    assert_eq!(ask().await, KeyClaimed::Fresh);
    let unheard_of = fresh::text();
    keys.free_key(&customer, &unheard_of, &first.lead)
        .await
        .unwrap();
}

async fn one_of_many_at_once_claims_the_key_of_a_lead_that_is_gone<K>(keys: K)
where
    K: Idempotency + Clone + 'static,
{
    let (customer, key) = (fresh::customer(), fresh::text());
    let first = claim(at(0));
    let ask = async |claim: &KeyClaim, gone: Option<&LeadId>| {
        let told = keys.claim_key(&customer, &key, claim, gone, at(0)).await;
        told.unwrap()
    };
    assert_eq!(ask(&first, None).await, KeyClaimed::Fresh);
    let other = ask(&claim(at(0)), Some(&fresh::lead(1))).await;
    assert_eq!(other, KeyClaimed::Known(Box::new(first.clone())));

    let told = at_once(10, |_| {
        let (keys, customer, key) = (keys.clone(), customer.clone(), key.clone());
        let gone = first.lead.clone();
        async move {
            let mine = claim(at(0));
            let told = keys.claim_key(&customer, &key, &mine, Some(&gone), at(0));
            let told = told.await.unwrap();
            (mine, told)
        }
    })
    .await;

    let its: Vec<_> = told
        .iter()
        .filter(|(_, told)| *told == KeyClaimed::Fresh)
        .collect();
    let [(second, _)] = its.as_slice() else {
        panic!("{} were told that the key is theirs", its.len())
    };
    assert_eq!(
        ask(second, Some(&first.lead)).await,
        KeyClaimed::Fresh,
        "its answer was lost"
    );
    let known = ask(&claim(at(0)), Some(&first.lead)).await;
    assert_eq!(known, KeyClaimed::Known(Box::new(second.clone())));
}
