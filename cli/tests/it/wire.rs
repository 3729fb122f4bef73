//! Which requests the tool sends, and where.

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

use crate::deployment::{TOKEN, leadfeed, run_typing, serve};

/// The requests of a command to a stack that answers everything with `{}`; its output and whether it succeeded.
async fn requests(arguments: &[&str]) -> (Vec<String>, String, bool) {
    requests_typing(None, arguments).await
}

/// The same, with this typed at a terminal.
async fn requests_typing(typed: Option<&str>, arguments: &[&str]) -> (Vec<String>, String, bool) {
    let requests = Arc::new(Mutex::new(vec![]));
    let seen = requests.clone();
    let answers = move |method: Method, uri: Uri| async move {
        seen.lock().unwrap().push(format!("{method} {uri}"));
        "{}"
    };
    let url = serve(Router::new().fallback(answers)).await;
    let (output, succeeded) = run_typing(typed, &url, TOKEN, arguments).await;
    let requests = requests.lock().unwrap().clone();
    (requests, output, succeeded)
}

#[tokio::test]
async fn argument_that_is_not_one_path_segment_is_refused() {
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
            let (requests, output, succeeded) = requests(command).await;

            assert_eq!(requests, [""; 0], "{command:?}");
            assert!(
                !succeeded && output.contains("is not a valid ID"),
                "{output}"
            );
        }
    }
}

#[tokio::test]
async fn token_is_sent_in_the_clear_only_to_this_machine() {
    const CLEAR: &str = "must not travel in the clear";
    for remote in [
        "http://leads.example",
        "http://192.0.2.1",
        "http://localhost.example",
        "http://notlocalhost",
        "HTTP://[2001:db8::1]:1",
        "ws://leads.example",
    ] {
        let (output, _) = leadfeed(remote, TOKEN, &["health"]).await;
        assert!(output.contains(CLEAR), "{output}");
    }
    let port = serve(Router::new()).await.replace("http://127.0.0.1", "");
    for local in ["127.0.0.1", "[::1]", "localhost", "leads.localhost"] {
        let url = format!("http://{local}{port}");
        let (output, _) = leadfeed(&url, TOKEN, &["health"]).await;
        assert!(!output.contains(CLEAR), "{output}");
    }
}

#[tokio::test]
async fn arguments_are_escaped_in_queries() {
    let (budget, ..) = requests(&["budget", "--app", "own&app_id=default"]).await;
    let since = [
        "leads",
        "list",
        "engines",
        "--since",
        "2026-11-23T12:00:00+01:00&limit=9#",
    ];
    let (list, ..) = requests(&since).await;

    let (csv, ..) = requests(&["csv", "engines", "--dry-run"]).await;

    let expected =
        "GET /v1/customers/engines/leads.csv?status=undelivered&dialect=upload&look=true";
    assert_eq!(csv, [expected]);
    assert_eq!(budget, ["GET /v1/budget?app_id=own%26app_id%3Ddefault"]);
    let since = "since=2026-11-23T12%3A00%3A00%2B01%3A00%26limit%3D9%23";
    assert_eq!(
        list,
        [format!("GET /v1/customers/engines/leads?limit=50&{since}")]
    );
}

#[tokio::test]
async fn irreversible_commands_run_only_once_confirmed() {
    let remove = (&["customers", "remove", "engines"][..], "engines");
    let end = (&["connection", "end", "engines"][..], "engines");
    let form = (&["forms", "remove", "frm_1"][..], "frm_1");
    let erase = (&["leads", "erase", "lead_1"][..], "lead_1");
    let forget = (&["leads", "forget", "engines", "a@b.c"][..], "a@b.c");
    for (command, name) in [remove, end, form, erase, forget] {
        let confirmed = [command, &["--yes"]].concat();
        for typed in ["", "\n", "no\n", "lead_2\n"] {
            let (requests, output, succeeded) = requests_typing(Some(typed), command).await;
            assert_eq!((requests.len(), succeeded), (0, false), "{typed:?}");
            assert!(output.contains("nothing was done"), "{output}");
        }
        let (without_terminal, output, succeeded) = requests(command).await;
        assert_eq!((without_terminal.len(), succeeded), (0, false));
        assert!(output.contains("--yes"), "{output}");
        let warns_about_leads = output.contains("refusing its leads that wait");
        assert_eq!(
            warns_about_leads,
            command == ["customers", "remove", "engines"]
        );

        for (typed, command) in [
            (Some(format!("{name}\n")), command),
            (Some("yes\r\n".to_owned()), command),
            (None, &confirmed[..]),
        ] {
            let (requests, _, succeeded) = requests_typing(typed.as_deref(), command).await;
            assert_eq!((requests.len(), succeeded), (1, true), "{command:?}");
        }
    }
}

#[tokio::test]
async fn text_commands_print_the_whole_answer_with_the_json_option() {
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
        let (_, output, _) = requests(&[command, &["--json"]].concat()).await;

        assert_eq!(output, "{}\n", "{command:?}");
    }
}

