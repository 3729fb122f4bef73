//! Access tokens are JSON Web Tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use crate::fact::facts;
use crate::site::{OWNER, Site};

facts! {
    Token SERVER_FLOW: an_access_token_is_an_rs256_jwt,
    Token CLOUDCOGS: audience_is_the_api,
    Token CLOUDCOGS: cid_is_the_client_id,
    Token CLOUDCOGS: platform_user_id_is_a_string,
    Token FORUM_LIFETIMES: token_expires_24_hours_after_issue,
    Token WORDPRESS: subject_is_a_non_empty_string,
    Token API_EVANGELIST: token_is_900_to_1300_characters_long,
    Token CLOUDCOGS: signature_verifies_with_the_issuers_published_keys,
    Sandbox OKTA_ERRORS: scp_lists_the_scopes,
}

async fn claims(site: &Site) -> Value {
    let token = site.owner().await.token;
    let payload = token.split('.').nth(1).expect("three parts");
    let bytes = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON claims")
}

async fn an_access_token_is_an_rs256_jwt(site: Site) {
    let token = site.owner().await.token;
    let header = decode_header(&token).expect("a JWT header");
    assert_eq!(header.alg, Algorithm::RS256);
    assert!(header.kid.is_some());
}

async fn audience_is_the_api(site: Site) {
    assert_eq!(claims(&site).await["aud"], "https://api.cc.email/v3");
}

async fn cid_is_the_client_id(site: Site) {
    assert_eq!(claims(&site).await["cid"], site.client_id.as_str());
}

async fn platform_user_id_is_a_string(site: Site) {
    assert!(claims(&site).await["platform_user_id"].is_string());
}

async fn token_expires_24_hours_after_issue(site: Site) {
    let claims = claims(&site).await;
    let (issued, expires) = (claims["iat"].as_i64(), claims["exp"].as_i64());
    assert_eq!(
        expires.zip(issued).map(|(end, start)| end - start),
        Some(86_400)
    );
}

async fn subject_is_a_non_empty_string(site: Site) {
    assert!(
        claims(&site).await["sub"]
            .as_str()
            .is_some_and(|user| !user.is_empty())
    );
}

async fn token_is_900_to_1300_characters_long(site: Site) {
    let len = site.owner().await.token.len();
    assert!((900..=1300).contains(&len), "{len}");
}

async fn signature_verifies_with_the_issuers_published_keys(site: Site) {
    let token = site.owner().await.token;
    let issuer = issuer_of(&token);
    let request = site.request(reqwest::Method::GET, &format!("{issuer}/v1/keys"));
    let keys: JwkSet =
        serde_json::from_value(site.send(request).await.expect(200).json()).expect("a key set");
    let header = decode_header(&token).expect("a JWT header");
    let key = keys.find(&header.kid.expect("a key id")).expect("the key");

    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["https://api.cc.email/v3"]);
    validation.set_issuer(&[issuer]);
    let key = DecodingKey::from_jwk(key).expect("an RSA key");
    decode::<Value>(&token, &key, &validation).expect("a good signature");
}

fn issuer_of(token: &str) -> String {
    let payload = token.split('.').nth(1).expect("three parts");
    let bytes = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    let claims: Value = serde_json::from_slice(&bytes).expect("JSON claims");
    claims["iss"].as_str().expect("an issuer").to_owned()
}

async fn scp_lists_the_scopes(site: Site) {
    let api = site.sign_in(OWNER, "contact_data").await;
    let payload = api.token.split('.').nth(1).expect("three parts");
    let bytes = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    let claims: Value = serde_json::from_slice(&bytes).expect("JSON claims");
    assert_eq!(claims["scp"], serde_json::json!(["contact_data"]));
}
