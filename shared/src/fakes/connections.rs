use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::directory::{MemoryDirectory, Rows};
use crate::domain::connection::{
    ConfirmedOptIn, Connection, ConnectionStatus, CustomField, Lease, idle_months, month_of,
};
use crate::domain::ids::{CustomerId, RemoteId};
use crate::ports::{AdvanceOutcome, Connections, StoreError};

impl Connections for MemoryDirectory {
    async fn connection(&self, customer: &CustomerId) -> Result<Option<Connection>, StoreError> {
        let read = |rows: &mut Rows| {
            if rows.unreadable.contains(customer) {
                return Err(StoreError::new("a row cannot be read"));
            }
            Ok(rows.connections.get(customer).cloned())
        };
        self.0.try_step(read).await
    }

    async fn connections_of(
        &self,
        customers: &BTreeSet<CustomerId>,
    ) -> Result<BTreeMap<CustomerId, Option<Connection>>, StoreError> {
        let read = |rows: &mut Rows| {
            let row_of = |customer: &CustomerId| {
                let row = rows.connections.get(customer)?;
                let readable = !rows.unreadable.contains(customer);
                Some((customer.clone(), readable.then(|| row.clone())))
            };
            customers.iter().filter_map(row_of).collect()
        };
        self.0.step(read).await
    }

    async fn put_connection(&self, connection: &Connection) -> Result<bool, StoreError> {
        let put = |rows: &mut Rows| {
            let row = rows.connections.get(&connection.customer);
            let newer = row.is_some_and(|row| {
                row.generation > connection.generation || row.endings > connection.endings
            });
            if !newer {
                rows.connections
                    .insert(connection.customer.clone(), connection.clone());
            }
            !newer
        };
        self.0.step(put).await
    }

    async fn choose(&self, connection: &Connection) -> Result<bool, StoreError> {
        let choose = |rows: &mut Rows| {
            let row = rows.connections.get_mut(&connection.customer);
            let row = row.filter(|row| {
                row.status == ConnectionStatus::Active
                    && row.connected_at == connection.connected_at
            });
            let Some(row) = row else { return false };
            row.lists.clone_from(&connection.lists);
            row.terms.clone_from(&connection.terms);
            row.catalog.lists.clone_from(&connection.catalog.lists);
            row.learned
                .lists_gone
                .clone_from(&connection.learned.lists_gone);
            true
        };
        self.0.step(choose).await
    }

