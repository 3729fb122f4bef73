use serde_json::json;

use crate::stage::Stage;

const FORMS: &str = "/v1/customers/engines/forms";
const STATEMENT: &str = "Analytical Engines may mail me.";

#[tokio::test]
async fn created_form_returns_its_urls_and_webhook_secret_but_lists_omit_the_secret() {
    let stage = Stage::with_customers().await;

    let answer = stage
        .post(
            FORMS,
            json!({"name": "News", "consent_statement": STATEMENT}),
        )
        .await;

    let id = answer.text("form_id");
    assert_eq!(answer.status, 201);
    assert_eq!(
        answer.text("submit_url"),
        format!("https://leads.example/f/{id}")
    );
    assert_eq!(
        answer.text("hosted_url"),
        format!("https://leads.example/f/{id}")
    );
    assert_eq!(
        answer.text("webhook_url"),
        format!("https://leads.example/hooks/{id}")
    );
    assert!(answer.text("webhook_secret").starts_with("whsec_"));
    assert_eq!(
        answer.body["statements"],
        json!([{"version": 1, "text": STATEMENT, "since": "2026-11-23T09:30:00Z"}])
    );
    assert_eq!(
        stage.get(&format!("/v1/forms/{id}")).await.body,
        answer.body
    );
    let listed = stage.get(FORMS).await;
    assert_eq!(listed.body["forms"][0]["form_id"], id);
    assert_eq!(listed.body["forms"][0].get("webhook_secret"), None);
}

#[tokio::test]
async fn form_inherits_its_customers_return_url_and_hosts_unless_overridden() {
    let stage = Stage::new();
    let customer = json!({
        "name": "A", "brand": "A", "return_url": "https://a.example/ok", "return_hosts": ["b.example"],
    });
    stage.put("/v1/customers/a", customer).await;
    let form = json!({"name": "News", "consent_statement": "A may mail me."});

    let made = stage.post("/v1/customers/a/forms", form).await;
    let target = format!("/v1/forms/{}", made.text("form_id"));
    let overridden = stage
        .patch(&target, json!({"return_url": "https://c.example/"}))
        .await;
    let reset = stage.patch(&target, json!({"return_url": null})).await;

    assert_eq!(made.text("return_url"), "https://a.example/ok");
    assert_eq!(made.body["return_hosts"], json!(["b.example"]));
    assert_eq!(overridden.text("return_url"), "https://c.example/");
    assert_eq!(reset.text("return_url"), "https://a.example/ok");
}

#[tokio::test]
async fn every_invalid_property_is_reported() {
    let stage = Stage::with_customers().await;
    let body = json!({
        "consent_statement": "I agree.", "list_ids": ["x"], "open": "yes",
        "fields": {"required": ["surname"]}, "constants": {"consent": "yes"},
        "allowed_origins": ["*"], "consent_field": "email", "honey": 1,
    });

    let answer = stage.post(FORMS, body).await;

    assert_eq!(
        answer.field_errors(),
        [
            ("name", "required"),
            ("consent_statement", "brand_not_named"),
            ("list_ids[0]", "malformed"),
            ("fields.required[0]", "unknown_field"),
            ("constants.consent", "unknown_field"),
            ("allowed_origins[0]", "malformed"),
            ("consent_field", "not_permitted"),
            ("open", "wrong_type"),
            ("honey", "unknown_property"),
        ]
    );
    assert_eq!(stage.get(FORMS).await.body, json!({"forms": []}));
    let unknown_customer = stage.post("/v1/customers/nobody/forms", json!({})).await;
    assert_eq!(unknown_customer.status, 404);
}

#[tokio::test]
async fn consent_field_cannot_be_mapped_to_another_field() {
    let stage = Stage::with_customers().await;
    let body = json!({
        "name": "News", "consent_statement": STATEMENT, "consent_field": "agree",
        "fields": {"mapped": {"agree": "job_title"}},
    });

    assert_eq!(
        stage.post(FORMS, body).await.field_errors(),
        [("fields.mapped", "not_permitted")]
    );
}

#[tokio::test]
async fn changed_consent_statement_adds_a_version_and_an_unchanged_one_does_not() {
    let stage = Stage::with_customers().await;
    let target = format!("/v1/forms/{}", stage.form().await);

    stage
        .patch(&target, json!({"consent_statement": STATEMENT}))
        .await;
    let next = "Analytical Engines may mail me weekly.";
    let changed = stage
        .patch(
            &target,
            json!({"consent_statement": next, "name": "Weekly"}),
        )
        .await;
    let invalid = stage
        .patch(
            &target,
            json!({"consent_statement": "I agree.", "name": null}),
        )
        .await;

    let versions = changed.body["statements"].as_array().unwrap();
    assert_eq!(versions.len(), 2);
    assert_eq!(
        (&versions[1]["version"], &versions[1]["text"]),
        (&json!(2), &json!(next))
    );
    assert_eq!(
        (changed.text("consent_statement"), changed.text("name")),
        (next.into(), "Weekly".into())
    );
    assert_eq!(
        invalid.field_errors(),
        [
            ("name", "required"),
            ("consent_statement", "brand_not_named")
        ]
    );
    assert_eq!(stage.get(&target).await.body, changed.body);
}

