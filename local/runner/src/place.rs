//! Where things lie: the project's folder and the private folder `.local` in it.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The project's folder.
#[derive(Debug, Clone)]
pub struct Place {
    root: PathBuf,
}

impl Place {
    /// The checkout that this program was built from.
    pub fn of_the_checkout() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root
            .canonicalize()
            .with_context(|| format!("{} is gone", root.display()))?;
        Ok(Self { root })
    }

    /// A path in the checkout.
    pub fn root(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// A folder under `.local`, made where it is missing.
    pub fn private(&self, path: &str) -> Result<PathBuf> {
        let folder = self.root.join(".local").join(path);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// Holds a lock between runs of this program, side by side, until the file is dropped.
    pub async fn lock(&self, name: &str) -> Result<File> {
        let path = self.private("locks")?.join(name);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        tokio::task::spawn_blocking(move || file.lock().map(|()| file))
            .await?
            .context("cannot take a lock")
    }
}
