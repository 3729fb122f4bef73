//! The inline policy of a function's role.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::aws::Aws;
use crate::sam::Deployment;

const VERSION: &str = "2010-05-08";

/// The current policy, and where to change it.
#[derive(Debug)]
pub struct RolePolicy {
    role: String,
    name: String,
    document: Value,
}

impl RolePolicy {
    /// The policy of the function with this logical name, under the names that SAM gives.
    pub async fn of(aws: &Aws, deployment: &Deployment, function: &str) -> Result<Self> {
        let role = deployment.resource(&format!("{function}Role"))?.to_owned();
        let name = format!("{function}RolePolicy0");
        let fields = [
            ("Action", "GetRolePolicy"),
            ("RoleName", &role),
            ("PolicyName", &name),
        ];
        let answer = aws.query("iam", VERSION, &fields).await?;
        let answer = roxmltree::Document::parse(&answer).context("IAM answered no XML")?;
        let document = answer
            .descendants()
            .find(|node| node.tag_name().name() == "PolicyDocument");
        let document = document
            .and_then(|node| node.text())
            .context("IAM answered no document")?;
        let document = serde_json::from_str(&decoded(document)).context("a policy is no JSON")?;
        Ok(Self {
            role,
            name,
            document,
        })
    }

    /// The policy document.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Replaces the document.
    pub async fn put(&self, aws: &Aws, document: &Value) -> Result<()> {
        let document = document.to_string();
        let fields = [
            ("Action", "PutRolePolicy"),
            ("RoleName", &self.role),
            ("PolicyName", &self.name),
            ("PolicyDocument", &document),
        ];
        aws.query("iam", VERSION, &fields).await.map(drop)
    }
}

/// IAM returns documents URL-encoded.
fn decoded(document: &str) -> String {
    let pair = format!("d={}", document.replace('+', "%2B"));
    let decoded = form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned());
    decoded.unwrap_or_default()
}
