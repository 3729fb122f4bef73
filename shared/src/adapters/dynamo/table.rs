//! A DynamoDB table, and the few requests that the adapters make.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, Put, ReturnValue,
    ReturnValuesOnConditionCheckFailure as OnFailure, TransactWriteItem,
};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys::Key;
use crate::adapters::sdk_error::{Unreadable, failed};
use crate::ports::StoreError;

pub(super) type Item = HashMap<String, AttributeValue>;
/// Maximum rows in one batch read.
pub(super) const BATCH: usize = 100;
/// Values by their placeholders in an expression.
pub(super) type Values = Vec<(&'static str, AttributeValue)>;

#[derive(Debug, Clone)]
pub(super) struct Table {
    client: Client,
    name: String,
}

/// A change of one row. In either expression, a reserved name is written as `#name`.
pub(super) struct Change<'a> {
    /// The update expression.
    pub(super) set: &'a str,
    /// The condition expression; none if the change is always allowed.
    pub(super) when: Option<&'a str>,
    /// The values of both.
    pub(super) values: Values,
}

/// The result of a conditional request.
pub(super) enum Write {
    /// It was made; of a change, with the row as the caller requested it.
    Applied(Item),
    /// The condition did not hold; with the row, if there is one.
    Rejected(Option<Item>),
}

impl Write {
    pub(super) fn is_applied(&self) -> bool {
        matches!(self, Self::Applied(_))
    }
}

impl Table {
    pub(super) fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// One row, read consistently.
    pub(super) async fn get(&self, key: Key) -> Result<Option<Item>, StoreError> {
        let request = self.client.get_item().table_name(&self.name);
        let request = request.set_key(Some(key.into_item())).consistent_read(true);
        let answer = request.send().await.map_err(failed("GetItem"))?;
        Ok(answer.item)
    }

    /// Inserts or replaces a row.
    pub(super) async fn put(&self, row: Item) -> Result<(), StoreError> {
        let request = self.client.put_item().table_name(&self.name);
        let answer = request.set_item(Some(row)).send().await;
        answer.map(|_| ()).map_err(failed("PutItem"))
    }

