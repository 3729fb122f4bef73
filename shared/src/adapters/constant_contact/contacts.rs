use jiff::civil::Date;
use jiff::tz::{self, TimeZone};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;

use super::api::ConstantContact;
use super::merge::{EXPLICIT, IMPLICIT, PENDING, Person, contact_id_in};
use super::sign_up::Form;
use crate::adapters::http::Answer;
use crate::domain::crm::CrmError;
use crate::domain::email::EmailAddress;
use crate::domain::ids::RemoteId;
use crate::domain::lead::{DeliveryAction, Permission};
use crate::ports::{Contacts, CreateOutcome, Found, OptOuts, SignUp, SignedUp};

/// The person has left, or was deleted.
pub(super) const UNSUBSCRIBED: &str = "unsubscribed";

/// The most contacts that one call lists.
pub(super) const MAX_PER_PAGE: &str = "500";

#[derive(Deserialize)]
pub(super) struct Listed {
    contact_id: Option<RemoteId>,
    email_address: Option<ListedEmail>,
    #[serde(default)]
    list_memberships: Vec<RemoteId>,
    first_name: Option<String>,
    last_name: Option<String>,
    job_title: Option<String>,
    company_name: Option<String>,
    /// The day on which it was deleted, if it was.
    deleted_at: Option<String>,
}

impl Listed {
    /// The key of its address, and when the person left or the account deleted the contact, whichever came last.
    pub(super) fn gone(&self) -> Option<(String, Timestamp)> {
        let email = self.email_address.as_ref()?;
        let deleted = self.deleted_at.as_deref();
        let deleted = deleted.map(|day| deleted_by(day, email.opt_out_date));
        let at = email.opted_out_at().max(deleted)?;
        Some((key(&email.address), at))
    }

    fn found(self) -> Option<Found> {
        let gone = self.gone();
        let email = self.email_address?;
        Some(Found {
            contact: self.contact_id?,
            opted_out_at: gone.map(|(_, at)| at),
            permission: email.permission(),
            lists: match self.deleted_at {
                Some(_) => vec![],
                None => self.list_memberships,
            },
            first_name: self.first_name.unwrap_or_default(),
            last_name: self.last_name.unwrap_or_default(),
            job_title: self.job_title.unwrap_or_default(),
            company_name: self.company_name.unwrap_or_default(),
        })
    }
}

#[derive(Deserialize)]
struct ListedEmail {
    address: String,
    permission_to_send: Option<String>,
    opt_out_date: Option<Timestamp>,
    updated_at: Option<Timestamp>,
}

impl ListedEmail {
    fn permission(&self) -> Option<Permission> {
        match self.permission_to_send.as_deref()? {
            EXPLICIT => Some(Permission::Explicit),
            IMPLICIT => Some(Permission::Implicit),
            PENDING => Some(Permission::PendingConfirmation),
            _ => None,
        }
    }

    /// When the person left, if they have. If the answer does not say, as late as possible: nobody is brought back for
    /// lack of a date.
    fn opted_out_at(&self) -> Option<Timestamp> {
        let at = self.opt_out_date.or(self.updated_at);
        let left = self.permission_to_send.as_deref() == Some(UNSUBSCRIBED);
        left.then(|| at.unwrap_or(Timestamp::MAX))
    }
}

/// When a contact was deleted; the deletion may also set its opt-out time. If the opt-out is missing or earlier, only
/// the day is known, but not of which time zone: assume its end in the westernmost.
fn deleted_by(day: &str, opted_out: Option<Timestamp>) -> Timestamp {
    let Some(Ok(day)) = day.get(..10).map(str::parse::<Date>) else {
        return Timestamp::MAX;
    };
    let begins_in = |zone: i8, day: Date| {
        let zone = TimeZone::fixed(tz::offset(zone));
        day.to_zoned(zone).map(|day| day.timestamp())
    };
    let end = day.tomorrow().and_then(|next| begins_in(-12, next));
    let end = end.unwrap_or(Timestamp::MAX);
    let exact = opted_out.filter(|at| begins_in(14, day).is_ok_and(|start| *at >= start));
    exact.unwrap_or(end)
}

