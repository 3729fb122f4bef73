use leadfeed_shared::domain::token::StoredTokens;
use leadfeed_shared::ports::{StoreOutcome, Vault};
use secrecy::ExposeSecret as _;

use crate::promise::run_concurrently;
use crate::samples::tokens;
use crate::{fresh, promises};

promises! { Vault:
    stored_tokens_read_back_unchanged,
    storing_the_same_pair_again_succeeds_but_another_of_its_generation_does_not,
    exactly_one_of_many_concurrent_pairs_is_stored,
    the_newest_generation_is_read,
    pair_older_than_the_newest_is_not_stored_even_if_its_generation_is_free,
    forgotten_tokens_are_gone_and_forgetting_again_succeeds,
}

fn exposed(tokens: &StoredTokens) -> (u64, String, String) {
    (
        tokens.generation,
        tokens.tokens.access.expose_secret().to_owned(),
        tokens.tokens.refresh.expose_secret().to_owned(),
    )
}

async fn stored_tokens_read_back_unchanged<V: Vault>(vault: V) {
    let customer = fresh::customer();
    assert!(vault.tokens(&customer).await.unwrap().is_none());
    let pair = tokens(1, "one");

    assert_eq!(
        vault.store(&customer, &pair).await.unwrap(),
        StoreOutcome::Stored
    );

    let read = vault.tokens(&customer).await.unwrap().unwrap();
    assert_eq!(exposed(&read), exposed(&pair));
    assert_eq!(read.tokens.expires_at, pair.tokens.expires_at);
    assert_eq!(read.tokens.scope, pair.tokens.scope);
}

async fn storing_the_same_pair_again_succeeds_but_another_of_its_generation_does_not<V: Vault>(
    vault: V,
) {
    let customer = fresh::customer();
    let store = async |text| vault.store(&customer, &tokens(1, text)).await.unwrap();

    assert_eq!(store("one").await, StoreOutcome::Stored);
    assert_eq!(store("one").await, StoreOutcome::Stored);
    assert_eq!(store("two").await, StoreOutcome::Superseded);

    let read = vault.tokens(&customer).await.unwrap().unwrap();
    assert_eq!(exposed(&read), exposed(&tokens(1, "one")));
}

async fn exactly_one_of_many_concurrent_pairs_is_stored<V>(vault: V)
where
    V: Vault + Clone + 'static,
{
    let customer = fresh::customer();
    vault.store(&customer, &tokens(1, "one")).await.unwrap();

    let results = run_concurrently(8, |i| {
        let (vault, customer) = (vault.clone(), customer.clone());
        async move {
            let kept = vault.store(&customer, &tokens(2, &i.to_string())).await;
            (i, kept.unwrap())
        }
    })
    .await;

    let kept: Vec<_> = results
        .iter()
        .filter(|(_, kept)| *kept == StoreOutcome::Stored)
        .collect();
    assert_eq!(kept.len(), 1);
    let read = vault.tokens(&customer).await.unwrap().unwrap();
    assert_eq!(exposed(&read), exposed(&tokens(2, &kept[0].0.to_string())));
}

async fn the_newest_generation_is_read<V: Vault>(vault: V) {
    let customer = fresh::customer();
    for generation in 1..=3 {
        let pair = tokens(generation, &generation.to_string());
        assert_eq!(
            vault.store(&customer, &pair).await.unwrap(),
            StoreOutcome::Stored
        );
    }

    let late = vault.store(&customer, &tokens(2, "late")).await.unwrap();

    assert_eq!(late, StoreOutcome::Superseded);
    let read = vault.tokens(&customer).await.unwrap().unwrap();
    assert_eq!(exposed(&read), exposed(&tokens(3, "3")));
}

async fn pair_older_than_the_newest_is_not_stored_even_if_its_generation_is_free<V: Vault>(
    vault: V,
) {
    let customer = fresh::customer();
    let store = async |generation| {
        let pair = tokens(generation, &generation.to_string());
        vault.store(&customer, &pair).await.unwrap()
    };

    let kept = [store(1).await, store(3).await, store(2).await];

    assert_eq!(
        kept,
        [
            StoreOutcome::Stored,
            StoreOutcome::Stored,
            StoreOutcome::Superseded
        ]
    );
    let read = vault.tokens(&customer).await.unwrap().unwrap();
    assert_eq!(exposed(&read), exposed(&tokens(3, "3")));
}

async fn forgotten_tokens_are_gone_and_forgetting_again_succeeds<V: Vault>(vault: V) {
    let customer = fresh::customer();
    vault.store(&customer, &tokens(1, "one")).await.unwrap();

    vault.delete(&customer).await.unwrap();
    vault.delete(&customer).await.unwrap();

    assert!(vault.tokens(&customer).await.unwrap().is_none());
}
