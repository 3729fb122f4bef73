use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::connection::{
    Account, Catalog, ConfirmedOptIn, Connection, ConnectionStatus, ContactList, CustomField,
    FieldKind, LimitedReason, ReconnectReason, Terms,
};
use leadfeed_shared::domain::link::{Link, LinkError, LinkKind};
use leadfeed_shared::domain::token::Tokens;
use leadfeed_shared::fakes::samples;
use leadfeed_shared::ports::{Connections as _, Links as _, Vault as _};
use serde_json::json;

use crate::stage::{Stage, now};

const LIST: &str = "5e7b1a1c-0000-11ee-8c99-0242ac120002";

#[tokio::test]
async fn connect_link_is_valid_for_seven_days_and_one_use() {
    let stage = Stage::with_customers().await;

    let answer = stage
        .post("/v1/customers/engines/connect-links", json!({}))
        .await;

    assert_eq!(
        (answer.status, answer.text("expires_at")),
        (201, "2026-11-30T09:30:00Z".into())
    );
    let url = answer.text("url");
    let token = url.strip_prefix("https://leads.example/connect/").unwrap();
    let verify = |kind, at| Link::verify(token, kind, &stage.memory.keys(), at);
    let link = verify(LinkKind::Connect, now()).unwrap();
    assert_eq!(verify(LinkKind::Manage, now()), Err(LinkError::Forged));
    let week = now() + SignedDuration::from_hours(7 * 24);
    assert_eq!(verify(LinkKind::Connect, week), Err(LinkError::Expired));
    assert_eq!(link.customer.as_str(), "engines");
    let redeem = async |by: &str| {
        let (directory, by) = (&stage.memory.directory, by.parse().unwrap());
        let redeemed = directory.redeem(&link.customer, &link.id, &by, now()).await;
        redeemed.unwrap()
    };
    assert!(redeem("lnk_01JDEXAMPZE0000000000000C1").await);
    assert!(!redeem("lnk_01JDEXAMPZE0000000000000C2").await);
}

#[tokio::test]
async fn manage_link_is_valid_for_one_day() {
    let stage = Stage::with_customers().await;

    let answer = stage
        .post("/v1/customers/engines/manage-links", json!({}))
        .await;

    assert_eq!(
        (answer.status, answer.text("expires_at")),
        (201, "2026-11-24T09:30:00Z".into())
    );
    let url = answer.text("url");
    let token = url.strip_prefix("https://leads.example/manage/").unwrap();
    let link = Link::verify(token, LinkKind::Manage, &stage.memory.keys(), now()).unwrap();
    assert_eq!(link.customer.as_str(), "engines");
}

