use cc_sandbox::contract::FieldType;
use cc_sandbox::faults::Action;
use leadfeed_shared::adapters::ConstantContact;
use leadfeed_shared::domain::connection::{CustomField, FieldKind};
use leadfeed_shared::domain::crm::CrmError;
use leadfeed_shared::ports::{Accounts, Contacts as _};
use serde_json::json;

use crate::harness::{Harness, http, minimal_sign_up, mint_token, url};
use crate::scripted_server::{ScriptedServer, json_reply};

#[tokio::test]
async fn summary_returns_the_account_name_and_user_privileges() {
    let harness = Harness::start().await;

    let summary = harness.api.summary(&harness.token).await.unwrap();

    let id = harness.account(|account| account.encoded_id.clone());
    assert_eq!(summary.account.as_ref().unwrap().id, id);
    assert_eq!(summary.account.unwrap().name, "Harbor Bakery");
    assert!(
        summary
            .privileges
            .iter()
            .any(|name| name == "contacts:write")
    );
}

#[tokio::test]
async fn timeout_of_summary_and_catalog_covers_all_their_calls() {
    let harness = Harness::start().await;
    let slow = Action::SlowBody {
        pieces: 3,
        pause_ms: 700,
    };
    for path in [
        "/v3/account/user/privileges",
        "/v3/account/summary",
        "/v3/contact_lists",
        "/v3/contact_custom_fields",
    ] {
        harness.inject_fault(path, false, slow.clone());
    }

    let summary = harness
        .api_with_short_timeout()
        .summary(&harness.token)
        .await;
    let catalog = harness
        .api_with_short_timeout()
        .catalog(&harness.token)
        .await;

    assert_eq!(summary.err(), Some(CrmError::Unavailable));
    assert_eq!(catalog, Err(CrmError::Unavailable));
}

#[tokio::test]
async fn summary_without_account_access_still_returns_privileges() {
    let harness = Harness::start().await;
    let creator = harness.account(|account| {
        let last = account.users.last().unwrap();
        last.login.clone()
    });
    assert!(creator.starts_with("creator@"));
    let token = mint_token(&harness.sandbox, &creator);

    let summary = harness.api.summary(&token).await.unwrap();

    assert_eq!(summary.account, None);
    let may_write = |name: &String| name == "contacts:write";
    assert!(!summary.privileges.iter().any(may_write));
}

#[tokio::test]
async fn catalog_contains_all_lists_and_all_fields_without_choices() {
    let harness = Harness::start().await;

    let catalog = harness.api.catalog(&harness.token).await.unwrap();

    let (lists, fields) = harness.account(|account| {
        let text = account
            .fields
            .iter()
            .filter(|field| !field.kind.has_choices());
        (account.lists.len(), text.count())
    });
    assert!(lists >= 4 && fields >= 1);
    assert_eq!(
        (catalog.lists.len(), catalog.custom_fields.len()),
        (lists, fields)
    );
    assert!(catalog.lists.iter().any(|list| list.name == "Newsletter"));
    let dates = harness.account(|account| {
        let dates = account.fields.iter();
        let dates = dates.filter(|field| field.kind == FieldType::Date);
        dates.map(|field| field.label.clone()).collect::<Vec<_>>()
    });
    let date_labels = catalog.custom_fields.iter();
    let date_labels = date_labels.filter(|field| field.kind == Some(FieldKind::Date));
    let date_labels: Vec<_> = date_labels.map(|field| field.label.clone()).collect();
    assert!(!dates.is_empty() && date_labels == dates, "{date_labels:?}");
}

#[tokio::test]
async fn deleted_list_is_not_offered() {
    let list = |id: u8, deleted: Option<&str>| {
        json!({
            "list_id": format!("5e7b1a1c-0000-11ee-8c99-0242ac12000{id}"),
            "name": format!("List {id}"),
            "deleted_at": deleted,
        })
    };
    let lists = [list(1, None), list(2, Some("2026-07-08T10:30:00Z"))];
    let server = ScriptedServer::start(vec![
        json_reply(200, &json!({ "lists": lists }).to_string()),
        json_reply(200, &json!({ "custom_fields": [] }).to_string()),
    ])
    .await;
    let api = ConstantContact::new(http(), server.url("/v3"));

    let catalog = api.catalog(&"access".into()).await.unwrap();

    let names = catalog.lists.iter().map(|list| list.name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["List 1"]);
}