    /// Inserts or replaces a row, if the condition on the present row holds. In the condition, a reserved name is
    /// written as `#name`.
    pub(super) async fn put_if(
        &self,
        row: Item,
        when: &str,
        values: Values,
    ) -> Result<Write, StoreError> {
        let request = self.client.put_item().table_name(&self.name);
        let request = request
            .condition_expression(when)
            .set_expression_attribute_names(reserved([when]))
            .set_expression_attribute_values(named(values))
            .return_values_on_condition_check_failure(OnFailure::AllOld)
            .set_item(Some(row));
        match request.send().await {
            Ok(_) => Ok(Write::Applied(Item::new())),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(loser)) => {
                    Ok(Write::Rejected(loser.item.clone()))
                }
                _ => Err(failed("PutItem")(error)),
            },
        }
    }

    /// The same, and inserts or replaces another row with it: both or neither.
    pub(super) async fn put_if_with(
        &self,
        other: Item,
        row: Item,
        when: &str,
        values: Values,
    ) -> Result<Write, StoreError> {
        let put = |row| Put::builder().table_name(&self.name).set_item(Some(row));
        let row = put(row)
            .condition_expression(when)
            .set_expression_attribute_names(reserved([when]))
            .set_expression_attribute_values(named(values))
            .return_values_on_condition_check_failure(OnFailure::AllOld);
        let mut request = self.client.transact_write_items();
        for put in [row, put(other)] {
            let put = put.build().map_err(StoreError::new)?;
            request = request.transact_items(TransactWriteItem::builder().put(put).build());
        }
        match request.send().await {
            Ok(_) => Ok(Write::Applied(Item::new())),
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled))
                    if let Some(reason) = cancelled.cancellation_reasons().first()
                        && reason.code() == Some("ConditionalCheckFailed") =>
                {
                    Ok(Write::Rejected(reason.item.clone()))
                }
                _ => Err(failed("TransactWriteItems")(error)),
            },
        }
    }

    /// Changes a row; returns it as it is afterwards.
    pub(super) async fn update(&self, key: Key, change: Change<'_>) -> Result<Write, StoreError> {
        self.change(key, change, ReturnValue::AllNew).await
    }

    /// Changes a row; returns it as it was before.
    pub(super) async fn update_from(
        &self,
        key: Key,
        change: Change<'_>,
    ) -> Result<Write, StoreError> {
        self.change(key, change, ReturnValue::AllOld).await
    }

    async fn change(
        &self,
        key: Key,
        change: Change<'_>,
        answer: ReturnValue,
    ) -> Result<Write, StoreError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key.into_item()))
            .update_expression(change.set)
            .set_condition_expression(change.when.map(str::to_owned))
            .set_expression_attribute_names(reserved([change.set, change.when.unwrap_or_default()]))
            .set_expression_attribute_values(named(change.values))
            .return_values(answer)
            .return_values_on_condition_check_failure(OnFailure::AllOld);
        match request.send().await {
            Ok(answer) => Ok(Write::Applied(answer.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(loser)) => {
                    Ok(Write::Rejected(loser.item.clone()))
                }
                _ => Err(failed("UpdateItem")(error)),
            },
        }
    }

    /// Adds numbers to attributes of a row, which is created if missing, and sets texts or moments beside them.
    pub(super) async fn add(
        &self,
        key: Key,
        numbers: impl IntoIterator<Item = (String, i64)>,
        set: Vec<(&'static str, AttributeValue)>,
    ) -> Result<(), StoreError> {
        let request = self.client.update_item().table_name(&self.name);
        let mut request = request.set_key(Some(key.into_item()));
        let (mut adds, mut sets) = (Vec::new(), Vec::new());
        for (i, (name, change)) in numbers.into_iter().enumerate() {
            adds.push(format!("#n{i} :n{i}"));
            request = request
                .expression_attribute_names(format!("#n{i}"), name)
                .expression_attribute_values(format!(":n{i}"), number(change));
        }
        for (name, value) in set {
            sets.push(format!("#{name} = :{name}"));
            request = request
                .expression_attribute_names(format!("#{name}"), name)
                .expression_attribute_values(format!(":{name}"), value);
        }
        let update = format!("ADD {} SET {}", adds.join(", "), sets.join(", "));
        let answer = request.update_expression(update).send().await;
        answer.map(|_| ()).map_err(failed("UpdateItem"))
    }

    /// Removes a row and returns it.
    pub(super) async fn take(&self, key: Key) -> Result<Option<Item>, StoreError> {
        let request = self.client.delete_item().table_name(&self.name);
        let request = request
            .set_key(Some(key.into_item()))
            .return_values(ReturnValue::AllOld);
        let answer = request.send().await.map_err(failed("DeleteItem"))?;
        Ok(answer.attributes)
    }

    /// Up to [`BATCH`] rows, read consistently, in any order. What DynamoDB does not process at once is requested
    /// again, with growing pauses, since that means throttling.
    pub(super) async fn batch_get(&self, keys: Vec<Item>) -> Result<Vec<Item>, StoreError> {
        const ROUNDS: u32 = 8;
        let mut items = Vec::with_capacity(keys.len());
        let mut left = keys;
        for round in 0..ROUNDS {
            if left.is_empty() {
                return Ok(items);
            }
            if round > 0 {
                tokio::time::sleep(Duration::from_millis(25 << round)).await;
            }
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(left))
                .consistent_read(true)
                .build()
                .map_err(StoreError::new)?;
            let request = self.client.batch_get_item().request_items(&self.name, keys);
            let answer = request.send().await.map_err(failed("BatchGetItem"))?;
            let own = answer.responses.and_then(|mut all| all.remove(&self.name));
            items.extend(own.unwrap_or_default());
            let rest = answer.unprocessed_keys;
            let rest = rest.and_then(|mut all| all.remove(&self.name));
            left = rest.map(|rest| rest.keys).unwrap_or_default();
        }
        match left.len() {
            0 => Ok(items),
            _ => Err(StoreError::new("BatchGetItem: throttled")),
        }
    }

    pub(super) fn query(&self) -> QueryFluentBuilder {
        self.client.query().table_name(&self.name)
    }

    /// The first rows that a query finds, at most `most`.
    pub(super) async fn some(
        &self,
        query: QueryFluentBuilder,
        most: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let query = query.set_limit(i32::try_from(most).ok());
        let mut rows = query.into_paginator().items().send();
        let mut found = Vec::new();
        while found.len() < most
            && let Some(row) = rows.next().await
        {
            found.push(row.map_err(failed("Query"))?);
        }
        Ok(found)
    }

    /// Every row that a query finds.
    pub(super) async fn all(&self, query: QueryFluentBuilder) -> Result<Vec<Item>, StoreError> {
        let rows = query.into_paginator().items().send();
        rows.try_collect().await.map_err(failed("Query"))
    }
}