#[tokio::test]
async fn revoked_manage_links_open_no_page_and_later_ones_do() {
    let stage = Stage::with_customers().await;
    let links = "/v1/customers/engines/manage-links";
    let status = async |path: &str| {
        let actions = ["", "/leads.csv", "/erase"];
        let get = stage.page("GET", path, "").await.0;
        let mut posts = Vec::new();
        for action in &actions[1..] {
            posts.push(stage.page("POST", &format!("{path}{action}"), "").await.0);
        }
        (get, posts)
    };
    let sent_to_the_wrong_person = stage.manage_path().await;

    assert_eq!(stage.delete(links).await.status, 204);
    stage.memory.clock.advance(SignedDuration::from_millis(1));
    let customer = json!({"name": "Engines", "brand": "Analytical Engines"});
    stage.put("/v1/customers/engines", customer).await;
    let later = stage.manage_path().await;

    assert_eq!(status(&sent_to_the_wrong_person).await, (403, vec![403; 2]));
    assert_eq!(status(&later).await.0, 200);
    assert_eq!(
        stage
            .delete("/v1/customers/nobody/manage-links")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn links_require_an_existing_customer_and_accept_no_properties() {
    let stage = Stage::with_customers().await;
    for kind in ["connect-links", "manage-links"] {
        let target = format!("/v1/customers/nobody/{kind}");
        assert_eq!(stage.post(&target, json!({})).await.status, 404);
        let target = format!("/v1/customers/engines/{kind}");
        let answer = stage.post(&target, json!({"days": 90})).await;
        assert_eq!(
            (answer.status, answer.field_errors()),
            (422, vec![("days", "unknown_property")])
        );
    }
}

#[tokio::test]
async fn connection_shows_account_lists_and_why_it_ended() {
    let stage = Stage::with_customers().await;
    let none = stage.get("/v1/customers/engines/connection").await;
    connect(&stage, ConnectionStatus::Active).await;
    let active = stage.get("/v1/customers/engines/connection").await;
    let (reason, since) = (ReconnectReason::InvalidGrant, now());
    connect(&stage, ConnectionStatus::NeedsReconnect { reason, since }).await;
    let dead = stage.get("/v1/customers/engines/connection").await;

    assert_eq!(
        none.body,
        json!({"status": "not_connected", "lists": [], "available_lists": [], "custom_fields": []})
    );
    assert_eq!(
        active.body,
        json!({
            "status": "active", "account": {"id": "a1", "name": "Engines Inc"}, "app_id": "default",
            "lists": [{"list_id": LIST, "name": "News"}],
            "available_lists": [{"list_id": LIST, "name": "News"}], "custom_fields": ["Engine"],
            "terms_accepted_at": "2026-11-23T09:30:00Z", "terms_accepted_from": "203.0.113.7",
            "terms_text": "ours", "connected_at": "2026-11-23T09:30:00Z",
            "confirmed_opt_in": false,
        })
    );
    assert_eq!(dead.text("status"), "needs_reconnect");
    assert_eq!(dead.text("reason"), "invalid_grant");
    assert_eq!(dead.text("since"), "2026-11-23T09:30:00Z");
}

#[tokio::test]
async fn limited_connection_shows_its_reason() {
    let stage = Stage::with_customers().await;
    for (reason, code) in [
        (LimitedReason::MissingPrivilege, "missing_privilege"),
        (LimitedReason::MissingScope, "missing_scope"),
        (LimitedReason::AppDeactivated, "app_deactivated"),
        (LimitedReason::AccountChanged, "account_changed"),
    ] {
        connect(&stage, ConnectionStatus::Limited { reason }).await;

        let answer = stage.get("/v1/customers/engines/connection").await;

        assert_eq!(answer.text("status"), "limited");
        assert_eq!(answer.text("reason"), code);
    }
}

#[tokio::test]
async fn customers_are_listed_with_connection_status_and_what_blocks_their_leads() {
    let stage = Stage::with_customers().await;
    let listed = async || {
        let listed = stage.get("/v1/customers").await.body;
        let customers = listed["customers"].as_array().unwrap().iter();
        let connections = customers.map(|customer| customer["connection"].clone());
        connections.collect::<Vec<_>>()
    };
    let not_connected = json!({"status": "not_connected", "blocked": "not_connected"});
    assert_eq!(
        listed().await,
        [not_connected.clone(), not_connected.clone()]
    );
    let (reason, since) = (ReconnectReason::InvalidGrant, now());
    let dead = ConnectionStatus::NeedsReconnect { reason, since };
    let limited = ConnectionStatus::Limited {
        reason: LimitedReason::AppDeactivated,
    };

    for (status, shown) in [
        (ConnectionStatus::Active, json!({"status": "active"})),
        (
            dead,
            json!({
                "status": "needs_reconnect", "reason": "invalid_grant", "since": "2026-11-23T09:30:00Z",
                "blocked": "reconnect",
            }),
        ),
        (
            limited,
            json!({"status": "limited", "reason": "app_deactivated", "blocked": "rights"}),
        ),
        (
            ConnectionStatus::Disconnected,
            json!({"status": "disconnected", "blocked": "not_connected"}),
        ),
    ] {
        connect(&stage, status).await;
        assert_eq!(listed().await, [shown, not_connected.clone()]);
    }
}

#[tokio::test]
async fn connection_shows_missing_lists_and_confirmed_opt_in() {
    let stage = Stage::with_customers().await;
    connect(&stage, ConnectionStatus::Active).await;
    let customer = "engines".parse().unwrap();
    let (directory, list) = (&stage.memory.directory, LIST.parse().unwrap());
    let gone = directory.mark_list_gone(&customer, &list).await;
    assert!(gone.unwrap());
    let seen = ConfirmedOptIn {
        on: true,
        seen_at: now(),
    };
    let connected = directory.connection(&customer).await.unwrap().unwrap();
    let noted = directory.record_opt_in(&customer, connected.connected_at, seen);
    noted.await.unwrap();

    let answer = stage.get("/v1/customers/engines/connection").await;

    let missing = json!([{"list_id": LIST, "name": "News"}]);
    assert_eq!(answer.body["missing_lists"], missing);
    assert_eq!(answer.body["available_lists"], json!([]));
    assert_eq!(answer.body["confirmed_opt_in"], true);
}

#[tokio::test]
async fn unfinished_connection_is_listed_as_no_list_and_garbled_one_as_unreadable() {
    let stage = Stage::with_customers().await;
    connect(&stage, ConnectionStatus::Active).await;
    let engines = "engines".parse().unwrap();
    let directory = &stage.memory.directory;
    let mut unfinished = directory.peek(&engines).unwrap();
    unfinished.terms = None;
    assert!(directory.put_connection(&unfinished).await.unwrap());

    let listed = stage.get("/v1/customers?limit=1").await.body;
    directory.make_unreadable(&engines);
    let garbled = stage.get("/v1/customers").await.body;

    let connection = json!({"status": "active", "blocked": "no_list"});
    assert_eq!(listed["customers"][0]["connection"], connection);
    let unreadable = json!({"status": "unreadable"});
    assert_eq!(garbled["customers"][0]["connection"], unreadable);
    assert_eq!(garbled["customers"][1]["customer_id"], "looms");
}

#[tokio::test]
async fn disconnecting_deletes_the_tokens_and_can_be_repeated() {
    let stage = Stage::with_customers().await;
    let target = "/v1/customers/engines/connection";
    let not_connected = stage.delete(target).await;
    connect(&stage, ConnectionStatus::Active).await;

    let (first, second) = (stage.delete(target).await, stage.delete(target).await);

    assert_eq!(
        (not_connected.status, first.status, second.status),
        (404, 204, 204)
    );
    assert_eq!(stage.get(target).await.text("status"), "disconnected");
    let customer = "engines".parse().unwrap();
    assert!(
        stage
            .memory
            .vault
            .tokens(&customer)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        stage.delete("/v1/customers/looms/connection").await.status,
        404
    );
}

#[tokio::test]
async fn deleting_a_customer_ends_its_connection() {
    let stage = Stage::with_customers().await;
    connect(&stage, ConnectionStatus::Active).await;

    stage.delete("/v1/customers/engines").await;

    let customer = "engines".parse().unwrap();
    assert!(
        stage
            .memory
            .vault
            .tokens(&customer)
            .await
            .unwrap()
            .is_none()
    );
    let connection = stage.memory.directory.connection(&customer).await.unwrap();
    assert_eq!(connection.unwrap().status, ConnectionStatus::Disconnected);
}

/// Connects `engines`, with this status.
pub async fn connect(stage: &Stage, status: ConnectionStatus) {
    let connection = Connection {
        status,
        account: Account {
            id: "a1".into(),
            name: "Engines Inc".into(),
        },
        lists: vec![LIST.parse().unwrap()],
        terms: Some(Terms {
            accepted_at: now(),
            ip: Some("203.0.113.7".into()),
            text: "ours".into(),
        }),
        catalog: Catalog {
            lists: vec![ContactList {
                id: LIST.parse().unwrap(),
                name: "News".into(),
            }],
            custom_fields: vec![CustomField {
                id: LIST.parse().unwrap(),
                label: "Engine".into(),
                name: "engine".into(),
                kind: Some(FieldKind::Text),
            }],
        },
        ..samples::connection(now())
    };
    let tokens = Tokens {
        access: "SENTINEL".into(),
        refresh: "SENTINEL".into(),
        expires_at: Timestamp::MAX,
        scope: String::new(),
    };
    stage.memory.ports().store(connection, tokens).await;
}
