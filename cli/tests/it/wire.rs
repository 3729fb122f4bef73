//! What the tool asks of a stack, and where.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::thread;

use axum::http::header::RETRY_AFTER;
use axum::http::{Method, StatusCode, Uri};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::deployment::{TOKEN, leadfeed, served, typing};

/// What a stack that answers everything with `{}` was asked for by a command.
async fn asked(arguments: &[&str]) -> (Vec<String>, String, bool) {
    asked_typing(None, arguments).await
}

/// The same of somebody who types at a terminal.
async fn asked_typing(typed: Option<&str>, arguments: &[&str]) -> (Vec<String>, String, bool) {
    let asked = Arc::new(Mutex::new(vec![]));
    let seen = asked.clone();
    let answers = move |method: Method, uri: Uri| async move {
        seen.lock().unwrap().push(format!("{method} {uri}"));
        "{}"
    };
    let url = served(Router::new().fallback(answers)).await;
    let (said, succeeded) = typing(typed, &url, TOKEN, arguments).await;
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
            &["customers", "remove", hostile, "--yes"][..],
            &["connection", "end", hostile, "--yes"],
            &["forms", "remove", hostile, "--yes"],
            &["leads", "erase", hostile, "--yes"],
            &["csv", hostile, "--dry-run"],
            &["counts", hostile],
            &["people", "find", hostile, "a@b.c"],
            &["leads", "receipts", hostile],
        ] {
            let (asked, said, succeeded) = asked(command).await;

            assert_eq!(asked, [""; 0], "{command:?}");
            assert!(!succeeded && said.contains("is not a valid ID"), "{said}");
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

    let (looked, ..) = asked(&["csv", "engines", "--dry-run"]).await;

    let dry = "GET /v1/customers/engines/leads.csv?status=undelivered&dialect=upload&look=true";
    assert_eq!(looked, [dry]);
    assert_eq!(budget, ["GET /v1/budget?app_id=own%26app_id%3Ddefault"]);
    let since = "since=2026-11-23T12%3A00%3A00%2B01%3A00%26limit%3D9%23";
    assert_eq!(
        leads,
        [format!("GET /v1/customers/engines/leads?limit=50&{since}")]
    );
}

#[tokio::test]
async fn what_cannot_be_undone_is_done_only_once_it_is_confirmed() {
    let remove = (&["customers", "remove", "engines"][..], "engines");
    let end = (&["connection", "end", "engines"][..], "engines");
    let form = (&["forms", "remove", "frm_1"][..], "frm_1");
    let erase = (&["leads", "erase", "lead_1"][..], "lead_1");
    let forget = (&["leads", "forget", "engines", "a@b.c"][..], "a@b.c");
    for (command, name) in [remove, end, form, erase, forget] {
        let confirmed = [command, &["--yes"]].concat();
        for typed in ["", "\n", "no\n", "lead_2\n"] {
            let (asked, said, succeeded) = asked_typing(Some(typed), command).await;
            assert_eq!((asked.len(), succeeded), (0, false), "{typed:?}");
            assert!(said.contains("nothing was done"), "{said}");
        }
        let (unasked, said, succeeded) = asked(command).await;
        assert_eq!((unasked.len(), succeeded), (0, false));
        assert!(said.contains("--yes"), "{said}");
        let refuses = said.contains("refusing its leads that wait");
        assert_eq!(refuses, command == ["customers", "remove", "engines"]);

        for (typed, command) in [
            (Some(format!("{name}\n")), command),
            (Some("yes\r\n".to_owned()), command),
            (None, &confirmed[..]),
        ] {
            let (asked, _, succeeded) = asked_typing(typed.as_deref(), command).await;
            assert_eq!((asked.len(), succeeded), (1, true), "{command:?}");
        }
    }
}

#[tokio::test]
async fn every_command_prints_the_answer_as_json_when_asked_to() {
    for command in [
        &["customers", "remove", "engines", "--yes"][..],
        &["connection", "end", "engines", "--yes"],
        &["forms", "snippet", "frm_1"],
        &["forms", "remove", "frm_1", "--yes"],
        &["links", "manage", "engines"],
        &["leads", "receipt", "lead_1"],
        &["leads", "erase", "lead_1", "--yes"],
        &["suppressions", "remove", "engines", "a@b.c"],
    ] {
        let (_, said, _) = asked(&[command, &["--json"]].concat()).await;

        assert_eq!(said, "{}\n", "{command:?}");
    }
}

/// A stack that gives these answers in turn, and what it is sent.
async fn answering(answers: Vec<Value>) -> (String, Arc<Mutex<Vec<Value>>>) {
    let sent = Arc::new(Mutex::new(vec![]));
    let seen = sent.clone();
    let answers = move |body: String| async move {
        let mut seen = seen.lock().unwrap();
        let answer = answers[seen.len()].to_string();
        seen.push(serde_json::from_str(&body).unwrap_or_default());
        answer
    };
    (served(Router::new().fallback(answers)).await, sent)
}

