use cc_sandbox::contract::FieldType;
use cc_sandbox::faults::Action;
use leadfeed_shared::adapters::ConstantContact;
use leadfeed_shared::domain::connection::{CustomField, FieldKind};
use leadfeed_shared::domain::crm::CrmError;
use leadfeed_shared::ports::{Accounts, Contacts as _};
use serde_json::json;

use crate::bench::{Bench, bare, http, mint, url};
use crate::wire::{Wire, answer};

#[tokio::test]
async fn an_account_tells_its_name_and_the_users_privileges() {
    let bench = Bench::start().await;

    let summary = bench.api.summary(&bench.token).await.unwrap();

    let id = bench.account(|account| account.encoded_id.clone());
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
async fn whoever_waits_for_an_account_waits_no_longer_than_for_one_call() {
    let bench = Bench::start().await;
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
        bench.strike(path, false, slow.clone());
    }

    let summary = bench.hasty().summary(&bench.token).await;
    let catalog = bench.hasty().catalog(&bench.token).await;

    assert_eq!(summary.err(), Some(CrmError::Unavailable));
    assert_eq!(catalog, Err(CrmError::Unavailable));
}

#[tokio::test]
async fn a_user_who_may_not_see_the_account_still_tells_their_privileges() {
    let bench = Bench::start().await;
    let creator = bench.account(|account| {
        let last = account.users.last().unwrap();
        last.login.clone()
    });
    assert!(creator.starts_with("creator@"));
    let token = mint(&bench.sandbox, &creator);

    let summary = bench.api.summary(&token).await.unwrap();

    assert_eq!(summary.account, None);
    let may_write = |name: &String| name == "contacts:write";
    assert!(!summary.privileges.iter().any(may_write));
}

#[tokio::test]
async fn a_catalog_holds_the_lists_and_the_fields_that_take_text() {
    let bench = Bench::start().await;

    let catalog = bench.api.catalog(&bench.token).await.unwrap();

    let (lists, fields) = bench.account(|account| {
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
    let dates = bench.account(|account| {
        let dates = account.fields.iter();
        let dates = dates.filter(|field| field.kind == FieldType::Date);
        dates.map(|field| field.label.clone()).collect::<Vec<_>>()
    });
    let told = catalog.custom_fields.iter();
    let told = told.filter(|field| field.kind == Some(FieldKind::Date));
    let told: Vec<_> = told.map(|field| field.label.clone()).collect();
    assert!(!dates.is_empty() && told == dates, "{told:?}");
}

#[tokio::test]
async fn custom_fields_are_told_alone_by_one_call_in_the_time_of_one() {
    let bench = Bench::start().await;
    let catalog = bench.api.catalog(&bench.token).await.unwrap();

    let fields = bench.api.custom_fields(&bench.token).await;

    assert_eq!(fields, Ok(catalog.custom_fields));
    let slow = Action::SlowBody {
        pieces: 6,
        pause_ms: 700,
    };
    bench.strike("/v3/contact_custom_fields", false, slow);
    let fields = bench.hasty().custom_fields(&bench.token).await;
    assert_eq!(fields, Err(CrmError::Unavailable));
    let wire = Wire::answering(vec![answer(200, r#"{"custom_fields": []}"#)]).await;
    let api = ConstantContact::new(http(), wire.url("/v3"));
    assert_eq!(api.custom_fields(&"token".into()).await, Ok(vec![]));
    let requests = wire.requests();
    let [request] = &requests[..] else {
        panic!("{requests:?}")
    };
    assert!(request.starts_with("GET /v3/contact_custom_fields?limit=100 HTTP/1.1"));
}

#[tokio::test]
async fn a_value_is_held_against_the_kind_of_its_field_as_the_account_does() {
    let bench = Bench::start().await;
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
        let fields = url(&bench.sandbox, "/v3/contact_custom_fields");
        bench.ask(reqwest::Method::POST, fields, field).await;
    }
    let fields = bench.api.custom_fields(&bench.token).await.unwrap();

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
            let mut lead = bare(&format!("{kind}{number}@example.com"), bench.list());
            lead.custom_fields = vec![(field.id.clone(), value.to_owned())];
            let taken = bench.api.sign_up(&bench.token, &lead).await;
            assert_eq!(taken.is_ok(), field.takes(value), "{kind}: {value}");
        }
    }
}

#[tokio::test]
async fn a_list_is_made_once() {
    let bench = Bench::start().await;

    let made = bench
        .api
        .create_list(&bench.token, "Web leads")
        .await
        .unwrap();
    let again = bench.api.create_list(&bench.token, "Web leads").await;

    let catalog = bench.api.catalog(&bench.token).await.unwrap();
    assert!(catalog.lists.contains(&made));
    assert!(matches!(again, Err(CrmError::Conflict(_))));
}

fn page(list: u8, next: serde_json::Value) -> String {
    let list =
        json!({ "list_id": format!("00000000-0000-4000-8000-0000000000{list:02}"), "name": "L" });
    json!({ "lists": [list], "_links": { "next": next } }).to_string()
}

#[tokio::test]
async fn every_page_is_read_by_the_path_that_the_one_before_names() {
    let fields = json!({ "custom_fields": [] }).to_string();
    let wire = Wire::answering(vec![
        answer(
            200,
            &page(1, json!({ "href": "/v3/contact_lists?cursor=a%2Bb" })),
        ),
        answer(200, &page(2, json!(null))),
        answer(200, &fields),
    ])
    .await;
    let api = ConstantContact::new(http(), wire.url("/v3"));

    let catalog = api.catalog(&"token".into()).await.unwrap();

    assert_eq!(catalog.lists.len(), 2);
    let paths: Vec<_> = wire
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
async fn no_page_leads_to_another_origin_or_in_circles() {
    let other = Wire::answering(vec![]).await;
    let away = json!({ "href": other.url("/v3/contact_lists").as_str() });
    let circle = answer(
        200,
        &page(1, json!({ "href": "/v3/contact_lists?cursor=a" })),
    );
    for answers in [vec![answer(200, &page(1, away))], vec![circle; 60]] {
        let wire = Wire::answering(answers).await;
        let api = ConstantContact::new(http(), wire.url("/v3"));

        let refused = api.catalog(&"token".into()).await;

        assert_eq!(refused, Err(CrmError::Unavailable));
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_list_is_there_until_it_is_deleted() {
    let bench = Bench::start().await;
    let list = bench.list();
    let never = "5e7b1a1c-0000-11ee-8c99-0242ac120002".parse().unwrap();
    let has = async |list| bench.api.has_list(&bench.token, list).await;

    assert_eq!(has(&list).await, Ok(true));
    assert_eq!(has(&never).await, Ok(false));
    bench.delete_list(&list);
    assert_eq!(has(&list).await, Ok(false));
}
