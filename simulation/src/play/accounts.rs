//! Events of customers and their accounts at Constant Contact.

use std::collections::HashMap;

use jiff::SignedDuration;
use leadfeed_shared::app::connect::{CallbackOutcome, CallbackParams, Choice, Connect};
use leadfeed_shared::domain::budget::BudgetState;
use leadfeed_shared::domain::keys::fingerprint;
use leadfeed_shared::fakes::FakeCrm;
use leadfeed_shared::ports::Clock as _;
use secrecy::SecretString;

use crate::dice::Dice;
use crate::wire::{Reach, Wired};
use crate::world::{Warm, World};

/// Time for going through all the pages.
const WALK: SignedDuration = SignedDuration::from_mins(3);
const OWNER: [&str; 4] = [
    "contacts:read",
    "contacts:write",
    "contacts:lists:read",
    "contacts:lists:write",
];

/// Somebody going through the pages.
struct Walk {
    reach: Reach,
    customer: leadfeed_shared::domain::ids::CustomerId,
    account: String,
    client: String,
    /// Whether they confirm another account.
    means_it: bool,
    /// Whether they choose lists, or close the window.
    chooses: bool,
}

impl World {
    /// A customer follows a new link.
    pub fn connect(&mut self, customer: u8, account: u8, luck: &mut Dice) {
        let side = &self.sides[usize::from(customer)];
        let (id, client, account) = (side.id.clone(), side.client.clone(), side.account(account));
        let reach = self.reach("pages");
        let process = reach.line.process.clone();
        let walk = Walk {
            reach,
            customer: id,
            account,
            client,
            means_it: self.calm || luck.chance(60),
            chooses: self.calm || luck.chance(90),
        };
        // An unfinished step is no loss: the person begins again.
        let work = async move {
            walk.walk().await;
        };
        self.start(&process, luck.roll(), WALK, Warm::Cold, Box::pin(work));
    }

    /// Deletes the account's first list.
    pub fn remove_list(&mut self, customer: u8) {
        let side = &self.sides[usize::from(customer)];
        let connection = self.memory.directory.look(&side.id);
        let list = connection.and_then(|connection| connection.lists.first().cloned());
        if let Some(list) = list {
            self.memory.crm.remove_list(&side.account(0), &list);
        }
    }

    /// Makes the accounts ask new contacts to confirm, or not.
    pub fn ask_to_confirm(&mut self, customer: u8, on: bool) {
        let id = self.sides[usize::from(customer)].id.clone();
        self.shared.oracle().asks_to_confirm(&id, on);
        self.of_accounts(customer, |crm, account| {
            crm.set_confirmed_opt_in(account, on)
        });
    }

    /// Gives the connected user its privileges, or removes them.
    pub fn set_rights(&mut self, customer: u8, on: bool) {
        let rights = if on { &OWNER[..] } else { &OWNER[..1] };
        self.of_accounts(customer, |crm, account| crm.set_privileges(account, rights));
    }

    /// Changes both accounts of a customer.
    pub fn of_accounts(&self, customer: u8, change: impl Fn(&FakeCrm, &str)) {
        let side = &self.sides[usize::from(customer)];
        for account in 0..2 {
            change(&self.memory.crm, &side.account(account));
        }
    }

    /// Deletes the row of every budget: what is assumed then may be less than what was spent.
    pub fn lose_budget(&mut self) {
        let (now, limits) = (self.now(), self.limits());
        for side in &self.sides {
            self.memory
                .budget
                .set(&side.app, BudgetState::assumed(limits, now));
        }
        self.shared.oracle().budget_was_lost();
    }
}

impl Walk {
    async fn walk(self) -> Option<()> {
        let ports = self.reach.ports();
        let admin = ports.admin();
        let made = admin.connect_link(&self.customer).await.ok()?;
        let token = made.url.rsplit('/').next()?.to_owned();
        let connect = ports.connect();
        let welcome = connect.show(&token, None).await.ok()?;
        let cookie = welcome.session.cookie().to_owned();
        let redirect = connect.start(&token, Some(&cookie)).await.ok()?;
        let cookie = redirect.session.cookie().to_owned();
        let query: HashMap<_, _> = redirect.location.query_pairs().into_owned().collect();
        let crm = &self.reach.memory.crm;
        let code = crm.authorize(&self.account, &self.client);
        self.reach
            .line
            .shared
            .oracle()
            .authorized(&self.account, &code);
        let back = CallbackParams {
            state: Some(SecretString::from(query.get("state")?.as_str())),
            code: Some(code.into()),
            ..CallbackParams::default()
        };
        if self.reach.memory.directory.look(&self.customer).is_none() {
            // The first account needs no confirmation.
            self.reach
                .line
                .shared
                .oracle()
                .means(&self.customer, &self.account);
        }
        let landing = connect.finish(back, Some(&cookie)).await.ok()?;
        match landing {
            CallbackOutcome::OtherAccount if self.means_it => {
                let shown = connect.connected(Some(&cookie)).await.ok()?;
                if shown.connection.account.id != self.account {
                    return None; // somebody else connected meanwhile
                }
                let shared = &self.reach.line.shared;
                shared.oracle().means(&self.customer, &self.account);
                let account = shown.account_named();
                let confirmed = connect.confirm_account(Some(&cookie), Some(&account));
                confirmed.await.ok()?;
            }
            CallbackOutcome::Lists => {}
            _ => return None,
        }
        if self.chooses {
            self.choose(&connect, &cookie).await?;
        }
        Some(())
    }

    async fn choose(&self, connect: &Connect<Wired>, cookie: &str) -> Option<()> {
        let connected = connect.connected(Some(cookie)).await.ok()?;
        let lists: Vec<_> = connected.connection.lists_there().take(1).collect();
        let now = self.reach.memory.clock.now();
        let choice = Choice {
            lists: lists.iter().map(|list| list.id.clone()).collect(),
            new_list: if lists.is_empty() {
                format!("Leads {}", now.as_millisecond())
            } else {
                String::new()
            },
            terms: Some(fingerprint(&connected.terms())),
            ip: None,
            account: Some(connected.account_named()),
        };
        connect.choose(Some(cookie), choice).await.ok()
    }
}
