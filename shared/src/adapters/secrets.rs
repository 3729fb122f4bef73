//! Secrets Manager: tokens of connections, ids and secrets of applications, and the stack's own keys.
//!
//! A token pair is one version of the connection's secret, with a version id derived from customer and generation.
//! Secrets Manager accepts a version id once, so two pairs of one generation cannot both be stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::create_secret::CreateSecretError;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::dynamo::DynamoDirectory;
use super::sdk_error::{Unreadable, failed};
use crate::domain::budget::Limits;
use crate::domain::ids::{AppId, CustomerId};
use crate::domain::keys::fingerprint;
use crate::domain::token::{StoredTokens, Tokens};
use crate::locked;
use crate::ports::{AdminTokens, AppCredentials, Apps, StoreError, StoreOutcome, Vault};

/// The secrets of one stack: those whose names begin with its prefix.
#[derive(Debug, Clone)]
pub(super) struct Secrets {
    client: Client,
    prefix: String,
}

/// The result of creating a secret.
enum Created {
    New,
    /// The name is in use, or was until a moment ago.
    Taken,
}

/// The result of adding a version to a secret.
enum Put {
    Done,
    /// This version id has another value.
    VersionTaken,
    /// There is no such secret.
    NoSecret,
}

impl Secrets {
    pub(super) fn new(client: Client, prefix: String) -> Self {
        Self { client, prefix }
    }

    /// A secret's newest value. A secret without a value, or scheduled for deletion, counts as none.
    pub(super) async fn read(&self, name: &str) -> Result<Option<SecretString>, StoreError> {
        self.read_stage(name, "AWSCURRENT").await
    }

    /// A secret's value at a stage: the current one, or the one before it.
    async fn read_stage(
        &self,
        name: &str,
        stage: &str,
    ) -> Result<Option<SecretString>, StoreError> {
        let request = self.client.get_secret_value().secret_id(self.id(name));
        match request.version_stage(stage).send().await {
            Ok(answer) => Ok(answer.secret_string.map(SecretString::from)),
            Err(error) => match error.as_service_error() {
                Some(refusal)
                    if refusal.is_resource_not_found_exception()
                        || refusal.is_invalid_request_exception() =>
                {
                    Ok(None)
                }
                _ => Err(failed("GetSecretValue")(error)),
            },
        }
    }

    /// Stores a value, replacing any other.
    pub(super) async fn write(&self, name: &str, value: &str) -> Result<(), StoreError> {
        for attempt in 0..ATTEMPTS {
            if let Put::Done | Put::VersionTaken = self.put(name, None, value).await? {
                return Ok(());
            }
            if let Created::New = self.create(name, None, value).await? {
                return Ok(());
            }
            pause(attempt).await;
        }
        Err(busy(name))
    }

    /// Removes a secret at once; it is no error if there is none.
    pub(super) async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let request = self.client.delete_secret().secret_id(self.id(name));
        match request.force_delete_without_recovery(true).send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(refusal) if refusal.is_resource_not_found_exception() => Ok(()),
                _ => Err(failed("DeleteSecret")(error)),
            },
        }
    }

    async fn create(
        &self,
        name: &str,
        version: Option<&str>,
        value: &str,
    ) -> Result<Created, StoreError> {
        let request = self
            .client
            .create_secret()
            .name(self.id(name))
            .secret_string(value);
        let request = request.set_client_request_token(version.map(str::to_owned));
        match request.send().await {
            Ok(_) => Ok(Created::New),
            Err(error) => match error.as_service_error() {
                Some(
                    CreateSecretError::ResourceExistsException(_)
                    | CreateSecretError::InvalidRequestException(_),
                ) => Ok(Created::Taken),
                _ => Err(failed("CreateSecret")(error)),
            },
        }
    }

    async fn put(&self, name: &str, version: Option<&str>, value: &str) -> Result<Put, StoreError> {
        let request = self
            .client
            .put_secret_value()
            .secret_id(self.id(name))
            .secret_string(value);
        let request = request.set_client_request_token(version.map(str::to_owned));
        match request.send().await {
            Ok(_) => Ok(Put::Done),
            Err(error) => match error.as_service_error() {
                Some(refusal) if refusal.is_resource_exists_exception() => Ok(Put::VersionTaken),
                Some(refusal) if refusal.is_resource_not_found_exception() => Ok(Put::NoSecret),
                _ => Err(failed("PutSecretValue")(error)),
            },
        }
    }

    fn id(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }
}

