use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU16, Ordering};

use jiff::Timestamp;
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicErrorResponseType, BasicTokenResponse};
use oauth2::http::StatusCode;
use oauth2::http::header::CONTENT_TYPE;
use oauth2::{
    AsyncHttpClient, AuthType, AuthorizationCode, ClientId, ClientSecret, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, PkceCodeVerifier, RedirectUrl, RefreshToken,
    RequestTokenError, TokenResponse as _, TokenUrl,
};
use reqwest::Request;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::adapters::http::{Http, Lost};
use crate::domain::budget::TOKEN_RETRY_AFTER;
use crate::domain::crm::clamp_retry_after;
use crate::domain::token::{Grant, expiry};
use crate::ports::{AppCredentials, Authorization, Clock, TokenError};

/// Maximum bytes of a token answer.
const MAX_ANSWER: usize = 256 * 1024;

/// The token endpoint of Constant Contact.
#[derive(Debug, Clone)]
pub struct TokenEndpoint<C> {
    http: Http,
    token_url: TokenUrl,
    redirect_url: RedirectUrl,
    clock: C,
}

/// The OAuth client of an application.
type App = BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// An error that may hold the body of an answer, tokens included; it goes no further than [`OAuthTransport::classify`].
type Raw = RequestTokenError<TokenError, BasicErrorResponse>;

impl<C: Clock> TokenEndpoint<C> {
    /// The endpoint under `base`, such as `https://authz.constantcontact.com/oauth2/default/v1`. The redirect URL has
    /// to be the one that the authorization named.
    ///
    /// # Errors
    /// If the redirect URL is invalid.
    pub fn new(
        http: Http,
        base: &Url,
        redirect_url: String,
        clock: C,
    ) -> Result<Self, url::ParseError> {
        let mut token_url = base.clone();
        token_url.set_path(&format!("{}/token", base.path().trim_end_matches('/')));
        Ok(Self {
            http,
            token_url: TokenUrl::from_url(token_url),
            redirect_url: RedirectUrl::new(redirect_url)?,
            clock,
        })
    }

    fn app(&self, app: &AppCredentials) -> App {
        BasicClient::new(ClientId::new(app.client_id.clone()))
            .set_client_secret(ClientSecret::new(app.client_secret.expose_secret().into()))
            .set_auth_type(AuthType::BasicAuth)
            .set_token_uri(self.token_url.clone())
            .set_redirect_uri(self.redirect_url.clone())
    }

    fn transport(&self) -> OAuthTransport<'_> {
        OAuthTransport {
            http: &self.http,
            seen: AtomicU16::default(),
        }
    }
}

/// Sends one request of the library with our client, and remembers the status of its answer.
struct OAuthTransport<'a> {
    http: &'a Http,
    seen: AtomicU16,
}

impl<'c> AsyncHttpClient<'c> for OAuthTransport<'_> {
    type Error = TokenError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, TokenError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl OAuthTransport<'_> {
    /// Handles the statuses that no OAuth error describes.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TokenError> {
        let request = Request::try_from(request).map_err(|_| TokenError::Unavailable)?;
        let answer = self.http.call(request, MAX_ANSWER).await;
        let answer = answer.map_err(|lost| match lost {
            Lost::Before => TokenError::Unavailable,
            Lost::After => TokenError::AnswerLost,
        })?;
        self.seen.store(answer.status, Ordering::Relaxed);
        let retry_after =
            clamp_retry_after(answer.retry_after.unwrap_or_default(), TOKEN_RETRY_AFTER);
        let body = match (answer.status, answer.body) {
            (429, _) => return Err(TokenError::Throttled { retry_after }),
            (500.., _) => return Err(TokenError::Unavailable),
            (200, None) => return Err(TokenError::AnswerLost),
            (_, body) => body.unwrap_or_default(),
        };
        let status = StatusCode::from_u16(answer.status).map_err(|_| TokenError::Unavailable)?;
        let mut response = HttpResponse::new(body);
        *response.status_mut() = status;
        if let Some(content_type) = answer.content_type {
            response.headers_mut().insert(CONTENT_TYPE, content_type);
        }
        Ok(response)
    }

    /// Classifies an error. An unreadable grant is a lost one: its single-use token is used up.
    fn classify(&self, error: Raw) -> TokenError {
        match error {
            RequestTokenError::Request(error) => error,
            RequestTokenError::ServerResponse(answer) => match answer.error() {
                BasicErrorResponseType::InvalidGrant => TokenError::InvalidGrant,
                BasicErrorResponseType::InvalidClient => TokenError::InvalidClient,
                _ => TokenError::Unavailable,
            },
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                match self.seen.load(Ordering::Relaxed) {
                    200 => TokenError::AnswerLost,
                    _ => TokenError::Unavailable,
                }
            }
        }
    }
}

fn grant(answer: &BasicTokenResponse, asked_at: Timestamp) -> Grant {
    let seconds = answer.expires_in().map(|duration| duration.as_secs());
    let seconds = seconds.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
    let scopes = answer.scopes().map(|scopes| {
        let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
        names.join(" ")
    });
    let refresh = answer.refresh_token();
    let access = SecretString::from(answer.access_token().secret().as_str());
    Grant {
        expires_at: expiry(&access, seconds, asked_at),
        access,
        refresh: refresh.map(|token| token.secret().as_str().into()),
        scope: scopes.filter(|scopes| !scopes.is_empty()),
    }
}

impl<C: Clock> Authorization for TokenEndpoint<C> {
    async fn exchange(
        &self,
        app: &AppCredentials,
        code: &SecretString,
        verifier: Option<&SecretString>,
    ) -> Result<Grant, TokenError> {
        let (asked_at, transport, app) = (self.clock.now(), self.transport(), self.app(app));
        let code = AuthorizationCode::new(code.expose_secret().into());
        let mut request = app.exchange_code(code);
        if let Some(verifier) = verifier {
            let verifier = PkceCodeVerifier::new(verifier.expose_secret().into());
            request = request.set_pkce_verifier(verifier);
        }
        let answer = request.request_async(&transport).await;
        let answer = answer.map_err(|error| transport.classify(error))?;
        Ok(grant(&answer, asked_at))
    }

    async fn refresh(
        &self,
        app: &AppCredentials,
        refresh_token: &SecretString,
    ) -> Result<Grant, TokenError> {
        let (asked_at, transport, app) = (self.clock.now(), self.transport(), self.app(app));
        let token = RefreshToken::new(refresh_token.expose_secret().into());
        let request = app.exchange_refresh_token(&token);
        let answer = request.request_async(&transport).await;
        let answer = answer.map_err(|error| transport.classify(error))?;
        Ok(grant(&answer, asked_at))
    }
}
