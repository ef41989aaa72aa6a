//! How rows and events look in columns, the same for both databases: what to write, and how to read it back.

use crate::domain::event::{Class, Facts, Header, IndexEntry, Kind, Recorded};
use crate::domain::ids::{EventId, OrganisationCode, PersonId, StreamId};
use crate::domain::resource::Resource;
use crate::domain::time::{LifeTime, Timestamp};
use crate::ledger::{Frontier, Leaf, PartName};
use crate::projections::Row;
use crate::store::accesses::{AccessHead, StoredAccess};
use crate::store::lawful::{HeldStream, KeyDestruction};
use crate::store::{KeptCheckpoint, KeptCosignature, KeptStatement, RowWanted, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use uuid::Uuid;

/// What of a row is read whole and never asked for.
#[derive(Serialize)]
struct BodyRef<'a> {
    created_at: i64,
    changed_at: i64,
    occurred_at: LifeTime,
    changed_by: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_system: Option<&'a str>,
    resource: &'a Resource,
}

#[derive(Deserialize)]
struct Body {
    created_at: i64,
    changed_at: i64,
    occurred_at: LifeTime,
    changed_by: String,
    #[serde(default)]
    source_system: Option<String>,
    resource: Resource,
}

/// The JSON text in which a row keeps its state.
pub(super) fn body_of(row: &Row) -> Result<String, StoreError> {
    let body = BodyRef {
        created_at: row.created_at.micros(),
        changed_at: row.changed_at.micros(),
        occurred_at: row.occurred_at,
        changed_by: &row.changed_by,
        source_system: row.source_system.as_deref(),
        resource: &row.resource,
    };
    serde_json::to_string(&body).map_err(|error| StoreError::Corrupt {
        position: row.from_position,
        detail: format!("row cannot be written: {error}"),
    })
}

/// A row back from its columns.
pub(super) fn row_from(
    id: Uuid,
    organisation: &str,
    from_position: i64,
    version: i64,
    body: &str,
) -> Result<Row, StoreError> {
    let position = to_position(from_position)?;
    let corrupt = |detail: String| StoreError::Corrupt { position, detail };
    // The error of serde_json could repeat a value, so only its place is said.
    let body: Body = serde_json::from_str(body).map_err(|error| {
        corrupt(format!("a row's body cannot be read (line {}, column {})", error.line(), error.column()))
    })?;
    let organisation: OrganisationCode =
        organisation.parse().map_err(|_| corrupt("a row's organisation is no organisation code".to_owned()))?;
    Ok(Row {
        id: StreamId(id),
        organisation,
        from_position: position,
        version: to_position(version)?,
        created_at: Timestamp::from_micros(body.created_at),
        changed_at: Timestamp::from_micros(body.changed_at),
        occurred_at: body.occurred_at,
        changed_by: body.changed_by,
        source_system: body.source_system,
        resource: body.resource,
    })
}

/// An event's envelope as both databases return it.
pub(super) struct EventColumns {
    pub position: i64,
    pub event: Uuid,
    pub stream: Uuid,
    pub version: i64,
    pub organisation: String,
    pub recorded_at: i64,
    pub name: String,
    pub schema: i64,
}

/// A part's columns that a fold needs.
pub(super) struct PartColumns {
    pub position: i64,
    pub class: String,
    pub bytes: Vec<u8>,
}

/// The leaves of those events of a page that an erasure covers: they name the parts that there once were.
pub(super) type CoveredLeaves = HashMap<i64, Vec<u8>>;