/// The admin tokens of the operator's API: the current value and the one before it.
#[derive(Debug, Clone)]
pub struct SecretsAdminTokens(Secrets);

impl SecretsAdminTokens {
    /// The stack's admin secret under a prefix.
    #[must_use]
    pub fn new(client: Client, prefix: String) -> Self {
        Self(Secrets::new(client, prefix))
    }
}

impl AdminTokens for SecretsAdminTokens {
    async fn secrets(&self) -> Result<Vec<SecretString>, StoreError> {
        let name = "keys/admin";
        let current = self.0.read(name).await?;
        let previous = self.0.read_stage(name, "AWSPREVIOUS").await?;
        Ok(current.into_iter().chain(previous).collect())
    }
}

/// Tokens of connections.
#[derive(Debug, Clone)]
pub struct SecretsVault(Secrets);

/// A pair as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredPair {
    generation: u64,
    access_token: String,
    refresh_token: String,
    expires_at: Timestamp,
    scope: String,
}

/// How often a write is retried because the secret was created or deleted meanwhile.
const ATTEMPTS: u32 = 4;

impl SecretsVault {
    /// The connections' secrets under a prefix.
    #[must_use]
    pub fn new(client: Client, prefix: String) -> Self {
        Self(Secrets::new(client, prefix))
    }
}

impl Vault for SecretsVault {
    async fn tokens(&self, customer: &CustomerId) -> Result<Option<StoredTokens>, StoreError> {
        let name = connection(customer);
        let Some(value) = self.0.read(&name).await? else {
            return Ok(None);
        };
        let pair: StoredPair = serde_json::from_str(value.expose_secret())
            .map_err(|_| StoreError::new(Unreadable(name)))?;
        Ok(Some(pair.into()))
    }

    /// Never replaces a newer generation that it sees. Connecting writes without a lease, so a write that was held up
    /// after its read may still put an older pair on top; the keeper then finds the vault behind the row. Two pairs of
    /// one generation are told apart by the version id.
    async fn store(
        &self,
        customer: &CustomerId,
        tokens: &StoredTokens,
    ) -> Result<StoreOutcome, StoreError> {
        let name = connection(customer);
        let version = fingerprint(&format!("{name}:{}", tokens.generation));
        let value = serde_json::to_string(&StoredPair::from(tokens)).map_err(StoreError::new)?;
        for attempt in 0..ATTEMPTS {
            match self.tokens(customer).await? {
                Some(stored) if stored.generation == tokens.generation => {
                    return Ok(if stored.tokens.is_pair_of(&tokens.tokens) {
                        StoreOutcome::Stored
                    } else {
                        StoreOutcome::Superseded
                    });
                }
                Some(stored) if stored.generation > tokens.generation => {
                    return Ok(StoreOutcome::Superseded);
                }
                Some(_) => match self.0.put(&name, Some(&version), &value).await? {
                    Put::Done => return Ok(StoreOutcome::Stored),
                    Put::VersionTaken => return Ok(StoreOutcome::Superseded),
                    Put::NoSecret => {}
                },
                None => match self.0.create(&name, Some(&version), &value).await? {
                    Created::New => return Ok(StoreOutcome::Stored),
                    Created::Taken => {}
                },
            }
            pause(attempt).await;
        }
        Err(busy(&name))
    }

    async fn delete(&self, customer: &CustomerId) -> Result<(), StoreError> {
        self.0.delete(&connection(customer)).await
    }
}

async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(200) * (attempt + 1)).await;
}

fn busy(name: &str) -> StoreError {
    StoreError::new(format!("{name} is being made or deleted"))
}

