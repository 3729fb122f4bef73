//! npm packages, installed once from a lock file.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cache;
use crate::checkout::Checkout;
use crate::guard;
use crate::progress::Progress;

/// Installs the packages in the `package-lock.json` of a folder of the checkout. None of their scripts is run.
pub async fn packages(checkout: &Checkout, progress: &Progress, folder: &str) -> Result<PathBuf> {
    let source = checkout.path(folder);
    let name = source.file_name().unwrap_or_default();
    let name = name.to_str().context("a folder has a name")?;
    let lock = source.join("package-lock.json");
    let install = async |folder: &Path| {
        let step = progress.step(format!("installing {name} from its lock file (once)"));
        fs::create_dir_all(folder)?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(source.join(file), folder.join(file))?;
        }
        guard::run(&step, Path::new("npm"), |command| {
            command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
            command.current_dir(folder);
        })
        .await?;
        step.done();
        Ok(())
    };
    let folder = cache::folder(checkout, ("npm", name), &lock, &[], install).await?;
    Ok(folder.join("node_modules"))
}
