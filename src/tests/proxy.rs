//! A way to a server that can be cut and mended again, or is a long one: for what happens to the program when a server
//! vanishes that others need meanwhile, or is far away.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// What comes of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// Connections are made and nothing passes, as behind a broken network.
    Frozen,
    /// Every connection ends at once, as of a server that is down.
    Cut,
}

/// A way to a server.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    way: watch::Sender<Way>,
}

impl Proxy {
    /// A way to `target`, `host:port`; cut at first.
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

    /// A way to `target` on which every byte takes `late`, there and back alike, however many are under way.
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

    /// The same URL by this way.
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

/// `host:port` of a URL.
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

/// Passes bytes on, each of them `late`.
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
        // The other side is told that nothing more comes.
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}