fn connection(customer: &CustomerId) -> String {
    format!("connection/{customer}")
}

impl From<StoredPair> for StoredTokens {
    fn from(pair: StoredPair) -> Self {
        Self {
            generation: pair.generation,
            tokens: Tokens {
                access: pair.access_token.into(),
                refresh: pair.refresh_token.into(),
                expires_at: pair.expires_at,
                scope: pair.scope,
            },
        }
    }
}

impl From<&StoredTokens> for StoredPair {
    fn from(stored: &StoredTokens) -> Self {
        let StoredTokens { generation, tokens } = stored;
        Self {
            generation: *generation,
            access_token: tokens.access.expose_secret().to_owned(),
            refresh_token: tokens.refresh.expose_secret().to_owned(),
            expires_at: tokens.expires_at,
            scope: tokens.scope.clone(),
        }
    }
}

/// Applications: ids and secrets here, limits in the directory. An id and secret once read are cached for the life of
/// the process.
#[derive(Debug, Clone)]
pub struct SecretsApps {
    secrets: Secrets,
    directory: DynamoDirectory,
    known: Arc<Mutex<HashMap<AppId, AppCredentials>>>,
}

/// An application's secret as the operator stores it.
#[derive(Serialize, Deserialize)]
struct StoredApp {
    client_id: String,
    client_secret: String,
}

impl SecretsApps {
    /// The applications' secrets under a prefix.
    #[must_use]
    pub fn new(client: Client, prefix: String, directory: DynamoDirectory) -> Self {
        Self {
            secrets: Secrets::new(client, prefix),
            directory,
            known: Arc::default(),
        }
    }
}

impl Apps for SecretsApps {
    async fn credentials(
        &self,
        app: &AppId,
        bypass_cache: bool,
    ) -> Result<Option<AppCredentials>, StoreError> {
        let known = locked(&self.known).get(app).cloned();
        if let Some(known) = known.filter(|_| !bypass_cache) {
            return Ok(Some(known));
        }
        let name = app_secret(app);
        let Some(value) = self.secrets.read(&name).await? else {
            return Ok(None);
        };
        let stored: StoredApp = serde_json::from_str(value.expose_secret())
            .map_err(|_| StoreError::new(Unreadable(name)))?;
        let credentials = AppCredentials {
            client_id: stored.client_id,
            client_secret: stored.client_secret.into(),
        };
        locked(&self.known).insert(app.clone(), credentials.clone());
        Ok(Some(credentials))
    }

    async fn limits(&self, app: &AppId) -> Result<Limits, StoreError> {
        Ok(self.directory.limits(app).await?.unwrap_or_default())
    }

    async fn put(
        &self,
        app: &AppId,
        credentials: &AppCredentials,
        limits: Limits,
    ) -> Result<(), StoreError> {
        self.directory.put_limits(app, limits).await?;
        let name = app_secret(app);
        let value = serde_json::to_string(&StoredApp {
            client_id: credentials.client_id.clone(),
            client_secret: credentials.client_secret.expose_secret().to_owned(),
        });
        let value = value.map_err(StoreError::new)?;
        self.secrets.write(&name, &value).await?;
        locked(&self.known).remove(app);
        Ok(())
    }

    async fn all(&self, limit: u16) -> Result<Vec<AppId>, StoreError> {
        self.directory.apps(limit).await
    }

    async fn is_set(&self, app: &AppId) -> Result<bool, StoreError> {
        let id = self.secrets.id(&app_secret(app));
        match self
            .secrets
            .client
            .describe_secret()
            .secret_id(id)
            .send()
            .await
        {
            Ok(secret) => Ok(secret.version_ids_to_stages().is_some_and(|versions| {
                versions
                    .values()
                    .flatten()
                    .any(|stage| stage == "AWSCURRENT")
            })),
            Err(error) => match error.as_service_error() {
                Some(refusal) if refusal.is_resource_not_found_exception() => Ok(false),
                _ => Err(failed("DescribeSecret")(error)),
            },
        }
    }
}

fn app_secret(app: &AppId) -> String {
    format!("app/{app}")
}
