//! The local stack: everything started, or nothing left behind.

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::aws::Aws;
use crate::checkout::Checkout;
use crate::differences;
use crate::front_door::{FrontDoor, ReservedPort, Upstream};
use crate::ministack::MiniStack;
use crate::progress::Progress;
use crate::sam::{Deployment, STACK, Sam};
use crate::sandbox::Sandbox;
use crate::venv::Venv;

/// A running stack. Dropping it stops everything; so does the end of this process, however it ends.
#[derive(Debug)]
pub struct Stack {
    // Dropped in this order: callers before what they call.
    front_door: FrontDoor,
    ministack: MiniStack,
    sandbox: Sandbox,
    aws: Aws,
    deployment: Deployment,
    admin_token: String,
}

impl Stack {
    /// Installs, starts, builds and deploys what is needed.
    pub async fn start(progress: &Progress) -> Result<Self> {
        let checkout = Checkout::locate()?;
        let (sam, ministack) = tokio::try_join!(
            async {
                let venv = Venv::ready(&checkout, progress, "sam").await?;
                let folder = TempDir::new_in(checkout.local_folder("run")?)?;
                let template = Sam::of(&checkout, progress, &venv)
                    .build(&folder.path().join("build"))
                    .await?;
                Ok::<_, anyhow::Error>((venv, folder, template))
            },
            async {
                let venv = Venv::ready(&checkout, progress, "ministack").await?;
                MiniStack::start(&checkout, progress, &venv).await
            },
        )?;
        let (venv, _folder, template) = sam;
        let aws = ministack.aws()?;
        let reserved_port = ReservedPort::reserve().await?;
        let sandbox = Sandbox::start(&format!("{}/oauth/callback", reserved_port.url())).await?;
        let parameters = [
            ("PublicUrl", reserved_port.url()),
            ("ConstantContactApiUrl", &sandbox.api_url()),
            ("ConstantContactAuthUrl", &sandbox.auth_url()),
            ("AlarmMail", "operator@example.com"), // the local topic sends no mail
        ];
        Sam::of(&checkout, progress, &venv)
            .deploy(&template, &aws, &parameters)
            .await?;
        let step = progress.step("storing the application's id and secret");
        let deployment = Deployment::describe(&aws).await?;
        differences::correct(&aws, &deployment).await?;
        store_app(&aws, &sandbox).await?;
        let admin_token = secret(&aws, "keys/admin").await?;
        step.done();
        let lead_webhook = deployment.resource("LeadWebhook")?;
        let upstream = Upstream::new(aws.clone(), deployment.output("ApiUrl")?, lead_webhook)?;
        let front_door = reserved_port.serve(upstream)?;
        Ok(Self {
            front_door,
            ministack,
            sandbox,
            aws,
            deployment,
            admin_token,
        })
    }

    /// The address of the stack, as browsers and forms use it, without a trailing slash.
    pub fn url(&self) -> &str {
        self.front_door.url()
    }

    /// The bearer token of the operator's API.
    pub fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// The Constant Contact sandbox.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The AWS endpoint, called as the account's root.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Names of what was deployed.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// MiniStack, for its log.
    pub fn ministack(&self) -> &MiniStack {
        &self.ministack
    }

    /// Invokes a function by its logical name and returns its payload.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value> {
        let name = self.deployment.resource(function)?;
        self.aws
            .rest(
                "lambda",
                Method::POST,
                &format!("/2015-03-31/functions/{name}/invocations"),
                event,
            )
            .await
    }
}

/// What the operator does once after the first deploy.
async fn store_app(aws: &Aws, sandbox: &Sandbox) -> Result<()> {
    let value = json!({"client_id": sandbox.client_id(), "client_secret": sandbox.client_secret()})
        .to_string();
    let body = json!({"SecretId": format!("leadfeed/{STACK}/app/default"), "SecretString": value});
    aws.json("secretsmanager", "secretsmanager.PutSecretValue", &body)
        .await
        .map(drop)
}

async fn secret(aws: &Aws, name: &str) -> Result<String> {
    let body = json!({"SecretId": format!("leadfeed/{STACK}/{name}")});
    let answer = aws
        .json("secretsmanager", "secretsmanager.GetSecretValue", &body)
        .await?;
    Ok(answer["SecretString"]
        .as_str()
        .context("the secret has no text")?
        .to_owned())
}
