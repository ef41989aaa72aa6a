//! The verbs: the only place that joins the parts of the house.
pub use crate::domain::reference;
