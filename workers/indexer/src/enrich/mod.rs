//! Derives places from addresses and programs from user agents. Independent of documents, pages and sources.

mod address;
mod agent;
mod database;
#[cfg(test)]
#[path = "../../tests/support/mmdb.rs"]
pub(crate) mod mmdb;
mod place;
mod places;
mod rules;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde::{Serialize, Serializer};

use agent::Agents;
use places::{Opened, Places};

pub(crate) use agent::{Agent, agent_text};
pub(crate) use place::Place;
pub use places::PlacesError;

/// Looks up places and programs. Cheap to clone: clones share the file of places and the caches.
///
/// The default looks up programs only.
#[derive(Debug, Clone, Default)]
pub struct Enricher {
    places: Option<Arc<Places>>,
    agents: Arc<Agents>,
}

impl Enricher {
    /// Creates an enricher with a `MaxMind` DB file of cities or countries: `GeoLite2`, `GeoIP2`, DB-IP. The file stays
    /// open and is read by position, so it uses a few megabytes of memory, whatever its size. [`Enricher::refresh`]
    /// detects a replaced file.
    ///
    /// # Errors
    /// If the file cannot be read or is not such a database.
    pub fn with_places(path: &Path) -> Result<Self, PlacesError> {
        let places = Places::open(path, Instant::now())?;
        Ok(Self { places: Some(Arc::new(places)), agents: Arc::default() })
    }

    /// Returns type and date of the file, as in `GeoLite2-City of 2026-01-02`; `None` without one.
    pub fn places(&self) -> Option<String> {
        Some(self.places.as_ref()?.current().about())
    }

    /// Checks once a minute whether the file has changed, and reopens it then. A file overwritten in place gives no
    /// places; then it checks at once, and every second. An unusable new file is logged once, and the previous one
    /// stays in use.
    pub async fn refresh(&self) {
        let now = Instant::now();
        let Some(places) = self.places.as_ref().filter(|places| places.is_due(now)) else { return };
        let places = Arc::clone(places);
        // Opening may wait for the disk and the file's clock, which would block this thread. A panic is logged by the
        // runtime and only skips a check.
        let _ = tokio::task::spawn_blocking(move || places.refresh(now)).await;
    }

    /// Returns a snapshot for one page, so that all its rows use the same file.
    pub(crate) fn view(&self) -> View<'_> {
        View { places: self.places.as_ref().map(|places| places.current()), agents: &self.agents }
    }
}

/// A snapshot of an enricher.
#[derive(Debug)]
pub(crate) struct View<'e> {
    places: Option<Arc<Opened>>,
    agents: &'e Agents,
}

impl View<'_> {
    /// Returns the place of a public address, if the file contains it.
    pub(crate) fn place(&self, address: IpAddr) -> Option<Arc<Place>> {
        self.places.as_deref()?.place(address)
    }

    /// Returns the program of a user agent normalised by [`agent_text`].
    pub(crate) fn agent(&self, text: &str) -> Option<Arc<Agent>> {
        self.agents.agent(text)
    }
}

/// Entry point for the fuzz targets: places of addresses from a file that does not change.
#[doc(hidden)]
pub fn fuzz(path: &Path, addresses: &[IpAddr]) -> Result<Vec<String>, String> {
    let database = database::Database::of_settled(path).map_err(|fault| fault.to_string())?;
    let _ = database.about();
    let record = |address: &IpAddr| database.lookup::<place::Record>(*address).transpose();
    let found = addresses.iter().filter_map(record);
    found
        .map(|record| record.map(|record| format!("{record:?}")).map_err(|fault| fault.to_string()))
        .collect()
}

/// Serialises a shared value.
pub(crate) fn shared<T: Serialize, S: Serializer>(
    what: &Option<Arc<T>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    what.as_deref().serialize(serializer)
}
