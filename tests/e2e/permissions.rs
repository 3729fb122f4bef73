//! IAM is enforced: a function whose statement is gone can no longer do its work.

use leadfeed_local::Stack;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::scene::{Scene, alone, the_stack};

/// A role's inline policy, and the way to change it.
struct Policy {
    role: String,
    name: String,
    document: Value,
}

impl Policy {
    /// That of a function's role, as SAM made it.
    async fn of(stack: &Stack, function: &str) -> Self {
        let role = stack
            .deployment()
            .resource(&format!("{function}Role"))
            .unwrap()
            .to_owned();
        let name = format!("{function}RolePolicy0");
        let fields = [
            ("Action", "GetRolePolicy"),
            ("RoleName", &role),
            ("PolicyName", &name),
        ];
        let answer = stack
            .aws()
            .query("iam", "2010-05-08", &fields)
            .await
            .unwrap();
        let (_, rest) = answer.split_once("<PolicyDocument>").unwrap();
        let (document, _) = rest.split_once("</PolicyDocument>").unwrap();
        let document = document.replace("&quot;", "\"").replace("&amp;", "&");
        let document = percent_decoded(&document);
        Self {
            role,
            name,
            document: serde_json::from_str(&document).unwrap(),
        }
    }

    async fn put(&self, stack: &Stack, document: &Value) {
        let document = document.to_string();
        let fields = [
            ("Action", "PutRolePolicy"),
            ("RoleName", &self.role),
            ("PolicyName", &self.name),
            ("PolicyDocument", &document),
        ];
        stack
            .aws()
            .query("iam", "2010-05-08", &fields)
            .await
            .unwrap();
    }

    /// The document without one statement.
    fn without(&self, sid: &str) -> Value {
        let mut document = self.document.clone();
        let statements = document["Statement"].as_array_mut().unwrap();
        let before = statements.len();
        statements.retain(|statement| statement["Sid"] != sid);
        assert_eq!(statements.len() + 1, before, "no statement {sid}");
        document
    }
}

fn percent_decoded(text: &str) -> String {
    let pairs = format!("text={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pairs.as_bytes())
        .next()
        .unwrap()
        .1
        .into_owned()
}

#[tokio::test]
async fn a_function_without_its_statement_is_refused() {
    let _alone = alone().await;
    let scene = Scene::of("denied").await;
    let lead = json!({"email": "denied@example.com", "consent": {"given": true}});
    let policy = Policy::of(the_stack(), "LeadWebhook").await;

    policy.put(the_stack(), &policy.without("ReadForms")).await;
    let (denied, _) = scene.post_json(&lead).await;
    policy.put(the_stack(), &policy.document).await;
    let (allowed, _) = scene.post_json(&lead).await;

    assert_eq!(denied, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(allowed, StatusCode::ACCEPTED);
}
