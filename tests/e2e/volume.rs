//! Many leads through the deployed stack in one run. If `LEADFEED_TEST_LEADS` says how many, no limit applies to them;
//! many leads take long and need the machine for themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::{Scene, exclusive, the_stack};

/// The number of leads by default. At the application's limit they take some seconds.
const FEW: usize = 30;

/// Concurrent posts.
const CONCURRENT_POSTS: usize = 6;

/// One in this many leads is sent twice: with its key, like a caller that has lost the answer, or without one, like a
/// double click.
const REPEATED: usize = 25;

/// The longest time without progress.
const STALL_TIMEOUT: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn every_lead_of_a_long_run_is_delivered_exactly_once() {
    let requested = std::env::var("LEADFEED_TEST_LEADS").ok();
    let _exclusive = exclusive().await;
    let scene = Scene::connected("volume").await;
    if requested.is_some() {
        lift_limits(&scene).await;
    }
    let count = requested.map_or(FEW, |count| count.parse().unwrap());
    let began = Instant::now();

    let ids: BTreeSet<String> = stream::iter(0..count)
        .map(|number| post(&scene, number))
        .buffer_unordered(CONCURRENT_POSTS)
        .collect()
        .await;
    let accepted = began.elapsed();
    wait_until_delivered(&scene, count).await;
    let delivered = began.elapsed();

    let states = states(&scene).await;
    let sign_ups = sign_ups();
    let twice = sign_ups.values().filter(|times| **times != 1).count();
    let per_second = |time: Duration| count as f64 / time.as_secs_f64();
    println!(
        "\n{count} leads: taken in within {accepted:.0?} ({:.1} a second), delivered within {delivered:.0?} ({:.1} a second)\n\
         in the ledger {states:?}, contacts {}, of them signed up twice {twice}",
        per_second(accepted),
        per_second(delivered),
        sign_ups.len(),
    );
    assert_eq!(ids.len(), count);
    assert_eq!(states, BTreeMap::from([("delivered".to_owned(), count)]));
    assert_eq!((sign_ups.len(), twice), (count, 0));
    assert_eq!(the_stack().sandbox().running().broken_contracts(), [""; 0]);
}

/// Lifts the limits of the customer's form and of the application.
async fn lift_limits(scene: &Scene) {
    let form = format!("/v1/forms/{}", scene.form["form_id"].as_str().unwrap());
    let rates = json!({"rate_limits": {"per_minute": 60_000, "per_minute_and_origin": 60_000, "per_day": 1_000_000}});
    let sandbox = the_stack().sandbox();
    let app = json!({
        "client_id": sandbox.client_id(), "client_secret": sandbox.client_secret(),
        "calls_per_second": 100, "calls_per_day": 1_000_000,
    });
    sandbox.running().with(|lab| lab.settings.limits = false);
    for (method, path, body) in [
        (Method::PATCH, form.as_str(), &rates),
        (Method::PUT, "/v1/apps/default", &app),
    ] {
        scene
            .operator
            .call_ok(method, path, Some(body))
            .await
            .unwrap();
    }
}

async fn post(scene: &Scene, number: usize) -> String {
    let lead = json!({
        "email": format!("volume{number}@example.com"), "first_name": "Ada", "last_name": number.to_string(),
        "consent": {"given": true, "page_url": "https://engines.example/newsletter"},
    });
    let url = scene.form["submit_url"].as_str().unwrap();
    let mut ids = BTreeSet::new();
    for _ in 0..1 + usize::from(number.is_multiple_of(REPEATED)) {
        let mut request = scene.client.post(url).json(&lead);
        if number.is_multiple_of(2) {
            request = request.header("idempotency-key", format!("volume-{number}"));
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        let body: Value = answer.json().await.unwrap();
        ids.insert(body["lead_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 1);
    ids.pop_first().unwrap()
}

/// Waits for the contacts, for as long as more of them arrive.
async fn wait_until_delivered(scene: &Scene, count: usize) {
    let (mut most, mut progressed_at) = (0, Instant::now());
    loop {
        let arrived = sign_ups().len();
        if arrived > most {
            (most, progressed_at) = (arrived, Instant::now());
        }
        let settled = arrived == count && states(scene).await.len() == 1;
        if settled || progressed_at.elapsed() > STALL_TIMEOUT {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// How many of the customer's leads are in each state, according to the operator's listing.
async fn states(scene: &Scene) -> BTreeMap<String, usize> {
    let (mut states, mut cursor) = (BTreeMap::new(), None::<String>);
    loop {
        let after = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let path = format!("/v1/customers/{}/leads?limit=100{after}", scene.customer);
        let page = scene
            .operator
            .call_ok(Method::GET, &path, None)
            .await
            .unwrap();
        for lead in page["leads"].as_array().unwrap() {
            let status = lead["status"].as_str().unwrap().to_owned();
            *states.entry(status).or_default() += 1;
        }
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return states;
        }
    }
}

/// How often each address of the run was signed up, according to the sandbox's contacts.
fn sign_ups() -> BTreeMap<String, usize> {
    the_stack().sandbox().running().with(|lab| {
        let accounts = lab.world.accounts.iter();
        let contacts = accounts.flat_map(|account| account.contacts());
        let ours = contacts.filter_map(|contact| {
            let email = contact.email.clone()?;
            let history = contact.history.iter();
            let times = history
                .filter(|(_, what)| what == "signed up by form")
                .count();
            email.starts_with("volume").then_some((email, times))
        });
        ours.collect()
    })
}
