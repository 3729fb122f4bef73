use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use jiff::SignedDuration;
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::ports::{Customers as _, Forms as _};
use serde_json::json;

use crate::stage::Stage;

#[tokio::test]
async fn putting_a_customer_again_replaces_its_settings_but_keeps_created_at() {
    let stage = Stage::new();
    let full = json!({
        "name": "Analytical Engines Ltd", "brand": "Engines", "app_id": "own", "retention_days": 30,
        "return_url": "https://engines.example/thanks", "return_hosts": ["WWW.engines.example"],
        "bulk_import": "when_over_budget",
    });

    let first = stage.put("/v1/customers/engines", full).await;
    stage.memory.clock.advance(SignedDuration::from_hours(1));
    let bare = json!({"name": "Engines", "brand": "Engines"});
    let second = stage.put("/v1/customers/engines", bare.clone()).await;
    let third = stage.put("/v1/customers/engines", bare).await;

    assert_eq!((first.status, second.status), (201, 200));
    assert_eq!(first.body["created_at"], "2026-11-23T09:30:00Z");
    assert_eq!(first.body["return_hosts"], json!(["www.engines.example"]));
    assert_eq!(first.body["bulk_import"], "when_over_budget");
    assert_eq!(
        second.body,
        json!({
            "customer_id": "engines", "name": "Engines", "brand": "Engines", "app_id": "default",
            "return_hosts": [], "bulk_import": "never", "retention_days": 730,
            "created_at": "2026-11-23T09:30:00Z",
        })
    );
    assert_eq!(third.body, second.body);
    assert_eq!(stage.get("/v1/customers/engines").await.body, second.body);
}

#[tokio::test]
async fn every_invalid_property_is_reported() {
    let stage = Stage::new();
    let body = json!({
        "name": " ", "app_id": "A B", "return_url": "javascript:alert(1)", "return_hosts": ["a", "b/c"],
        "bulk_import": "always", "retention_days": 29, "colour": "red",
    });

    let answer = stage.put("/v1/customers/engines", body).await;

    assert_eq!(
        (answer.status, answer.text("code")),
        (422, "invalid".into())
    );
    assert_eq!(
        answer.field_errors(),
        [
            ("name", "empty"),
            ("brand", "required"),
            ("app_id", "malformed"),
            ("return_url", "malformed"),
            ("return_hosts[1]", "malformed"),
            ("bulk_import", "unknown_value"),
            ("retention_days", "out_of_range"),
            ("colour", "unknown_property"),
        ]
    );
    assert_eq!(stage.get("/v1/customers/engines").await.status, 404);
}

#[tokio::test]
async fn a_customer_id_is_a_slug() {
    let stage = Stage::new();
    let body = json!({"name": "A", "brand": "A"});

    for id in ["Engines", "a.b", "-a", "a%20b", &"a".repeat(64)] {
        let answer = stage
            .put(&format!("/v1/customers/{id}"), body.clone())
            .await;
        assert_eq!(
            (answer.status, answer.field_errors()),
            (422, vec![("customer_id", "malformed")])
        );
        assert_eq!(stage.get(&format!("/v1/customers/{id}")).await.status, 404);
    }
}

#[tokio::test]
async fn customers_are_listed_page_by_page() {
    let stage = Stage::new();
    for id in ["a", "b", "c"] {
        stage
            .put(
                &format!("/v1/customers/{id}"),
                json!({"name": id, "brand": id}),
            )
            .await;
    }

    let first = stage.get("/v1/customers?limit=2").await;
    let cursor = first.text("next_cursor");
    let second = stage
        .get(&format!("/v1/customers?limit=2&cursor={cursor}"))
        .await;

    let ids = |answer: &crate::stage::Answer| -> Vec<String> {
        let customers = answer.body["customers"].as_array().unwrap().iter();
        customers
            .map(|customer| customer["customer_id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        (ids(&first), ids(&second)),
        (vec!["a".into(), "b".into()], vec!["c".into()])
    );
    assert_eq!(second.body.get("next_cursor"), None);
    for (query, fault) in [
        ("limit=0", ("limit", "out_of_range")),
        ("limit=x", ("limit", "out_of_range")),
        ("cursor=b", ("cursor", "malformed")),
        ("curser=b", ("curser", "unknown_property")),
    ] {
        let answer = stage.get(&format!("/v1/customers?{query}")).await;
        assert_eq!((answer.status, answer.field_errors()), (422, vec![fault]));
    }
}

#[tokio::test]
async fn brand_change_requires_open_forms_to_name_the_new_brand() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let renamed = json!({"name": "Engines", "brand": "Difference Engines"});

    let refused = stage.put("/v1/customers/engines", renamed.clone()).await;
    stage
        .patch(&format!("/v1/forms/{form}"), json!({"open": false}))
        .await;
    let taken = stage.put("/v1/customers/engines", renamed).await;
    let reopened = stage
        .patch(&format!("/v1/forms/{form}"), json!({"open": true}))
        .await;
    let statement = "Difference Engines may mail me.";
    let change = json!({"open": true, "consent_statement": statement});
    let restated = stage.patch(&format!("/v1/forms/{form}"), change).await;

    assert_eq!(refused.field_errors(), [("brand", "brand_not_named")]);
    assert_eq!(taken.status, 200);
    assert_eq!(
        reopened.field_errors(),
        [("consent_statement", "brand_not_named")]
    );
    assert_eq!(restated.status, 200);
}

#[tokio::test]
async fn a_deleted_customer_is_gone_with_its_forms() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;

    let deleted = stage.delete("/v1/customers/engines").await;

    assert_eq!(deleted.status, 204);
    assert_eq!(stage.delete("/v1/customers/engines").await.status, 404);
    for gone in [
        "/v1/customers/engines",
        "/v1/customers/engines/forms",
        &format!("/v1/forms/{form}"),
    ] {
        assert_eq!(stage.get(gone).await.status, 404, "{gone}");
    }
    assert_eq!(stage.get("/v1/customers/looms").await.status, 200);
}

