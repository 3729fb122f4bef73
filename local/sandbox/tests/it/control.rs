//! Tests of the control API.

use serde_json::{Value, json};

use crate::lab::{LISTS, Lab, OWNER, SIGN_UP};

#[tokio::test]
async fn journal_records_caller_route_status_and_outcome() {
    let lab = Lab::start().await;
    lab.sign_up("Ada@c.example").await.unwrap();
    lab.get("/v3/contacts/x").await.unwrap();

    let calls = lab.journal("").await;
    assert_eq!(calls.as_array().unwrap().len(), 2);
    assert_eq!(calls[0]["route"], SIGN_UP);
    assert_eq!(
        (&calls[0]["address"], &calls[0]["status"]),
        (&json!("ada@c.example"), &json!(201))
    );
    assert_eq!(
        (&calls[0]["client_id"], &calls[0]["outcome"]),
        (&json!("app"), &json!("ok"))
    );
    assert_eq!(calls[0]["account"], lab.account().await);
    assert_eq!(calls[1]["route"], "/v3/contacts/{contact_id}");
    assert_eq!(calls[1]["outcome"], "contacts.api.not_found");
}

#[tokio::test]
async fn the_journal_can_be_filtered_and_cleared() {
    let lab = Lab::start().await;
    for address in ["a@c.example", "b@c.example", "a@c.example"] {
        lab.sign_up(address).await.unwrap();
    }
    let count = async |query: &str| lab.journal(query).await.as_array().unwrap().len();
    assert_eq!(count("address=a@c.example").await, 2);
    assert_eq!(count("status=200&method=POST").await, 1);
    assert_eq!(count("last=1").await, 1);
    let first = lab.journal("").await[0]["seq"].clone();
    assert_eq!(count(&format!("after={first}")).await, 2);

    lab.control("DELETE", "journal", Value::Null).await;
    assert_eq!(count("").await, 0);
    let (status, _) = lab
        .try_control("GET", "journal?colour=red", Value::Null)
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn clock_can_be_set_and_advanced() {
    let lab = Lab::start().await;
    let now = lab
        .control("POST", "clock", json!({ "set": "2030-01-01T00:00:00Z" }))
        .await;
    assert!(
        now["now"]
            .as_str()
            .unwrap()
            .starts_with("2030-01-01T00:00:0")
    );
    let now = lab
        .control("POST", "clock", json!({ "advance_seconds": 3600 }))
        .await;
    assert!(
        now["now"]
            .as_str()
            .unwrap()
            .starts_with("2030-01-01T01:00:0")
    );
}

#[tokio::test]
async fn settings_are_patched_individually_and_unknown_ones_rejected() {
    let lab = Lab::start().await;
    let patch = json!({ "address_guard": false, "readings": { "list_gone": "not_found" } });
    let settings = lab.control("PATCH", "settings", patch).await;
    assert_eq!(settings["readings"]["list_gone"], "not_found");
    assert_eq!(settings["readings"]["pkce"], "refuse");
    assert_eq!(settings["limits"], false);
    for wrong in [
        json!({ "colour": 1 }),
        json!({ "readings": { "pkce": "maybe" } }),
        json!([]),
    ] {
        assert_eq!(lab.try_control("PATCH", "settings", wrong).await.0, 400);
    }
}

#[tokio::test]
async fn deactivated_app_gets_403_until_reactivated() {
    let lab = Lab::start().await;
    lab.control("PATCH", "apps/app", json!({ "deactivated": true }))
        .await;
    assert_eq!(lab.status(LISTS).await, 403);
    lab.control("PATCH", "apps/app", json!({ "deactivated": false }))
        .await;
    assert_eq!(lab.status(LISTS).await, 200);
}

#[tokio::test]
async fn app_can_be_registered_with_its_own_limits_and_its_secret_rotated() {
    let lab = Lab::start().await;
    let app = json!({
        "client_id": "b", "client_secret": "s", "redirect_uris": ["http://localhost/cb"],
        "calls_per_second": 10, "token_kind": "long_lived",
    });
    let app = lab.control("POST", "apps", app).await;
    assert_eq!(
        (&app["calls_per_second"], &app["token_kind"]),
        (&json!(10), &json!("long_lived"))
    );
    let rotated = lab.control("POST", "apps/b/secret", Value::Null).await;
    assert_ne!(rotated["client_secret"], "s");
    assert_eq!(
        lab.try_control("POST", "apps/none/secret", Value::Null)
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn revoked_access_token_is_unauthorized() {
    let lab = Lab::start().await;
    let account = lab.account().await;
    let revoked = lab
        .control("POST", "revocations", json!({ "account": account }))
        .await;
    assert_eq!(revoked["revoked_refresh_tokens"], 1);
    assert_eq!(lab.status(LISTS).await, 401);
}

#[tokio::test]
async fn contact_can_be_seeded_and_confirmed_and_an_unknown_act_is_rejected() {
    let lab = Lab::start().await;
    let account = lab.account().await;
    let contacts = format!("accounts/{account}/contacts");
    let seed = json!({
        "email": "left@c.example", "permission": "unsubscribed", "opt_out_date": "2026-01-01T00:00:00Z",
    });
    let contact = lab.control("POST", &contacts, seed).await;
    assert_eq!(
        contact["email_address"]["permission_to_send"],
        "unsubscribed"
    );
    assert_eq!(
        contact["email_address"]["opt_out_date"],
        "2026-01-01T00:00:00.000Z"
    );

    let id = contact["contact_id"].as_str().unwrap();
    let confirmed = lab
        .control("POST", &format!("{contacts}/{id}/confirm"), Value::Null)
        .await;
    assert_eq!(confirmed["email_address"]["permission_to_send"], "explicit");
    assert!(confirmed["history"].as_array().unwrap().len() >= 3);
    let (status, _) = lab
        .try_control("POST", &format!("{contacts}/{id}/dance"), Value::Null)
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn sign_up_fails_after_its_list_is_deleted() {
    let lab = Lab::start().await;
    let path = format!("accounts/{}/lists/{}", lab.account().await, lab.list);
    lab.control("DELETE", &path, Value::Null).await;
    assert_eq!(lab.sign_up("a@c.example").await.unwrap().status(), 400);
}

#[tokio::test]
async fn reset_clears_everything_but_the_apps() {
    let lab = Lab::start().await;
    lab.sign_up("a@c.example").await.unwrap();
    lab.fault(json!({ "action": "cut" })).await;
    lab.control("POST", "reset", Value::Null).await;

    assert_eq!(lab.contacts("a@c.example").await, json!([]));
    assert_eq!(lab.journal("").await, json!([]));
    assert_eq!(lab.status(LISTS).await, 401);
    lab.control(
        "POST",
        "tokens",
        json!({ "client_id": "app", "user": OWNER }),
    )
    .await;
}

#[tokio::test]
async fn invalid_control_calls_are_4xx() {
    let lab = Lab::start().await;
    let cases = [
        ("POST", "faults", json!({ "action": "explode" })),
        (
            "POST",
            "faults",
            json!({ "action": "cut", "colour": "red" }),
        ),
        ("POST", "clock", json!({ "set": "soon" })),
        (
            "POST",
            "tokens",
            json!({ "client_id": "app", "user": "nobody" }),
        ),
        ("POST", "revocations", json!({ "all": true })),
    ];
    for (method, path, body) in cases {
        let (status, _) = lab.try_control(method, path, body.clone()).await;
        assert!((400..500).contains(&status), "{path} {body}: {status}");
    }
}
