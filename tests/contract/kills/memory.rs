use jiff::SignedDuration;
use leadfeed_shared::app::deliver::Message;
use leadfeed_shared::domain::connection::Connection;
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::fakes::{Call, Memory, Ports, samples};
use leadfeed_shared::ports::{Customers as _, Forms as _};

use super::{Faults, TestStack};
use crate::fresh;
use crate::samples::at;

/// The ports in memory.
pub struct InMemory(Memory);

impl InMemory {
    pub async fn start() -> Self {
        let memory = Memory::new(at(0));
        let customer = samples::customer(at(0));
        memory.directory.put_customer(&customer).await.unwrap();
        let connection = samples::connection(at(0));
        let account = &connection.account.id;
        memory.crm.open_account(account, &connection.account.name);
        let connection = Connection {
            lists: vec![memory.crm.add_list(account, "News")],
            ..connection
        };
        memory.put_connected(connection, "client").await;
        Self(memory)
    }
}

impl TestStack for InMemory {
    type Wiring = Memory;

    fn ports(&self) -> Ports<Memory> {
        self.0.ports()
    }

    async fn form(&self) -> Form {
        let form = Form {
            id: fresh::form(0),
            ..samples::form()
        };
        self.0.directory.put_form(&form).await.unwrap();
        form
    }

    async fn run_with_faults<T>(
        &self,
        faults: &Faults,
        work: impl Future<Output = T>,
    ) -> (Option<T>, u64) {
        let plan = &self.0.faults;
        let before = plan.steps();
        for (step, fault) in faults {
            plan.at(before + step, *fault);
        }
        let done = plan.until_crash(work).await;
        (done, plan.steps() - before)
    }

    async fn receive_messages(&self) -> Vec<Message> {
        self.0.messages()
    }

    fn advance(&self, by: SignedDuration) {
        self.0.clock.advance(by);
    }

    fn sign_ups(&self) -> usize {
        self.0.crm.count(Call::SignUp)
    }
}
