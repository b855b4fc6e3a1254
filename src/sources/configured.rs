//! Which sources are configured. Independent of the variables of a source, so that a new source changes nothing here.

use messages::Source;

use super::of;
use crate::config::{Config, ConfigError};

impl Config {
    /// Returns the sources that are configured.
    pub fn sources(&self) -> Vec<Source> {
        Source::ALL.into_iter().filter(|source| self.of_source(*source, None).is_ok()).collect()
    }

    /// Returns the sources of which at least one required variable is set; the first source if there is none.
    pub(crate) fn begun(&self) -> Vec<Source> {
        let begun: Vec<Source> =
            Source::ALL.into_iter().filter(|source| !self.has_nothing_of(*source)).collect();
        if begun.is_empty() { Source::ALL[..1].to_vec() } else { begun }
    }

    /// True when no required variable of the source is set.
    pub fn has_nothing_of(&self, source: Source) -> bool {
        of(source).is_unset(self)
    }

    /// Checks that these sources are configured. Without sources, checks the first one.
    ///
    /// # Errors
    /// When a required variable is missing, or no account has this label.
    pub fn require(&self, sources: &[Source], label: Option<&str>) -> Result<(), ConfigError> {
        let meant = if sources.is_empty() { &Source::ALL[..1] } else { sources };
        meant.iter().try_for_each(|source| self.of_source(*source, label).map(|_| ()))
    }

    /// Returns one copy of this configuration per account of a source that matches `label`, with that account as its
    /// only one.
    ///
    /// # Errors
    /// When a required variable of the source is missing, or no account has this label.
    pub fn of_source(&self, source: Source, label: Option<&str>) -> Result<Vec<Self>, ConfigError> {
        of(source).each_account(self, label)
    }
}
