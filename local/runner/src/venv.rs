//! Private Python environments, created once from a pinned list and kept while the list stays the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::cache;
use crate::checkout::Checkout;
use crate::guard::{self, python};
use crate::progress::Progress;

/// A ready environment.
#[derive(Debug, Clone)]
pub struct Venv {
    folder: PathBuf,
}

impl Venv {
    /// The environment of `local/{name}.txt`.
    pub async fn ready(checkout: &Checkout, progress: &Progress, name: &str) -> Result<Self> {
        let list = checkout.path("local").join(format!("{name}.txt"));
        let version = Command::new(python()?).arg("--version").output()?.stdout;
        let install = async |folder: &Path| install(progress, name, &list, folder).await;
        let folder = cache::folder(checkout, ("venv", name), &list, &version, install).await?;
        Ok(Self { folder })
    }

    /// A program of the environment.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin().join(name)
    }

    /// The folder of its programs, for a search path.
    pub fn bin(&self) -> PathBuf {
        self.folder.join("bin")
    }
}

async fn install(progress: &Progress, name: &str, list: &Path, folder: &Path) -> Result<()> {
    let step = progress.step(format!("installing {name} from its pinned list (once)"));
    let python = Path::new(python()?);
    guard::run(&step, python, |command| {
        command.args(["-m", "venv"]).arg(folder);
    })
    .await?;
    guard::run(&step, &folder.join("bin/python"), |command| {
        command
            .args([
                "-m",
                "pip",
                "install",
                "--require-hashes",
                "--no-deps", // the list names all of them
                "--disable-pip-version-check",
                "--no-input",
                "-r",
            ])
            .arg(list);
        command.args(["--progress-bar", "off", "--no-compile"]);
    })
    .await?;
    step.done();
    Ok(())
}