#[tokio::test]
async fn a_replay_asks_for_what_was_meant_until_all_leads_were_looked_at() {
    let (since, until) = ("2026-11-23T12:00:00Z", "2026-11-24T12:00:00Z");
    let (url, sent) = answering(vec![json!({"next_cursor": "further"}), json!({})]).await;
    let command = ["replay", "engines", "--status", "refused"];
    let reason = ["--reason", "cc_refused", "--exported", "--dry-run"];
    let time = ["--since", since, "--until", until];
    let leads = ["--lead", "lead_1", "--lead", "lead_2"];

    let command = [command, reason, time, leads].concat();
    let (said, succeeded) = leadfeed(&url, TOKEN, &command).await;

    assert!(succeeded, "{said}");
    let wish = json!({
        "status": "refused", "reason": "cc_refused", "since": since, "until": until, "exported": true,
        "dry_run": true, "lead_ids": ["lead_1", "lead_2"],
    });
    let mut further = wish.clone();
    further["cursor"] = json!("further");
    assert_eq!(*sent.lock().unwrap(), [wish, further]);
}

#[tokio::test]
async fn a_lead_that_is_followed_is_printed_again_whenever_it_changed() {
    let page =
        |why: &str| json!({"leads": [{"lead_id": "lead_1", "status": "waiting", "why": why}]});
    let pages = ["upstream", "upstream", "quota", "upstream", "upstream"].map(page);
    let (url, _) = answering(pages.into()).await;
    let follow = ["leads", "follow", "engines", "--every", "0", "--looks", "5"];

    let (said, _) = leadfeed(&url, TOKEN, &follow).await;

    let lines = said
        .lines()
        .map(|line| line.split(' ').next_back().unwrap());
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines, ["upstream", "quota", "upstream"], "{said}");
}

#[tokio::test]
async fn a_replay_that_cannot_go_on_says_what_was_done_until_then() {
    let answers = |Json(wish): Json<Value>| async move {
        match wish["cursor"].as_str() {
            None => Ok(Json(
                json!({"leads": {"waiting.quota": 3}, "next_cursor": "further"}),
            )),
            Some(_) => Err(StatusCode::SERVICE_UNAVAILABLE),
        }
    };
    let url = served(Router::new().fallback(answers)).await;

    let (said, succeeded) = leadfeed(&url, TOKEN, &["replay", "engines", "--json"]).await;

    let (printed, error) = said.split_at(said.find("}\n}\n").unwrap() + 4);
    let printed: Value = serde_json::from_str(printed).unwrap();
    assert_eq!(printed, json!({"leads": {"waiting.quota": 3}}));
    assert!(!succeeded && error.contains("503"), "{error}");
    assert!(error.contains("not all leads were looked at"), "{error}");
}

/// What a stack is asked by a command that answers the first so often with 503.
async fn asked_out_of_order(times: usize, arguments: &[&str]) -> (usize, String, bool) {
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = asked.clone();
    let answers = move || async move {
        let status = match seen.fetch_add(1, SeqCst) {
            n if n < times => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::OK,
        };
        (status, [(RETRY_AFTER, "0")], "{}")
    };
    let url = served(Router::new().fallback(answers)).await;
    let (said, succeeded) = leadfeed(&url, TOKEN, arguments).await;
    (asked.load(SeqCst), said, succeeded)
}

#[tokio::test]
async fn what_changes_nothing_is_asked_for_again_after_a_hiccup_and_three_times_in_all() {
    let follow = ["leads", "follow", "engines", "--every", "0", "--looks", "1"];
    for command in [&follow[..], &["customers", "show", "engines"]] {
        for (times, asked, succeeds) in [(1, 2, true), (2, 3, true), (3, 3, false)] {
            let (looks, said, succeeded) = asked_out_of_order(times, command).await;
            assert_eq!((looks, succeeded), (asked, succeeds), "{said}");
        }
    }
}

#[tokio::test]
async fn what_changes_something_is_asked_for_once_and_so_is_a_file_whose_leads_are_marked() {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().to_str().unwrap();
    for command in [
        &["replay", "engines"][..],
        &["leads", "erase", "lead_1", "--yes"],
        &["links", "connect", "engines"],
        &["csv", "engines", "--into", into],
    ] {
        let (asked, said, succeeded) = asked_out_of_order(1, command).await;
        assert_eq!((asked, succeeded), (1, false), "{said}");
    }
}

#[tokio::test]
async fn a_stack_that_cannot_be_reached_for_a_moment_is_asked_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        drop(listener.accept().unwrap()); // hung up on
        let (mut asked, _) = listener.accept().unwrap();
        let mut request = [0; 4_096];
        assert!(asked.read(&mut request).unwrap() > 0);
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
        asked.write_all(answer.as_bytes()).unwrap();
    });

    let (said, succeeded) = leadfeed(&url, TOKEN, &["customers", "show", "engines"]).await;

    assert!(succeeded, "{said}");
    server.join().unwrap();
}
