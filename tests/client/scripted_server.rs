//! A scripted server that remembers its requests, byte for byte.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

pub struct ScriptedServer {
    port: u16,
    recorded: Arc<Mutex<Recorded>>,
}

#[derive(Default)]
struct Recorded {
    requests: Vec<String>,
    connections: usize,
    /// Connections that both sides have closed.
    closed: usize,
}

/// The reply to a request.
#[derive(Clone)]
pub enum Reply {
    /// These bytes; the connection stays open.
    Keep(String),
    /// These bytes; the connection is then closed without notice.
    Close(String),
}

/// A JSON answer on a connection that stays open.
pub fn json_reply(status: u16, body: &str) -> Reply {
    Reply::Keep(bytes(status, body))
}

/// A JSON answer after which the connection is closed, although the answer does not say so.
pub fn json_reply_then_close(status: u16, body: &str) -> Reply {
    Reply::Close(bytes(status, body))
}

fn bytes(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

impl ScriptedServer {
    /// Each request gets the next reply; after the last, connections are closed unanswered.
    pub async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let recorded = Arc::new(Mutex::new(Recorded::default()));
        let replies = Arc::new(Mutex::new(replies.into_iter()));
        let recorder = recorded.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                recorder.lock().unwrap().connections += 1;
                let (recorder, replies) = (recorder.clone(), replies.clone());
                tokio::spawn(async move {
                    let next = move || replies.lock().unwrap().next();
                    serve_connection(stream, &recorder, next).await
                });
            }
        });
        Self { port, recorded }
    }

    pub fn url(&self, path: &str) -> Url {
        format!("http://127.0.0.1:{}{path}", self.port)
            .parse()
            .unwrap()
    }

    pub fn requests(&self) -> Vec<String> {
        self.recorded.lock().unwrap().requests.clone()
    }

    pub fn connections(&self) -> usize {
        self.recorded.lock().unwrap().connections
    }

    /// Waits until both sides have closed this many connections.
    pub async fn wait_until_closed(&self, connections: usize) {
        let closed = async {
            while self.recorded.lock().unwrap().closed < connections {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let closed = tokio::time::timeout(Duration::from_secs(30), closed);
        closed
            .await
            .expect("the client keeps a closed connection open");
    }
}

async fn serve_connection(
    mut stream: TcpStream,
    recorded: &Mutex<Recorded>,
    mut next: impl FnMut() -> Option<Reply>,
) -> Option<()> {
    loop {
        let request = read(&mut stream).await?;
        check_contract(&request);
        recorded.lock().unwrap().requests.push(request);
        let (bytes, keep) = match next()? {
            Reply::Keep(bytes) => (bytes, true),
            Reply::Close(bytes) => (bytes, false),
        };
        stream.write_all(bytes.as_bytes()).await.ok()?;
        if !keep {
            stream.shutdown().await.ok()?;
            while matches!(stream.read(&mut [0; 64]).await, Ok(1..)) {}
            recorded.lock().unwrap().closed += 1;
            return None;
        }
    }
}

/// Checks that a request conforms to the contract; one that does not is never answered.
fn check_contract(request: &str) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut line = head.split([' ', '?']);
    let (method, path) = (line.next().unwrap(), line.next().unwrap());
    if path.starts_with("/v3/") {
        cc_sandbox::contract::check_request(method, path, body.as_bytes()).unwrap();
    }
}

async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = stream
            .read(&mut chunk)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let mut lines = head.lines().map(str::to_ascii_lowercase);
        let length = lines.find_map(|l| l.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some(text.into_owned());
        }
    }
}
