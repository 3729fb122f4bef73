//! What the page shows, prepared for its template.

use askama::Template;
use jiff::{Timestamp, tz::TimeZone};
use lambda_http::{Request, RequestExt as _};
use leadfeed_shared::app::admin::descriptions::{
    self, Description, Remedy, describe, describe_state,
};
use leadfeed_shared::app::admin::{Admin, Overview};
use leadfeed_shared::domain::connection::{Connection, ConnectionStatus, LimitedReason};
use leadfeed_shared::domain::email::EmailAddress;
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::ids::FormId;
use leadfeed_shared::domain::lead::{LeadRecord, LeadState, TimelineEntry};
use leadfeed_shared::domain::tally::{Label, Outcome, Tally};
use leadfeed_shared::domain::utc_day;
use leadfeed_shared::ports::{Clock as _, Wiring};
use leadfeed_shared::web::{Problem, day};

use super::chart::Chart;
use crate::snippet::{HtmlSnippet, Inputs};
use crate::sums::{Sums, by_label};

#[derive(Template)]
#[template(path = "manage.html")]
pub struct Page<'a> {
    base: &'a str,
    name: &'a str,
    notice: Option<Notice>,
    connection: Connected<'a>,
    sums: Sums,
    reasons: Vec<Reason<'a>>,
    chart: Chart,
    forms: Vec<FormCard<'a>>,
    leads: Vec<LeadLine>,
}

/// What was just done, from the query of the redirect to the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    Disconnected,
    Retried(u32),
    Erased(u32),
    Suppressed,
}

impl Notice {
    pub fn of(request: &Request) -> Option<Self> {
        let query = request.query_string_parameters();
        let count = query.first("count").and_then(|count| count.parse().ok());
        match query.first("done")? {
            "disconnected" => Some(Self::Disconnected),
            "retried" => Some(Self::Retried(count?)),
            "erased" => Some(Self::Erased(count?)),
            "suppressed" => Some(Self::Suppressed),
            _ => None,
        }
    }
}

struct Connected<'a> {
    account: Option<&'a str>,
    lists: Vec<&'a str>,
    since: Option<String>,
    status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Never,
    Active,
    ListsMissing,
    Powerless,
    OtherAccount,
    NotAllowed,
    Dead,
    Disconnected,
}

impl<'a> Connected<'a> {
    fn of(connection: Option<&'a Connection>) -> Self {
        let Some(connection) = connection else {
            return Self {
                account: None,
                lists: vec![],
                since: None,
                status: Status::Never,
            };
        };
        let status = match &connection.status {
            ConnectionStatus::Active if connection.lists_for(&[]).is_err() => Status::ListsMissing,
            ConnectionStatus::Active => Status::Active,
            ConnectionStatus::Limited { reason } => match reason {
                LimitedReason::MissingPrivilege => Status::Powerless,
                LimitedReason::AccountChanged => Status::OtherAccount,
                LimitedReason::AppDeactivated | LimitedReason::MissingScope => Status::NotAllowed,
            },
            ConnectionStatus::NeedsReconnect { .. } => Status::Dead,
            ConnectionStatus::Disconnected => Status::Disconnected,
        };
        let known = connection.catalog.lists.iter();
        let chosen = known.filter(|list| connection.lists.contains(&list.id));
        Self {
            account: Some(&connection.account.name),
            lists: chosen.map(|list| list.name.as_str()).collect(),
            since: Some(day(connection.connected_at)),
            status,
        }
    }

    fn can_disconnect(&self) -> bool {
        !matches!(self.status, Status::Never | Status::Disconnected)
    }
}

/// Leads that are held back for one reason, or were delivered with a permission other than explicit.
struct Reason<'a> {
    label: &'a Label,
    count: i64,
    description: Description,
}

impl Reason<'_> {
    fn is_waiting(&self) -> bool {
        self.label.outcome() == Some(Outcome::Waiting)
    }

    fn class(&self) -> &'static str {
        match self.label.outcome() {
            Some(Outcome::Delivered) => "delivered",
            Some(Outcome::Waiting) => "waiting",
            _ => "refused",
        }
    }

    fn can_retry(&self) -> bool {
        self.is_waiting() || self.description.remedy == Remedy::Retry
    }
}

fn reasons(tallies: &[Tally]) -> Vec<Reason<'_>> {
    let is_shown =
        |label: &Label| !matches!(label, Label::Delivered | Label::Exported | Label::Erased);
    let mut reasons: Vec<_> = by_label(tallies)
        .into_iter()
        .filter(|(label, count)| is_shown(label) && *count > 0)
        .map(|(label, count)| Reason {
            label,
            count,
            description: describe(label),
        })
        .collect();
    reasons.sort_by_key(|reason| {
        let delivered = reason.label.is_delivered();
        (delivered, !reason.is_waiting(), -reason.count)
    });
    reasons
}