#[tokio::test]
async fn id_of_a_deleted_customer_cannot_be_reused_and_its_receipts_remain() {
    let stage = Stage::with_customers().await;
    let lead = stage.sign_up(&stage.form().await, "ada@example.com").await;
    stage.delete("/v1/customers/engines").await;

    let other = json!({"name": "Others", "brand": "Others"});
    let taken = stage.put("/v1/customers/engines", other).await;

    assert_eq!(
        (taken.status, taken.text("code")),
        (409, "customer_deleted".into())
    );
    for hidden in ["", "/connection", "/forms", "/leads.csv"] {
        let target = format!("/v1/customers/engines{hidden}");
        assert_eq!(stage.get(&target).await.status, 404, "{target}");
    }
    let listed = stage.get("/v1/customers").await;
    assert_eq!(listed.body["customers"].as_array().unwrap().len(), 1);
    // The proof of a consent outlives the customer.
    let receipt = stage.get(&format!("/v1/leads/{lead}/receipt")).await;
    assert_eq!(receipt.status, 200);
}

#[tokio::test]
async fn form_does_not_outlive_a_customer_removed_while_it_is_created() {
    let engines: CustomerId = "engines".parse().unwrap();
    let form = json!({"name": "News", "consent_statement": "Analytical Engines may mail me."});
    let (mut before, mut after) = (0, 0);
    for steps in 0..12 {
        let stage = Stage::with_customers().await;
        let mut creation = pin!(stage.post("/v1/customers/engines/forms", form.clone()));
        let mut made = None;
        for _ in 0..steps {
            let polled = poll_fn(|context| Poll::Ready(creation.as_mut().poll(context))).await;
            if let Poll::Ready(answer) = polled {
                made = Some(answer);
                break;
            }
        }

        let removed = stage.delete("/v1/customers/engines").await;
        let made = match made {
            Some(made) => made,
            None => creation.await,
        };

        assert_eq!(removed.status, 204);
        match made.status {
            201 => before += 1,
            404 => after += 1,
            _ => panic!("{}", made.body),
        }
        let remaining = stage.memory.directory.forms_of(&engines).await.unwrap();
        assert_eq!(remaining, [], "after {steps} steps");
    }
    assert!(before > 1 && after > 3, "{before} {after}");
}

#[tokio::test]
async fn form_created_during_its_customers_removal_is_removed_too() {
    let engines: CustomerId = "engines".parse().unwrap();
    let form = json!({"name": "News", "consent_statement": "Analytical Engines may mail me."});
    for late in 0..12 {
        let stage = Stage::with_customers().await;
        let made = async {
            for _ in 0..late {
                tokio::task::yield_now().await;
            }
            stage
                .post("/v1/customers/engines/forms", form.clone())
                .await
        };

        let (made, removed) = tokio::join!(made, stage.delete("/v1/customers/engines"));

        assert_eq!(removed.status, 204);
        assert!(matches!(made.status, 201 | 404), "{}", made.body);
        let remaining = stage.memory.directory.forms_of(&engines).await.unwrap();
        assert_eq!(remaining, [], "created {late} steps late");
    }
}

#[tokio::test]
async fn closing_a_form_that_outlived_its_customer_deletes_it() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let engines = "engines".parse().unwrap();
    stage
        .memory
        .directory
        .delete_customer(&engines)
        .await
        .unwrap();

    let closed = stage
        .patch(&format!("/v1/forms/{form}"), json!({"open": false}))
        .await;

    assert_eq!(closed.status, 404);
    let form = form.parse().unwrap();
    assert_eq!(stage.memory.directory.form(&form).await.unwrap(), None);
}
