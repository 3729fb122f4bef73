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

/// A contact to be made or updated, of a person who has agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignUp {
    /// The person, within the limits of the API.
    pub contact: Contact,
    /// Custom fields by the account's ids.
    pub custom_fields: Vec<(RemoteId, String)>,
    /// At least one.
    pub lists: Vec<RemoteId>,
}

/// What the API says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedUp {
    /// The contact; absent where the answer lacks it.
    pub contact: Option<RemoteId>,
    /// Whether it is new.
    pub action: DeliveryAction,
    /// What was not said, for want of room in the contact.
    pub left_out: Vec<LeftOut>,
}

/// A part of what was to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOut {
    /// The value of a custom field, by the account's id of that.
    Field(RemoteId),
    /// A part that there is one of.
    Part(OptionalField),
}

/// What came of making a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// It is new.
    New(SignedUp),
    /// There is one of this address, deleted or not.
    Known(RemoteId),
}

/// A contact that was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The contact.
    pub contact: RemoteId,
    /// When the person opted out of this account's mail, if they are opted out now, or the account deleted the contact.
    pub opted_out_at: Option<Timestamp>,
    /// By which permission it is mailed, or will be once the person has confirmed; `None` where it is not mailed.
    pub permission: Option<Permission>,
    /// The lists it is on; none where it was deleted.
    pub lists: Vec<RemoteId>,
    /// Given name; empty where there is none, as the others.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Job title.
    pub job_title: String,
    /// Company.
    pub company_name: String,
}

/// When people left, or the account deleted them, by the [key](EmailAddress::key) of their address.
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

    /// Makes a contact of any address, or finds that there is one. One call. Nobody but the caller sees to it that a new
    /// one is asked to confirm where the account wants that: `permission` may be taken at its word.
    fn make(
        &self,
        token: &SecretString,
        sign_up: &SignUp,
        permission: Permission,
    ) -> impl Future<Output = Result<Made, CrmError>> + Send;

    /// Adds what a sign-up brings to a contact, which keeps all else that it has. What it has no room for is left out, but
    /// for a list: such a sign-up is refused. Two calls.
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

    /// Everybody who opted out at or after `since` and still is, or whom the account deleted then, where one call (a page of
    /// 500) tells it: so many old leads are held against the account's opt-outs at once. `None` where there are more.
    fn opt_outs_since(
        &self,
        token: &SecretString,
        since: Timestamp,
    ) -> impl Future<Output = Result<Option<OptOuts>, CrmError>> + Send;
}

/// Who the account at the other end is, and what the user who connected may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSummary {
    /// The account; `None` where this user may not look at it.
    pub account: Option<Account>,
    /// The user's privileges by name, such as `contacts:write`.
    pub privileges: Vec<String>,
}

/// The account itself.
pub trait Accounts: Send + Sync {
    /// The user's privileges, which everybody may ask for, and the account. Two calls in the time of one; a 403 to the
    /// first says that the application is switched off.
    fn summary(
        &self,
        token: &SecretString,
    ) -> impl Future<Output = Result<AccountSummary, CrmError>> + Send;

    /// All lists and custom fields. As many calls as there are pages, in the time of one.
    fn catalog(
        &self,
        token: &SecretString,
    ) -> impl Future<Output = Result<Catalog, CrmError>> + Send;

    /// All custom fields that a sign-up can fill. One call, as a page holds all that an account can have.
    fn custom_fields(
        &self,
        token: &SecretString,
    ) -> impl Future<Output = Result<Vec<CustomField>, CrmError>> + Send;

    /// Whether a list is there. One call.
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

/// A bulk activity as the account has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Its id.
    pub id: RemoteId,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Contacts in its file; 0 while they are not counted.
    pub rows: usize,
    /// Where it stands.
    pub progress: Progress,
}

/// How far an activity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It waits or runs.
    Pending,
    /// It is done, but for so many rows with trouble.
    Completed {
        /// Rows that did not go in.
        troubled: usize,
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

    /// Contacts that the account deleted at or after `since`, which an import would bring back: the keys of their addresses,
    /// and when that was. A page of up to 500. One call.
    fn deleted_since(
        &self,
        token: &SecretString,
        since: Timestamp,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<Page<(String, Timestamp)>, CrmError>> + Send;

    /// Keys of the addresses of contacts that may be mailed, or have still to confirm, and changed at or after
    /// `since`: a page of up to 500. One call.
    fn changed_since(
        &self,
        token: &SecretString,
        since: Timestamp,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<Page<String>, CrmError>> + Send;
}