#[tokio::test]
async fn custom_fields_are_fetched_with_one_call_and_one_timeout() {
    let harness = Harness::start().await;
    let catalog = harness.api.catalog(&harness.token).await.unwrap();

    let fields = harness.api.custom_fields(&harness.token).await;

    assert_eq!(fields, Ok(catalog.custom_fields));
    let slow = Action::SlowBody {
        pieces: 6,
        pause_ms: 700,
    };
    harness.inject_fault("/v3/contact_custom_fields", false, slow);
    let fields = harness
        .api_with_short_timeout()
        .custom_fields(&harness.token)
        .await;
    assert_eq!(fields, Err(CrmError::Unavailable));
    let server = ScriptedServer::start(vec![json_reply(200, r#"{"custom_fields": []}"#)]).await;
    let api = ConstantContact::new(http(), server.url("/v3"));
    assert_eq!(api.custom_fields(&"token".into()).await, Ok(vec![]));
    let requests = server.requests();
    let [request] = &requests[..] else {
        panic!("{requests:?}")
    };
    assert!(request.starts_with("GET /v3/contact_custom_fields?limit=100 HTTP/1.1"));
}

#[tokio::test]
async fn custom_field_value_check_agrees_with_the_api() {
    let harness = Harness::start().await;
    let kinds = [
        "string",
        "text_area",
        "date",
        "datetime",
        "number",
        "currency",
        "boolean",
    ];
    for kind in kinds {
        let field = json!({ "label": kind, "type": kind });
        let fields = url(&harness.sandbox, "/v3/contact_custom_fields");
        harness.call_api(reqwest::Method::POST, fields, field).await;
    }
    let fields = harness.api.custom_fields(&harness.token).await.unwrap();

    for kind in kinds {
        let field = CustomField::of_label(&fields, kind).unwrap();
        for (number, value) in [
            "34",
            "34 years",
            "0.50",
            "1,000",
            "$12",
            "true",
            "yes",
            "2026-11-28",
            "28.11.2026",
            "2026-11-28T12:00:00Z",
            "2026-11-28T12:00",
        ]
        .into_iter()
        .enumerate()
        {
            let mut lead = minimal_sign_up(&format!("{kind}{number}@example.com"), harness.list());
            lead.custom_fields = vec![(field.id.clone(), value.to_owned())];
            let result = harness.api.sign_up(&harness.token, &lead).await;
            assert_eq!(result.is_ok(), field.takes(value), "{kind}: {value}");
        }
    }
}

#[tokio::test]
async fn creating_a_list_twice_is_a_conflict() {
    let harness = Harness::start().await;

    let created = harness
        .api
        .create_list(&harness.token, "Web leads")
        .await
        .unwrap();
    let again = harness.api.create_list(&harness.token, "Web leads").await;

    let catalog = harness.api.catalog(&harness.token).await.unwrap();
    assert!(catalog.lists.contains(&created));
    assert!(matches!(again, Err(CrmError::Conflict(_))));
}

fn page(list: u8, next: serde_json::Value) -> String {
    let list =
        json!({ "list_id": format!("00000000-0000-4000-8000-0000000000{list:02}"), "name": "L" });
    json!({ "lists": [list], "_links": { "next": next } }).to_string()
}

#[tokio::test]
async fn list_pages_are_followed_by_their_next_links() {
    let fields = json!({ "custom_fields": [] }).to_string();
    let server = ScriptedServer::start(vec![
        json_reply(
            200,
            &page(1, json!({ "href": "/v3/contact_lists?cursor=a%2Bb" })),
        ),
        json_reply(200, &page(2, json!(null))),
        json_reply(200, &fields),
    ])
    .await;
    let api = ConstantContact::new(http(), server.url("/v3"));

    let catalog = api.catalog(&"token".into()).await.unwrap();

    assert_eq!(catalog.lists.len(), 2);
    let paths: Vec<_> = server
        .requests()
        .iter()
        .map(|r| r.lines().next().unwrap().to_owned())
        .collect();
    assert_eq!(
        paths,
        [
            "GET /v3/contact_lists?limit=500 HTTP/1.1",
            "GET /v3/contact_lists?cursor=a%2Bb HTTP/1.1",
            "GET /v3/contact_custom_fields?limit=100 HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn catalog_fails_on_next_links_to_another_origin_or_in_a_loop() {
    let other = ScriptedServer::start(vec![]).await;
    let elsewhere = json!({ "href": other.url("/v3/contact_lists").as_str() });
    let endless = json_reply(
        200,
        &page(1, json!({ "href": "/v3/contact_lists?cursor=a" })),
    );
    for answers in [
        vec![json_reply(200, &page(1, elsewhere))],
        vec![endless; 60],
    ] {
        let server = ScriptedServer::start(answers).await;
        let api = ConstantContact::new(http(), server.url("/v3"));

        let refused = api.catalog(&"token".into()).await;

        assert_eq!(refused, Err(CrmError::Unavailable));
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn has_list_is_false_for_unknown_and_deleted_lists() {
    let harness = Harness::start().await;
    let list = harness.list();
    let unknown = "5e7b1a1c-0000-11ee-8c99-0242ac120002".parse().unwrap();
    let has = async |list| harness.api.has_list(&harness.token, list).await;

    assert_eq!(has(&list).await, Ok(true));
    assert_eq!(has(&unknown).await, Ok(false));
    harness.delete_list(&list);
    assert_eq!(has(&list).await, Ok(false));
}
