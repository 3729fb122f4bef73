//! Folders that are filled once from a pinned list, and kept while the list stays the same.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::checkout::Checkout;

/// The folder for `list`, of this kind and name; `install` fills a new one. `with` is what else it depends on.
pub async fn folder(
    checkout: &Checkout,
    (kind, name): (&str, &str),
    list: &Path,
    with: &[u8],
    install: impl AsyncFnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let folder = checkout
        .local_folder(kind)?
        .join(format!("{name}-{}", digest(list, with)?));
    let _lock = checkout.lock(&format!("{kind}-{name}")).await?;
    let complete = folder.join("complete");
    if !complete.exists() {
        remove_older(&folder, name)?;
        install(&folder).await?;
        fs::write(complete, "")?;
    }
    Ok(folder)
}

fn digest(list: &Path, with: &[u8]) -> Result<String> {
    let list = fs::read(list).with_context(|| format!("cannot read {}", list.display()))?;
    let digest = Sha256::new()
        .chain_update(with)
        .chain_update(list)
        .finalize();
    Ok(hex::encode(&digest[..6]))
}

fn remove_older(folder: &Path, name: &str) -> Result<()> {
    let parent = folder.parent().context("a folder lies in a folder")?;
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
