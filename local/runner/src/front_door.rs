//! A reverse proxy for the HTTP API: MiniStack tells APIs apart by host name, browsers and forms want a simple URL.

use std::collections::HashMap;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::aws::Aws;

const BODY_LIMIT: usize = 10 * 1024 * 1024; // as API Gateway
/// Headers between two hops, which do not belong to the message.
const HOP_BY_HOP: [HeaderName; 5] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::TE,
    header::CONTENT_LENGTH,
];

/// A port that is reserved before anything answers there, since the deployment needs its address.
#[derive(Debug)]
pub struct ReservedPort {
    listener: TcpListener,
    url: String,
}

impl ReservedPort {
    /// Reserves a free port.
    pub async fn reserve() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("no free port for the front door")?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok(Self { listener, url })
    }

    /// The address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Starts to serve the HTTP API at the address.
    pub fn serve(self, upstream: Upstream) -> Result<FrontDoor> {
        let router = Router::new().fallback(handle).with_state(upstream);
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let listener = self.listener;
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, service).await {
                eprintln!("the front door closed: {error}");
            }
        });
        Ok(FrontDoor {
            url: self.url,
            server,
        })
    }
}

/// The running proxy. Dropping it closes it.
#[derive(Debug)]
pub struct FrontDoor {
    url: String,
    server: JoinHandle<()>,
}

impl FrontDoor {
    /// The address.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for FrontDoor {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What the proxy passes requests on to.
#[derive(Debug, Clone)]
pub struct Upstream {
    aws: Aws,
    client: Client,
    host: String,
    lead_webhook: String,
}

impl Upstream {
    /// `api_url` is the address that the deployment printed; `lead_webhook` is the function that answers preflights.
    pub fn new(aws: Aws, api_url: &str, lead_webhook: &str) -> Result<Self> {
        let host = api_url
            .split_once("://")
            .context("the API's address has no scheme")?
            .1
            .to_owned();
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            aws,
            client,
            host,
            lead_webhook: lead_webhook.to_owned(),
        })
    }

    async fn forward_to_api(
        &self,
        method: Method,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response> {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = headers;
        HOP_BY_HOP
            .iter()
            .for_each(|name| drop(headers.remove(name)));
        headers.insert(header::HOST, self.host.parse()?);
        let request = self
            .client
            .request(method, format!("{}{path}", self.aws.endpoint()))
            .headers(headers)
            .body(body);
        let answer = request.send().await?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        HOP_BY_HOP
            .iter()
            .for_each(|name| drop(response.headers_mut().remove(name)));
        *response.body_mut() = Body::from(answer.bytes().await?);
        Ok(response)
    }

    /// MiniStack answers every `OPTIONS` itself, while API Gateway passes it to the route's function, as is done here.
    async fn preflight(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        source: SocketAddr,
    ) -> Result<Response> {
        let event = preflight_event(&self.host, uri, headers, source);
        let path = format!("/2015-03-31/functions/{}/invocations", self.lead_webhook);
        let answer = self.aws.rest("lambda", Method::POST, &path, &event).await?;
        let status = answer["statusCode"]
            .as_u64()
            .and_then(|status| u16::try_from(status).ok())
            .unwrap_or(502);
        let mut response = Response::new(Body::from(
            answer["body"].as_str().unwrap_or_default().to_owned(),
        ));
        *response.status_mut() = StatusCode::from_u16(status)?;
        for (name, value) in answer["headers"].as_object().into_iter().flatten() {
            response.headers_mut().insert(
                HeaderName::try_from(name)?,
                value.as_str().unwrap_or_default().parse()?,
            );
        }
        Ok(response)
    }
}

async fn handle(
    State(upstream): State<Upstream>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let is_preflight = parts.method == Method::OPTIONS && parts.uri.path().starts_with("/f/");
    let answer = if is_preflight {
        upstream.preflight(&parts.uri, &parts.headers, source).await
    } else {
        upstream
            .forward_to_api(parts.method, &parts.uri, parts.headers, body)
            .await
    };
    answer.unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, format!("{error:#}\n")).into_response())
}

fn preflight_event(host: &str, uri: &Uri, headers: &HeaderMap, source: SocketAddr) -> Value {
    let headers: HashMap<_, _> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    json!({
        "version": "2.0",
        "routeKey": "ANY",
        "rawPath": uri.path(),
        "rawQueryString": uri.query().unwrap_or_default(),
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": host.split('.').next(),
            "domainName": host,
            "domainPrefix": host.split('.').next(),
            "http": {
                "method": "OPTIONS",
                "path": uri.path(),
                "protocol": "HTTP/1.1",
                "sourceIp": source.ip().to_string(),
                "userAgent": headers.get("user-agent"),
            },
            "requestId": "preflight",
            "routeKey": "ANY",
            "stage": "$default",
            "time": "01/Jan/1970:00:00:00 +0000",
            "timeEpoch": 0,
        },
        "isBase64Encoded": false,
    })
}