/// Puts events and their parts, both in log order, together. `covered` was read after the parts, so that an erasure that came
/// in between is seen.
pub(super) fn events_from(
    envelopes: Vec<EventColumns>,
    parts: Vec<PartColumns>,
    covered: &CoveredLeaves,
) -> Result<Vec<Recorded>, StoreError> {
    let mut parts = parts.into_iter().peekable();
    let mut events = Vec::with_capacity(envelopes.len());
    for envelope in envelopes {
        let position = to_position(envelope.position)?;
        let corrupt = |detail: &str| StoreError::Corrupt { position, detail: detail.to_owned() };
        let (mut facts, mut index, mut sealed, mut there) = (None, Vec::new(), Vec::new(), Vec::new());
        while parts.peek().is_some_and(|part| part.position < envelope.position) {
            parts.next();
        }
        while let Some(part) = parts.next_if(|part| part.position == envelope.position) {
            let class = Class::from_stored(&part.class);
            there.extend(class);
            match class {
                Some(Class::Facts) => facts = Some(part.bytes),
                Some(Class::Index) => {
                    index = serde_json::from_slice::<Vec<IndexEntry>>(&part.bytes)
                        .map_err(|_| corrupt("an index part cannot be read"))?;
                }
                Some(class) => {
                    if !sealed.contains(&class) {
                        sealed.push(class);
                    }
                }
                None => return Err(corrupt("a part is of no known class")),
            }
        }
        let erased = match covered.get(&envelope.position) {
            Some(leaf) => erased_of(leaf, &there).ok_or_else(|| corrupt("its leaf cannot be read"))?,
            None => Vec::new(),
        };
        // In the order in which they would stand if they were still there.
        sealed.extend(erased.iter().copied().filter(|class| class.is_sealed()));
        sealed.sort_unstable_by_key(|class| class.as_str());
        let recorded_at = Timestamp::from_micros(envelope.recorded_at);
        let schema = u32::try_from(envelope.schema).map_err(|_| corrupt("its schema version is out of range"))?;
        let (header, facts) = match facts {
            Some(facts) => Facts::read(&envelope.name, schema, &facts),
            None if erased.contains(&Class::Facts) => {
                Facts::erased(&envelope.name, schema).map(|facts| (Header::erased(recorded_at), facts))
            }
            None => return Err(corrupt("its facts are missing")),
        }
        .map_err(|error| StoreError::Corrupt { position, detail: error.to_string() })?;
        events.push(Recorded {
            position,
            event: EventId(envelope.event),
            stream: StreamId(envelope.stream),
            version: to_position(envelope.version)?,
            organisation: envelope
                .organisation
                .parse()
                .map_err(|_| corrupt("its organisation is no organisation code"))?,
            recorded_at,
            header,
            facts,
            index,
            sealed,
            erased,
        });
    }
    Ok(events)
}

/// The classes that a leaf has parts of and that are not there any more, each once.
fn erased_of(leaf: &[u8], there: &[Class]) -> Option<Vec<Class>> {
    let leaf = Leaf::parse(leaf).ok()?;
    let mut erased: Vec<Class> = leaf.parts.iter().filter_map(|(name, _)| class_of(name)).collect();
    erased.retain(|class| !there.contains(class));
    erased.sort_unstable_by_key(|class| class.as_str());
    erased.dedup();
    Some(erased)
}

/// The class of the part of a name.
pub(super) fn class_of(name: &PartName) -> Option<Class> {
    if *name == PartName::SOURCE { Some(Class::Identity) } else { Class::from_stored(name.as_str()) }
}

/// Puts answers in the place of their wishes, whatever order they came in.
pub(super) fn in_place<A>(
    found: impl Iterator<Item = (i64, Result<A, StoreError>)>,
    wanted: &[RowWanted],
) -> Vec<Result<A, StoreError>> {
    let unanswered = || StoreError::Corrupt { position: 0, detail: "a read was not answered".to_owned() };
    let mut answers: Vec<Result<A, StoreError>> = wanted.iter().map(|_| Err(unanswered())).collect();
    for (place, answer) in found {
        if let Some(empty) = usize::try_from(place).ok().and_then(|place| answers.get_mut(place)) {
            *empty = answer;
        }
    }
    answers
}

/// A checkpoint's columns: origin, size, when it was signed, note.
pub(super) type CheckpointColumns = (String, i64, i64, String);

/// A checkpoint back from its columns.
pub(super) fn checkpoint_from(columns: CheckpointColumns) -> Result<KeptCheckpoint, StoreError> {
    let (origin, size, signed_at, note) = columns;
    Ok(KeptCheckpoint { origin, size: to_position(size)?, signed_at: Timestamp::from_micros(signed_at), note })
}

/// An access's columns: position, id, stream, version, organisation, its counter, when, schema, facts, salt.
pub(super) type AccessColumns = (i64, Uuid, Uuid, i64, String, i64, i64, i64, String, Vec<u8>);

