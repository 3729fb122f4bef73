//! The same intake as one would write it in Python and in Node.js, with their SDKs at pinned versions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use leadfeed_local::progress::Progress;
use leadfeed_local::tools::{node_modules, on_path, python_with, run_guarded};

use crate::place::{bench_path, root};
use crate::programs::{EMPTY_HTTP, NODE, PYTHON, Program};

/// In the environment but not in an archive, because Lambda's image has it.
const IN_LAMBDA_IMAGE: [&str; 8] = [
    "pip",
    "setuptools",
    "_distutils_hack",
    "distutils-precedence.pth",
    "awslambdaric",
    "simplejson",
    "snapshot_restore",
    "__pycache__",
];

/// Node's module format has no `require`, which parts of the SDK use.
const REQUIRE: &str =
    r#"import{createRequire}from"node:module";const require=createRequire(import.meta.url);"#;

/// Installs both; Node.js only if it is available.
pub async fn install(progress: &Progress) -> Result<Vec<Program>> {
    let mut peers = vec![python(progress).await?];
    match on_path("node") {
        Some(node) => peers.push(node_js(progress, node).await?),
        None => eprintln!("NOT MEASURED: the Node.js function, since there is no node on the path"),
    }
    Ok(peers)
}

fn peer(name: &'static str, command: Vec<PathBuf>, packed: Vec<PathBuf>) -> Program {
    Program {
        name,
        floor: EMPTY_HTTP,
        event: "lead-json",
        event_label: "a lead as JSON",
        command,
        environment: Vec::new(),
        packed,
    }
}

/// Runs under Lambda's own loop, which is on `PyPI`.
async fn python(progress: &Progress) -> Result<Program> {
    let python = python_with(progress, "bench").await?;
    let source = bench_path("peers/python");
    let mut packed = vec![source.join("handler.py")];
    for package in fs::read_dir(site_packages(&python)?)? {
        let package = package?.path();
        let name = package.file_name().unwrap_or_default().to_string_lossy();
        if !IN_LAMBDA_IMAGE.iter().any(|part| name.starts_with(part)) {
            packed.push(package);
        }
    }
    let command = [python.as_path(), Path::new("-m"), Path::new("awslambdaric")];
    let command = command.into_iter().chain([Path::new("handler.handler")]);
    let mut program = peer(PYTHON, command.map(Path::to_owned).collect(), packed);
    let text = |path: PathBuf| path.into_os_string().into_string();
    let text = |path| text(path).ok().context("a path that is not UTF-8");
    program.environment = vec![
        // Keeps the source folder clean.
        (
            "PYTHONPYCACHEPREFIX",
            text(root().join(".local/bench/pycache"))?,
        ),
        ("PYTHONPATH", text(source)?),
    ];
    Ok(program)
}

fn site_packages(python: &Path) -> Result<PathBuf> {
    let code = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let output = Command::new(python).args(["-c", code]).output()?.stdout;
    Ok(PathBuf::from(String::from_utf8(output)?.trim()))
}

/// Bundled into one file with esbuild, as SAM does it, under a loop of our own.
async fn node_js(progress: &Progress, node: PathBuf) -> Result<Program> {
    let packages = node_modules(progress, "bench/peers/node").await?;
    let folder = root().join(".local/bench/node");
    fs::create_dir_all(&folder)?;
    let bundle = folder.join("function.mjs");
    let step = progress.step("bundling the Node.js function");
    run_guarded(&step, &packages.join(".bin/esbuild"), |command| {
        command.arg(bench_path("peers/node/runtime.mjs"));
        command.args(["--bundle", "--minify", "--platform=node"]);
        command.args(["--format=esm", "--target=node20"]);
        command.arg(format!("--outfile={}", bundle.display()));
        command.arg(format!("--banner:js={REQUIRE}"));
        command.env("NODE_PATH", &packages);
    })
    .await?;
    ensure!(bundle.is_file(), "esbuild wrote nothing");
    step.done();
    Ok(peer(NODE, vec![node, bundle.clone()], vec![bundle]))
}
