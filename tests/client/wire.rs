//! A scripted server that remembers its requests, byte for byte.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

pub struct Wire {
    port: u16,
    asked: Arc<Mutex<Asked>>,
}

#[derive(Default)]
struct Asked {
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
pub fn answer(status: u16, body: &str) -> Reply {
    Reply::Keep(bytes(status, body))
}

/// A JSON answer after which the connection is closed, although the answer does not say so.
pub fn last(status: u16, body: &str) -> Reply {
    Reply::Close(bytes(status, body))
}

fn bytes(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

impl Wire {
    /// Each request gets the next reply; after the last, connections are closed unanswered.
    pub async fn answering(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Asked::default()));
        let replies = Arc::new(Mutex::new(replies.into_iter()));
        let heard = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                heard.lock().unwrap().connections += 1;
                let (heard, replies) = (heard.clone(), replies.clone());
                tokio::spawn(async move {
                    let next = move || replies.lock().unwrap().next();
                    converse(stream, &heard, next).await
                });
            }
        });
        Self { port, asked }
    }

    pub fn url(&self, path: &str) -> Url {
        format!("http://127.0.0.1:{}{path}", self.port)
            .parse()
            .unwrap()
    }

    pub fn requests(&self) -> Vec<String> {
        self.asked.lock().unwrap().requests.clone()
    }

    pub fn connections(&self) -> usize {
        self.asked.lock().unwrap().connections
    }

    /// Waits until both sides have closed this many connections.
    pub async fn has_closed(&self, connections: usize) {
        let closed = async {
            while self.asked.lock().unwrap().closed < connections {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let closed = tokio::time::timeout(Duration::from_secs(30), closed);
        closed.await.expect("the client keeps a dead connection");
    }
}

async fn converse(
    mut stream: TcpStream,
    asked: &Mutex<Asked>,
    mut next: impl FnMut() -> Option<Reply>,
) -> Option<()> {
    loop {
        let request = read(&mut stream).await?;
        hold(&request);
        asked.lock().unwrap().requests.push(request);
        let (bytes, keep) = match next()? {
            Reply::Keep(bytes) => (bytes, true),
            Reply::Close(bytes) => (bytes, false),
        };
        stream.write_all(bytes.as_bytes()).await.ok()?;
        if !keep {
            stream.shutdown().await.ok()?;
            while matches!(stream.read(&mut [0; 64]).await, Ok(1..)) {}
            asked.lock().unwrap().closed += 1;
            return None;
        }
    }
}

/// Checks that a request keeps to the contract; one that does not is never answered.
fn hold(request: &str) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut line = head.split([' ', '?']);
    let (method, path) = (line.next().unwrap(), line.next().unwrap());
    if path.starts_with("/v3/") {
        cc_sandbox::contract::hold(method, path, body.as_bytes()).unwrap();
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
