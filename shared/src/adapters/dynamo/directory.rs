use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;

use super::budget::Remembered;
use super::keys;
use super::table::{Change, Item, Table, number, read, row, text};
use crate::adapters::sdk_error::failed;
use crate::domain::budget::Limits;
use crate::domain::customer::Customer;
use crate::domain::form::Form;
use crate::domain::ids::{AppId, CustomerId, FormId};
use crate::ports::{Customers, Forms, Page, StoreError, causes};

/// Marks the row of a removed customer. It holds nothing else, and is kept.
const REMOVED: &str = "removed";

/// The Directory table: customers, forms, connections, handshakes, links, and the budgets and limits of
/// applications.
#[derive(Debug, Clone)]
pub struct DynamoDirectory {
    pub(super) table: Table,
    pub(super) budgets: Remembered,
}

impl DynamoDirectory {
    /// A table by its name.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self {
            table: Table::new(client, table),
            budgets: Remembered::default(),
        }
    }

    /// Reads a row, so that a connection is open before the first invocation. A start has a whole processor for the
    /// handshake, an invocation only its share of one. If this fails, the first request opens one.
    pub async fn warm_up(&self) {
        if let Err(error) = self.limits(&AppId::default_app()).await {
            tracing::warn!(
                error = %causes(&error),
                "no connection was opened"
            );
        }
    }

    /// An application's limits, if set.
    pub(crate) async fn limits(&self, app: &AppId) -> Result<Option<Limits>, StoreError> {
        #[derive(Deserialize)]
        struct AppRow {
            per_second: Option<u32>,
            per_day: Option<u32>,
        }
        let Some(item) = self.table.get(keys::app(app)).await? else {
            return Ok(None);
        };
        let row: AppRow = read(item)?;
        Ok(row
            .per_second
            .zip(row.per_day)
            .map(|(per_second, per_day)| Limits {
                per_second,
                per_day,
            }))
    }

    pub(crate) async fn put_limits(&self, app: &AppId, limits: Limits) -> Result<(), StoreError> {
        let change = Change {
            set: "SET per_second = :second, per_day = :day, #owner = :apps",
            when: None,
            values: vec![
                (":second", number(limits.per_second)),
                (":day", number(limits.per_day)),
                (":apps", text(keys::APPS)),
            ],
        };
        self.table.update(keys::app(app), change).await.map(|_| ())
    }

    /// Applications whose limits are set.
    pub(crate) async fn apps(&self, limit: u16) -> Result<Vec<AppId>, StoreError> {
        let limit = Some(i32::from(limit));
        let (rows, _) = self.owned_by(keys::APPS, None, limit).await?;
        Ok(rows.iter().filter_map(keys::app_of).collect())
    }
}

impl Customers for DynamoDirectory {
    async fn customer(&self, id: &CustomerId) -> Result<Option<Customer>, StoreError> {
        let item = self.table.get(keys::customer(id)).await?;
        let item = item.filter(|item| !item.contains_key(REMOVED));
        item.map(read).transpose()
    }

    async fn put_customer(&self, customer: &Customer) -> Result<bool, StoreError> {
        let mut item = row(keys::customer(&customer.id), customer)?;
        item.insert("owner".into(), text(keys::CUSTOMERS));
        let free = format!("attribute_not_exists({REMOVED})");
        let put = self.table.put_if(item, &free, vec![]).await?;
        Ok(put.is_applied())
    }

    async fn delete_customer(&self, id: &CustomerId) -> Result<(), StoreError> {
        let mut tombstone = keys::customer(id).into_item();
        tombstone.insert(REMOVED.into(), AttributeValue::Bool(true));
        self.table.put(tombstone).await
    }

    async fn ever_existed(&self, id: &CustomerId) -> Result<bool, StoreError> {
        Ok(self.table.get(keys::customer(id)).await?.is_some())
    }

    async fn customers(
        &self,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Page<Customer>, StoreError> {
        let Some(after) = cursor.map(str::parse::<CustomerId>).transpose().ok() else {
            return Ok(Page::none()); // we never issued this cursor
        };
        let start = after.map(|id| keys::customer(&id).place_by_owner(keys::CUSTOMERS));
        let (items, last) = self
            .owned_by(keys::CUSTOMERS, start, Some(i32::from(limit)))
            .await?;
        Ok(Page {
            items: items.into_iter().map(read).collect::<Result<_, _>>()?,
            next: last.as_ref().and_then(keys::customer_of).map(String::from),
        })
    }
}

impl Forms for DynamoDirectory {
    async fn form(&self, id: &FormId) -> Result<Option<Form>, StoreError> {
        self.table.get(keys::form(id)).await?.map(read).transpose()
    }

    async fn put_form(&self, form: &Form) -> Result<(), StoreError> {
        self.table.put(form_row(form)?).await
    }

    async fn replace_form(&self, form: &Form) -> Result<bool, StoreError> {
        // Rows stored before revisions existed have none.
        let when = match form.revision {
            1 => "attribute_exists(pk) AND (attribute_not_exists(revision) OR revision = :behind)",
            _ => "revision = :behind",
        };
        let behind = number(form.revision.saturating_sub(1));
        let values = vec![(":behind", behind)];
        let put = self.table.put_if(form_row(form)?, when, values);
        Ok(put.await?.is_applied())
    }

    async fn delete_form(&self, id: &FormId) -> Result<(), StoreError> {
        self.table.take(keys::form(id)).await.map(|_| ())
    }

    async fn forms_of(&self, customer: &CustomerId) -> Result<Vec<Form>, StoreError> {
        let rows = self.all_owned_by(&keys::of_customer(customer)).await?;
        rows.into_iter().map(read).collect()
    }
}

fn form_row(form: &Form) -> Result<Item, StoreError> {
    let mut item = row(keys::form(&form.id), form)?;
    item.insert("owner".into(), text(keys::of_customer(&form.customer)));
    Ok(item)
}

impl DynamoDirectory {
    /// Rows of an owner in the order of their keys, and where the next page begins.
    pub(super) async fn owned_by(
        &self,
        owner: &str,
        start: Option<Item>,
        limit: Option<i32>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let request = self.owned(owner).set_exclusive_start_key(start);
        let answer = request.set_limit(limit).send().await;
        let answer = answer.map_err(failed("Query"))?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }

    pub(super) async fn all_owned_by(&self, owner: &str) -> Result<Vec<Item>, StoreError> {
        self.table.all(self.owned(owner)).await
    }

    fn owned(&self, owner: &str) -> QueryFluentBuilder {
        self.table
            .query()
            .index_name("by_owner")
            .key_condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", text(owner))
    }
}
