//! The AWS SDK over our HTTP client, so that there is one pool, one TLS stack and one set of roots.

use aws_sdk_dynamodb::config::http::HttpRequest;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use reqwest::{Client, Method};

use super::http::Http;

/// For the SDK. Deadlines of an attempt are the SDK's to keep.
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
    let method = Method::from_bytes(request.method().as_bytes());
    let method = method.map_err(|error| ConnectorError::user(error.into()))?;
    let mut call = client.request(method, request.uri());
    for (name, value) in request.headers() {
        call = call.header(name, value);
    }
    let body = request.into_body().bytes().map(<[u8]>::to_vec);
    let answer = call.body(body.unwrap_or_default()).send().await;
    let answer = answer.map_err(lost)?;
    let status = answer.status().as_u16().try_into();
    let status = status.map_err(|error| ConnectorError::other(Box::new(error), None))?;
    let headers = answer.headers().clone();
    let body = answer.bytes().await.map_err(lost)?;
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    for (name, value) in &headers {
        if let Ok(value) = value.to_str() {
            response
                .headers_mut()
                .append(name.as_str().to_owned(), value.to_owned());
        }
    }
    Ok(response)
}

/// Without the URL, which for a queue names the account.
fn lost(error: reqwest::Error) -> ConnectorError {
    let (timeout, builder) = (error.is_timeout(), error.is_builder());
    let error = Box::new(error.without_url());
    match (timeout, builder) {
        (true, _) => ConnectorError::timeout(error),
        (_, true) => ConnectorError::user(error),
        _ => ConnectorError::io(error),
    }
}
