use jiff::{SignedDuration, Timestamp};

use super::{Admin, AdminError};
use crate::domain::customer::Customer;
use crate::domain::ids::{CustomerId, LinkId};
use crate::domain::link::{Link, LinkError, LinkKind};
use crate::ports::{Clock as _, Customers as _, Links as _, SecureRandom as _, StoreError, Wiring};

/// How long a customer has to follow a connect link: a mail may lie over a weekend.
const CONNECT_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How long a browser has that is redirected straight to it.
const CONNECT_NOW_FOR: SignedDuration = SignedDuration::from_mins(10);

/// How long a manage link is valid; it can be followed any number of times.
const MANAGE_FOR: SignedDuration = SignedDuration::from_hours(24);

/// A link to hand to a customer. Anybody who has it may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeLink {
    /// The whole URL.
    pub url: String,
    /// Its end.
    pub expires_at: Timestamp,
}

/// Why a manage link opens no page.
#[derive(Debug, thiserror::Error)]
pub enum ManageLinkError {
    /// It is not ours, or has expired.
    #[error(transparent)]
    Invalid(#[from] LinkError),
    /// It was revoked, or its customer was removed.
    #[error("the link was revoked")]
    Revoked,
    /// The customer could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<W: Wiring> Admin<W> {
    /// A link by which a customer connects an account, once.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn connect_link(&self, customer: &CustomerId) -> Result<MadeLink, AdminError> {
        self.make_link(customer, CONNECT_FOR).await
    }

    /// The same, for a browser that follows it at once.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn short_lived_connect_link(
        &self,
        customer: &CustomerId,
    ) -> Result<MadeLink, AdminError> {
        self.make_link(customer, CONNECT_NOW_FOR).await
    }

    /// A link to the customer's own page.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn manage_link(&self, customer: &CustomerId) -> Result<MadeLink, AdminError> {
        let (_, made) = self.link(LinkKind::Manage, customer, MANAGE_FOR).await?;
        Ok(made)
    }

    /// Revokes every link to the customer's own page that was made until now.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn revoke_manage_links(&self, customer: &CustomerId) -> Result<(), AdminError> {
        self.customer(customer).await?;
        let now = self.clock.now();
        self.directory
            .revoke_manage_links(customer, now, now + MANAGE_FOR)
            .await?;
        Ok(())
    }

    /// Whose page a manage link opens.
    ///
    /// # Errors
    /// [`ManageLinkError`].
    pub async fn verify_manage_link(&self, token: &str) -> Result<Customer, ManageLinkError> {
        let link = Link::verify(token, LinkKind::Manage, &self.keys, self.clock.now())?;
        let revoked_at = self.directory.manage_links_revoked_at(&link.customer);
        if revoked_at.await?.is_some_and(|at| link.id.made_at() <= at) {
            return Err(ManageLinkError::Revoked);
        }
        let customer = self.directory.customer(&link.customer).await?;
        customer.ok_or(ManageLinkError::Revoked)
    }

    async fn make_link(
        &self,
        customer: &CustomerId,
        good_for: SignedDuration,
    ) -> Result<MadeLink, AdminError> {
        let (link, made) = self.link(LinkKind::Connect, customer, good_for).await?;
        self.directory
            .create_link(customer, &link.id, made.expires_at)
            .await?;
        Ok(made)
    }

    async fn link(
        &self,
        kind: LinkKind,
        customer: &CustomerId,
        good_for: SignedDuration,
    ) -> Result<(Link, MadeLink), AdminError> {
        self.customer(customer).await?;
        let now = self.clock.now();
        let end = now.as_second() + good_for.as_secs();
        let link = Link {
            kind,
            customer: customer.clone(),
            id: LinkId::at(now, self.random.number()),
            expires_at: end,
        };
        let page = match kind {
            LinkKind::Manage => "manage",
            _ => "connect",
        };
        let made = MadeLink {
            url: format!("{}/{page}/{}", self.public_url, link.sign(&self.keys)),
            expires_at: Timestamp::from_second(end).unwrap_or(Timestamp::MAX),
        };
        Ok((link, made))
    }
}
