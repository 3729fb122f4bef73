use leadfeed_shared::domain::handshake::Handshake;
use leadfeed_shared::ports::Handshakes;
use secrecy::ExposeSecret as _;

use crate::promise::at_once;
use crate::samples::at;
use crate::{fresh, promises};

promises! { Handshakes:
    a_handshake_is_taken_as_it_was_opened,
    exactly_one_of_many_concurrent_takers_gets_it,
    nobody_takes_an_expired_handshake,
    an_unknown_state_is_nothing,
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

async fn a_handshake_is_taken_as_it_was_opened<H: Handshakes>(handshakes: H) {
    let plain = Handshake {
        verifier: None,
        ..handshake()
    };
    for opened in [handshake(), plain] {
        let state = fresh::text();
        handshakes.open(&state, &opened).await.unwrap();

        let Some(taken) = handshakes.take(&state, at(599)).await.unwrap() else {
            panic!("nothing")
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

async fn exactly_one_of_many_concurrent_takers_gets_it<H>(handshakes: H)
where
    H: Handshakes + Clone + 'static,
{
    let state = fresh::text();
    handshakes.open(&state, &handshake()).await.unwrap();

    let told = at_once(16, |_| {
        let (handshakes, state) = (handshakes.clone(), state.clone());
        async move { handshakes.take(&state, at(0)).await.unwrap() }
    })
    .await;

    assert_eq!(told.iter().flatten().count(), 1);
}

async fn nobody_takes_an_expired_handshake<H: Handshakes>(handshakes: H) {
    let state = fresh::text();
    handshakes.open(&state, &handshake()).await.unwrap();

    let taken = handshakes.take(&state, at(600)).await.unwrap();

    assert!(taken.is_none());
}

async fn an_unknown_state_is_nothing<H: Handshakes>(handshakes: H) {
    let taken = handshakes.take(&fresh::text(), at(0)).await.unwrap();

    assert!(taken.is_none());
}
