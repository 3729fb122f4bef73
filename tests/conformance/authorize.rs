//! The authorisation request and the consent page.

use cc_sandbox::settings::{Pkce, Strict};
use cc_sandbox::world::App;

use crate::fact::facts;
use crate::site::{CLIENT_ID, MANAGER, OWNER, REDIRECT_URI, Site, USUAL_SCOPE};

/// A verifier and its S256 challenge, from RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

facts! {
    Host FORUM_SCRIPT: authorize_request_gets_an_html_page_or_a_login_redirect,
    Host FREEFORM_272: unknown_client_id_gets_a_400_error_page,
    Host SERVER_FLOW: missing_client_id_is_400_without_a_redirect,
    Host AUTH_OVERVIEW: an_unregistered_redirect_uri_is_never_redirected_to,
    Host AUTH_OVERVIEW: a_redirect_uri_must_match_exactly,
    Sandbox AUTH_OVERVIEW: several_redirect_uris_may_be_registered,
    Host SERVER_FLOW: unknown_response_type_is_rejected,
    Sandbox FORUM_SCRIPT: state_is_returned_unchanged_with_the_code,
    Sandbox SERVER_FLOW: missing_state_is_rejected_or_accepted_depending_on_reading,
    Sandbox SCOPES: unknown_or_empty_scope_is_rejected,
    Sandbox NANGO: scopes_are_separated_by_spaces_and_not_by_encoded_pluses,
    Sandbox PHPFUI: denial_redirects_with_access_denied_and_the_state,
    Host RELEASE_NOTES: prompt_login_parameter_is_accepted,
    Sandbox PKCE_FLOW: strict_reading_rejects_pkce_from_a_client_with_a_secret,
    Sandbox PHPFUI: lenient_reading_accepts_pkce_from_a_client_with_a_secret,
    Sandbox PKCE_FLOW: wrong_pkce_verifier_gets_no_token,
    Sandbox RELEASE_NOTES: private_app_can_be_authorized_only_by_its_creator,
    Sandbox AUTH_OVERVIEW: repeated_parameter_is_rejected,
    Host API_EVANGELIST: there_is_no_discovery_document,
}

async fn authorize_request_gets_an_html_page_or_a_login_redirect(site: Site) {
    let page = site
        .authorize(&site.authorize_params(USUAL_SCOPE, "s"))
        .await;
    // A live host first redirects to its login page.
    assert!(matches!(page.status, 200 | 302), "{}", page.status);
    if page.status == 200 {
        assert!(
            page.header("content-type")
                .is_some_and(|kind| kind.starts_with("text/html"))
        );
    }
}

async fn unknown_client_id_gets_a_400_error_page(site: Site) {
    let mut params = site.authorize_params(USUAL_SCOPE, "s");
    params[0].1 = "no-such-client";
    let page = site.authorize(&params).await.expect(400);
    assert!(
        page.text.contains("400 - Unknown or invalid client_id"),
        "{}",
        page.text
    );
}

async fn missing_client_id_is_400_without_a_redirect(site: Site) {
    let params = site.authorize_params(USUAL_SCOPE, "s");
    let page = site.authorize(&params[1..]).await.expect(400);
    assert!(page.header("location").is_none());
}

async fn an_unregistered_redirect_uri_is_never_redirected_to(site: Site) {
    let mut params = site.authorize_params(USUAL_SCOPE, "s");
    params[1].1 = "https://elsewhere.example/callback";
    let page = site.authorize(&params).await.expect(400);
    assert!(page.header("location").is_none());
}

async fn a_redirect_uri_must_match_exactly(site: Site) {
    let uri = site.redirect_uri.clone();
    for other in [
        format!("{uri}/"),
        format!("{uri}?x=1"),
        uri.to_uppercase(),
        format!("{uri}#f"),
    ] {
        let mut params = site.authorize_params(USUAL_SCOPE, "s");
        params[1].1 = &other;
        site.authorize(&params).await.expect(400);
    }
}

async fn several_redirect_uris_may_be_registered(site: Site) {
    let mut params = site.authorize_params(USUAL_SCOPE, "s");
    params[1].1 = "http://localhost:8080/cb";
    let reply = site.submit_consent(&params, OWNER, "allow").await;
    let location = reply.header("location").unwrap_or_default();
    assert!(
        location.starts_with("http://localhost:8080/cb?code="),
        "{location}"
    );
}

async fn unknown_response_type_is_rejected(site: Site) {
    let mut params = site.authorize_params(USUAL_SCOPE, "s");
    params[2].1 = "no-such-type";
    let reply = site.authorize(&params).await;
    assert_eq!(reply.redirect_param("error"), "unsupported_response_type");
    assert_eq!(reply.redirect_param("state"), "s");
}

