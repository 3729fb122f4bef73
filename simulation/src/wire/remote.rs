//! Constant Contact behind a line. The oracle sees every call at the instant it arrives.

use std::future::Future;

use jiff::Timestamp;
use leadfeed_shared::domain::connection::{Catalog, ContactList, CustomField};
use leadfeed_shared::domain::crm::CrmError;
use leadfeed_shared::domain::email::EmailAddress;
use leadfeed_shared::domain::ids::RemoteId;
use leadfeed_shared::domain::import::ImportRow;
use leadfeed_shared::domain::lead::Permission;
use leadfeed_shared::domain::token::Grant;
use leadfeed_shared::fakes::FakeCrm;
use leadfeed_shared::ports::{
    AccountSummary, Accounts, Activity, AppCredentials, Authorization, BulkImports, Contacts,
    CreateOutcome, Found, OptOuts, Page, Progress, SignUp, SignedUp, TokenError,
};
use secrecy::SecretString;

use super::{Guard, Service, Wire};

/// Wraps the operations of a port with a line, each with its number of calls. Operations after the list are written
/// out.
macro_rules! wired_api {
    ($port:ident {
        $($op:ident($($arg:ident: $ty:ty),*) -> $ok:ty, calls $calls:literal;)*
    } $($own:tt)*) => {
        impl $port for Wire<FakeCrm> {
            $(async fn $op(&self, token: &SecretString, $($arg: $ty),*) -> Result<$ok, CrmError> {
                let effect = $port::$op(&self.port, token, $($arg),*);
                self.api(stringify!($op), $calls, token, effect).await
            })*
            $($own)*
        }
    };
}

impl Wire<FakeCrm> {
    /// This many calls of the API, one right after the other.
    async fn api<R>(
        &self,
        op: &'static str,
        calls: usize,
        token: &SecretString,
        effect: impl Future<Output = Result<R, CrmError>> + Send,
    ) -> Result<R, CrmError> {
        let effect = async {
            let process = &self.line.process;
            self.line.shared.oracle().api_called(process, token, calls);
            effect.await
        };
        self.line.call(Service::Api, op, effect).await
    }
}

impl Wire<FakeCrm> {
    /// Calls that create or change a contact; `is_change` tells whether the answer reports a change.
    async fn write<R>(
        &self,
        (op, calls): (&'static str, usize),
        token: &SecretString,
        sign_up: &SignUp,
        effect: impl Future<Output = Result<R, CrmError>> + Send,
        is_change: fn(&R) -> bool,
    ) -> Result<R, CrmError> {
        let effect = async {
            let answer = effect.await;
            let changed = match &answer {
                Ok(answer) => is_change(answer),
                Err(error) => *error == CrmError::AnswerLost,
            };
            let mut oracle = self.line.shared.oracle();
            oracle.sign_up_called(&self.line.process, token, sign_up, changed);
            drop(oracle);
            answer
        };
        let answer = self.api(op, calls, token, effect).await;
        let mut oracle = self.line.shared.oracle();
        oracle.sign_up_answered(&self.line.process, &sign_up.contact.email);
        answer
    }
}

impl Contacts for Wire<FakeCrm> {
    async fn sign_up(&self, token: &SecretString, sign_up: &SignUp) -> Result<SignedUp, CrmError> {
        let effect = self.port.sign_up(token, sign_up);
        self.write(("sign_up", 1), token, sign_up, effect, |_| true)
            .await
    }

    async fn make(
        &self,
        token: &SecretString,
        sign_up: &SignUp,
        permission: Permission,
    ) -> Result<CreateOutcome, CrmError> {
        let is_new = |made: &CreateOutcome| matches!(made, CreateOutcome::New(_));
        let effect = self.port.make(token, sign_up, permission);
        self.write(("make", 1), token, sign_up, effect, is_new)
            .await
    }

    async fn replace(
        &self,
        token: &SecretString,
        contact: &RemoteId,
        sign_up: &SignUp,
    ) -> Result<SignedUp, CrmError> {
        let effect = self.port.replace(token, contact, sign_up);
        self.write(("replace", 2), token, sign_up, effect, |_| true)
            .await
    }

