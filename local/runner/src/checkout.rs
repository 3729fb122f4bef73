//! Paths: the checkout and the private folder `.local` in it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::sleep;

/// How often a waiting process checks whether a lock is free.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The project's folder.
#[derive(Debug, Clone)]
pub struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// The checkout that this program was built from.
    pub fn locate() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root
            .canonicalize()
            .with_context(|| format!("{} is gone", root.display()))?;
        Ok(Self { root })
    }

    /// A path in the checkout.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// A folder under `.local`, created if missing.
    pub fn local_folder(&self, path: &str) -> Result<PathBuf> {
        let folder = self.root.join(".local").join(path);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// Holds a lock against concurrent runs of this program, until the file is dropped.
    pub async fn lock(&self, name: &str) -> Result<File> {
        let path = self.local_folder("locks")?.join(name);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                // Polls, since a blocked thread would hold up the runtime's shutdown, and with it Ctrl-C.
                Err(TryLockError::WouldBlock) => sleep(POLL_INTERVAL).await,
                Err(TryLockError::Error(error)) => return Err(error).context("cannot take a lock"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use tokio::runtime::Runtime;
    use tokio::time::timeout;

    use super::*;

    #[test]
    fn runtime_can_shut_down_while_waiting_for_a_lock() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let checkout = Checkout { root };
        let other = Runtime::new().unwrap();
        let held = other.block_on(checkout.lock("build")).unwrap();
        let (ended, end) = mpsc::channel();

        thread::spawn(move || {
            let runtime = Runtime::new().unwrap();
            let given_up = runtime.block_on(async {
                let lock = checkout.lock("build");
                timeout(Duration::from_millis(100), lock).await.is_err()
            });
            drop(runtime);
            ended.send(given_up).unwrap();
        });

        assert_eq!(end.recv_timeout(Duration::from_secs(30)), Ok(true));
        drop(held);
    }
}
