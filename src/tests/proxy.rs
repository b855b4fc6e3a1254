//! A proxy in front of a server that can be cut, frozen or slow: for tests with unavailable or distant servers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// State of the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// Connections open but no bytes pass, as behind a broken network.
    Frozen,
    /// Every connection closes at once, as with a stopped server.
    Cut,
}

/// A proxy in front of a server.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    way: watch::Sender<Way>,
}

impl Proxy {
    /// Starts a proxy to `target` (`host:port`); cut at first.
    pub(crate) async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (way, watched) = watch::channel(Way::Cut);
        let target: Arc<str> = target.into();
        tokio::spawn(async move {
            while let Ok((incoming, _)) = listener.accept().await {
                tokio::spawn(pass(incoming, Arc::clone(&target), watched.clone()));
            }
        });
        Self { address, way }
    }

    /// Starts a proxy to `target` that delays every byte by `late` in both directions, without a limit of bytes in
    /// flight.
    pub(crate) async fn far(target: &str, late: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target: Arc<str> = target.into();
        tokio::spawn(async move {
            while let Ok((incoming, _)) = listener.accept().await {
                let target = Arc::clone(&target);
                tokio::spawn(async move {
                    let Ok(outgoing) = TcpStream::connect(&*target).await else { return };
                    let (from, to) = (incoming.into_split(), outgoing.into_split());
                    tokio::join!(carry(from.0, to.1, late), carry(to.0, from.1, late));
                });
            }
        });
        Self { address, way: watch::channel(Way::Open).0 }
    }

    /// Returns the URL through this proxy.
    pub(crate) fn through(&self, url: &str) -> String {
        let (before, rest) = url.split_once('@').unwrap();
        let (_, after) = rest.split_once('/').unwrap();
        format!("{before}@{}/{after}", self.address)
    }

    pub(crate) fn open(&self) {
        self.way.send_replace(Way::Open);
    }

    pub(crate) fn freeze(&self) {
        self.way.send_replace(Way::Frozen);
    }

    pub(crate) fn cut(&self) {
        self.way.send_replace(Way::Cut);
    }
}

/// Returns `host:port` of a URL.
pub(crate) fn host_of(url: &str) -> &str {
    url.split_once('@').unwrap().1.split('/').next().unwrap()
}

async fn pass(mut incoming: TcpStream, target: Arc<str>, mut way: watch::Receiver<Way>) {
    if *way.borrow_and_update() == Way::Cut {
        return;
    }
    let Ok(mut outgoing) = TcpStream::connect(&*target).await else { return };
    loop {
        let now = *way.borrow_and_update();
        let changed = tokio::select! {
            _ = copy_bidirectional(&mut incoming, &mut outgoing), if now == Way::Open => return,
            changed = way.changed() => changed,
        };
        if changed.is_err() || *way.borrow() == Way::Cut {
            return;
        }
    }
}

/// Forwards bytes, each after a delay of `late`.
async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, late: Duration) {
    let (sender, mut under_way) = mpsc::channel(10_000);
    let reading = async move {
        loop {
            let mut bytes = vec![0; 64 << 10];
            let Ok(read @ 1..) = from.read(&mut bytes).await else { return };
            bytes.truncate(read);
            if sender.send((Instant::now() + late, bytes)).await.is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((due, bytes)) = under_way.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        // Tell the other side that no more bytes follow.
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}
