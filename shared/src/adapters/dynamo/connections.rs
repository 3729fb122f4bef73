use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::directory::DynamoDirectory;
use super::keys;
use super::table::{BATCH, Change, Item, Values, Write, millis, number, read, row, text, value};
use crate::domain::connection::{
    ConfirmedOptIn, Connection, ConnectionStatus, CustomField, Lease, idle_months, month_of,
};
use crate::domain::ids::{CustomerId, RemoteId};
use crate::ports::{AdvanceOutcome, Connections, StoreError, causes};

// The row is the connection itself, with `lease_until` beside its `lease` for conditions to compare. While it is
// active, `owner` names the month in which its newest token ends, by which `idle` finds it; while it needs a person,
// the owner by which `lost` does.

impl Connections for DynamoDirectory {
    async fn connection(&self, customer: &CustomerId) -> Result<Option<Connection>, StoreError> {
        let item = self.table.get(keys::connection(customer)).await?;
        item.map(read).transpose()
    }

    async fn connections_of(
        &self,
        customers: &BTreeSet<CustomerId>,
    ) -> Result<BTreeMap<CustomerId, Option<Connection>>, StoreError> {
        let keys = customers.iter().map(|id| keys::connection(id).into_item());
        let keys: Vec<_> = keys.collect();
        let mut found = BTreeMap::new();
        for batch in keys.chunks(BATCH) {
            for item in self.table.batch_get(batch.to_vec()).await? {
                if let Some(customer) = keys::customer_of(&item) {
                    found.insert(customer, readable(item));
                }
            }
        }
        Ok(found)
    }

    async fn put_connection(&self, connection: &Connection) -> Result<bool, StoreError> {
        let mut item = row(keys::connection(&connection.customer), connection)?;
        if let Some(lease) = &connection.lease {
            item.insert("lease_until".into(), millis(lease.until));
        }
        if let Some(owner) = owner_of(&connection.status, connection.token_expires_at) {
            item.insert("owner".into(), text(owner));
        }
        let not_newer = "attribute_not_exists(generation) OR (generation <= :generation \
                         AND (attribute_not_exists(endings) OR endings <= :endings))";
        let values = vec![
            (":generation", number(connection.generation)),
            (":endings", number(connection.endings)),
        ];
        let done = self.table.put_if(item, not_newer, values).await?;
        Ok(done.is_applied())
    }

    async fn choose(&self, connection: &Connection) -> Result<bool, StoreError> {
        let change = Change {
            set: "SET #lists = :lists, #terms = :terms, #catalog.#lists = :known, lists_gone = :gone",
            when: Some("#status = :active AND connected_at = :connected"),
            values: vec![
                (":lists", value(&connection.lists)?),
                (":terms", value(&connection.terms)?),
                (":known", value(&connection.catalog.lists)?),
                (":gone", value(&connection.learned.lists_gone)?),
                (":active", text("active")),
                (":connected", value(&connection.connected_at)?),
            ],
        };
        let key = keys::connection(&connection.customer);
        let done = self.table.update(key, change).await?;
        Ok(done.is_applied())
    }

