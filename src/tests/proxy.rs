//! A way to a server that can be cut, and mended again: for what happens to the program when a server vanishes that
//! others need meanwhile.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

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
