//! Runs a case on a store and cleans up after it.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use store::{Elasticsearch, Local, Store, local};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// A file in a temporary folder.
    Local,
    /// The search engine at the URL in this variable.
    Server(&'static str),
}

/// Runs a case on a new store with a random prefix.
pub(crate) async fn run<F: Future<Output = ()> + Send + 'static>(target: Target, case: fn(Store) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let store = match target {
        Target::Local => {
            let settings =
                local::LocalStoreSettings { folder: folder.path().to_owned(), prefix: random_prefix() };
            Store::Local(Local::open(settings).unwrap())
        }
        Target::Server(variable) => match server(variable) {
            Some(url) => search_engine(&url, random_prefix()),
            None => return,
        },
    };
    run_on(store, case).await;
}

/// Loads the templates, runs a case, and wipes the store's prefix, even after a panic.
pub(crate) async fn run_on<F: Future<Output = ()> + Send + 'static>(store: Store, case: fn(Store) -> F) {
    store.setup().await.unwrap_or_else(|error| panic!("{error}"));
    let outcome = tokio::spawn(case(store.clone())).await;
    store.wipe_prefix().await.unwrap();
    if let Err(error) = outcome {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// URLs of this run's stores, by prefix.
static URLS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// URL of the search engine behind a store.
pub(crate) fn url_of(store: &Store) -> String {
    URLS.lock().unwrap()[store.prefix()].clone()
}

pub(crate) fn search_engine(url: &str, prefix: String) -> Store {
    URLS.lock().unwrap().insert(prefix.clone(), url.to_owned());
    let settings = store::elasticsearch::ElasticsearchSettings {
        prefix,
        ..store::elasticsearch::ElasticsearchSettings::new(url)
    };
    Store::Elasticsearch(Elasticsearch::new(settings).unwrap())
}

/// URL of a server. Without one, returns `None` with a message, or panics if servers are required.
pub(crate) fn server(variable: &str) -> Option<String> {
    let url = variable_of(variable).filter(|url| !url.is_empty());
    if url.is_none() {
        assert_ne!(variable_of("UA_TEST_REQUIRE_SERVERS").as_deref(), Some("1"), "{variable} is not set");
        // Not `eprintln!`, whose output the test harness captures.
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
