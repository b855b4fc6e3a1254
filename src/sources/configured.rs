//! Which sources a configuration has, by what each says of itself.
//! Must not know what configures a source.

use messages::Source;

use super::of;
use crate::config::{Config, ConfigError};

impl Config {
    /// The sources that are configured.
    pub fn sources(&self) -> Vec<Source> {
        Source::ALL.into_iter().filter(|source| self.of_source(*source, None).is_ok()).collect()
    }

    /// The sources of which anything is set. Whoever has nothing yet begins with the first there is.
    pub(crate) fn begun(&self) -> Vec<Source> {
        let begun: Vec<Source> =
            Source::ALL.into_iter().filter(|source| !self.has_nothing_of(*source)).collect();
        if begun.is_empty() { Source::ALL[..1].to_vec() } else { begun }
    }

    /// True when not even a part of what a source needs is set.
    pub fn has_nothing_of(&self, source: Source) -> bool {
        of(source).is_unset(self)
    }

    /// Says whether everything these sources need is configured.
    ///
    /// # Errors
    /// When something is missing, or no source is meant at all.
    pub fn require(&self, sources: &[Source], label: Option<&str>) -> Result<(), ConfigError> {
        let meant = if sources.is_empty() { &Source::ALL[..1] } else { sources };
        meant.iter().try_for_each(|source| self.of_source(*source, label).map(|_| ()))
    }

    /// This configuration once for each account of a source that `label` means: with that account as its only one.
    ///
    /// # Errors
    /// When something that the source needs is not configured, or none of its accounts has this label.
    pub fn of_source(&self, source: Source, label: Option<&str>) -> Result<Vec<Self>, ConfigError> {
        of(source).each_account(self, label)
    }
}
