//! The real `sam build` and `sam deploy`, pointed at the local endpoint.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::aws::{Aws, REGION, ROOT_KEY};
use crate::checkout::Checkout;
use crate::guard;
use crate::progress::Progress;
use crate::tools::leave_cargo_environment;
use crate::venv::Venv;

/// How this differs from a build for AWS: less optimization, since five functions have to be compiled. With
/// `LEADFEED_BUILD=release`, it is the same.
const QUICK_BUILD: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
];

/// The name of the local stack.
pub const STACK: &str = "leadfeed";

/// The SAM command line of the pinned environment.
#[derive(Debug)]
pub struct Sam<'a> {
    checkout: &'a Checkout,
    progress: &'a Progress,
    venv: &'a Venv,
}

impl<'a> Sam<'a> {
    /// The one in `venv`.
    pub fn of(checkout: &'a Checkout, progress: &'a Progress, venv: &'a Venv) -> Self {
        Self {
            checkout,
            progress,
            venv,
        }
    }

    /// Builds the functions for this machine; returns the built template.
    pub async fn build(&self, into: &Path) -> Result<PathBuf> {
        let step = self.progress.step("building the functions (sam build)");
        step.say("waiting for other builds");
        let _lock = self.checkout.lock("build").await?; // they share the target folder
        let app = self.app_folder()?;
        guard::run(&step, &self.venv.program("sam"), |command| {
            command
                .arg("build")
                .arg("--template-file")
                .arg(self.checkout.path("template.yaml"));
            command.arg("--build-dir").arg(into);
            command
                .arg("--parameter-overrides")
                .arg(format!("Architecture={}", architecture()));
            command.current_dir(self.checkout.path(""));
            self.prepare(command, &app);
            if std::env::var("LEADFEED_BUILD").as_deref() != Ok("release") {
                command.envs(QUICK_BUILD);
            }
        })
        .await?;
        step.done();
        Ok(into.join("template.yaml"))
    }

    /// Deploys the built template.
    pub async fn deploy(
        &self,
        template: &Path,
        aws: &Aws,
        parameters: &[(&str, &str)],
    ) -> Result<()> {
        let step = self.progress.step("deploying the stack (sam deploy)");
        let app = self.app_folder()?;
        guard::run(&step, &self.venv.program("sam"), |command| {
            command.args(["deploy", "--no-confirm-changeset", "--stack-name", STACK]);
            command
                .arg("--config-file")
                .arg(self.checkout.path("samconfig.toml"));
            command.arg("--template-file").arg(template);
            command
                .arg("--parameter-overrides")
                .arg(format!("Architecture={}", architecture()));
            command.args(
                parameters
                    .iter()
                    .map(|(name, value)| format!("{name}={value}")),
            );
            command.current_dir(self.checkout.path(""));
            self.prepare(command, &app);
            local_only(command, aws);
        })
        .await?;
        step.done();
        Ok(())
    }

    fn prepare(&self, command: &mut Command, app: &Path) {
        leave_cargo_environment(command, self.venv);
        command
            .env("__SAM_CLI_APP_DIR", app)
            .env("SAM_CLI_TELEMETRY", "0");
        command.env("AWS_DEFAULT_REGION", REGION);
    }

    /// SAM's own settings folder, kept here; it says that SAM has just looked for a new version, so that it does not.
    fn app_folder(&self) -> Result<PathBuf> {
        let folder = self.checkout.local_folder("sam")?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        fs::write(
            folder.join("metadata.json"),
            format!(r#"{{"telemetryEnabled": false, "lastVersionCheck": {now}}}"#),
        )?;
        Ok(folder)
    }
}

/// Keeps any real account out: the local endpoint, its own keys, and no profile, settings or proxy of the user.
fn local_only(command: &mut Command, aws: &Aws) {
    for (name, _) in std::env::vars() {
        if name.starts_with("AWS_") || name.to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command
        .env("AWS_ENDPOINT_URL", aws.endpoint())
        .env("AWS_DEFAULT_REGION", REGION);
    command
        .env("AWS_ACCESS_KEY_ID", ROOT_KEY)
        .env("AWS_SECRET_ACCESS_KEY", ROOT_KEY);
    command
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("SAM_CLI_POLL_DELAY", "0.5");
}

fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x86_64"
    }
}

/// The outputs of the deployed stack and the physical names of its resources.
#[derive(Debug)]
pub struct Deployment {
    outputs: Vec<(String, String)>,
    resources: Vec<(String, String)>,
}

impl Deployment {
    /// Reads them from CloudFormation.
    pub async fn describe(aws: &Aws) -> Result<Self> {
        let outputs = cloudformation(aws, "DescribeStacks", ["OutputKey", "OutputValue"]).await?;
        let resources = cloudformation(
            aws,
            "DescribeStackResources",
            ["LogicalResourceId", "PhysicalResourceId"],
        )
        .await?;
        Ok(Self { outputs, resources })
    }

    /// An output of the template.
    pub fn output(&self, key: &str) -> Result<&str> {
        find(&self.outputs, key).with_context(|| format!("the stack has no output {key}"))
    }

    /// The physical name of a resource of the template.
    pub fn resource(&self, logical_id: &str) -> Result<&str> {
        find(&self.resources, logical_id)
            .with_context(|| format!("the stack has no resource {logical_id}"))
    }
}

fn find<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.as_str())
}

/// The pairs of sibling elements in an answer.
async fn cloudformation(
    aws: &Aws,
    action: &str,
    [key, value]: [&str; 2],
) -> Result<Vec<(String, String)>> {
    let answer = aws
        .query(
            "cloudformation",
            "2010-05-15",
            &[("Action", action), ("StackName", STACK)],
        )
        .await?;
    let document = roxmltree::Document::parse(&answer).context("CloudFormation answered no XML")?;
    let child = |node: roxmltree::Node<'_, '_>, name: &str| {
        node.children()
            .find(|child| child.tag_name().name() == name)
            .and_then(|child| child.text())
            .map(str::to_owned)
    };
    let pairs: Vec<_> = document
        .descendants()
        .filter_map(|node| Some((child(node, key)?, child(node, value)?)))
        .collect();
    if pairs.is_empty() {
        bail!("{action} named nothing");
    }
    Ok(pairs)
}
