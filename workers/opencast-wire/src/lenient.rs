//! Conventions of Opencast's JSON serialiser: scalars of any type, lists of none, one or many, empty text for an empty
//! element. Independent of actions, episodes and workflows, because all answers follow the same conventions.

mod dropped;
mod members;
mod scalar;

pub use dropped::Dropped;
pub use members::rows;
pub(crate) use members::{all, each, inside, member, members, put};
pub use scalar::Scalar;
