use std::sync::Arc;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use jiff::SignedDuration;
use leadfeed_shared::app::deliver::Message;
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::fakes::{self, Ports, VirtualClock};
use leadfeed_shared::ports::{Clock as _, Forms as _};

use super::{Faults, TestStack};
use crate::dynamo::Tables;
use crate::fresh;
use crate::real::{Real, World};
use crate::wire::Steps;

/// The AWS adapters behind a proxy that injects faults, and the sandbox.
pub struct OverAws {
    world: World<VirtualClock>,
    steps: Arc<Steps>,
    sqs: aws_sdk_sqs::Client,
    customer: CustomerId,
}

impl OverAws {
    pub async fn start(aws: SdkConfig, tables: Tables, queue: String) -> Self {
        // A retried request would be another step.
        let without_retries = aws.to_builder().retry_config(RetryConfig::disabled());
        let (world, steps) = World::with_steps(without_retries.build(), tables, queue).await;
        let expires_at = world.clock.now() + SignedDuration::from_hours(23);
        Self {
            sqs: aws_sdk_sqs::Client::new(&world.dynamodb),
            customer: world.customer(expires_at).await,
            world,
            steps,
        }
    }
}

impl TestStack for OverAws {
    type Wiring = Real<VirtualClock>;

    fn ports(&self) -> Ports<Self::Wiring> {
        self.world.ports()
    }

    async fn form(&self) -> Form {
        let form = Form {
            id: fresh::form(0),
            customer: self.customer.clone(),
            ..fakes::samples::form()
        };
        self.world.directory().put_form(&form).await.unwrap();
        form
    }

    async fn run_with_faults<T>(
        &self,
        faults: &Faults,
        work: impl Future<Output = T>,
    ) -> (Option<T>, u64) {
        self.steps.restart(faults.clone());
        let done = self.steps.run_until_killed(work).await;
        let taken = self.steps.taken();
        self.steps.restart(None);
        (done, taken)
    }

    async fn receive_messages(&self) -> Vec<Message> {
        let request = self.sqs.receive_message().queue_url(&self.world.queue);
        let answer = request.max_number_of_messages(10).send().await.unwrap();
        let mut messages = Vec::new();
        for message in answer.messages.unwrap_or_default() {
            let request = self.sqs.delete_message().queue_url(&self.world.queue);
            let request = request.set_receipt_handle(message.receipt_handle);
            request.send().await.unwrap();
            messages.push(Message {
                id: message.message_id.unwrap_or_default(),
                body: message.body,
            });
        }
        messages
    }

    fn advance(&self, by: SignedDuration) {
        self.world.clock.advance(by);
        self.world.sandbox.advance(by);
    }

    fn sign_ups(&self) -> usize {
        self.world.sandbox.with(|lab| {
            let calls = lab.journal.entries().iter();
            calls
                .filter(|call| call.path.ends_with("/sign_up_form"))
                .count()
        })
    }
}
