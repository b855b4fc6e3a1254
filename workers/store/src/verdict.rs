//! The store's result for one item of a batch.

/// What became of one item of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Written.
    Indexed,
    /// A newer version is there already: as good as written.
    Stale,
    /// The store cannot take any such item now (overloaded, full, its index closed or red): keep it and try again.
    Busy {
        /// What is the matter and what to do, in one line.
        reason: String,
    },
    /// The store refuses this program the write (credentials, rights, a forbidden index): keep it and try again.
    Denied {
        /// What is refused and what to do, in one line.
        reason: String,
    },
    /// The store failed on this item with an internal error. That may pass, or be due to this one document.
    Failed {
        /// The store's error type, in one line, without the document's values.
        reason: String,
    },
    /// The store refuses the content of this item, or answered with success and did not write it.
    Refused {
        /// The store's error type and the field, in one line, without the document's values.
        reason: String,
    },
    /// The item alone is larger than the store takes.
    TooLarge {
        /// How large it is and what refused it, in one line.
        reason: String,
    },
}
