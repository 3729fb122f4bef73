use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::api::{ConstantContact, Links, PAGE};
use super::contacts::key;
use crate::domain::crm::CrmError;
use crate::domain::ids::RemoteId;
use crate::domain::import::ImportRow;
use crate::ports::{Activity, BulkImports, Page, Progress};

/// Bytes of a request that Constant Contact reads; it drops the rest without a word.
const MOST_BYTES: usize = 4_000_000;

#[derive(Serialize)]
struct Import<'a> {
    list_ids: &'a [RemoteId],
    import_data: &'a [ImportRow],
}

#[derive(Deserialize)]
struct Shown {
    activity_id: RemoteId,
    #[serde(default)]
    state: String,
    created_at: Option<Timestamp>,
    #[serde(default)]
    status: Counts,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Counts {
    items_total_count: usize,
    error_count: usize,
    correctable_count: usize,
    cannot_add_to_list_count: usize,
}

impl From<Shown> for Activity {
    fn from(shown: Shown) -> Self {
        let counts = shown.status;
        let troubled =
            counts.error_count + counts.correctable_count + counts.cannot_add_to_list_count;
        Self {
            id: shown.activity_id,
            created_at: shown.created_at.unwrap_or_default(),
            rows: counts.items_total_count,
            progress: match shown.state.as_str() {
                "completed" => Progress::Completed { troubled },
                "cancelled" | "failed" | "timed_out" => Progress::Failed,
                _ => Progress::Pending,
            },
        }
    }
}

impl BulkImports for ConstantContact {
    async fn import(
        &self,
        token: &SecretString,
        rows: &[ImportRow],
        lists: &[RemoteId],
    ) -> Result<Activity, CrmError> {
        let body = Import {
            list_ids: lists,
            import_data: rows,
        };
        let bytes = serde_json::to_vec(&body).map_or(usize::MAX, |body| body.len());
        if bytes >= MOST_BYTES {
            return Err(CrmError::Ours(413));
        }
        let url = self.url("/activities/contacts_json_import");
        let answer = self.write(Method::POST, token, url, &body).await?;
        let shown: Option<Shown> = answer.json();
        shown.map(Activity::from).ok_or(CrmError::AnswerLost)
    }

    async fn activity(
        &self,
        token: &SecretString,
        activity: &RemoteId,
    ) -> Result<Option<Activity>, CrmError> {
        let url = self.url(&format!("/activities/{activity}"));
        match self.get::<Shown>(token, url, PAGE).await {
            Ok(shown) => Ok(Some(shown.into())),
            Err(CrmError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn activities(
        &self,
        token: &SecretString,
        cursor: Option<&str>,
    ) -> Result<Page<Activity>, CrmError> {
        #[derive(Deserialize)]
        struct Listed {
            activities: Vec<Shown>,
            #[serde(rename = "_links")]
            links: Option<Links>,
        }
        let url = match cursor {
            Some(cursor) => cursor.parse().map_err(|_| CrmError::Unavailable)?,
            None => {
                let mut url = self.url("/activities");
                url.query_pairs_mut().append_pair("limit", "500");
                url
            }
        };
        let listed: Listed = self.get(token, url, PAGE).await?;
        Ok(Page {
            next: self.next(listed.links)?.map(String::from),
            items: listed.activities.into_iter().map(Into::into).collect(),
        })
    }

    async fn changed_since(
        &self,
        token: &SecretString,
        since: Timestamp,
        cursor: Option<&str>,
    ) -> Result<Page<String>, CrmError> {
        #[derive(Deserialize)]
        struct Listed {
            contacts: Vec<Contact>,
            #[serde(rename = "_links")]
            links: Option<Links>,
        }
        #[derive(Deserialize)]
        struct Contact {
            email_address: Option<Email>,
        }
        #[derive(Deserialize)]
        struct Email {
            address: String,
            #[serde(default)]
            permission_to_send: String,
        }
        let url = match cursor {
            Some(cursor) => cursor.parse().map_err(|_| CrmError::Unavailable)?,
            None => {
                // A second early, because nobody says whether the bound itself is within.
                let after = since.saturating_add(SignedDuration::from_secs(-1));
                let after = after.unwrap_or(since).to_string();
                let mut url = self.url("/contacts");
                let query = [("updated_after", after.as_str()), ("limit", "500")];
                url.query_pairs_mut().extend_pairs(query);
                url
            }
        };
        let page: Listed = self.get(token, url, PAGE).await?;
        let next = self.next(page.links)?.map(String::from);
        let emails = page.contacts.into_iter().filter_map(|c| c.email_address);
        let here = emails.filter(|email| email.permission_to_send != "unsubscribed");
        Ok(Page {
            items: here.map(|email| key(&email.address)).collect(),
            next,
        })
    }
}
