//! One test per row of the atlas.
