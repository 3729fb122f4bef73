use serde_json::Value;

use crate::commands::CREATE;
use crate::deployment::Deployment;

#[tokio::test]
async fn a_form_for_signed_leads_alone_is_made_by_a_word_and_has_nothing_to_paste() {
    let deployment = Deployment::new().await;
    let usual = deployment.json(&CREATE).await;
    let only = deployment
        .json(&[&CREATE[..], &["--signed-only"]].concat())
        .await;
    let form = only["form_id"].as_str().unwrap();
    let (said, succeeded) = deployment.leadfeed(&["forms", "snippet", form]).await;

    assert_eq!(
        (&usual["signed_only"], &only["signed_only"]),
        (&Value::from(false), &Value::from(true))
    );
    assert!(usual["hosted_url"].is_string() && only["hosted_url"].is_null());
    assert!(
        !succeeded && said.contains("only signed webhooks"),
        "{said}"
    );
}
