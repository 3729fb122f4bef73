//! Private Python environments, made once from a pinned list and kept while the list stays the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::guard::{self, python};
use crate::place::Place;
use crate::progress::Progress;

/// A ready environment.
#[derive(Debug, Clone)]
pub struct Venv {
    folder: PathBuf,
}

impl Venv {
    /// The environment of `local/{name}.txt`.
    pub async fn ready(place: &Place, progress: &Progress, name: &str) -> Result<Self> {
        let list = place.root("local").join(format!("{name}.txt"));
        let folder = place
            .private("venv")?
            .join(format!("{name}-{}", digest(&list)?));
        let _lock = place.lock(&format!("venv-{name}")).await?;
        let complete = folder.join("complete");
        if !complete.exists() {
            remove_older(&folder, name)?;
            install(progress, name, &list, &folder).await?;
            fs::write(complete, "")?;
        }
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

fn digest(list: &Path) -> Result<String> {
    let version = Command::new(python()?).arg("--version").output()?.stdout;
    let list = fs::read(list).with_context(|| format!("cannot read {}", list.display()))?;
    let digest = Sha256::new()
        .chain_update(version)
        .chain_update(list)
        .finalize();
    Ok(hex::encode(&digest[..6]))
}

fn remove_older(folder: &Path, name: &str) -> Result<()> {
    let parent = folder.parent().context("an environment lies in a folder")?;
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let is_older = entry
            .file_name()
            .to_string_lossy()
            .rsplit_once('-')
            .is_some_and(|(stem, _)| stem == name);
        if is_older {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
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
                "--no-deps", // the list names them all
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