/// The names written as `#name` in expressions, if any.
fn reserved<const N: usize>(expressions: [&str; N]) -> Option<HashMap<String, String>> {
    let is_sign = |c: char| c.is_alphanumeric() || c == '_' || c == '#';
    let words = expressions
        .into_iter()
        .flat_map(|text| text.split(move |c| !is_sign(c)));
    let names =
        words.filter_map(|word| Some((word.to_owned(), word.strip_prefix('#')?.to_owned())));
    let names: HashMap<_, _> = names.collect();
    (!names.is_empty()).then_some(names)
}

/// The values of expressions, if any.
fn named(values: Values) -> Option<Item> {
    let values = values.into_iter();
    let named: Item = values
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    (!named.is_empty()).then_some(named)
}

/// A row with its key.
pub(super) fn row(key: Key, content: &impl Serialize) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(content).map_err(StoreError::new)?;
    item.extend(key.into_item());
    Ok(item)
}

/// Deserializes a row.
pub(super) fn read<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    let key = |name| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    let name = format!(
        "{} {}",
        key("pk").unwrap_or_default(),
        key("sk").unwrap_or_default()
    );
    serde_dynamo::from_item(item).map_err(|_| StoreError::new(Unreadable(name)))
}

/// A value as serde writes it.
pub(super) fn value(content: &impl Serialize) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(content).map_err(StoreError::new)
}

pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A moment, as conditions and indexes compare it.
pub(super) fn millis(moment: Timestamp) -> AttributeValue {
    number(moment.as_millisecond())
}

/// A moment in seconds, as DynamoDB compares it with the expiry of a lead's row.
pub(super) fn seconds(moment: Timestamp) -> AttributeValue {
    number(moment.as_second())
}

/// When DynamoDB may remove a row that expires at `moment`: the first whole second after it.
pub(super) fn ttl(moment: Timestamp) -> i64 {
    moment.as_second() + 1
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Known {
        #[expect(dead_code, reason = "only its type matters")]
        number: u32,
    }

    fn item(number: AttributeValue) -> Item {
        Item::from([
            ("pk".into(), text("CUSTOMER#engines")),
            ("sk".into(), text("CUSTOMER")),
            ("number".into(), number),
            ("invented_later".into(), text("anything")),
        ])
    }

    #[test]
    fn names_written_with_a_hash_are_found_in_expressions() {
        let names = reserved(["SET #a.#b_c = :d", "(ends <= :now OR #lead = :gone)"]).unwrap();

        let known = ["a", "b_c", "lead"].map(|name| (format!("#{name}"), name.to_owned()));
        assert_eq!(names, known.into());
        assert_eq!(reserved(["attribute_not_exists(pk) OR ends <= :now"]), None);
    }

    #[test]
    fn row_with_unknown_attributes_is_read() {
        assert!(read::<Known>(item(number(7))).is_ok());
    }

    #[test]
    fn error_for_an_unreadable_row_names_its_key_but_not_its_content() {
        let error = read::<Known>(item(text("SENTINEL@example.com"))).unwrap_err();

        let text = format!("{error:?}");
        assert!(text.contains("CUSTOMER#engines CUSTOMER"), "{text}");
        assert!(!text.contains("SENTINEL"), "{text}");
    }
}
