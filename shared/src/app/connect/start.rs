use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::remote::SOON;
use super::{Connect, ConnectError, Session, state};
use crate::domain::customer::Customer;
use crate::domain::handshake::{Handshake, OPEN_FOR};
use crate::domain::link::{Link, LinkKind};
use crate::domain::token::SCOPES;
use crate::ports::{
    Apps as _, Clock as _, Connections as _, Customers as _, Handshakes as _, Links as _,
    SecureRandom as _, Wiring,
};

/// What the page behind a connect link shows.
pub struct Welcome {
    /// The customer that is asked to connect.
    pub customer: Customer,
    /// Whether an account was connected before.
    pub again: bool,
    /// The browser's session, a cookie from now on.
    pub session: Session,
}

/// A redirect of a browser to the authorization server.
pub struct AuthorizationRedirect {
    /// Where to.
    pub location: Url,
    /// The session by which the browser is known when it comes back.
    pub session: Session,
}

/// Whether the authorization server has to make the person sign in even if they are signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SignIn {
    IfNeeded,
    Always,
}

impl<W: Wiring> Connect<W> {
    /// What to show to somebody who opens a connect link. Redeems nothing: mail scanners open links too.
    ///
    /// # Errors
    /// [`ConnectError::Link`] and [`ConnectError::Store`].
    pub async fn show(&self, token: &str, cookie: Option<&str>) -> Result<Welcome, ConnectError> {
        let (link, customer) = self.open(token).await?;
        let session = self.session_for(&customer.id, cookie);
        let live = self
            .directory
            .is_redeemable(&customer.id, &link.id, session.id(), self.clock.now())
            .await?;
        if !live && !self.has_started(&session).await? {
            return Err(ConnectError::Link);
        }
        let again = self.directory.connection(&customer.id).await?.is_some();
        Ok(Welcome {
            customer,
            again,
            session,
        })
    }

    /// Redeems a connect link and sends its bearer to the authorization server. The browser that redeemed it may do so
    /// again: a second click is not a second bearer.
    ///
    /// A page of ours was open in this browser before, and gave it a cookie. Browsers send it only along with our own
    /// forms (`SameSite`), so no other page can start a connection in its visitor's name.
    ///
    /// # Errors
    /// [`ConnectError::Link`], [`ConnectError::NoCookie`], [`ConnectError::AppUnknown`], [`ConnectError::Busy`],
    /// [`ConnectError::NoCalls`] and [`ConnectError::Store`].
    pub async fn start(
        &self,
        token: &str,
        cookie: Option<&str>,
    ) -> Result<AuthorizationRedirect, ConnectError> {
        let (link, customer) = self.open(token).await?;
        self.session(cookie).ok_or(ConnectError::NoCookie)?;
        let session = self.session_for(&customer.id, cookie);
        let redirect = self.authorize(&customer, session, SignIn::IfNeeded).await?;
        let (session, now) = (&redirect.session, self.clock.now());
        let (customer, by) = (&customer.id, session.id());
        if self.directory.redeem(customer, &link.id, by, now).await? {
            self.directory
                .create_link(customer, by, session.ends_at())
                .await?;
        } else if !self.has_started(session).await? {
            return Err(ConnectError::Link);
        }
        Ok(redirect)
    }

    /// Sends a browser that has redeemed a link to the authorization server once more, to sign in again.
    ///
    /// # Errors
    /// [`ConnectError::Session`], [`ConnectError::AppUnknown`], [`ConnectError::Busy`], [`ConnectError::NoCalls`] and
    /// [`ConnectError::Store`].
    pub async fn start_again(
        &self,
        cookie: Option<&str>,
    ) -> Result<AuthorizationRedirect, ConnectError> {
        let session = self.started(cookie).await?;
        let customer = self.directory.customer(session.customer()).await?;
        let customer = customer.ok_or(ConnectError::Session)?;
        self.authorize(&customer, session, SignIn::Always).await
    }

    async fn open(&self, token: &str) -> Result<(Link, Customer), ConnectError> {
        let link = Link::verify(token, LinkKind::Connect, &self.keys, self.clock.now())
            .map_err(|_| ConnectError::Link)?;
        let customer = self.directory.customer(&link.customer).await?;
        Ok((link, customer.ok_or(ConnectError::Link)?))
    }

    /// Opens a handshake. If nobody is sent off with it, it lapses.
    async fn authorize(
        &self,
        customer: &Customer,
        session: Session,
        sign_in: SignIn,
    ) -> Result<AuthorizationRedirect, ConnectError> {
        let app = self.apps.credentials(&customer.app, true).await?;
        let app = app.ok_or(ConnectError::AppUnknown)?;
        self.expect_calls(&customer.app, SOON).await?;
        let expires_at = self.clock.now() + OPEN_FOR;
        let state = state::new(self.random.bytes(), expires_at, &self.keys);
        let verifier = self.site.pkce.then(|| {
            let verifier = [self.random.bytes(), self.random.bytes()].concat();
            SecretString::from(URL_SAFE_NO_PAD.encode(verifier))
        });
        let location = self.authorize_url(&app.client_id, &state, verifier.as_ref(), sign_in);
        let handshake = Handshake {
            customer: customer.id.clone(),
            app: customer.app.clone(),
            browser: session.fingerprint(),
            verifier,
            expires_at,
        };
        self.directory.open(&state, &handshake).await?;
        Ok(AuthorizationRedirect { location, session })
    }

    fn authorize_url(
        &self,
        client_id: &str,
        state: &str,
        verifier: Option<&SecretString>,
        sign_in: SignIn,
    ) -> Url {
        let mut url = self.site.auth_url.clone();
        url.set_path(&format!("{}/authorize", url.path().trim_end_matches('/')));
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", &self.site.redirect_uri())
            .append_pair("scope", &SCOPES.join(" "))
            .append_pair("state", state);
        if let Some(verifier) = verifier {
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose_secret()));
            query
                .append_pair("code_challenge", &challenge)
                .append_pair("code_challenge_method", "S256");
        }
        if sign_in == SignIn::Always {
            query.append_pair("prompt", "login");
        }
        drop(query);
        url
    }
}
