//! What the tool asks of a stack, and where.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{Method, Uri};

use crate::deployment::{TOKEN, leadfeed, served};

/// What a stack that answers everything with `{}` was asked for by a command.
async fn asked(arguments: &[&str]) -> (Vec<String>, String, bool) {
    let asked = Arc::new(Mutex::new(vec![]));
    let seen = asked.clone();
    let answers = move |method: Method, uri: Uri| async move {
        seen.lock().unwrap().push(format!("{method} {uri}"));
        "{}"
    };
    let url = served(Router::new().fallback(answers)).await;
    let (said, succeeded) = leadfeed(&url, TOKEN, arguments).await;
    let asked = asked.lock().unwrap().clone();
    (asked, said, succeeded)
}

#[tokio::test]
async fn an_argument_is_one_segment_of_a_path_or_refused() {
    for hostile in [
        "engines/connection",
        "engines%2Fconnection",
        "engines\\connection",
        "engines?x",
        "engines#x",
        "engines\n",
        "..",
        "%2e%2e",
        "\t..",
        ".",
        "",
    ] {
        for command in [
            ["customers", "remove", hostile],
            ["connection", "end", hostile],
            ["forms", "remove", hostile],
            ["leads", "erase", hostile],
            ["csv", hostile, "--look"],
        ] {
            let (asked, said, succeeded) = asked(&command).await;

            assert_eq!(asked, [""; 0], "{command:?}");
            assert!(!succeeded && said.contains("is not an ID"), "{said}");
        }
    }
}

#[tokio::test]
async fn the_token_goes_in_the_clear_to_this_machine_alone() {
    const CLEAR: &str = "must not travel in the clear";
    for remote in [
        "http://leads.example",
        "http://192.0.2.1",
        "http://localhost.example",
        "http://notlocalhost",
        "HTTP://[2001:db8::1]:1",
        "ws://leads.example",
    ] {
        let (said, _) = leadfeed(remote, TOKEN, &["health"]).await;
        assert!(said.contains(CLEAR), "{said}");
    }
    let port = served(Router::new()).await.replace("http://127.0.0.1", "");
    for local in ["127.0.0.1", "[::1]", "localhost", "leads.localhost"] {
        let url = format!("http://{local}{port}");
        let (said, _) = leadfeed(&url, TOKEN, &["health"]).await;
        assert!(!said.contains(CLEAR), "{said}");
    }
}

#[tokio::test]
async fn an_argument_is_one_value_of_a_query() {
    let (budget, ..) = asked(&["budget", "--app", "own&app_id=default"]).await;
    let since = [
        "leads",
        "list",
        "engines",
        "--since",
        "2026-11-23T12:00:00+01:00&limit=9#",
    ];
    let (leads, ..) = asked(&since).await;

    assert_eq!(budget, ["GET /v1/budget?app_id=own%26app_id%3Ddefault"]);
    let since = "since=2026-11-23T12%3A00%3A00%2B01%3A00%26limit%3D9%23";
    assert_eq!(
        leads,
        [format!("GET /v1/customers/engines/leads?limit=50&{since}")]
    );
}
