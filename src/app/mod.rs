//! The verbs: the only place that joins the parts of the house.
pub mod sample;
