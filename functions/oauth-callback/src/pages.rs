//! The pages. Showing one costs no API call. Their forms name the session they are shown to.

use askama::Template;
use leadfeed_shared::app::connect::{self, Choice, ChoiceFault, ConnectError, Connected, Waiting};
use leadfeed_shared::domain::connection::ConnectionStatus;
use leadfeed_shared::domain::keys::fingerprint;
use leadfeed_shared::web::day;

#[derive(Template)]
#[template(path = "welcome.html")]
pub struct Welcome<'a> {
    name: &'a str,
    again: bool,
}

#[derive(Template)]
#[template(path = "declined.html")]
pub struct Declined<'a> {
    pub session: &'a str,
}

#[derive(Template)]
#[template(path = "disconnected.html")]
pub struct Disconnected<'a> {
    pub session: &'a str,
}

#[derive(Template)]
#[template(path = "other_account.html")]
pub struct OtherAccount<'a> {
    session: &'a str,
    name: &'a str,
    account: &'a str,
    account_named: String,
}

#[derive(Template)]
#[template(path = "powerless.html")]
pub struct Powerless<'a> {
    session: &'a str,
    account: &'a str,
}

#[derive(Template)]
#[template(path = "lists.html")]
pub struct Lists<'a> {
    session: &'a str,
    account: &'a str,
    lists: Vec<List<'a>>,
    waiting: Option<Waiting>,
    new_list: &'a str,
    terms: String,
    account_named: String,
    terms_named: String,
    confirmed: Option<String>,
    ticked: bool,
    faults: &'a [ChoiceFault],
    /// Why the new list was not created, although nothing is wrong with it.
    no_new_list: Option<&'a ConnectError>,
}

/// One list to choose.
pub struct List<'a> {
    id: &'a str,
    name: &'a str,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "done.html")]
pub struct Done<'a> {
    session: &'a str,
    name: &'a str,
    account: &'a str,
    lists: Vec<&'a str>,
    confirmed: String,
}

impl<'a> Welcome<'a> {
    pub fn of(welcome: &'a connect::Welcome) -> Self {
        Self {
            name: &welcome.customer.name,
            again: welcome.again,
        }
    }
}

impl<'a> OtherAccount<'a> {
    pub fn of(connected: &'a Connected, session: &'a str) -> Self {
        Self {
            session,
            name: &connected.customer.name,
            account: &connected.connection.account.name,
            account_named: connected.account_fingerprint(),
        }
    }
}

impl<'a> Powerless<'a> {
    pub fn of(connected: &'a Connected, session: &'a str) -> Self {
        Self {
            session,
            account: &connected.connection.account.name,
        }
    }
}

impl<'a> Lists<'a> {
    /// The current choice of lists.
    pub fn of(connected: &'a Connected, session: &'a str) -> Self {
        let chosen = &connected.connection.lists;
        let mut page = Self::with(connected, session, |id| {
            chosen.iter().any(|list| list.as_str() == id)
        });
        if let [only] = page.lists.as_mut_slice() {
            only.chosen = true;
        }
        page
    }

    /// The lists as somebody just chose them, with what is wrong with that choice.
    pub fn after(
        connected: &'a Connected,
        session: &'a str,
        choice: &'a Choice,
        error: &'a ConnectError,
    ) -> Self {
        let (faults, no_new_list) = match error {
            ConnectError::Choice(faults) => (faults.as_slice(), None),
            ConnectError::NoNewList(cause) => (&[][..], Some(&**cause)),
            _ => (&[][..], None),
        };
        Self {
            new_list: &choice.new_list,
            ticked: choice.terms.is_some() && !faults.contains(&ChoiceFault::TermsNotConfirmed),
            faults,
            no_new_list,
            ..Self::with(connected, session, |id| {
                choice.lists.iter().any(|list| list.as_str() == id)
            })
        }
    }

    fn with(connected: &'a Connected, session: &'a str, is_chosen: impl Fn(&str) -> bool) -> Self {
        let connection = &connected.connection;
        let list = |list: &'a leadfeed_shared::domain::connection::ContactList| List {
            id: list.id.as_str(),
            name: &list.name,
            chosen: is_chosen(list.id.as_str()),
        };
        let terms = connected.terms();
        Self {
            session,
            account: &connection.account.name,
            lists: connection.existing_lists().map(list).collect(),
            waiting: None,
            new_list: "",
            account_named: connected.account_fingerprint(),
            terms_named: fingerprint(&terms),
            terms,
            confirmed: connected.confirmed().map(|terms| day(terms.accepted_at)),
            ticked: false,
            faults: &[],
            no_new_list: None,
        }
    }

    /// Adds what the choice will send out.
    pub fn with_waiting(self, waiting: Option<Waiting>) -> Self {
        Self { waiting, ..self }
    }

    fn has(&self, fault: ChoiceFault) -> bool {
        self.faults.contains(&fault)
    }
}

impl<'a> Done<'a> {
    /// `None` if something is left to do.
    pub fn of(connected: &'a Connected, session: &'a str) -> Option<Self> {
        let Connected {
            customer,
            connection,
        } = connected;
        let terms = connected.confirmed()?;
        let known = connection.catalog.lists.iter();
        let chosen = known.filter(|list| connection.lists.contains(&list.id));
        (connection.status == ConnectionStatus::Active).then(|| Self {
            session,
            name: &customer.name,
            account: &connection.account.name,
            lists: chosen.map(|list| list.name.as_str()).collect(),
            confirmed: day(terms.accepted_at),
        })
    }
}
