//! Forms that accept only signed webhooks.

use serde_json::json;

use crate::stage::Stage;

const FORMS: &str = "/v1/customers/engines/forms";

/// What a form has for whoever comes unsigned.
const PUBLIC: [&str; 4] = ["submit_url", "hosted_url", "snippet_html", "snippet_fetch"];

#[tokio::test]
async fn a_form_for_signed_leads_alone_offers_no_other_way() {
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
async fn a_form_is_for_everybody_unless_it_says_otherwise_and_can_be_changed_to_and_fro() {
    let stage = Stage::with_customers().await;
    let target = format!("/v1/forms/{}", stage.form().await);
    let usual = stage.get(&target).await;

    let only = stage.patch(&target, json!({"signed_only": true})).await;
    let other = stage.patch(&target, json!({"name": "Weekly"})).await;
    let reset = stage.patch(&target, json!({"signed_only": null})).await;
    let wrong = stage.patch(&target, json!({"signed_only": "yes"})).await;

    for (answer, signed_only) in [
        (&usual, false),
        (&only, true),
        (&other, true),
        (&reset, false),
    ] {
        assert_eq!(answer.body["signed_only"], signed_only);
        for public in PUBLIC {
            assert_eq!(answer.body[public].is_string(), !signed_only, "{public}");
        }
    }
    assert_eq!(wrong.faults(), [("signed_only", "wrong_type")]);
}