    async fn find(
        &self,
        token: &SecretString,
        email: &EmailAddress,
    ) -> Result<Option<Found>, CrmError> {
        let effect = async {
            let mut found = self.port.find(token, email).await;
            if let Ok(Some(found)) = &mut found
                && self.line.shared.lacks(Guard::OptOutCheck)
            {
                found.opted_out_at = None;
            }
            found
        };
        self.api("find", 1, token, effect).await
    }

    async fn opt_outs_since(
        &self,
        token: &SecretString,
        since: Timestamp,
    ) -> Result<Option<OptOuts>, CrmError> {
        let effect = async {
            let gone = self.port.opt_outs_since(token, since).await;
            match gone {
                Ok(Some(_)) if self.line.shared.lacks(Guard::OptOutCheck) => {
                    Ok(Some(OptOuts::new()))
                }
                gone => gone,
            }
        };
        self.api("opt_outs_since", 1, token, effect).await
    }
}

wired_api! { Accounts {
    summary() -> AccountSummary, calls 2;
    catalog() -> Catalog, calls 2;
    custom_fields() -> Vec<CustomField>, calls 1;
    has_list(list: &RemoteId) -> bool, calls 1;
    create_list(name: &str) -> ContactList, calls 1;
} }

wired_api! { BulkImports {
    activities(cursor: Option<&str>) -> Page<Activity>, calls 1;
    changed_since(since: Timestamp, cursor: Option<&str>) -> Page<String>, calls 1;
}
    async fn import(
        &self,
        token: &SecretString,
        rows: &[ImportRow],
        lists: &[RemoteId],
    ) -> Result<Activity, CrmError> {
        let effect = async {
            let answer = self.port.import(token, rows, lists).await;
            self.line.shared.oracle().import_called(token, rows, &answer);
            answer
        };
        self.api("import", 1, token, effect).await
    }

    async fn activity(
        &self,
        token: &SecretString,
        activity: &RemoteId,
    ) -> Result<Option<Activity>, CrmError> {
        let effect = async {
            let shown = self.port.activity(token, activity).await?;
            let completed = || Activity {
                id: activity.clone(),
                created_at: Timestamp::UNIX_EPOCH,
                rows: usize::MAX,
                progress: Progress::Completed { error_count: 0 },
            };
            let failed = shown.as_ref().map(|shown| shown.progress) == Some(Progress::Failed);
            let pretends = (failed || shown.is_none()) && self.line.shared.lacks(Guard::ImportEnd);
            Ok(if pretends { Some(completed()) } else { shown })
        };
        self.api("activity", 1, token, effect).await
    }

    async fn deleted_since(
        &self,
        token: &SecretString,
        since: Timestamp,
        cursor: Option<&str>,
    ) -> Result<Page<(String, Timestamp)>, CrmError> {
        let effect = async {
            let mut page = self.port.deleted_since(token, since, cursor).await?;
            if self.line.shared.lacks(Guard::OptOutCheck) {
                page.items.clear();
            }
            Ok(page)
        };
        self.api("deleted_since", 1, token, effect).await
    }
}

impl Authorization for Wire<FakeCrm> {
    async fn exchange(
        &self,
        app: &AppCredentials,
        code: &SecretString,
        verifier: Option<&SecretString>,
    ) -> Result<Grant, TokenError> {
        let effect = async {
            let granted = self.port.exchange(app, code, verifier).await;
            if let Ok(grant) = &granted {
                self.line.shared.oracle().exchanged(code, grant);
            }
            granted
        };
        self.line.call(Service::Tokens, "exchange", effect).await
    }

    async fn refresh(
        &self,
        app: &AppCredentials,
        refresh_token: &SecretString,
    ) -> Result<Grant, TokenError> {
        let effect = async {
            let process = &self.line.process;
            self.line
                .shared
                .oracle()
                .refresh_called(process, refresh_token);
            let granted = self.port.refresh(app, refresh_token).await;
            if let Ok(grant) = &granted {
                self.line.shared.oracle().refreshed(refresh_token, grant);
            }
            granted
        };
        let granted = self.line.call(Service::Tokens, "refresh", effect).await;
        self.line
            .shared
            .oracle()
            .refresh_answered(&self.line.process);
        granted
    }
}