/// A stack that gives these answers in turn, and the bodies that it is sent.
async fn serve_answers(answers: Vec<Value>) -> (String, Arc<Mutex<Vec<Value>>>) {
    let sent = Arc::new(Mutex::new(vec![]));
    let seen = sent.clone();
    let answers = move |body: String| async move {
        let mut seen = seen.lock().unwrap();
        let answer = answers[seen.len()].to_string();
        seen.push(serde_json::from_str(&body).unwrap_or_default());
        answer
    };
    (serve(Router::new().fallback(answers)).await, sent)
}

#[tokio::test]
async fn replay_sends_its_filters_with_every_page_until_the_last() {
    let (since, until) = ("2026-11-23T12:00:00Z", "2026-11-24T12:00:00Z");
    let (url, sent) = serve_answers(vec![json!({"next_cursor": "further"}), json!({})]).await;
    let command = ["replay", "engines", "--status", "refused"];
    let reason = ["--reason", "cc_refused", "--exported", "--dry-run"];
    let time = ["--since", since, "--until", until];
    let leads = ["--lead", "lead_1", "--lead", "lead_2"];

    let command = [command, reason, time, leads].concat();
    let (output, succeeded) = leadfeed(&url, TOKEN, &command).await;

    assert!(succeeded, "{output}");
    let first = json!({
        "status": "refused", "reason": "cc_refused", "since": since, "until": until, "exported": true,
        "dry_run": true, "lead_ids": ["lead_1", "lead_2"],
    });
    let mut second = first.clone();
    second["cursor"] = json!("further");
    assert_eq!(*sent.lock().unwrap(), [first, second]);
}

#[tokio::test]
async fn followed_lead_is_printed_again_whenever_it_changes() {
    let page =
        |why: &str| json!({"leads": [{"lead_id": "lead_1", "status": "waiting", "why": why}]});
    let pages = ["upstream", "upstream", "quota", "upstream", "upstream"].map(page);
    let (url, _) = serve_answers(pages.into()).await;
    let follow = ["leads", "follow", "engines", "--every", "0", "--looks", "5"];

    let (output, _) = leadfeed(&url, TOKEN, &follow).await;

    let lines = output
        .lines()
        .map(|line| line.split(' ').next_back().unwrap());
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines, ["upstream", "quota", "upstream"], "{output}");
}

#[tokio::test]
async fn failed_replay_prints_the_totals_so_far() {
    let answers = |Json(request): Json<Value>| async move {
        match request["cursor"].as_str() {
            None => Ok(Json(
                json!({"leads": {"waiting.quota": 3}, "next_cursor": "further"}),
            )),
            Some(_) => Err(StatusCode::SERVICE_UNAVAILABLE),
        }
    };
    let url = serve(Router::new().fallback(answers)).await;

    let (output, succeeded) = leadfeed(&url, TOKEN, &["replay", "engines", "--json"]).await;

    let (printed, error) = output.split_at(output.find("}\n}\n").unwrap() + 4);
    let printed: Value = serde_json::from_str(printed).unwrap();
    assert_eq!(printed, json!({"leads": {"waiting.quota": 3}}));
    assert!(!succeeded && error.contains("503"), "{error}");
    assert!(error.contains("not all leads were looked at"), "{error}");
}

/// The number of requests of a command to a stack that answers the first `times` of them with 503.
async fn requests_to_failing_stack(times: usize, arguments: &[&str]) -> (usize, String, bool) {
    let sent = Arc::new(AtomicUsize::new(0));
    let seen = sent.clone();
    let answers = move || async move {
        let status = match seen.fetch_add(1, SeqCst) {
            n if n < times => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::OK,
        };
        (status, [(RETRY_AFTER, "0")], "{}")
    };
    let url = serve(Router::new().fallback(answers)).await;
    let (output, succeeded) = leadfeed(&url, TOKEN, arguments).await;
    (sent.load(SeqCst), output, succeeded)
}

#[tokio::test]
async fn reads_are_tried_up_to_three_times_on_503() {
    let follow = ["leads", "follow", "engines", "--every", "0", "--looks", "1"];
    for command in [&follow[..], &["customers", "show", "engines"]] {
        for (times, expected, succeeds) in [(1, 2, true), (2, 3, true), (3, 3, false)] {
            let (sent, output, succeeded) = requests_to_failing_stack(times, command).await;
            assert_eq!((sent, succeeded), (expected, succeeds), "{output}");
        }
    }
}

#[tokio::test]
async fn writes_and_csv_downloads_are_not_retried() {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().to_str().unwrap();
    for command in [
        &["replay", "engines"][..],
        &["leads", "erase", "lead_1", "--yes"],
        &["links", "connect", "engines"],
        &["csv", "engines", "--into", into],
    ] {
        let (sent, output, succeeded) = requests_to_failing_stack(1, command).await;
        assert_eq!((sent, succeeded), (1, false), "{output}");
    }
}

#[tokio::test]
async fn read_is_retried_after_the_connection_was_dropped() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        drop(listener.accept().unwrap()); // hung up on
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4_096];
        assert!(stream.read(&mut request).unwrap() > 0);
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
        stream.write_all(answer.as_bytes()).unwrap();
    });

    let (output, succeeded) = leadfeed(&url, TOKEN, &["customers", "show", "engines"]).await;

    assert!(succeeded, "{output}");
    server.join().unwrap();
}
