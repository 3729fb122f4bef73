//! The Constant Contact sandbox.
use anyhow::Result;

#[derive(Debug)]
pub struct Sandbox;
impl Sandbox {
    pub async fn start(_redirect: &str) -> Result<Self> {
        Ok(Self)
    }
    pub fn url(&self) -> String {
        "http://127.0.0.1:1".to_owned()
    }
    pub fn api_url(&self) -> String {
        format!("{}/v3", self.url())
    }
    pub fn auth_url(&self) -> String {
        format!("{}/oauth2/default/v1", self.url())
    }
    pub fn client_id(&self) -> &str {
        "a"
    }
    pub fn client_secret(&self) -> &str {
        "b"
    }
}
