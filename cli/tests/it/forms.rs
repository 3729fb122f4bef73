use serde_json::Value;

use crate::commands::CREATE_FORM;
use crate::deployment::Deployment;

#[tokio::test]
async fn signed_only_form_is_created_by_an_option_and_has_no_snippet() {
    let deployment = Deployment::new().await;
    let default = deployment.json(&CREATE_FORM).await;
    let signed_only = deployment
        .json(&[&CREATE_FORM[..], &["--signed-only"]].concat())
        .await;
    let form = signed_only["form_id"].as_str().unwrap();
    let (output, succeeded) = deployment.leadfeed(&["forms", "snippet", form]).await;

    assert_eq!(
        (&default["signed_only"], &signed_only["signed_only"]),
        (&Value::from(false), &Value::from(true))
    );
    assert!(default["hosted_url"].is_string() && signed_only["hosted_url"].is_null());
    assert!(
        !succeeded && output.contains("only signed webhooks"),
        "{output}"
    );
}
