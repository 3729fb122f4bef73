//! The AWS SDK over our HTTP client, so that there is one pool, one TLS stack and one set of roots.

use aws_sdk_dynamodb::config::http::HttpRequest;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use reqwest::{Client, Request};

use super::http::Http;

/// The HTTP client for the SDK, which keeps the deadline of each attempt itself.
pub(super) fn client(http: &Http) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector(http.client().clone()));
    http_client_fn(move |_, _| connector.clone())
}

#[derive(Debug)]
struct Connector(Client);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move { call(&client, request).await })
    }
}

async fn call(client: &Client, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x();
    let request = request.map_err(|error| ConnectorError::user(error.into()))?;
    let request = request.map(|body| body.bytes().map(<[u8]>::to_vec).unwrap_or_default());
    let request = Request::try_from(request).map_err(lost)?;
    let mut answer = client.execute(request).await.map_err(lost)?;
    let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
    let mut response = http::Response::new(SdkBody::from(answer.bytes().await.map_err(lost)?));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    let response = HttpResponse::try_from(response);
    response.map_err(|error| ConnectorError::other(error.into(), None))
}

/// Removes the URL, which for a queue contains the account's number.
fn lost(error: reqwest::Error) -> ConnectorError {
    let (timeout, builder) = (error.is_timeout(), error.is_builder());
    let error = Box::new(error.without_url());
    match (timeout, builder) {
        (true, _) => ConnectorError::timeout(error),
        (_, true) => ConnectorError::user(error),
        _ => ConnectorError::io(error),
    }
}