    async fn lease(
        &self,
        customer: &CustomerId,
        generation: u64,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<Option<Box<Connection>>, StoreError> {
        let grant = |rows: &mut Rows| {
            let row = rows.connections.get_mut(customer)?;
            let taken = row.lease.as_ref().is_some_and(|other| other.until > now);
            if row.generation != generation || taken {
                return None;
            }
            row.lease = Some(lease.clone());
            Some(Box::new(row.clone()))
        };
        self.0.step(grant).await
    }

    async fn advance(
        &self,
        customer: &CustomerId,
        generation: u64,
        token_expires_at: Timestamp,
    ) -> Result<AdvanceOutcome, StoreError> {
        let advance = |rows: &mut Rows| {
            let Some(row) = rows.connections.get_mut(customer) else {
                return AdvanceOutcome::NotAdvanced;
            };
            let keeps_status = matches!(
                row.status,
                ConnectionStatus::Disconnected | ConnectionStatus::Limited { .. }
            );
            let needed_reconnect = matches!(row.status, ConnectionStatus::NeedsReconnect { .. });
            let newer = row.generation < generation && !keeps_status;
            if newer {
                row.generation = generation;
                row.token_expires_at = token_expires_at;
                row.status = ConnectionStatus::Active;
                row.lease = None;
                row.cooldown_until = None;
            }
            match row.generation == generation && row.status == ConnectionStatus::Active {
                true if newer && needed_reconnect => AdvanceOutcome::Revived,
                true => AdvanceOutcome::Active,
                false => AdvanceOutcome::NotAdvanced,
            }
        };
        self.0.step(advance).await
    }

    async fn idle(&self, now: Timestamp, limit: u16) -> Result<Vec<CustomerId>, StoreError> {
        let find = |rows: &mut Rows| {
            let months = idle_months(now);
            let active = rows.connections.values().filter(|row| {
                row.status == ConnectionStatus::Active && !rows.unreadable.contains(&row.customer)
            });
            let idle = active.filter_map(|row| {
                let month = month_of(row.token_expires_at);
                months
                    .contains(&month)
                    .then(|| (month, row.customer.clone()))
            });
            let mut idle: Vec<_> = idle.collect();
            idle.sort();
            idle.into_iter()
                .map(|(_, customer)| customer)
                .take(limit.into())
                .collect()
        };
        self.0.step(find).await
    }

    async fn lost(&self, limit: u16) -> Result<Vec<(CustomerId, ConnectionStatus)>, StoreError> {
        let find = |rows: &mut Rows| {
            let lost = rows
                .connections
                .values()
                .filter(|row| row.status.needs_person());
            let mut lost: Vec<_> = lost
                .map(|row| (row.customer.clone(), row.status.clone()))
                .collect();
            lost.sort_by(|(one, _), (other, _)| one.cmp(other));
            lost.truncate(limit.into());
            lost
        };
        self.0.step(find).await
    }

    async fn release(
        &self,
        customer: &CustomerId,
        owner: &str,
        cooldown_until: Timestamp,
    ) -> Result<(), StoreError> {
        let release = |rows: &mut Rows| {
            let own = rows.connections.get_mut(customer).filter(|row| {
                let lease = row.lease.as_ref();
                lease.is_some_and(|lease| lease.owner == owner)
            });
            if let Some(row) = own {
                row.lease = None;
                row.cooldown_until = Some(cooldown_until);
            }
        };
        self.0.step(release).await
    }

    async fn mark_list_gone(
        &self,
        customer: &CustomerId,
        list: &RemoteId,
    ) -> Result<bool, StoreError> {
        let learn = |rows: &mut Rows| {
            let row = rows.connections.get_mut(customer);
            let known = row.map(|row| &mut row.learned.lists_gone);
            let unlisted = known.filter(|gone| !gone.contains(list));
            unlisted.map(|gone| gone.push(list.clone())).is_some()
        };
        self.0.step(learn).await
    }

    async fn record_opt_in(
        &self,
        customer: &CustomerId,
        connected_at: Timestamp,
        seen: ConfirmedOptIn,
    ) -> Result<(), StoreError> {
        let learn = |rows: &mut Rows| {
            let row = rows.connections.get_mut(customer);
            if let Some(row) = row.filter(|row| row.connected_at == connected_at) {
                row.learned.confirmed_opt_in = Some(seen);
            }
        };
        self.0.step(learn).await
    }

    async fn record_fields(
        &self,
        customer: &CustomerId,
        connected_at: Timestamp,
        fields: Option<&[CustomField]>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let learn = |rows: &mut Rows| {
            let row = rows.connections.get_mut(customer);
            let Some(row) = row.filter(|row| row.connected_at == connected_at) else {
                return;
            };
            row.learned.fields_read_at = Some(at);
            if let Some(fields) = fields {
                row.catalog.custom_fields = fields.to_vec();
            }
        };
        self.0.step(learn).await
    }

    async fn set_status(
        &self,
        customer: &CustomerId,
        generation: u64,
        status: &ConnectionStatus,
    ) -> Result<bool, StoreError> {
        let set = |rows: &mut Rows| {
            let row = rows.connections.get_mut(customer);
            let ended = ConnectionStatus::Disconnected;
            let row = row.filter(|row| {
                row.generation == generation && (row.status != ended || *status == ended)
            });
            let Some(row) = row else { return false };
            row.endings += u64::from(*status == ended);
            row.status = status.clone();
            true
        };
        self.0.step(set).await
    }
}
