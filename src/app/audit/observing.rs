//! Rows as events: what each row says, and its sealed parts opened where there are keys. Decides nothing about right and wrong
//! but where a row cannot be read at all.

use crate::app::AppError;
use crate::domain::event::Class;
use crate::domain::ids::{EventId, StreamId};
use crate::domain::personal::Personal;
use crate::domain::time::Timestamp;
use crate::ledger::Salt;
use crate::ledger::archive::{Columns, Observed, ObservedPart, PartState};
use crate::store::{PARTS_PER_EVENT, RawEvent, RawPart};
use crate::vault::{KeyClass, KeyId, OpenError, SealContext, SealedPart, Vault, VaultError};
use uuid::Uuid;

/// An event as its rows tell it.
pub(super) struct Found {
    pub(super) observed: Observed,
    /// The stored hash of its leaf; `None` where it has not 32 bytes.
    pub(super) leaf_hash: Option<[u8; 32]>,
}

/// A page of the log.
pub(super) struct Page {
    pub(super) events: Vec<Found>,
    /// Positions of parts that belong to no event of the page.
    pub(super) strays: Vec<i64>,
}

/// A part whose row says that a key sealed it, by the numbers of its event and of itself.
type SealedAt = (usize, usize);

/// Puts rows of one range of positions together, and opens what is sealed if there is a vault.
pub(super) async fn observe(
    events: Vec<RawEvent>,
    parts: Vec<RawPart>,
    vault: Option<&Vault>,
) -> Result<Page, AppError> {
    let mut page = Page { events: events.into_iter().map(found).collect(), strays: Vec::new() };
    let width = i64::try_from(PARTS_PER_EVENT).unwrap_or(i64::MAX);
    let mut sealed: Vec<SealedAt> = Vec::new();
    let mut at = 0;
    for part in parts {
        let position = part.part_id.div_euclid(width);
        let is_at = |found: &Found| i64::try_from(found.observed.columns.position).is_ok_and(|there| there >= position);
        while page.events.get(at).is_some_and(|found| !is_at(found)) {
            at += 1;
        }
        let event =
            page.events.get_mut(at).filter(|found| u64::try_from(position) == Ok(found.observed.columns.position));
        match event {
            Some(found) if part.position == position => {
                let observed = &mut found.observed;
                let part = part_of(part, width, &mut observed.unreadable);
                if matches!(part.state, PartState::Sealed { .. }) {
                    sealed.push((at, observed.parts.len()));
                }
                observed.parts.push(part);
            }
            _ => page.strays.push(part.position),
        }
    }
    if let Some(vault) = vault {
        open(&mut page.events, &sealed, vault).await;
    }
    Ok(page)
}

fn found(row: RawEvent) -> Found {
    let mut unreadable = Vec::new();
    if !row.typed {
        unreadable.push("of another type");
    }
    let mut wrong = |column: &'static str| unreadable.push(column);
    let mut number = |column, value: i64| {
        u64::try_from(value).unwrap_or_else(|_| {
            wrong(column);
            u64::MAX
        })
    };
    let position = number("position", row.position);
    let version = number("version", row.version);
    let organisation_counter = number("organisation_counter", row.organisation_counter);
    let schema_version = u32::try_from(row.schema_version).unwrap_or_else(|_| {
        wrong("schema_version");
        u32::MAX
    });
    let mut id = |column, bytes: &[u8]| {
        Uuid::from_slice(bytes).unwrap_or_else(|_| {
            wrong(column);
            Uuid::nil()
        })
    };
    let (event, stream) = (id("event_id", &row.event_id), id("stream", &row.stream));
    let mut text = |column, bytes: Vec<u8>| {
        String::from_utf8(bytes).unwrap_or_else(|error| {
            wrong(column);
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        })
    };
    let (organisation, name) = (text("organisation", row.organisation), text("name", row.name));
    let recorded_at = Timestamp::from_micros(row.recorded_at);
    let columns = Columns {
        position,
        event,
        stream,
        version,
        organisation,
        organisation_counter,
        recorded_at,
        name,
        schema_version,
    };
    let observed = Observed { columns, unreadable, leaf: row.leaf, parts: Vec::new() };
    Found { observed, leaf_hash: row.leaf_hash.try_into().ok() }
}

fn part_of(row: RawPart, width: i64, unreadable: &mut Vec<&'static str>) -> ObservedPart {
    if !row.typed {
        unreadable.push("of a part of another type");
    }
    let mut id = |column, bytes: Option<Vec<u8>>| {
        let bytes = bytes?;
        let id = Uuid::from_slice(&bytes).ok();
        if id.is_none() {
            unreadable.push(column);
        }
        id
    };
    let is_sealed = row.key_id.is_some();
    let (subject, key_id) = (id("subject of a part", row.subject), id("key_id of a part", row.key_id));
    let salt: Option<[u8; 32]> = row.salt.as_ref().and_then(|salt| salt.as_slice().try_into().ok());
    let state = match (is_sealed, salt) {
        (true, _) => {
            if row.salt.is_some() {
                unreadable.push("salt of a sealed part");
            }
            PartState::Sealed { bytes: row.bytes }
        }
        (false, Some(salt)) => PartState::Clear { bytes: Personal::new(row.bytes), salt: Salt::new(salt) },
        (false, None) => PartState::Unsalted,
    };
    ObservedPart {
        name: String::from_utf8_lossy(&row.name).into_owned(),
        class: std::str::from_utf8(&row.class).ok().and_then(Class::from_stored),
        subject,
        key_id,
        ordinal: u64::try_from(row.part_id.rem_euclid(width)).ok(),
        owner: None,
        state,
    }
}

const fn key_class(class: Option<Class>) -> Option<KeyClass> {
    match class {
        Some(Class::Words) => Some(KeyClass::Words),
        Some(Class::Identity) => Some(KeyClass::Identity),
        _ => None,
    }
}

/// Opens sealed parts where their rows stand; each has its own answer.
async fn open(events: &mut [Found], sealed: &[SealedAt], vault: &Vault) {
    let mut wanted = Vec::with_capacity(sealed.len());
    let mut states = Vec::with_capacity(sealed.len());
    for (event, part) in sealed {
        let found = &events[*event].observed;
        let ObservedPart { name, class, key_id, state, .. } = &found.parts[*part];
        let (Some(key_id), Some(class), PartState::Sealed { bytes }) = (key_id, key_class(*class), state) else {
            continue;
        };
        let context = SealContext {
            event: EventId(found.columns.event),
            stream: StreamId(found.columns.stream),
            version: found.columns.version,
            part: name,
        };
        wanted.push(SealedPart { key_id: KeyId(*key_id), class, context, bytes });
        states.push((*event, *part));
    }
    let opened = vault.unseal_many(&wanted).await;
    let owners = vault.owners(wanted.iter().map(|part| part.key_id)).await;
    let subjects: Vec<_> = wanted.iter().map(|part| owners.get(&part.key_id).map(|owner| owner.0)).collect();
    for (((event, part), opened), owner) in states.into_iter().zip(opened).zip(subjects) {
        let part = &mut events[event].observed.parts[part];
        part.owner = owner;
        part.state = match opened {
            Ok(opened) => PartState::Open { bytes: opened.plaintext, salt: Salt::new(*opened.salt.expose()) },
            Err(OpenError::Erased) => PartState::Erased,
            Err(OpenError::KeyUnavailable(VaultError::KeyMissing)) => PartState::Keyless,
            Err(OpenError::KeyUnavailable(_)) => PartState::Unavailable,
            Err(OpenError::Tampered) => PartState::Tampered,
        };
    }
}
