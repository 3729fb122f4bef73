use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::api::ConstantContact;
use crate::domain::connection::{Account, Catalog, ContactList, CustomField, FieldKind};
use crate::domain::crm::CrmError;
use crate::domain::ids::RemoteId;
use crate::ports::{AccountSummary, Accounts};

/// More pages than an account can fill, at 1,000 lists and 100 fields: pages that link in a circle end here.
const MAX_PAGES: usize = 50;

#[derive(Deserialize)]
struct Summary {
    encoded_account_id: String,
    #[serde(default)]
    organization_name: Option<String>,
}

#[derive(Deserialize)]
struct Privilege {
    privilege_name: String,
}

#[derive(Deserialize)]
struct List {
    list_id: RemoteId,
    name: String,
    deleted_at: Option<String>,
}

#[derive(Deserialize)]
struct Field {
    custom_field_id: RemoteId,
    label: String,
    name: String,
    #[serde(rename = "type", default)]
    kind: String,
}

impl Field {
    /// Whether the field holds a free value. The others have fixed choices, which a sign-up cannot carry.
    fn takes_values(&self) -> bool {
        !matches!(self.kind.as_str(), "single_select" | "multi_select")
    }
}

impl From<Summary> for Account {
    fn from(summary: Summary) -> Self {
        Self {
            id: summary.encoded_account_id,
            name: summary.organization_name.unwrap_or_default(),
        }
    }
}

impl From<List> for ContactList {
    fn from(list: List) -> Self {
        Self {
            id: list.list_id,
            name: list.name,
        }
    }
}

impl From<Field> for CustomField {
    fn from(field: Field) -> Self {
        Self {
            id: field.custom_field_id,
            label: field.label,
            name: field.name,
            kind: match field.kind.as_str() {
                "date" => Some(FieldKind::Date),
                "datetime" => Some(FieldKind::Datetime),
                "number" | "currency" => Some(FieldKind::Number),
                "boolean" => Some(FieldKind::Boolean),
                _ => Some(FieldKind::Text),
            },
        }
    }
}

impl ConstantContact {
    /// All items on all pages. An item that cannot be read is left out.
    async fn all<T: DeserializeOwned>(
        &self,
        token: &SecretString,
        path: &str,
        limit: &str,
    ) -> Result<Vec<T>, CrmError> {
        let (query, mut items, mut next) = ([("limit", limit)], Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let page = self.list::<Value>(token, path, &query, next.as_deref());
            let page = page.await?;
            let read = page.items.into_iter().map(serde_json::from_value);
            items.extend(read.filter_map(Result::ok));
            next = page.next;
            if next.is_none() {
                return Ok(items);
            }
        }
        Err(CrmError::Unavailable)
    }

    async fn read_summary(&self, token: &SecretString) -> Result<AccountSummary, CrmError> {
        let privileges = self.url("/account/user/privileges");
        let privileges: Vec<Privilege> = self.get(token, privileges).await?;
        let account = self.get::<Summary>(token, self.url("/account/summary"));
        let account = match account.await {
            Ok(summary) => Some(Account::from(summary)),
            Err(CrmError::Forbidden) => None,
            Err(error) => return Err(error),
        };
        Ok(AccountSummary {
            account,
            privileges: privileges.into_iter().map(|p| p.privilege_name).collect(),
        })
    }

    async fn read_catalog(&self, token: &SecretString) -> Result<Catalog, CrmError> {
        let lists: Vec<List> = self.all(token, "/contact_lists", "500").await?;
        let lists = lists.into_iter().filter(|list| list.deleted_at.is_none());
        Ok(Catalog {
            lists: lists.map(Into::into).collect(),
            custom_fields: self.read_fields(token).await?,
        })
    }

    async fn read_fields(&self, token: &SecretString) -> Result<Vec<CustomField>, CrmError> {
        let fields = self.all(token, "/contact_custom_fields", "100");
        let fields: Vec<Field> = fields.await?;
        let fields = fields.into_iter().filter(Field::takes_values);
        Ok(fields.map(Into::into).collect())
    }

    /// The result of several calls, which together may take no longer than one.
    async fn within_one_timeout<T>(
        &self,
        calls: impl Future<Output = Result<T, CrmError>>,
    ) -> Result<T, CrmError> {
        let answer = tokio::time::timeout(self.http.total, calls).await;
        answer.unwrap_or(Err(CrmError::Unavailable))
    }
}

impl Accounts for ConstantContact {
    async fn summary(&self, token: &SecretString) -> Result<AccountSummary, CrmError> {
        self.within_one_timeout(self.read_summary(token)).await
    }

    async fn catalog(&self, token: &SecretString) -> Result<Catalog, CrmError> {
        self.within_one_timeout(self.read_catalog(token)).await
    }

    async fn custom_fields(&self, token: &SecretString) -> Result<Vec<CustomField>, CrmError> {
        self.within_one_timeout(self.read_fields(token)).await
    }

    async fn has_list(&self, token: &SecretString, list: &RemoteId) -> Result<bool, CrmError> {
        #[derive(Deserialize)]
        struct ListState {
            deleted_at: Option<String>,
        }
        let url = self.url(&format!("/contact_lists/{list}"));
        match self.get::<ListState>(token, url).await {
            Ok(list) => Ok(list.deleted_at.is_none()),
            Err(CrmError::NotFound(_) | CrmError::Invalid(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn create_list(&self, token: &SecretString, name: &str) -> Result<ContactList, CrmError> {
        let url = self.url("/contact_lists");
        let body = json!({ "name": name });
        let answer = self.write(Method::POST, token, url, &body).await?;
        let list: Option<List> = answer.json();
        list.map(Into::into).ok_or(CrmError::AnswerLost)
    }
}
