//! A fake search engine with scripted answers.

use std::sync::{Arc, Mutex};

use store::{Elasticsearch, Store, elasticsearch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A received request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `POST /_bulk?...`.
    pub(crate) line: String,
    /// Header lines in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    /// Number of documents in a bulk request.
    pub(crate) fn documents(&self) -> usize {
        self.body.lines().count() / 2
    }
}

pub(crate) struct Responder {
    pub(crate) url: String,
    pub(crate) requests: Arc<Mutex<Vec<Request>>>,
}

impl Responder {
    /// Answers each request with the status and body that `answer` returns.
    pub(crate) async fn start(answer: impl Fn(&Request) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (Arc::new(answer), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                tokio::spawn(async move {
                    let Some((stream, request)) = read(stream).await else { return };
                    seen.lock().unwrap().push(request.clone());
                    let (status, body) = answer(&request);
                    reply(stream, status, &body).await;
                });
            }
        });
        Self { url, requests }
    }

    pub(crate) fn store(&self) -> Store {
        Store::Elasticsearch(
            Elasticsearch::new(elasticsearch::ElasticsearchSettings::new(self.url.as_str())).unwrap(),
        )
    }
}

async fn read(mut stream: TcpStream) -> Option<(TcpStream, Request)> {
    let mut bytes = Vec::new();
    let (head, begin, length) = loop {
        stream.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let lower = head.to_lowercase();
            let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            break (head, end + 4, length.unwrap_or(0));
        }
    };
    while bytes.len() < begin + length {
        stream.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
    }
    let line = head.lines().next()?.to_owned();
    let body = String::from_utf8_lossy(&bytes[begin..]).into_owned();
    Some((stream, Request { line, head: head.to_lowercase(), body }))
}

async fn reply(mut stream: TcpStream, status: u16, body: &str) {
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    // A body that ends in an ellipsis is announced in full and cut off before it.
    let sent = body.strip_suffix('…').unwrap_or(body);
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(sent.as_bytes()).await;
    let _ = stream.shutdown().await;
}