async fn state_is_returned_unchanged_with_the_code(site: Site) {
    let state = "a+b/c=d&e f%20g.ä";
    let reply = site
        .submit_consent(&site.authorize_params(USUAL_SCOPE, state), OWNER, "allow")
        .await;
    assert_eq!(reply.redirect_param("state"), state);
    assert!(!reply.redirect_param("code").is_empty());
}

async fn missing_state_is_rejected_or_accepted_depending_on_reading(site: Site) {
    let params = site.authorize_params(USUAL_SCOPE, "");
    let refused = site.authorize(&params[..4]).await;
    assert_eq!(refused.redirect_param("error"), "invalid_request");

    site.settings(|settings| settings.readings.state_required = Strict::No);
    site.authorize(&params[..4]).await.expect(200);
}

async fn unknown_or_empty_scope_is_rejected(site: Site) {
    for scope in ["contact_data everything", ""] {
        let reply = site.authorize(&site.authorize_params(scope, "s")).await;
        assert_eq!(reply.redirect_param("error"), "invalid_scope");
    }
}

async fn scopes_are_separated_by_spaces_and_not_by_encoded_pluses(site: Site) {
    let reply = site
        .authorize(&site.authorize_params("contact_data+account_read", "s"))
        .await;
    assert_eq!(reply.redirect_param("error"), "invalid_scope");
    site.authorize(&site.authorize_params("contact_data account_read", "s"))
        .await
        .expect(200);
}

async fn denial_redirects_with_access_denied_and_the_state(site: Site) {
    let reply = site
        .submit_consent(&site.authorize_params(USUAL_SCOPE, "s-1"), OWNER, "deny")
        .await;
    assert_eq!(reply.redirect_param("error"), "access_denied");
    assert_eq!(reply.redirect_param("state"), "s-1");
    assert!(!reply.redirect_param("error_description").is_empty());
    assert!(
        reply
            .redirect_params()
            .iter()
            .all(|(name, _)| name != "code")
    );
}

async fn prompt_login_parameter_is_accepted(site: Site) {
    let mut params = site.authorize_params(USUAL_SCOPE, "s");
    params.push(("prompt", "login"));
    let page = site.authorize(&params).await;
    assert!(matches!(page.status, 200 | 302), "{}", page.status);
}

fn with_challenge(site: &Site) -> Vec<(&str, &str)> {
    let mut params = site.authorize_params(USUAL_SCOPE, "s");
    params.extend([
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    params
}

async fn strict_reading_rejects_pkce_from_a_client_with_a_secret(site: Site) {
    let reply = site.authorize(&with_challenge(&site)).await;
    assert_eq!(reply.redirect_param("error"), "invalid_request");
}

async fn redeem_with(site: &Site, verifier: &str) -> crate::reply::Reply {
    site.settings(|settings| settings.readings.pkce = Pkce::Accept);
    let allowed = site
        .submit_consent(&with_challenge(site), OWNER, "allow")
        .await;
    let code = allowed.redirect_param("code");
    site.token(&[
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", verifier),
    ])
    .await
}

async fn lenient_reading_accepts_pkce_from_a_client_with_a_secret(site: Site) {
    redeem_with(&site, VERIFIER).await.expect(200);
}

async fn wrong_pkce_verifier_gets_no_token(site: Site) {
    let refused = redeem_with(&site, "another-verifier-that-is-just-as-long-as-it-was").await;
    assert_eq!(refused.expect(400).json()["error"], "invalid_grant");
}

async fn private_app_can_be_authorized_only_by_its_creator(site: Site) {
    let mut app = App::new(CLIENT_ID, &site.secret, vec![REDIRECT_URI.into()]);
    app.private_to = Some(OWNER.into());
    site.register(app);
    let params = site.authorize_params(USUAL_SCOPE, "s");

    let refused = site.submit_consent(&params, MANAGER, "allow").await;
    assert!(refused.header("location").is_none());
    let allowed = site.submit_consent(&params, OWNER, "allow").await;
    assert!(!allowed.redirect_param("code").is_empty());
}

async fn repeated_parameter_is_rejected(site: Site) {
    let mut params = site.authorize_params(USUAL_SCOPE, "s");
    params.push(("redirect_uri", "https://elsewhere.example"));
    site.authorize(&params).await.expect(400);
}

async fn there_is_no_discovery_document(site: Site) {
    let roots = ["/.well-known", "/oauth2/default/.well-known"];
    for (root, name) in roots.iter().flat_map(|root| {
        ["openid-configuration", "oauth-authorization-server"].map(|name| (root, name))
    }) {
        let url = format!("{}{root}/{name}", site.auth);
        site.send(site.request(reqwest::Method::GET, &url))
            .await
            .expect(404);
    }
}
