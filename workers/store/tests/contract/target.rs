//! Where a case runs, and what is left behind: nothing.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use store::{Elasticsearch, Local, Store, local};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// A file in a folder of its own.
    Local,
    /// The search engine whose URL is in this variable.
    Server(&'static str),
}

/// Runs a case on a store with a prefix of its own, with templates loaded.
pub(crate) async fn run<F: Future<Output = ()> + Send + 'static>(target: Target, case: fn(Store) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let store = match target {
        Target::Local => {
            let settings = local::Settings { folder: folder.path().to_owned(), prefix: random_prefix() };
            Store::Local(Local::open(settings).unwrap())
        }
        Target::Server(variable) => match server(variable) {
            Some(url) => search_engine(&url, random_prefix()),
            None => return,
        },
    };
    run_on(store, case).await;
}

/// Runs a case and wipes the store's prefix, whatever came of the case.
pub(crate) async fn run_on<F: Future<Output = ()> + Send + 'static>(store: Store, case: fn(Store) -> F) {
    store.setup().await.unwrap_or_else(|error| panic!("{error}"));
    let outcome = tokio::spawn(case(store.clone())).await;
    store.wipe_prefix().await.unwrap();
    if let Err(error) = outcome {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// Where the stores of this run are, by their prefix.
static URLS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// The URL of a search engine's store that a case was given.
pub(crate) fn url_of(store: &Store) -> String {
    URLS.lock().unwrap()[store.prefix()].clone()
}

pub(crate) fn search_engine(url: &str, prefix: String) -> Store {
    URLS.lock().unwrap().insert(prefix.clone(), url.to_owned());
    let settings = store::elasticsearch::Settings { prefix, ..store::elasticsearch::Settings::new(url) };
    Store::Elasticsearch(Elasticsearch::new(settings).unwrap())
}

/// The URL of a server, or `None` (said aloud) where there is none and none is required.
pub(crate) fn server(variable: &str) -> Option<String> {
    let url = variable_of(variable).filter(|url| !url.is_empty());
    if url.is_none() {
        assert_ne!(variable_of("UA_TEST_REQUIRE_SERVERS").as_deref(), Some("1"), "{variable} is not set");
        // Not by a macro: what those print is kept back where a test passes.
        let _ = writeln!(std::io::stderr(), "left out: the store contract on the server of {variable}");
    }
    url
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the servers of a test are is said by the environment only"
)]
pub(crate) fn variable_of(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

pub(crate) fn random_prefix() -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let number = std::hash::BuildHasher::hash_one(&std::collections::hash_map::RandomState::new(), nanos);
    format!("t{number:016x}-")
}
