use leadfeed_shared::domain::budget::Limits;
use leadfeed_shared::ports::{AppCredentials, Apps};
use secrecy::ExposeSecret as _;

use crate::promise::eventually;
use crate::{fresh, promises};

promises! { Apps:
    stored_application_reads_back_unchanged,
    unknown_application_has_no_credentials_and_default_limits,
    stored_applications_are_listed,
}

async fn stored_application_reads_back_unchanged<A: Apps>(apps: A) {
    let app = fresh::app();
    for (secret, per_second) in [("first", 2), ("second", 10)] {
        let credentials = AppCredentials {
            client_id: "client".into(),
            client_secret: secret.into(),
        };
        let limits = Limits {
            per_second,
            per_day: 250_000,
        };

        apps.put(&app, &credentials, limits).await.unwrap();

        let read = apps.credentials(&app, true).await.unwrap().unwrap();
        assert_eq!(read.client_id, "client");
        assert_eq!(read.client_secret.expose_secret(), secret);
        assert_eq!(apps.limits(&app).await.unwrap(), limits);
        assert!(apps.is_set(&app).await.unwrap());
    }
}

async fn unknown_application_has_no_credentials_and_default_limits<A: Apps>(apps: A) {
    let app = fresh::app();

    assert!(apps.credentials(&app, false).await.unwrap().is_none());
    assert!(!apps.is_set(&app).await.unwrap());
    assert_eq!(apps.limits(&app).await.unwrap(), Limits::default());
}

async fn stored_applications_are_listed<A: Apps>(apps: A) {
    let (stored, unknown) = (fresh::app(), fresh::app());
    let credentials = AppCredentials {
        client_id: "client".into(),
        client_secret: "secret".into(),
    };
    let limits = Limits::default();
    apps.put(&stored, &credentials, limits).await.unwrap();

    let all = async || apps.all(1_000).await.unwrap();

    let all = eventually(all, |all| all.contains(&stored)).await;
    assert!(all.contains(&stored) && !all.contains(&unknown));
    assert!(all.is_sorted());
    assert_eq!(apps.all(1).await.unwrap().len(), 1);
}
