//! The serialiser's conventions: scalars of any kind, one or many, an empty text for an empty element.
//! Must not know what is read with it.

mod many;
mod scalar;

pub(crate) use many::object;
pub use many::{Empty, Many, rows};
pub use scalar::Scalar;
