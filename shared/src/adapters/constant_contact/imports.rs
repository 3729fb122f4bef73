use jiff::Timestamp;
use reqwest::Method;
use secrecy::SecretString;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::api::ConstantContact;
use super::contacts::{self, UNSUBSCRIBED, bound, key};
use crate::domain::crm::CrmError;
use crate::domain::ids::RemoteId;
use crate::domain::import::ImportRow;
use crate::ports::{Activity, BulkImports, Page, Progress};

/// Bytes of a request that Constant Contact reads; it drops the rest silently.
const MAX_BYTES: usize = 4_000_000;

#[derive(Serialize)]
struct Import<'a> {
    list_ids: &'a [RemoteId],
    import_data: &'a [ImportRow],
}

#[derive(Deserialize)]
struct ActivityBody {
    activity_id: RemoteId,
    state: Option<String>,
    created_at: Option<Timestamp>,
    status: Option<Counts>,
    activity_errors: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Counts {
    person_count: usize,
    error_count: usize,
    correctable_count: usize,
    cannot_add_to_list_count: usize,
}

impl From<ActivityBody> for Activity {
    fn from(shown: ActivityBody) -> Self {
        let counts = shown.status.unwrap_or_default();
        let errors = shown.activity_errors.map_or(0, |errors| errors.len());
        let error_count = counts.error_count
            + counts.correctable_count
            + counts.cannot_add_to_list_count
            + errors;
        Self {
            id: shown.activity_id,
            created_at: shown.created_at.unwrap_or_default(),
            rows: counts.person_count, // `items_total_count` may include a header row
            progress: match shown.state.as_deref() {
                Some("completed") => Progress::Completed { error_count },
                Some("cancelled" | "failed" | "timed_out") => Progress::Failed,
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
        if bytes >= MAX_BYTES {
            return Err(CrmError::BadRequest(413));
        }
        let url = self.url("/activities/contacts_json_import");
        let answer = self.write(Method::POST, token, url, &body).await?;
        let shown: Option<ActivityBody> = answer.json();
        shown.map(Activity::from).ok_or(CrmError::AnswerLost)
    }

    async fn activity(
        &self,
        token: &SecretString,
        activity: &RemoteId,
    ) -> Result<Option<Activity>, CrmError> {
        let url = self.url(&format!("/activities/{activity}"));
        match self.get::<ActivityBody>(token, url).await {
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
        let page = self.list::<ActivityBody>(token, "/activities", &[("limit", "500")], cursor);
        let Page { items, next } = page.await?;
        let items = items.into_iter().map(Into::into).collect();
        Ok(Page { items, next })
    }

    async fn changed_since(
        &self,
        token: &SecretString,
        since: Timestamp,
        cursor: Option<&str>,
    ) -> Result<Page<String>, CrmError> {
        #[derive(Deserialize)]
        struct Contact {
            email_address: Option<Email>,
        }
        #[derive(Deserialize)]
        struct Email {
            address: String,
            permission_to_send: Option<String>,
        }
        let after = bound(since);
        let query = [
            ("updated_after", after.as_str()),
            ("limit", contacts::MAX_PER_PAGE),
        ];
        let page = self.list::<Contact>(token, "/contacts", &query, cursor);
        let Page { items, next } = page.await?;
        let emails = items.into_iter().filter_map(|c| c.email_address);
        let here = emails.filter(|email| email.permission_to_send.as_deref() != Some(UNSUBSCRIBED));
        Ok(Page {
            items: here.map(|email| key(&email.address)).collect(),
            next,
        })
    }

    async fn deleted_since(
        &self,
        token: &SecretString,
        since: Timestamp,
        cursor: Option<&str>,
    ) -> Result<Page<(String, Timestamp)>, CrmError> {
        let after = bound(since);
        // Not by the opt-out's time: a contact that had left before it was deleted may keep that of the former.
        let query = [
            ("status", "deleted"),
            ("updated_after", after.as_str()),
            ("limit", contacts::MAX_PER_PAGE),
        ];
        let page = self.list::<contacts::Listed>(token, "/contacts", &query, cursor);
        let Page { items, next } = page.await?;
        let gone = items.iter().filter_map(contacts::Listed::gone);
        let items = gone.filter(|(_, at)| *at >= since).collect();
        Ok(Page { items, next })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn activity(state: &str, status: &Value, errors: &Value) -> Activity {
        let shown = json!({
            "activity_id": "04fe9a97-a579-43c5-bb1a-58ed29bf0a6a",
            "state": state,
            "created_at": "2026-11-23T10:00:00Z",
            "status": status,
            "activity_errors": errors,
        });
        serde_json::from_value::<ActivityBody>(shown)
            .unwrap()
            .into()
    }

    #[test]
    fn listed_errors_of_an_activity_count_as_errors_even_if_error_count_is_zero() {
        let status = json!({ "items_total_count": 3, "person_count": 2, "error_count": 0 });

        for (errors, error_count) in [
            (json!(["a row was left out"]), 1),
            (json!([{ "message": "a row was left out" }]), 1),
            (json!([]), 0),
            (Value::Null, 0),
        ] {
            let activity = activity("completed", &status, &errors);
            assert_eq!(activity.progress, Progress::Completed { error_count });
            assert_eq!(activity.rows, 2, "a header does not count as a row");
        }
    }

    #[test]
    fn every_kind_of_failed_row_counts_as_troubled() {
        let status = json!({
            "person_count": 9, "error_count": 1, "correctable_count": 2, "cannot_add_to_list_count": 3,
        });

        let activity = activity("completed", &status, &json!(["one more"]));

        assert_eq!(activity.progress, Progress::Completed { error_count: 7 });
    }
}
