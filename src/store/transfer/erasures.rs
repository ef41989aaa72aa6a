//! What the log says was erased, read loosely: by the event's name and the JSON of its facts, so that a version that does not know
//! the event still keeps a restoration from undoing it.

use crate::transfer::{Filling, Item, Kind, Place, Table, TransferError, Value};
use serde::Deserialize;
use std::collections::HashMap;
use uuid::Uuid;

/// Erasures, oldest first: each as position, time of recording and facts.
static ERASURES: [Table; 1] = [Table {
    name: "event JOIN part ON part.part_id >= event.position * 16 AND part.part_id < event.position * 16 + 16 \
           AND part.class = 'facts'",
    columns: &[("event.position", Kind::Integer), ("event.recorded_at", Kind::Integer), ("part.bytes", Kind::Bytes)],
    key: &["event.position"],
    only: Some("event.name = 'ErasureExecuted'"),
    filling: Filling::Rows,
    derived: &[],
}];

/// An erasure that cannot be read, and so cannot be kept: nothing must be restored over it.
#[derive(Debug, thiserror::Error)]
pub enum ErasureUnreadable {
    /// Its facts are of another form.
    #[error("the erasure at position {0} cannot be read by this version of cairn: use a newer one")]
    Facts(u64),
    /// The database failed.
    #[error(transparent)]
    Transfer(#[from] TransferError),
}

#[derive(Deserialize)]
struct Facts {
    body: Body,
}

#[derive(Deserialize)]
struct Body {
    subject: Uuid,
    classes: Vec<String>,
    covers: Vec<Cover>,
}

#[derive(Deserialize)]
struct Cover {
    stream: Uuid,
}

/// Whose parts of which class the log says were all erased, and when first, in microseconds. An erasure of single recordings is
/// none of these: what is left of that class needs its key.
///
/// # Errors
/// [`ErasureUnreadable`].
pub async fn erasures(place: &Place) -> Result<HashMap<(Uuid, String), i64>, ErasureUnreadable> {
    let mut source = place.read(&ERASURES).await?;
    let mut erased = HashMap::new();
    while let Some(item) = source.next().await {
        let Item::Rows(rows) = item? else { continue };
        for row in rows {
            let [Value::Integer(position), Value::Integer(at), Value::Bytes(facts)] = row.as_slice() else { continue };
            let unreadable = || ErasureUnreadable::Facts(u64::try_from(*position).unwrap_or_default());
            let facts: Facts = serde_json::from_slice(facts).map_err(|_| unreadable())?;
            let Body { subject, classes, covers } = facts.body;
            // The person's own stream is covered only where everything of the person is.
            let is_of_everything = covers.iter().any(|cover| cover.stream == subject);
            for class in classes.into_iter().filter(|_| is_of_everything) {
                erased.entry((subject, class)).or_insert(*at);
            }
        }
    }
    Ok(erased)
}
