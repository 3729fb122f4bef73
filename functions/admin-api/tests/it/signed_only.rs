//! Forms that accept only signed webhooks.

use serde_json::json;

use crate::stage::Stage;

const FORMS: &str = "/v1/customers/engines/forms";

/// Properties that only a form that accepts unsigned leads has.
const PUBLIC: [&str; 4] = ["submit_url", "hosted_url", "snippet_html", "snippet_fetch"];

#[tokio::test]
async fn signed_only_form_has_no_public_url_or_snippet() {
    let stage = Stage::with_customers().await;
    let (name, statement) = ("News", "Analytical Engines may mail me.");
    let body = json!({"name": name, "consent_statement": statement, "signed_only": true});

    let made = stage.post(FORMS, body).await;
    let form = made.text("form_id");
    let (_, _, page) = stage.page("GET", &stage.manage_path().await, "").await;

    assert_eq!(made.status, 201);
    assert_eq!(made.body["signed_only"], true);
    for public in PUBLIC {
        assert_eq!(made.body.get(public), None, "{public}");
    }
    let webhook = format!("https://leads.example/hooks/{form}");
    assert_eq!(made.text("webhook_url"), webhook);
    assert!(page.contains("Your own server sends"), "{page}");
    assert!(!page.contains(&format!("/f/{form}")) && !page.contains("&#60;form"));
}

#[tokio::test]
async fn form_accepts_unsigned_leads_by_default_and_signed_only_can_be_set_and_reset() {
    let stage = Stage::with_customers().await;
    let target = format!("/v1/forms/{}", stage.form().await);
    let default = stage.get(&target).await;

    let set = stage.patch(&target, json!({"signed_only": true})).await;
    let renamed = stage.patch(&target, json!({"name": "Weekly"})).await;
    let reset = stage.patch(&target, json!({"signed_only": null})).await;
    let invalid = stage.patch(&target, json!({"signed_only": "yes"})).await;

    for (answer, signed_only) in [
        (&default, false),
        (&set, true),
        (&renamed, true),
        (&reset, false),
    ] {
        assert_eq!(answer.body["signed_only"], signed_only);
        for public in PUBLIC {
            assert_eq!(answer.body[public].is_string(), !signed_only, "{public}");
        }
    }
    assert_eq!(invalid.field_errors(), [("signed_only", "wrong_type")]);
}
