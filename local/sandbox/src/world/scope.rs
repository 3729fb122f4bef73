//! Scopes: what a person lets an app do.

use std::collections::BTreeSet;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    ContactData,
    AccountRead,
    AccountUpdate,
    CampaignData,
    BillingData,
    OfflineAccess,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// Reads a space-separated scope; `None` when it is empty or has an unknown name.
    pub fn parse(text: &str) -> Option<Self> {
        let names = text.split(' ').filter(|name| !name.is_empty());
        let scopes = names.map(Scope::parse).collect::<Option<BTreeSet<_>>>()?;
        (!scopes.is_empty()).then_some(Self(scopes))
    }

    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|scope| scope.name())
    }

    pub fn includes(&self, other: &Self) -> bool {
        self.0.is_superset(&other.0)
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names().collect();
        f.write_str(&names.join(" "))
    }
}

impl Scope {
    const ALL: [Self; 6] = [
        Self::ContactData,
        Self::AccountRead,
        Self::AccountUpdate,
        Self::CampaignData,
        Self::BillingData,
        Self::OfflineAccess,
    ];

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::ContactData => "contact_data",
            Self::AccountRead => "account_read",
            Self::AccountUpdate => "account_update",
            Self::CampaignData => "campaign_data",
            Self::BillingData => "billing_data",
            Self::OfflineAccess => "offline_access",
        }
    }
}
