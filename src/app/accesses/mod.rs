//! Who was shown whose data: recorded before it is shown, and told to those whose data it is.
//!
//! [`recorder`] is the only way by which opened data leaves the verbs: what readers get ([`crate::app::Seen`],
//! [`crate::app::FeedEvent`]) can be made with its [`Released`] alone. [`view`] lists accesses, [`unusual`] finds among
//! them what somebody might look at.

mod recorder;
mod tree;
mod unusual;
mod view;

pub(in crate::app) use recorder::{About, Recorder};
pub use recorder::{OperatorAccess, Released};
pub use tree::AccessesTree;
pub use unusual::{Finding, Hours, MOST_READS, Reader, Reason, Report, Thresholds, UnusualQuery};
pub use view::{AccessListing, AccessPage, AccessSeen};