/// An access back from its columns.
pub(super) fn access_from(columns: AccessColumns) -> Result<StoredAccess, StoreError> {
    let (position, id, stream, version, organisation, counter, recorded_at, schema, facts, salt) = columns;
    let position = to_position(position)?;
    let corrupt = |detail: &str| StoreError::Corrupt { position, detail: format!("of an access: {detail}") };
    Ok(StoredAccess {
        position,
        id: EventId(id),
        stream: StreamId(stream),
        version: to_position(version)?,
        organisation: organisation.parse().map_err(|_| corrupt("its organisation is no organisation code"))?,
        organisation_counter: to_position(counter)?,
        recorded_at: Timestamp::from_micros(recorded_at),
        schema: u32::try_from(schema).map_err(|_| corrupt("its schema version is out of range"))?,
        facts,
        salt: digest_from(&salt)?,
    })
}

/// The head of the log of accesses back from its columns: size, when, the tree's edge.
pub(super) fn access_head_from(size: i64, recorded_at: i64, frontier: &[u8]) -> Result<AccessHead, StoreError> {
    let size = to_position(size)?;
    let corrupt = |detail: String| StoreError::Corrupt { position: size, detail };
    let frontier = Frontier::from_bytes(frontier)
        .map_err(|error| corrupt(format!("the edge of the tree of accesses cannot be read: {error}")))?;
    if frontier.size() != size {
        return Err(corrupt("the tree and the log of accesses differ in size".to_owned()));
    }
    Ok(AccessHead { size, recorded_at: Timestamp::from_micros(recorded_at), frontier })
}

/// A cosignature's columns: origin, size, key, when it was made, line.
pub(super) type CosignatureColumns = (String, i64, String, i64, String);

/// A cosignature back from its columns.
pub(super) fn cosignature_from(columns: CosignatureColumns) -> Result<KeptCosignature, StoreError> {
    let (origin, size, key, cosigned_at, line) = columns;
    Ok(KeptCosignature { origin, size: to_position(size)?, key, cosigned_at: to_position(cosigned_at)?, line })
}

/// A statement's columns: number, when it was made, note.
pub(super) type StatementColumns = (i64, i64, String);

/// A statement back from its columns.
pub(super) fn statement_from(columns: StatementColumns) -> Result<KeptStatement, StoreError> {
    let (number, stated_at, note) = columns;
    Ok(KeptStatement { number: to_position(number)?, stated_at: Timestamp::from_micros(stated_at), note })
}

/// A stored number that counts from 0.
pub(super) fn to_position(stored: i64) -> Result<u64, StoreError> {
    u64::try_from(stored)
        .map_err(|_| StoreError::Corrupt { position: 0, detail: "a stored position is negative".to_owned() })
}

/// A number that counts from 0, as the databases keep it. Positions never reach the end of the range, which stands
/// for "still true".
pub(super) fn from_position(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// Thirty-two bytes from a column.
pub(super) fn digest_from(bytes: &[u8]) -> Result<[u8; 32], StoreError> {
    bytes
        .try_into()
        .map_err(|_| StoreError::Corrupt { position: 0, detail: "a stored digest has not 32 bytes".to_owned() })
}

/// A person's stream from the columns id, version, kind.
pub(super) fn held_from((stream, version, kind): (Uuid, i64, String)) -> Result<HeldStream, StoreError> {
    let unknown = || StoreError::Corrupt { position: 0, detail: "a row is of no known kind".to_owned() };
    let kind = Kind::from_stored(&kind).ok_or_else(unknown)?;
    Ok(HeldStream { stream: StreamId(stream), version: to_position(version)?, kind })
}

/// Keys to destroy from the columns position, class, subject, below which generation, when it was done.
pub(super) fn destruction_from(
    columns: (i64, String, Uuid, Option<i64>, Option<i64>),
) -> Result<KeyDestruction, StoreError> {
    let (position, class, subject, below, done_at) = columns;
    let position = to_position(position)?;
    let unknown = || StoreError::Corrupt { position, detail: "keys of no known class are destroyed".to_owned() };
    Ok(KeyDestruction {
        position,
        subject: PersonId(subject),
        class: Class::from_stored(&class).ok_or_else(unknown)?,
        below: below.map(u32::try_from).transpose().map_err(|_| unknown())?,
        done_at: done_at.map(Timestamp::from_micros),
    })
}
