//! The production wiring: AWS, Constant Contact and the system clock, and the use cases made with them that functions
//! share. Nothing else here names both use cases and adapters.

use crate::adapters::config::{self, ConfigError};
use crate::adapters::{
    Aws, ConstantContact, DynamoDirectory, DynamoLedger, EventBridge, HttpFormEndpoint, OsRandom,
    SecretsApps, SecretsVault, SiteVerify, SqsQueue, SystemClock, TokenEndpoint,
};
use crate::app::canary::{Addresses, Canary};
use crate::app::token_keeper::{TokenCache, TokenKeeper};
use crate::domain::email::EmailAddress;
use crate::ports::Wiring;

impl Wiring for Aws {
    type Directory = DynamoDirectory;
    type Ledger = DynamoLedger;
    type Queue = SqsQueue;
    type Vault = SecretsVault;
    type Apps = SecretsApps;
    type Budget = DynamoDirectory;
    type OAuth = TokenEndpoint<SystemClock>;
    type Crm = ConstantContact;
    type Captcha = SiteVerify;
    type Events = EventBridge;
    type Clock = SystemClock;
    type SecureRandom = OsRandom;
}

impl Aws {
    /// The API at `LEADFEED_CC_API_URL`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn crm(&self) -> Result<ConstantContact, ConfigError> {
        Ok(ConstantContact::new(
            self.http.clone(),
            config::base_url("LEADFEED_CC_API_URL")?,
        ))
    }

    /// The token endpoint under `LEADFEED_CC_AUTH_URL`, for authorizations that return to `LEADFEED_PUBLIC_URL`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn token_endpoint(&self) -> Result<TokenEndpoint<SystemClock>, ConfigError> {
        let base = config::base_url("LEADFEED_CC_AUTH_URL")?;
        let callback = format!("{}/oauth/callback", config::public_url()?);
        let malformed = ConfigError::Malformed {
            name: "LEADFEED_PUBLIC_URL",
            expected: "an http or https URL",
        };
        TokenEndpoint::new(self.http.clone(), &base, callback, SystemClock).map_err(|_| malformed)
    }

    /// The token keeper of the stack `LEADFEED_STACK`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn token_keeper(&self) -> Result<TokenKeeper<Self>, ConfigError> {
        Ok(TokenKeeper {
            directory: self.directory()?,
            vault: self.vault()?,
            apps: self.apps()?,
            oauth: self.token_endpoint()?,
            budget: self.directory()?,
            events: self.events()?,
            ledger: self.ledger()?,
            clock: SystemClock,
            random: OsRandom,
            stack: config::required("LEADFEED_STACK")?,
            cache: TokenCache::default(),
        })
    }

    /// The canary, if the operator wants one: it posts to the form `LEADFEED_CANARY_FORM` with the address
    /// `LEADFEED_CANARY_ADDRESS`.
    ///
    /// # Errors
    /// [`ConfigError`], also if only the form is named.
    pub fn canary(&self) -> Result<Option<Canary<Self, HttpFormEndpoint>>, ConfigError> {
        let Some(form) = config::parsed("LEADFEED_CANARY_FORM", "the id of a form")? else {
            return Ok(None);
        };
        let name = "LEADFEED_CANARY_ADDRESS";
        let mailbox: Option<EmailAddress> = config::parsed(name, "an e-mail address")?;
        let mailbox = mailbox.ok_or(ConfigError::Missing(name))?;
        let addresses = Addresses::of(&mailbox).map_err(|_| ConfigError::Malformed {
            name,
            expected: "an e-mail address with room for a tag",
        })?;
        Ok(Some(Canary {
            ledger: self.ledger()?,
            directory: self.directory()?,
            endpoint: HttpFormEndpoint::new(self.http.clone(), config::public_url()?),
            clock: SystemClock,
            form,
            addresses,
        }))
    }
}
