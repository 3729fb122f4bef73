use leadfeed_shared::domain::handshake::Handshake;
use leadfeed_shared::ports::Handshakes;
use secrecy::ExposeSecret as _;

use crate::promise::run_concurrently;
use crate::samples::at;
use crate::{fresh, promises};

promises! { Handshakes:
    handshake_is_returned_unchanged_when_taken,
    exactly_one_of_many_concurrent_takers_gets_the_handshake,
    expired_handshake_cannot_be_taken,
    unknown_state_has_no_handshake,
}

fn handshake() -> Handshake {
    Handshake {
        customer: fresh::customer(),
        app: fresh::app(),
        browser: fresh::text(),
        verifier: Some("verifier".into()),
        expires_at: at(600),
    }
}

async fn handshake_is_returned_unchanged_when_taken<H: Handshakes>(handshakes: H) {
    let plain = Handshake {
        verifier: None,
        ..handshake()
    };
    for opened in [handshake(), plain] {
        let state = fresh::text();
        handshakes.open(&state, &opened).await.unwrap();

        let Some(taken) = handshakes.take(&state, at(599)).await.unwrap() else {
            panic!("no handshake")
        };

        let verifier = |handshake: &Handshake| {
            let verifier = handshake.verifier.as_ref();
            verifier.map(|verifier| verifier.expose_secret().to_owned())
        };
        assert_eq!(taken.customer, opened.customer);
        assert_eq!(taken.app, opened.app);
        assert_eq!(taken.browser, opened.browser);
        assert_eq!(taken.expires_at, opened.expires_at);
        assert_eq!(verifier(&taken), verifier(&opened));
    }
}

async fn exactly_one_of_many_concurrent_takers_gets_the_handshake<H>(handshakes: H)
where
    H: Handshakes + Clone + 'static,
{
    let state = fresh::text();
    handshakes.open(&state, &handshake()).await.unwrap();

    let results = run_concurrently(16, |_| {
        let (handshakes, state) = (handshakes.clone(), state.clone());
        async move { handshakes.take(&state, at(0)).await.unwrap() }
    })
    .await;

    assert_eq!(results.iter().flatten().count(), 1);
}

async fn expired_handshake_cannot_be_taken<H: Handshakes>(handshakes: H) {
    let state = fresh::text();
    handshakes.open(&state, &handshake()).await.unwrap();

    let taken = handshakes.take(&state, at(600)).await.unwrap();

    assert!(taken.is_none());
}

async fn unknown_state_has_no_handshake<H: Handshakes>(handshakes: H) {
    let taken = handshakes.take(&fresh::text(), at(0)).await.unwrap();

    assert!(taken.is_none());
}
