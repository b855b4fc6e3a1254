//! What follows from an address and from a user agent: where somebody was, and with which program. Must not know of
//! documents, pages or sources.

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

/// Tells places and programs. Cheap to clone: all clones share one file of places and what they have read so far.
///
/// The default tells programs only.
#[derive(Debug, Clone, Default)]
pub struct Enricher {
    places: Option<Arc<Places>>,
    agents: Arc<Agents>,
}

impl Enricher {
    /// One that tells places by a `MaxMind` DB file of cities or countries: `GeoLite2`, `GeoIP2`, DB-IP. The file stays
    /// open and is asked by position, so that it takes some megabytes of memory, however large it is. A new one over its
    /// name is seen by [`Enricher::refresh`].
    ///
    /// # Errors
    /// When the file cannot be read, or is none of these.
    pub fn with_places(path: &Path) -> Result<Self, PlacesError> {
        let places = Places::open(path, Instant::now())?;
        Ok(Self { places: Some(Arc::new(places)), agents: Arc::default() })
    }

    /// What the file of places is, as in `GeoLite2-City of 2026-01-02`; `None` without one.
    pub fn places(&self) -> Option<String> {
        Some(self.places.as_ref()?.current().about())
    }

    /// Looks, once a minute, whether the file of places has changed, and takes it then; at once where an answer showed
    /// that it was written over in place, which leaves no places until then. A new file that is none is told of once, and
    /// the one before stays in use.
    pub async fn refresh(&self) {
        let now = Instant::now();
        let Some(places) = self.places.as_ref().filter(|places| places.is_due(now)) else { return };
        let places = Arc::clone(places);
        // To open a file may wait for the disk and for the file's clock, which would hold up what else runs on this
        // thread. A panic in there is told by the runtime and costs no more than a look.
        let _ = tokio::task::spawn_blocking(move || places.refresh(now)).await;
    }

    /// This enricher for the length of a page: all of it is told by one and the same file.
    pub(crate) fn view(&self) -> View<'_> {
        View { places: self.places.as_ref().map(|places| places.current()), agents: &self.agents }
    }
}

/// An enricher at one moment.
#[derive(Debug)]
pub(crate) struct View<'e> {
    places: Option<Arc<Opened>>,
    agents: &'e Agents,
}

impl View<'_> {
    /// Where an address is, if it is one of the public internet and the file knows it.
    pub(crate) fn place(&self, address: IpAddr) -> Option<Arc<Place>> {
        self.places.as_deref()?.place(address)
    }

    /// The program behind a user agent that went through [`agent_text`].
    pub(crate) fn agent(&self, text: &str) -> Option<Arc<Agent>> {
        self.agents.agent(text)
    }
}

/// Entry for the fuzz targets: the places of some addresses by a file that nobody writes meanwhile.
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

/// Writes what documents share.
pub(crate) fn shared<T: Serialize, S: Serializer>(
    what: &Option<Arc<T>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    what.as_deref().serialize(serializer)
}