struct FormCard<'a> {
    id: &'a FormId,
    name: &'a str,
    open: bool,
    public: Option<PublicUrls>,
}

/// Shown for a form that anybody may fill in.
struct PublicUrls {
    address: String,
    snippet: String,
}

fn form_card<'a, W: Wiring>(form: &'a Form, admin: &Admin<W>) -> Result<FormCard<'a>, Problem> {
    let public = (!form.signed_only).then(|| {
        let address = format!("{}/f/{}", admin.public_url, form.id);
        let inputs = Inputs::of(form, address.clone());
        let snippet = HtmlSnippet { inputs: &inputs }.render();
        snippet.map(|snippet| PublicUrls { address, snippet })
    });
    Ok(FormCard {
        id: &form.id,
        name: &form.name,
        open: form.open,
        public: public.transpose().map_err(|_| Problem::unavailable())?,
    })
}

/// One lead, with enough of its address to recognise it.
struct LeadLine {
    who: String,
    when: String,
    class: &'static str,
    state: &'static str,
    /// What holds it back.
    why: Option<&'static str>,
    detail: Option<String>,
    exported: Option<String>,
    permission: Option<&'static str>,
    notes: Vec<String>,
    timeline: Vec<(String, &'static str)>,
}

impl LeadLine {
    fn of(record: &LeadRecord) -> Self {
        let erased = record.state == LeadState::Erased;
        let email = &record.lead.contact.email;
        let detail = match &record.state {
            LeadState::Refused { detail, .. } => detail.as_deref(),
            _ => None,
        };
        let notes = descriptions::notes(record.notes()).into_iter();
        let notes = notes.map(|note| mask_address(&note, email));
        let who = if erased {
            "Erased".to_owned()
        } else {
            email.masked()
        };
        Self {
            who,
            when: format_time(record.lead.received_at),
            class: class(&record.state),
            state: descriptions::status(&record.state),
            why: descriptions::reason(&record.state),
            detail: detail.map(|text| mask_address(text, email)),
            exported: record.exported_at.map(format_time),
            permission: descriptions::permission(&record.state),
            notes: notes.collect(),
            timeline: record.timeline.iter().map(timeline_line).collect(),
        }
    }
}

fn timeline_line(entry: &TimelineEntry) -> (String, &'static str) {
    (format_time(entry.at), describe_state(&entry.state))
}

/// Text that is not ours and may quote the address, showing no more of the address than the rest of the page does.
fn mask_address(text: &str, email: &EmailAddress) -> String {
    let (lowercase, address) = (
        text.to_ascii_lowercase(),
        email.as_str().to_ascii_lowercase(),
    );
    let (mut shown, mut copied) = (String::new(), 0);
    for (at, _) in lowercase.match_indices(&address) {
        shown += &text[copied..at];
        shown += &email.masked();
        copied = at + address.len();
    }
    shown + &text[copied..]
}

fn class(state: &LeadState) -> &'static str {
    match state {
        LeadState::Delivered { .. } => "delivered",
        LeadState::Refused { .. } | LeadState::Quarantined { .. } => "refused",
        LeadState::Erased => "erased",
        _ => "waiting",
    }
}

impl<'a> Page<'a> {
    pub fn of<W: Wiring>(
        overview: &'a Overview,
        base: &'a str,
        notice: Option<Notice>,
        admin: &Admin<W>,
    ) -> Result<Self, Problem> {
        let today = utc_day(admin.clock.now());
        let forms = overview.forms.iter().map(|form| form_card(form, admin));
        Ok(Self {
            base,
            name: &overview.customer.name,
            notice,
            connection: Connected::of(overview.connection.as_ref()),
            sums: Sums::of(&overview.days),
            reasons: reasons(&overview.days),
            chart: Chart::of(&overview.days, today),
            forms: forms.collect::<Result<_, _>>()?,
            leads: overview.newest.iter().map(LeadLine::of).collect(),
        })
    }
}

fn format_time(at: Timestamp) -> String {
    let zoned = at.to_zoned(TimeZone::UTC);
    zoned.strftime("%-d %b %Y, %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_quoted_in_a_text_is_masked() {
        let email = "Ada@Example.com".parse().unwrap();
        for (words, shown) in [
            (
                "“ada@example.com” is no address",
                "“A•••@E•••.com” is no address",
            ),
            (
                "ADA@EXAMPLE.COM, Ada@Example.com",
                "A•••@E•••.com, A•••@E•••.com",
            ),
            ("The address is not valid.", "The address is not valid."),
        ] {
            assert_eq!(mask_address(words, &email), shown);
        }
    }
}