#[tokio::test]
async fn patch_leaves_other_properties_unchanged() {
    let stage = Stage::with_customers().await;
    let body = json!({
        "name": "News", "consent_statement": STATEMENT, "allowed_origins": ["https://a.example"],
        "list_ids": ["5e7b1a1c-0000-11ee-8c99-0242ac120002"], "constants": {"company_name": "Fair"},
        "fields": {"required": ["city"], "mapped": {"town": "city"}},
    });
    let mut expected = stage.post(FORMS, body).await.body;
    let target = format!("/v1/forms/{}", expected["form_id"].as_str().unwrap());

    let changed = stage
        .patch(&target, json!({"open": false, "constants": null}))
        .await;

    expected["open"] = json!(false);
    expected["constants"] = json!({});
    assert_eq!(changed.body, expected);
}

#[tokio::test]
async fn rotated_webhook_secret_is_new_and_persists() {
    let stage = Stage::with_customers().await;
    let target = format!("/v1/forms/{}", stage.form().await);
    let before = stage.get(&target).await;

    let rotated = stage
        .post(&format!("{target}/webhook-rotations"), json!({}))
        .await;

    assert_eq!(rotated.status, 200);
    assert_ne!(
        rotated.text("webhook_secret"),
        before.text("webhook_secret")
    );
    assert_eq!(stage.get(&target).await.body, rotated.body);
}

#[tokio::test]
async fn concurrent_form_changes_are_all_kept() {
    let stage = Stage::with_customers().await;
    let target = format!("/v1/forms/{}", stage.form().await);
    let before = stage.get(&target).await;
    let rotations = format!("{target}/webhook-rotations");
    let next = "Analytical Engines may mail me weekly.";
    let last = "Analytical Engines may mail me daily.";

    let (rotated, weekly, daily) = tokio::join!(
        stage.post(&rotations, json!({})),
        stage.patch(&target, json!({"consent_statement": next})),
        stage.patch(&target, json!({"consent_statement": last})),
    );

    let after = stage.get(&target).await;
    assert_eq!(
        (rotated.status, weekly.status, daily.status),
        (200, 200, 200)
    );
    assert_ne!(
        rotated.text("webhook_secret"),
        before.text("webhook_secret")
    );
    assert_eq!(after.text("webhook_secret"), rotated.text("webhook_secret"));
    let statements = after.body["statements"].as_array().unwrap();
    let versions: Vec<_> = statements.iter().map(|shown| &shown["version"]).collect();
    assert_eq!(versions, [1, 2, 3]);
    for text in [STATEMENT, next, last] {
        assert!(
            statements.iter().any(|shown| shown["text"] == text),
            "{text}"
        );
    }
}

#[tokio::test]
async fn concurrent_webhook_rotations_return_the_same_secret() {
    let stage = Stage::with_customers().await;
    let target = format!("/v1/forms/{}", stage.form().await);
    let rotations = format!("{target}/webhook-rotations");

    let (one, other) = tokio::join!(
        stage.post(&rotations, json!({})),
        stage.post(&rotations, json!({})),
    );

    assert_eq!((one.status, other.status), (200, 200));
    assert_eq!(one.text("webhook_secret"), other.text("webhook_secret"));
}

#[tokio::test]
async fn concurrent_change_does_not_restore_a_deleted_form() {
    let stage = Stage::with_customers().await;
    let target = format!("/v1/forms/{}", stage.form().await);

    let (changed, deleted) = tokio::join!(
        stage.patch(&target, json!({"name": "Weekly"})),
        stage.delete(&target),
    );

    assert_eq!((changed.status, deleted.status), (404, 204));
    assert_eq!(stage.get(&target).await.status, 404);
}

#[tokio::test]
async fn spam_check_fields_cannot_be_mapped_to_contact_fields() {
    let stage = Stage::with_customers().await;
    for name in ["contact_website", "form_time", "cf-turnstile-response"] {
        let body = json!({
            "name": "News", "consent_statement": STATEMENT,
            "fields": {"mapped": {name: "custom_fields[Website]"}},
        });
        let answer = stage.post(FORMS, body).await;
        let field = format!("fields.mapped.{name}");
        assert_eq!(answer.field_errors(), [(field.as_str(), "not_permitted")]);
    }
    let target = format!("/v1/forms/{}", stage.form().await);
    let mapped = json!({"fields": {"mapped": {"homepage": "custom_fields[Website]"}}});
    assert_eq!(stage.patch(&target, mapped).await.status, 200);

    let honeypot = json!({"spam": {"honeypot": "homepage"}});
    let honeypot = stage.patch(&target, honeypot).await;

    assert_eq!(
        honeypot.field_errors(),
        [("fields.mapped.homepage", "not_permitted")]
    );
}

