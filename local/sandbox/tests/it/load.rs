//! A load test of the sandbox itself.

use std::time::Instant;

use futures::future::join_all;

use crate::lab::{LISTS, Lab};

const CONNECTIONS: usize = 50;
const CALLS: usize = 100;

/// Above any limit of the API, even in a debug build on a busy machine; a release build on two free cores handles
/// thousands.
const FLOOR_PER_SECOND: f64 = 20.0;

#[tokio::test(flavor = "multi_thread")]
async fn disabled_limits_allow_more_than_the_usual_rate_on_50_connections() {
    let lab = Lab::start().await;
    let read = async |_| {
        for _ in 0..CALLS {
            assert_eq!(lab.status(LISTS).await, 200);
        }
    };
    let reads = rate("reads", join_all((0..CONNECTIONS).map(read))).await;

    let write = async |connection: usize| {
        for n in 0..CALLS {
            let address = format!("load.{connection}.{n}@c.example");
            assert_eq!(lab.sign_up(&address).await.unwrap().status(), 201);
        }
    };
    let writes = rate("sign-ups", join_all((0..CONNECTIONS).map(write))).await;
    assert!(reads > FLOOR_PER_SECOND && writes > FLOOR_PER_SECOND);
}

async fn rate<T>(what: &str, calls: impl Future<Output = T>) -> f64 {
    let started = Instant::now();
    calls.await;
    let rate = (CONNECTIONS * CALLS) as f64 / started.elapsed().as_secs_f64();
    println!("{rate:.0} {what} a second over {CONNECTIONS} connections");
    rate
}