/// The answer to a sign-up: its body is optional, the status says the rest.
fn signed_up(answer: &Answer) -> SignedUp {
    #[derive(Deserialize)]
    struct Body {
        contact_id: Option<RemoteId>,
    }
    let body: Option<Body> = answer.json();
    SignedUp {
        contact: body.and_then(|body| body.contact_id),
        action: match answer.status {
            201 => DeliveryAction::Created,
            _ => DeliveryAction::Updated,
        },
        left_out: vec![],
    }
}

/// The key of an address in the account, which may be one that could not sign up with us.
pub(super) fn key(address: &str) -> String {
    let known = address.parse().map(|known: EmailAddress| known.key());
    known.unwrap_or_else(|_| address.to_lowercase())
}

/// The lower bound of a query for changes since a time: a second early, in case the bound itself is excluded, and in
/// milliseconds, like the API's own times.
pub(super) fn bound(since: Timestamp) -> String {
    let early = since.saturating_add(SignedDuration::from_secs(-1));
    format!("{:.3}", early.unwrap_or(since))
}

impl Contacts for ConstantContact {
    async fn sign_up(&self, token: &SecretString, sign_up: &SignUp) -> Result<SignedUp, CrmError> {
        let url = self.url("/contacts/sign_up_form");
        let form = Form::new(sign_up);
        let answer = self.write(Method::POST, token, url, &form).await?;
        Ok(signed_up(&answer))
    }

    async fn make(
        &self,
        token: &SecretString,
        sign_up: &SignUp,
        permission: Permission,
    ) -> Result<CreateOutcome, CrmError> {
        let (new, left_out) = Person::new(sign_up, permission)?;
        let made = self.write(Method::POST, token, self.url("/contacts"), &new);
        match made.await {
            Ok(answer) => Ok(CreateOutcome::New(SignedUp {
                left_out,
                ..signed_up(&answer)
            })),
            Err(CrmError::Conflict(refusal)) => {
                let known = contact_id_in(&refusal.message()).map(CreateOutcome::Known);
                known.ok_or(CrmError::Conflict(refusal))
            }
            Err(error) => Err(error),
        }
    }

    async fn replace(
        &self,
        token: &SecretString,
        contact: &RemoteId,
        sign_up: &SignUp,
    ) -> Result<SignedUp, CrmError> {
        let url = self.url(&format!("/contacts/{contact}"));
        let mut read = url.clone();
        read.query_pairs_mut()
            .append_pair("include", Person::INCLUDE);
        let known: Person = self.get(token, read).await?;
        if let Some(restored) = known.restored() {
            self.write(Method::PUT, token, url.clone(), &restored)
                .await?;
        }
        let (person, left_out) = known.replacing(sign_up)?;
        let answer = self.write(Method::PUT, token, url, &person).await?;
        Ok(SignedUp {
            left_out,
            ..signed_up(&answer)
        })
    }

    async fn find(
        &self,
        token: &SecretString,
        email: &EmailAddress,
    ) -> Result<Option<Found>, CrmError> {
        let query = [
            ("email", email.as_str()),
            ("status", "all"),
            ("include", "list_memberships"),
        ];
        let page = self
            .list::<Listed>(token, "/contacts", &query, None)
            .await?;
        let same = |listed: &Listed| {
            let own = listed.email_address.as_ref();
            own.is_some_and(|own| key(&own.address) == email.key())
        };
        let own = page.items.into_iter().find(same);
        match own.map(Listed::found) {
            Some(None) => Err(CrmError::Unavailable),
            found => Ok(found.flatten()),
        }
    }

    async fn opt_outs_since(
        &self,
        token: &SecretString,
        since: Timestamp,
    ) -> Result<Option<OptOuts>, CrmError> {
        let after = bound(since);
        let query = [
            ("status", "all"),
            ("optout_after", &after),
            ("limit", MAX_PER_PAGE),
        ];
        let page = self
            .list::<Listed>(token, "/contacts", &query, None)
            .await?;
        if page.next.is_some() {
            return Ok(None);
        }
        let gone = page.items.iter().filter_map(Listed::gone);
        Ok(Some(gone.filter(|(_, at)| *at >= since).collect()))
    }
}
