//! A browser's request, and what it holds for the steps of connecting.

use lambda_http::Request;
use lambda_http::http::header;
use leadfeed_shared::app::connect::{CallbackParams, Choice, ConnectError};
use leadfeed_shared::web::{Audience, audience, caller_ip, is_cross_site};
use secrecy::SecretString;
use url::form_urlencoded::{Parse, parse};

/// The only cookie. Its prefix makes browsers refuse it from any other host or path and over plain HTTP.
pub const COOKIE: &str = "__Host-leadfeed-session";

/// The longest form: a few thousand lists ticked.
const LONGEST_BODY: usize = 256 * 1024;

/// A browser's request.
pub struct BrowserRequest<'a> {
    request: &'a Request,
    path: &'a str,
}

impl<'a> From<&'a Request> for BrowserRequest<'a> {
    fn from(request: &'a Request) -> Self {
        let path = request.uri().path();
        Self { request, path }
    }
}

impl BrowserRequest<'_> {
    pub fn path(&self) -> &str {
        self.path
    }

    /// The token of a connect link.
    pub fn token(&self) -> &str {
        self.path.strip_prefix("/connect/").unwrap_or_default()
    }

    /// The value of our cookie.
    pub fn cookie(&self) -> Option<&str> {
        let cookies = self.request.headers().get_all(header::COOKIE);
        cookies
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .find_map(|(name, value)| (name == COOKIE).then_some(value))
    }

    /// Whether a page of another origin sent this form, according to the browser.
    pub fn is_from_elsewhere(&self) -> bool {
        is_cross_site(self.request.headers())
    }

    pub fn audience(&self) -> Audience {
        audience(self.request.headers())
    }

    /// The parameters of the authorization server's redirect. If one comes twice, the first counts.
    pub fn callback_params(&self) -> CallbackParams {
        let mut params = CallbackParams::default();
        for (name, value) in parse(self.request.uri().query().unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                "state" => set_first(&mut params.state, SecretString::from(value.as_ref())),
                "code" => set_first(&mut params.code, SecretString::from(value.as_ref())),
                "iss" => set_first(&mut params.issuer, value.into_owned()),
                "error" => set_first(&mut params.error, value.into_owned()),
                _ => {}
            }
        }
        params
    }

    /// The session that a form was shown to, as its hidden field names it.
    pub fn shown_to(&self) -> Result<String, ConnectError> {
        Ok(self.field("session")?.unwrap_or_default())
    }

    /// The account that a form was shown for, if it names one.
    pub fn account(&self) -> Result<Option<String>, ConnectError> {
        self.field("account")
    }

    fn field(&self, wanted: &str) -> Result<Option<String>, ConnectError> {
        let field = self.form()?.find(|(name, _)| name == wanted);
        Ok(field.map(|(_, value)| value.into_owned()))
    }

    /// The lists and terms of a form.
    pub fn choice(&self) -> Result<Choice, ConnectError> {
        let mut choice = Choice {
            ip: caller_ip(self.request),
            account: self.account()?,
            ..Choice::default()
        };
        for (name, value) in self.form()? {
            match name.as_ref() {
                "list" => choice.lists.extend(value.parse()),
                "new_list" => choice.new_list = value.into_owned(),
                "terms" => choice.terms = Some(value.into_owned()),
                _ => {}
            }
        }
        Ok(choice)
    }

    fn form(&self) -> Result<Parse<'_>, ConnectError> {
        let body = self.request.body().as_ref();
        if body.len() > LONGEST_BODY {
            return Err(ConnectError::TooLong);
        }
        Ok(parse(body))
    }
}

fn set_first<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}
