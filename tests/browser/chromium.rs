//! Chromium, driven through chromedriver; both end with this process.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use leadfeed_local::GuardedProcess;
use leadfeed_local::tools::on_path;
use serde_json::{Value, json};

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Only loopback can be reached, and the browser makes no requests of its own.
const FLAGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
];
const HOSTS: &str = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost";

static DRIVER: LazyLock<Driver> = LazyLock::new(Driver::start);

/// The installed programs.
pub struct Programs {
    chromedriver: PathBuf,
    chromium: PathBuf,
}

/// A running chromedriver. The guard ends it and its browsers, and removes their profiles.
struct Driver {
    _guarded: GuardedProcess,
    chromium: PathBuf,
    folder: PathBuf,
    url: String,
}

impl Programs {
    /// `None` if one is missing.
    pub fn find() -> Option<Self> {
        Some(Self {
            chromedriver: on_path("chromedriver")?,
            chromium: ["chromium", "chromium-browser", "google-chrome"]
                .into_iter()
                .find_map(on_path)?,
        })
    }
}

impl Driver {
    fn start() -> Self {
        let programs = Programs::find().expect("chromium and chromedriver");
        let folder = tempfile::tempdir().unwrap().keep(); // removed by the guard, which outlives us
        let log = folder.join("chromedriver.log");
        let guarded = GuardedProcess::start(
            &folder,
            File::create(&log).unwrap(),
            &programs.chromedriver,
            |command| {
                command.arg("--port=0").env("TMPDIR", &folder);
            },
        )
        .unwrap();
        let port = port(&log);
        Self {
            _guarded: guarded,
            chromium: programs.chromium,
            folder,
            url: format!("http://127.0.0.1:{port}"),
        }
    }
}

/// The port that chromedriver chose, which it prints once it listens.
fn port(log: &Path) -> u16 {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        let output = fs::read_to_string(log).unwrap();
        let rest = output.split_once("started successfully on port ");
        if let Some((port, _)) = rest.and_then(|(_, rest)| rest.split_once('.')) {
            return port.parse().unwrap();
        }
        assert!(
            Instant::now() < deadline,
            "chromedriver did not start:\n{output}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A browser without any state, in which these hosts resolve to ports of this machine.
pub async fn fresh(hosts: &[(&str, u16)]) -> Client {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    // Starting the driver blocks, so it does not run on a thread of the runtime.
    let driver = tokio::task::spawn_blocking(|| &*DRIVER).await.unwrap();
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let profile = driver.folder.join(format!("profile-{number}"));
    let mut rules: Vec<String> = hosts
        .iter()
        .map(|(host, port)| format!("MAP {host} 127.0.0.1:{port}"))
        .collect();
    rules.push(HOSTS.to_owned());
    let arguments: Vec<String> = FLAGS
        .into_iter()
        .map(str::to_owned)
        .chain([
            format!("--host-resolver-rules={}", rules.join(", ")),
            format!("--user-data-dir={}", profile.display()),
        ])
        .collect();
    let Value::Object(capabilities) = json!({
        "browserName": "chrome",
        "goog:chromeOptions": {"binary": utf8(driver.chromium.as_os_str()), "args": arguments},
        "goog:loggingPrefs": {"browser": "ALL"},
    }) else {
        unreachable!("json! made an object")
    };
    ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(&driver.url)
        .await
        .unwrap()
}

fn utf8(path: &OsStr) -> &str {
    path.to_str().unwrap()
}
