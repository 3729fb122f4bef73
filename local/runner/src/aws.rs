//! Signed calls to the local AWS endpoint: the few that the runner and the tests make themselves.

use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, bail};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::{Client, Method};
use serde_json::Value;

/// The region of everything local.
pub const REGION: &str = "us-east-1";
/// The access key and secret of the local account's root. They are good for nothing else.
pub const ROOT_KEY: &str = "test";

/// The local AWS endpoint, called as the account's root.
#[derive(Debug, Clone)]
pub struct Aws {
    endpoint: String,
    client: Client,
}

impl Aws {
    /// An endpoint such as `http://127.0.0.1:4566`.
    pub fn at(endpoint: String) -> Result<Self> {
        // Without connection pooling: callers come from several runtimes, and a connection dies with its own.
        let client = Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { endpoint, client })
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A call in the JSON protocol, such as `("secretsmanager", "secretsmanager.GetSecretValue", ..)`.
    pub async fn json(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        let kind = "application/x-amz-json-1.1";
        let headers = [("content-type", kind), ("x-amz-target", target)];
        let answer = self
            .send(service, Method::POST, "/", &headers, body.to_string())
            .await?;
        parse_json(&answer).with_context(|| format!("{target} answered no JSON"))
    }

    /// A call in the REST protocol, such as Lambda's.
    pub async fn rest(
        &self,
        service: &str,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value> {
        let headers = [("content-type", "application/json")];
        let answer = self
            .send(service, method, path, &headers, body.to_string())
            .await?;
        parse_json(&answer).with_context(|| format!("{path} answered no JSON"))
    }

    /// A call in the query protocol, such as IAM's; returns XML.
    pub async fn query(
        &self,
        service: &str,
        version: &str,
        fields: &[(&str, &str)],
    ) -> Result<String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Version", version).extend_pairs(fields);
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send(service, Method::POST, "/", &headers, form.finish())
            .await
    }

    async fn send(
        &self,
        service: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<String> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.endpoint))
            .body(body.clone());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.build()?;
        for (name, value) in signature(service, &request, headers, body.as_bytes())? {
            request.headers_mut().insert(name, value.parse()?);
        }
        let answer = self
            .client
            .execute(request)
            .await
            .map_err(|error| anyhow!("no answer from {service}: {error}"))?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("{service} answered {status}: {text}");
        }
        Ok(text)
    }
}

fn parse_json(text: &str) -> Result<Value> {
    if text.is_empty() {
        Ok(Value::Null)
    } else {
        Ok(serde_json::from_str(text)?)
    }
}

fn signature(
    service: &str,
    request: &reqwest::Request,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Vec<(&'static str, String)>> {
    let identity = Credentials::new(ROOT_KEY, ROOT_KEY, None, None, "local").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let headers = headers.iter().copied();
    let signable = SignableRequest::new(
        request.method().as_str(),
        request.url().as_str(),
        headers,
        SignableBody::Bytes(body),
    )?;
    let (instructions, _) = sign(signable, &params)?.into_parts();
    let (headers, _) = instructions.into_parts();
    Ok(headers
        .into_iter()
        .map(|header| (header.name(), header.value().to_owned()))
        .collect())
}
