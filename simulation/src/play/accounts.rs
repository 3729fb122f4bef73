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
use crate::wire::{ProcessContext, Wired};
use crate::world::{Instance, World};

/// The time limit for going through all pages.
const SESSION_TIMEOUT: SignedDuration = SignedDuration::from_mins(3);
const OWNER_PRIVILEGES: [&str; 4] = [
    "contacts:read",
    "contacts:write",
    "contacts:lists:read",
    "contacts:lists:write",
];

/// A person going through the connect pages.
struct ConnectSession {
    context: ProcessContext,
    customer: leadfeed_shared::domain::ids::CustomerId,
    account: String,
    client: String,
    /// Whether they confirm another account.
    confirms_other_account: bool,
    /// Whether they choose lists, or close the window.
    chooses_lists: bool,
}

impl World {
    /// A customer follows a new link.
    pub fn connect(&mut self, customer: u8, account: u8, dice: &mut Dice) {
        let customer = &self.customers[usize::from(customer)];
        let (id, client, account) = (
            customer.id.clone(),
            customer.client.clone(),
            customer.account(account),
        );
        let context = self.new_process("pages");
        let process = context.line.process.clone();
        let session = ConnectSession {
            context,
            customer: id,
            account,
            client,
            confirms_other_account: self.fault_free || dice.chance(60),
            chooses_lists: self.fault_free || dice.chance(90),
        };
        // A failed step needs no handling: the person begins again.
        let work = async move {
            session.run().await;
        };
        self.start(
            &process,
            dice.roll(),
            SESSION_TIMEOUT,
            Instance::OneOff,
            Box::pin(work),
        );
    }

    /// Deletes the account's first list.
    pub fn remove_list(&mut self, customer: u8) {
        let customer = &self.customers[usize::from(customer)];
        let connection = self.memory.directory.peek(&customer.id);
        let list = connection.and_then(|connection| connection.lists.first().cloned());
        if let Some(list) = list {
            self.memory.crm.remove_list(&customer.account(0), &list);
        }
    }

    /// Makes the accounts ask new contacts to confirm, or not.
    pub fn set_confirmed_opt_in(&mut self, customer: u8, on: bool) {
        let id = self.customers[usize::from(customer)].id.clone();
        self.shared.oracle().set_confirmation(&id, on);
        self.for_each_account(customer, |crm, account| {
            crm.set_confirmed_opt_in(account, on)
        });
    }

    /// Gives the connected user its privileges, or removes them.
    pub fn set_rights(&mut self, customer: u8, on: bool) {
        let rights = if on {
            &OWNER_PRIVILEGES[..]
        } else {
            &OWNER_PRIVILEGES[..1]
        };
        self.for_each_account(customer, |crm, account| crm.set_privileges(account, rights));
    }

    /// Changes both accounts of a customer.
    pub fn for_each_account(&self, customer: u8, change: impl Fn(&FakeCrm, &str)) {
        let customer = &self.customers[usize::from(customer)];
        for account in 0..2 {
            change(&self.memory.crm, &customer.account(account));
        }
    }

    /// Deletes the row of every budget: the budget assumed then may count fewer calls than were made.
    pub fn lose_budget(&mut self) {
        let (now, limits) = (self.now(), self.limits());
        for customer in &self.customers {
            self.memory
                .budget
                .set(&customer.app, BudgetState::assumed(limits, now));
        }
        self.shared.oracle().budget_lost();
    }
}

impl ConnectSession {
    async fn run(self) -> Option<()> {
        let ports = self.context.ports();
        let admin = ports.admin();
        let link = admin.connect_link(&self.customer).await.ok()?;
        let token = link.url.rsplit('/').next()?.to_owned();
        let connect = ports.connect();
        let welcome = connect.show(&token, None).await.ok()?;
        let cookie = welcome.session.cookie().to_owned();
        let redirect = connect.start(&token, Some(&cookie)).await.ok()?;
        let cookie = redirect.session.cookie().to_owned();
        let query: HashMap<_, _> = redirect.location.query_pairs().into_owned().collect();
        let crm = &self.context.memory.crm;
        let code = crm.authorize(&self.account, &self.client);
        self.context
            .line
            .shared
            .oracle()
            .authorized(&self.account, &code);
        let back = CallbackParams {
            state: Some(SecretString::from(query.get("state")?.as_str())),
            code: Some(code.into()),
            ..CallbackParams::default()
        };
        if self.context.memory.directory.peek(&self.customer).is_none() {
            // The first account needs no confirmation.
            self.context
                .line
                .shared
                .oracle()
                .account_confirmed(&self.customer, &self.account);
        }
        let landing = connect.handle_callback(back, Some(&cookie)).await.ok()?;
        match landing {
            CallbackOutcome::OtherAccount if self.confirms_other_account => {
                let shown = connect.connected(Some(&cookie)).await.ok()?;
                if shown.connection.account.id != self.account {
                    return None; // somebody else connected meanwhile
                }
                let shared = &self.context.line.shared;
                shared
                    .oracle()
                    .account_confirmed(&self.customer, &self.account);
                let account = shown.account_fingerprint();
                let confirmed = connect.confirm_account(Some(&cookie), Some(&account));
                confirmed.await.ok()?;
            }
            CallbackOutcome::Lists => {}
            _ => return None,
        }
        if self.chooses_lists {
            self.choose(&connect, &cookie).await?;
        }
        Some(())
    }

    async fn choose(&self, connect: &Connect<Wired>, cookie: &str) -> Option<()> {
        let connected = connect.connected(Some(cookie)).await.ok()?;
        let lists: Vec<_> = connected.connection.existing_lists().take(1).collect();
        let now = self.context.memory.clock.now();
        let choice = Choice {
            lists: lists.iter().map(|list| list.id.clone()).collect(),
            new_list: if lists.is_empty() {
                format!("Leads {}", now.as_millisecond())
            } else {
                String::new()
            },
            terms: Some(fingerprint(&connected.terms())),
            ip: None,
            account: Some(connected.account_fingerprint()),
        };
        connect.choose(Some(cookie), choice).await.ok()
    }
}