#[tokio::test]
async fn a_customer_has_at_most_200_forms() {
    let stage = Stage::with_customers().await;
    for _ in 0..200 {
        stage.form().await;
    }

    let body = json!({"name": "News", "consent_statement": STATEMENT});
    let refused = stage.post(FORMS, body).await;

    assert_eq!(
        (refused.status, refused.text("code")),
        (409, "too_many_forms".into())
    );
    let forms = stage.get(FORMS).await.body["forms"].clone();
    assert_eq!(forms.as_array().unwrap().len(), 200);
}

#[tokio::test]
async fn a_deleted_form_is_gone() {
    let stage = Stage::with_customers().await;
    let target = format!("/v1/forms/{}", stage.form().await);

    assert_eq!(stage.delete(&target).await.status, 204);
    assert_eq!(stage.delete(&target).await.status, 404);
    assert_eq!(stage.get(&target).await.status, 404);
    assert_eq!(stage.patch(&target, json!({})).await.status, 404);
    assert_eq!(
        stage
            .post(&format!("{target}/webhook-rotations"), json!({}))
            .await
            .status,
        404
    );
    assert_eq!(stage.get(FORMS).await.body, json!({"forms": []}));
}

#[tokio::test]
async fn snippets_leave_the_consent_box_unticked_and_escape_their_contents() {
    let stage = Stage::with_customers().await;
    let statement = r#"<b>"Analytical Engines"</b> & {{friends}} may mail me."#;
    let body = json!({
        "name": "News", "consent_statement": statement, "consent_field": "agree",
        "fields": {"required": ["custom_fields[Engine <3]", "city"], "mapped": {"\"town": "city"}},
    });

    let form = stage.post(FORMS, body).await;

    for snippet in [form.text("snippet_html"), form.text("snippet_fetch")] {
        assert!(snippet.contains(&format!(
            "action=\"{}\" method=\"post\"",
            form.text("submit_url")
        )));
        assert!(
            snippet.contains(r#"<input type="email" name="email" autocomplete="email" required>"#)
        );
        assert!(snippet.contains(r#"<input type="checkbox" name="agree" value="yes" required>"#));
        assert!(
            snippet.contains(r#"name="custom_fields[Engine &#60;3]""#),
            "{snippet}"
        );
        assert!(snippet.contains(r#"name="&#34;town" autocomplete="address-level2" required>"#));
        assert!(snippet.contains("&#60;b&#62;&#34;Analytical Engines&#34;&#60;/b&#62; &#38; {{friends}} may mail me.</span></label>"));
        assert!(
            snippet.contains(r#"required> <span dir="auto">"#),
            "{snippet}"
        );
        assert!(
            !snippet.contains("9999px"),
            "too wide in right-to-left pages"
        );
        assert!(!snippet.contains("checked"));
        assert!(!snippet.contains("<b>"));
    }
    let page = r#"<input type="hidden" name="consent_page_url" value="">"#;
    let plain = form.text("snippet_html");
    assert!(plain.contains(page) && plain.contains("the address of this page"));
    assert!(
        !form.text("snippet_fetch").contains(page),
        "its script fills it in"
    );
}

#[tokio::test]
async fn privacy_url_must_be_https_and_is_linked_from_snippets() {
    let stage = Stage::with_customers().await;
    let url = "https://www.engines.example/privacy?a=1&b=2";
    let body = json!({"name": "News", "consent_statement": STATEMENT, "privacy_url": url});

    let form = stage.post(FORMS, body).await;
    let target = format!("/v1/forms/{}", form.text("form_id"));

    assert_eq!(form.text("privacy_url"), url);
    let link = r#"<a href="https://www.engines.example/privacy?a=1&#38;b=2" target="_blank" rel="noopener">Privacy policy</a>"#;
    assert!(form.text("snippet_html").contains(link));
    assert!(form.text("snippet_fetch").contains(link));
    for bad in [
        "http://www.engines.example/privacy",
        "https://ada@engines.example/",
        "https://engines.example:8443/",
        "javascript:alert(1)",
        "/privacy",
        "",
    ] {
        let refused = stage.patch(&target, json!({"privacy_url": bad})).await;
        assert_eq!(
            refused.field_errors(),
            [("privacy_url", "malformed")],
            "{bad}"
        );
    }
    let cleared = stage.patch(&target, json!({"privacy_url": null})).await;
    assert_eq!(cleared.body.get("privacy_url"), None);
    assert!(!cleared.text("snippet_html").contains("Privacy policy"));
}
