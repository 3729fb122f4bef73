use jiff::SignedDuration;
use leadfeed_shared::app::deliver::batch::Message;
use leadfeed_shared::domain::connection::{Account, ConfirmedOptIn, Connection, Learned};
use leadfeed_shared::domain::customer::Customer;
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::ids::{AppId, CustomerId};
use leadfeed_shared::domain::token::StoredTokens;
use leadfeed_shared::fakes::{self, Call, Memory, Ports, STACK};
use leadfeed_shared::ports::{
    Clock as _, Connections as _, Customers as _, Forms as _, Vault as _,
};

use super::{Faults, Stage};
use crate::{fresh, samples};

const ACCOUNT: &str = "account-1";

/// The ports in memory.
pub struct InMemory {
    memory: Memory,
    customer: CustomerId,
}

impl InMemory {
    pub async fn start() -> Self {
        let memory = Memory::new(samples::at(0));
        let customer = Customer {
            app: AppId::default_app(),
            ..samples::customer(fresh::customer())
        };
        memory.directory.put_customer(&customer).await.unwrap();
        memory.crm.open_account(ACCOUNT, "Analytical Engines");
        let tokens = memory.crm.connect(ACCOUNT, "client");
        let seen = ConfirmedOptIn {
            on: false,
            seen_at: memory.clock.now(),
        };
        let connection = Connection {
            app: customer.app.clone(),
            stack: STACK.into(),
            account: Account {
                id: ACCOUNT.into(),
                name: "Analytical Engines".into(),
            },
            lists: vec![memory.crm.add_list(ACCOUNT, "News")],
            generation: 1,
            token_expires_at: tokens.expires_at,
            lease: None,
            cooldown_until: None,
            learned: Learned {
                lists_gone: vec![],
                confirmed_opt_in: Some(seen),
                fields_read_at: None,
            },
            ..samples::connection(&customer.id)
        };
        let stored = StoredTokens {
            generation: 1,
            tokens,
        };
        memory.vault.keep(&customer.id, &stored).await.unwrap();
        let put = memory.directory.put_connection(&connection).await;
        assert!(put.unwrap());
        Self {
            memory,
            customer: customer.id,
        }
    }
}

impl Stage for InMemory {
    type Wiring = Memory;

    fn ports(&self) -> Ports<Memory> {
        self.memory.ports()
    }

    async fn form(&self) -> Form {
        let form = Form {
            id: fresh::form(0),
            customer: self.customer.clone(),
            ..fakes::samples::form()
        };
        self.memory.directory.put_form(&form).await.unwrap();
        form
    }

    async fn struck<T>(&self, faults: &Faults, work: impl Future<Output = T>) -> (Option<T>, u64) {
        let plan = &self.memory.faults;
        let before = plan.steps();
        for (step, fault) in faults {
            plan.at(before + step, *fault);
        }
        let done = plan.until_crash(work).await;
        (done, plan.steps() - before)
    }

    async fn received(&self) -> Vec<Message> {
        self.memory.messages()
    }

    fn advance(&self, by: SignedDuration) {
        self.memory.clock.advance(by);
    }

    fn sign_ups(&self) -> usize {
        self.memory.crm.count(Call::SignUp)
    }
}
