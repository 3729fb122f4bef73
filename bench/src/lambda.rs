//! A function's process, and a stub of the runtime API that it polls.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Segments, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::{SignedDuration, Timestamp};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use tokio::net::TcpListener;
use tokio::process::Child;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The time limit of an invocation, that of the drain in the template.
const TIMEOUT: SignedDuration = SignedDuration::from_secs(60);

/// Longer than any function's time limit.
const WAIT_LIMIT: Duration = Duration::from_secs(70);

/// What a function does at its runtime API, and when.
enum RuntimeEvent {
    /// It polled for an event.
    Polled(Instant),
    /// It answered.
    Answered(Instant, Bytes),
    /// It could not start, or failed.
    Failed(Bytes),
}

struct Runtime {
    events: mpsc::UnboundedSender<RuntimeEvent>,
    work: Mutex<mpsc::UnboundedReceiver<(Bytes, mpsc::UnboundedSender<Instant>)>>,
}

/// A running function.
pub struct Function {
    child: Child,
    api: JoinHandle<std::io::Result<()>>,
    work: mpsc::UnboundedSender<(Bytes, mpsc::UnboundedSender<Instant>)>,
    events: mpsc::UnboundedReceiver<RuntimeEvent>,
    /// Time from the process's start to its first poll.
    pub startup: Duration,
}

impl Drop for Function {
    fn drop(&mut self) {
        self.api.abort();
    }
}

impl Function {
    /// Starts a program and waits for its first poll.
    pub async fn start(command: Command) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (work, queue) = mpsc::unbounded_channel();
        let (sender, mut events) = mpsc::unbounded_channel();
        let runtime = std::sync::Arc::new(Runtime {
            events: sender,
            work: Mutex::new(queue),
        });
        let service = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(runtime);
        let api = tokio::spawn(async move { axum::serve(listener, service).await });
        let program = command.get_program().to_owned();
        let start = Instant::now();
        let mut child = tokio::process::Command::from(command)
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} does not start", program.display()))?;
        let first = tokio::select! {
            biased;
            first = timeout(WAIT_LIMIT, events.recv()) => first?,
            ended = child.wait() => bail!("{} ended at its start: {}", program.display(), ended?),
        };
        let startup = match first {
            Some(RuntimeEvent::Polled(at)) => at - start,
            Some(RuntimeEvent::Failed(why)) => bail!("{}", String::from_utf8_lossy(&why)),
            _ => bail!("{} did not poll for an event", program.display()),
        };
        Ok(Self {
            child,
            api,
            work,
            events,
            startup,
        })
    }

    /// Gives the function an event; returns the time until its next poll, and its answer.
    pub async fn invoke(&mut self, event: &Bytes) -> Result<(Duration, Bytes)> {
        let (start_sender, mut start) = mpsc::unbounded_channel();
        self.work.send((event.clone(), start_sender))?;
        let start = start.recv().await.context("the function is gone")?;
        let mut answered = None;
        loop {
            match timeout(WAIT_LIMIT, self.events.recv()).await? {
                Some(RuntimeEvent::Answered(at, body)) => answered = Some((at - start, body)),
                Some(RuntimeEvent::Polled(_)) => {
                    return answered.context("the function polled again without answering");
                }
                Some(RuntimeEvent::Failed(why)) => bail!("{}", String::from_utf8_lossy(&why)),
                None => bail!("the function is gone"),
            }
        }
    }

    /// Peak resident memory, in bytes.
    pub fn peak_memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes: u64 = peak
            .and_then(|peak| peak.trim().strip_suffix(" kB"))
            .context("no VmHWM")?
            .parse()?;
        Ok(kilobytes * 1024)
    }

    /// Processor time so far, of all threads that are alive.
    pub fn cpu(&self) -> Result<Duration> {
        let mut nanos = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.pid()?))? {
            let schedstat = fs::read_to_string(thread?.path().join("schedstat"))?;
            let ran: u64 = schedstat
                .split(' ')
                .next()
                .context("no run time in schedstat")?
                .parse()?;
            nanos += ran;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Asks the process to end, and waits until it has.
    pub async fn terminate(mut self) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.pid()?)?);
        signal::kill(pid, Signal::SIGTERM)?;
        timeout(WAIT_LIMIT, self.child.wait()).await??;
        Ok(())
    }

    /// Kills the process.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    fn pid(&self) -> Result<u32> {
        self.child.id().context("the function has ended")
    }
}

type Shared = State<std::sync::Arc<Runtime>>;

async fn next(State(runtime): Shared) -> Response {
    if runtime
        .events
        .send(RuntimeEvent::Polled(Instant::now()))
        .is_err()
    {
        return StatusCode::GONE.into_response();
    }
    let Some((event, start_sender)) = runtime.work.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = (Timestamp::now() + TIMEOUT).as_millisecond().to_string();
    let headers = [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", "bench"),
        ("lambda-runtime-deadline-ms", deadline.as_str()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:bench",
        ),
    ];
    match start_sender.send(Instant::now()) {
        Ok(()) => (headers, event).into_response(),
        Err(_) => StatusCode::GONE.into_response(),
    }
}

async fn answer(State(runtime): Shared, Segments(_): Segments<String>, body: Bytes) -> StatusCode {
    notify(&runtime, RuntimeEvent::Answered(Instant::now(), body))
}

async fn error(State(runtime): Shared, Segments(_): Segments<String>, body: Bytes) -> StatusCode {
    notify(&runtime, RuntimeEvent::Failed(body))
}

async fn init_error(State(runtime): Shared, body: Bytes) -> StatusCode {
    notify(&runtime, RuntimeEvent::Failed(body))
}

fn notify(runtime: &Runtime, event: RuntimeEvent) -> StatusCode {
    match runtime.events.send(event) {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::GONE,
    }
}
