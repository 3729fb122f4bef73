use std::collections::HashMap;

use super::cell::Cell;
use super::faults::Faults;
use crate::domain::budget::Limits;
use crate::domain::ids::AppId;
use crate::ports::{AppCredentials, Apps, StoreError};

/// Constant Contact applications. Like a warm function, a reader sees the same id and secret until it reads anew.
#[derive(Debug, Clone)]
pub struct MemoryApps(Cell<Rows>);

#[derive(Debug, Default)]
struct Rows {
    credentials: HashMap<AppId, AppCredentials>,
    remembered: HashMap<AppId, AppCredentials>,
    limits: HashMap<AppId, Limits>,
}

impl MemoryApps {
    /// No applications.
    #[must_use]
    pub fn new(faults: &Faults) -> Self {
        Self(Cell::new(faults))
    }

    /// Sets an application's id and secret.
    pub fn set(&self, app: &AppId, client_id: &str, client_secret: &str) {
        let credentials = AppCredentials {
            client_id: client_id.to_owned(),
            client_secret: client_secret.into(),
        };
        self.0
            .with(|rows| rows.credentials.insert(app.clone(), credentials));
    }

    /// Sets an application's limits.
    pub fn set_limits(&self, app: &AppId, limits: Limits) {
        self.0.with(|rows| rows.limits.insert(app.clone(), limits));
    }
}

impl Default for MemoryApps {
    fn default() -> Self {
        Self::new(&Faults::default())
    }
}

impl Apps for MemoryApps {
    async fn credentials(
        &self,
        app: &AppId,
        bypass_cache: bool,
    ) -> Result<Option<AppCredentials>, StoreError> {
        let read = |rows: &mut Rows| {
            let remembered = rows.remembered.get(app).filter(|_| !bypass_cache);
            let read = remembered.or_else(|| rows.credentials.get(app)).cloned();
            rows.remembered
                .extend(read.clone().map(|read| (app.clone(), read)));
            read
        };
        self.0.step(read).await
    }

    async fn limits(&self, app: &AppId) -> Result<Limits, StoreError> {
        let read = |rows: &mut Rows| rows.limits.get(app).copied().unwrap_or_default();
        self.0.step(read).await
    }

    async fn put(
        &self,
        app: &AppId,
        credentials: &AppCredentials,
        limits: Limits,
    ) -> Result<(), StoreError> {
        let put = |rows: &mut Rows| {
            rows.limits.insert(app.clone(), limits);
            rows.credentials.insert(app.clone(), credentials.clone());
            rows.remembered.remove(app);
        };
        self.0.step(put).await
    }

    async fn all(&self, limit: u16) -> Result<Vec<AppId>, StoreError> {
        let list = |rows: &mut Rows| {
            let mut apps: Vec<_> = rows.limits.keys().cloned().collect();
            apps.sort();
            apps.truncate(limit.into());
            apps
        };
        self.0.step(list).await
    }

    async fn is_set(&self, app: &AppId) -> Result<bool, StoreError> {
        let look = |rows: &mut Rows| rows.credentials.contains_key(app);
        self.0.step(look).await
    }
}
