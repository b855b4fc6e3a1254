//! The serialiser's conventions: scalars of any kind, one or many, an empty text for an empty element.
//! Independent of what is read with it, because every answer follows the same conventions.

mod dropped;
mod members;
mod scalar;

pub use dropped::Dropped;
pub use members::rows;
pub(crate) use members::{all, each, inside, member, members, put};
pub use scalar::Scalar;