    /// If a request is repeated because its answer was lost, it finds the caller's own lease, which counts as granted.
    async fn lease(
        &self,
        customer: &CustomerId,
        generation: u64,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<Option<Box<Connection>>, StoreError> {
        let change = Change {
            set: "SET lease = :lease, lease_until = :until",
            when: Some(
                "generation = :generation AND (attribute_not_exists(lease_until) OR lease_until <= :now)",
            ),
            values: vec![
                (":lease", value(lease)?),
                (":until", millis(lease.until)),
                (":generation", number(generation)),
                (":now", millis(now)),
            ],
        };
        match self
            .table
            .update(keys::connection(customer), change)
            .await?
        {
            Write::Applied(item) => Ok(Some(Box::new(read(item)?))),
            Write::Rejected(None) => Ok(None),
            Write::Rejected(Some(item)) => {
                let connection: Box<Connection> = Box::new(read(item)?);
                Ok(Some(connection).filter(|row| row.lease.as_ref() == Some(lease)))
            }
        }
    }

    async fn advance(
        &self,
        customer: &CustomerId,
        generation: u64,
        token_expires_at: Timestamp,
    ) -> Result<AdvanceOutcome, StoreError> {
        let change = Change {
            set: "SET #status = :active, generation = :generation, token_expires_at = :expires, #owner = :month \
                  REMOVE #reason, #since, lease, lease_until, cooldown_until",
            when: Some("generation < :generation AND NOT #status IN (:disconnected, :limited)"),
            values: vec![
                (":active", text("active")),
                (":disconnected", text("disconnected")),
                (":limited", text("limited")),
                (":month", text(month(token_expires_at))),
                (":generation", number(generation)),
                (":expires", value(&token_expires_at)?),
            ],
        };
        let key = keys::connection(customer);
        let is = |item: &Item, status| item.get("status") == Some(&text(status));
        let current = |item: &Item| item.get("generation") == Some(&number(generation));
        Ok(match self.table.update_from(key, change).await? {
            Write::Applied(old) if is(&old, "needs_reconnect") => AdvanceOutcome::Revived,
            Write::Applied(_) => AdvanceOutcome::Active,
            Write::Rejected(Some(item)) if current(&item) && is(&item, "active") => {
                AdvanceOutcome::Active
            }
            Write::Rejected(_) => AdvanceOutcome::NotAdvanced,
        })
    }

    async fn idle(&self, now: Timestamp, limit: u16) -> Result<Vec<CustomerId>, StoreError> {
        let active = |row: Item| {
            let row = readable(row)?;
            (row.status == ConnectionStatus::Active).then_some(row.customer)
        };
        let mut idle = Vec::new();
        for month in idle_months(now) {
            let (owner, left) = (
                keys::connections_of(&month),
                usize::from(limit) - idle.len(),
            );
            idle.extend(self.found_under(&owner, left, active).await?);
        }
        Ok(idle)
    }

    async fn lost(&self, limit: u16) -> Result<Vec<(CustomerId, ConnectionStatus)>, StoreError> {
        let whose = |row: Item| {
            let customer = keys::customer_of(&row)?;
            let status: ConnectionStatus = read(row).ok()?;
            status.needs_person().then_some((customer, status))
        };
        self.found_under(keys::LOST, limit.into(), whose).await
    }

    async fn release(
        &self,
        customer: &CustomerId,
        owner: &str,
        cooldown_until: Timestamp,
    ) -> Result<(), StoreError> {
        let change = Change {
            set: "SET cooldown_until = :until REMOVE lease, lease_until",
            when: Some("lease.#owner = :owner"),
            values: vec![(":owner", text(owner)), (":until", value(&cooldown_until)?)],
        };
        self.table
            .update(keys::connection(customer), change)
            .await
            .map(|_| ())
    }

    async fn mark_list_gone(
        &self,
        customer: &CustomerId,
        list: &RemoteId,
    ) -> Result<bool, StoreError> {
        let change = Change {
            set: "SET lists_gone = list_append(if_not_exists(lists_gone, :none), :one)",
            when: Some(
                "attribute_exists(pk) AND (attribute_not_exists(lists_gone) OR NOT contains(lists_gone, :list))",
            ),
            values: vec![
                (":none", AttributeValue::L(Vec::new())),
                (":one", AttributeValue::L(vec![text(list.as_str())])),
                (":list", text(list.as_str())),
            ],
        };
        let key = keys::connection(customer);
        Ok(self.table.update(key, change).await?.is_applied())
    }

    async fn record_opt_in(
        &self,
        customer: &CustomerId,
        connected_at: Timestamp,
        seen: ConfirmedOptIn,
    ) -> Result<(), StoreError> {
        let change = Change {
            set: "SET confirmed_opt_in = :seen",
            when: Some("connected_at = :connected"),
            values: vec![
                (":seen", value(&seen)?),
                (":connected", value(&connected_at)?),
            ],
        };
        let key = keys::connection(customer);
        self.table.update(key, change).await.map(|_| ())
    }

    async fn record_fields(
        &self,
        customer: &CustomerId,
        connected_at: Timestamp,
        fields: Option<&[CustomField]>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut values = vec![(":at", value(&at)?), (":connected", value(&connected_at)?)];
        let set = match fields {
            Some(fields) => {
                values.push((":fields", value(&fields)?));
                "SET fields_read_at = :at, #catalog.custom_fields = :fields"
            }
            None => "SET fields_read_at = :at",
        };
        let change = Change {
            set,
            when: Some("connected_at = :connected"),
            values,
        };
        let key = keys::connection(customer);
        self.table.update(key, change).await.map(|_| ())
    }

    async fn set_status(
        &self,
        customer: &CustomerId,
        generation: u64,
        status: &ConnectionStatus,
    ) -> Result<bool, StoreError> {
        // An active connection's month is that of its newest token, which has this generation or the condition fails.
        let row = match status {
            ConnectionStatus::Active => self.connection(customer).await?,
            _ => None,
        };
        let expires_at = row.map_or(Timestamp::UNIX_EPOCH, |row| row.token_expires_at);
        let owner = owner_of(status, expires_at);
        let (mut set, mut values) = status_expression(status, owner)?;
        values.push((":generation", number(generation)));
        let mut when = "generation = :generation".to_owned();
        if *status == ConnectionStatus::Disconnected {
            set.push_str(" ADD endings :one");
            values.push((":one", number(1)));
        } else {
            when.push_str(" AND #status <> :disconnected");
            values.push((":disconnected", text("disconnected")));
        }
        let change = Change {
            set: &set,
            when: Some(&when),
            values,
        };
        let done = self
            .table
            .update(keys::connection(customer), change)
            .await?;
        Ok(done.is_applied())
    }
}

impl DynamoDirectory {
    /// Applies `find` to the connections under an owner, on all pages, and returns at most `most` results.
    async fn found_under<T>(
        &self,
        owner: &str,
        most: usize,
        find: impl Fn(Item) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        let (mut found, mut start) = (Vec::new(), None);
        while found.len() < most {
            let page = i32::try_from(most).ok();
            let (rows, next) = self.owned_by(owner, start, page).await?;
            found.extend(rows.into_iter().filter_map(&find));
            start = next;
            if start.is_none() {
                break;
            }
        }
        found.truncate(most);
        Ok(found)
    }
}

fn readable(item: Item) -> Option<Connection> {
    match read(item) {
        Ok(connection) => Some(connection),
        Err(error) => {
            tracing::error!(error = %causes(&error), "a connection's row cannot be read");
            None
        }
    }
}

/// The owner under which `idle` or `lost` finds a connection.
fn owner_of(status: &ConnectionStatus, token_expires_at: Timestamp) -> Option<String> {
    match status {
        ConnectionStatus::Active => Some(month(token_expires_at)),
        status => status.needs_person().then(|| keys::LOST.to_owned()),
    }
}

fn month(token_expires_at: Timestamp) -> String {
    keys::connections_of(&month_of(token_expires_at))
}

/// Sets the attributes that the status and its owner have, and removes the others.
fn status_expression(
    status: &ConnectionStatus,
    owner: Option<String>,
) -> Result<(String, Values), StoreError> {
    let mut item: Item = serde_dynamo::to_item(status).map_err(StoreError::new)?;
    item.extend(owner.map(|owner| ("owner".to_owned(), text(owner))));
    let mut values = Vec::new();
    let (mut set, mut remove) = (Vec::new(), Vec::new());
    for (name, placeholder) in [
        ("status", ":status"),
        ("reason", ":reason"),
        ("since", ":since"),
        ("owner", ":owner"),
    ] {
        match item.remove(name) {
            Some(value) => {
                set.push(format!("#{name} = {placeholder}"));
                values.push((placeholder, value));
            }
            None => remove.push(format!("#{name}")),
        }
    }
    let mut expression = format!("SET {}", set.join(", "));
    if !remove.is_empty() {
        expression.push_str(&format!(" REMOVE {}", remove.join(", ")));
    }
    Ok((expression, values))
}
