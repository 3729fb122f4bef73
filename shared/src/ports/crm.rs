use std::collections::BTreeMap;
use std::future::Future;

use jiff::Timestamp;
use secrecy::SecretString;

use super::Page;
use crate::domain::connection::{Account, Catalog, ContactList, CustomField};
use crate::domain::contact::Contact;
use crate::domain::crm::{CrmError, OptionalField};
use crate::domain::email::EmailAddress;
use crate::domain::ids::RemoteId;
use crate::domain::import::ImportRow;
use crate::domain::lead::{DeliveryAction, Permission};

/// A contact to be made or updated, for a person who has agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignUp {
    /// The person, within the limits of the API.
    pub contact: Contact,
    /// Custom fields by the account's ids.
    pub custom_fields: Vec<(RemoteId, String)>,
    /// At least one.
    pub lists: Vec<RemoteId>,
}

/// What the API answers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedUp {
    /// The contact; `None` if the answer lacks it.
    pub contact: Option<RemoteId>,
    /// Whether it is new.
    pub action: DeliveryAction,
    /// What was left out because the contact has no room for it.
    pub left_out: Vec<LeftOut>,
}

/// A part of a sign-up that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOut {
    /// The value of a custom field, by the account's id of the field.
    Field(RemoteId),
    /// A part that a contact has only one of.
    Part(OptionalField),
}

/// The result of making a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateOutcome {
    /// It is new.
    New(SignedUp),
    /// A contact with this address exists, deleted or not.
    Known(RemoteId),
}

/// A contact that was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The contact.
    pub contact: RemoteId,
    /// When the person opted out of this account's mail, if they are opted out now, or when the account deleted the
    /// contact.
    pub opted_out_at: Option<Timestamp>,
    /// With which permission it is mailed, or will be once the person has confirmed; `None` if it is not mailed.
    pub permission: Option<Permission>,
    /// The lists it is on; none if it was deleted.
    pub lists: Vec<RemoteId>,
    /// Given name; this and the following are empty if there is none.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Job title.
    pub job_title: String,
    /// Company.
    pub company_name: String,
}

/// When people opted out, or the account deleted them, by the [key](EmailAddress::key) of their address.
pub type OptOuts = BTreeMap<String, Timestamp>;

/// Contacts of an account.
pub trait Contacts: Send + Sync {
    /// Makes or updates a contact by its address, which has to
    /// [fit](crate::domain::email::EmailAddress::fits_sign_up). One call.
    fn sign_up(
        &self,
        token: &SecretString,
        sign_up: &SignUp,
    ) -> impl Future<Output = Result<SignedUp, CrmError>> + Send;

    /// Makes a contact for any address, or finds that there is one. One call. Only the caller ensures that a new one is
    /// asked to confirm if the account wants that: the account may record `permission` as given.
    fn make(
        &self,
        token: &SecretString,
        sign_up: &SignUp,
        permission: Permission,
    ) -> impl Future<Output = Result<CreateOutcome, CrmError>> + Send;

    /// Adds the data of a sign-up to a contact, which keeps everything else. What it has no room for is left out,
    /// except a list: such a sign-up is refused. Two calls, or three for a contact that was deleted.
    fn replace(
        &self,
        token: &SecretString,
        contact: &RemoteId,
        sign_up: &SignUp,
    ) -> impl Future<Output = Result<SignedUp, CrmError>> + Send;

    /// The contact of this address, deleted or not, if there is one. One call.
    fn find(
        &self,
        token: &SecretString,
        email: &EmailAddress,
    ) -> impl Future<Output = Result<Option<Found>, CrmError>> + Send;

    /// Everybody who opted out at or after `since` and still is, or whom the account deleted since then, if one call (a
    /// page of 500) lists them all: so many old leads are checked against the opt-outs at once. `None` if there are
    /// more.
    fn opt_outs_since(
        &self,
        token: &SecretString,
        since: Timestamp,
    ) -> impl Future<Output = Result<Option<OptOuts>, CrmError>> + Send;
}

/// The account and what the user who connected it may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSummary {
    /// The account; `None` if this user may not see it.
    pub account: Option<Account>,
    /// The user's privileges by name, such as `contacts:write`.
    pub privileges: Vec<String>,
}

/// The account itself.
pub trait Accounts: Send + Sync {
    /// The user's privileges, which every user may request, and the account. Two calls in the time of one; a 403 to the
    /// first means that the application is switched off.
    fn summary(
        &self,
        token: &SecretString,
    ) -> impl Future<Output = Result<AccountSummary, CrmError>> + Send;

    /// All lists and custom fields. One call per page, in the time of one.
    fn catalog(
        &self,
        token: &SecretString,
    ) -> impl Future<Output = Result<Catalog, CrmError>> + Send;

    /// All custom fields that a sign-up can fill. One call, since a page holds as many as an account can have.
    fn custom_fields(
        &self,
        token: &SecretString,
    ) -> impl Future<Output = Result<Vec<CustomField>, CrmError>> + Send;

    /// Whether a list exists. One call.
    fn has_list(
        &self,
        token: &SecretString,
        list: &RemoteId,
    ) -> impl Future<Output = Result<bool, CrmError>> + Send;

    /// Makes a list. One call.
    fn create_list(
        &self,
        token: &SecretString,
        name: &str,
    ) -> impl Future<Output = Result<ContactList, CrmError>> + Send;
}

/// A bulk activity as the account reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Its id.
    pub id: RemoteId,
    /// When it was requested.
    pub created_at: Timestamp,
    /// Contacts in its file; 0 until they are counted.
    pub rows: usize,
    /// Where it stands.
    pub progress: Progress,
}

/// How far an activity has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It waits or runs.
    Pending,
    /// It is done, except for some rows with trouble.
    Completed {
        /// Rows that did not go in.
        error_count: usize,
    },
    /// It was cancelled, failed or took too long.
    Failed,
}

/// Bulk imports of an account.
pub trait BulkImports: Send + Sync {
    /// Asks for an import. One call.
    fn import(
        &self,
        token: &SecretString,
        rows: &[ImportRow],
        lists: &[RemoteId],
    ) -> impl Future<Output = Result<Activity, CrmError>> + Send;

    /// One activity; `None` where the account no longer knows it. One call.
    fn activity(
        &self,
        token: &SecretString,
        activity: &RemoteId,
    ) -> impl Future<Output = Result<Option<Activity>, CrmError>> + Send;

    /// The activities of the last ten days: a page of up to 500. One call.
    fn activities(
        &self,
        token: &SecretString,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<Page<Activity>, CrmError>> + Send;

    /// Contacts that the account deleted at or after `since`, which an import would bring back: the keys of their
    /// addresses, and when they were deleted. A page of up to 500. One call.
    fn deleted_since(
        &self,
        token: &SecretString,
        since: Timestamp,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<Page<(String, Timestamp)>, CrmError>> + Send;

    /// Keys of the addresses of contacts that may be mailed or have yet to confirm, and that changed at or after
    /// `since`: a page of up to 500. One call.
    fn changed_since(
        &self,
        token: &SecretString,
        since: Timestamp,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<Page<String>, CrmError>> + Send;
}
