//! A recording as a reader sees it: its row, with the personal parts opened that can be.
//!
//! *Erased*, *key unavailable* and *tampered* stay three answers: an erased part is shown as erased, the other two fail
//! the whole read, because half a record looks like a whole one.

use crate::app::{App, AppError};
use crate::domain::event::{Class, PartRef};
use crate::domain::ids::EventId;
use crate::domain::personal::Personal;
use crate::domain::time::Timestamp;
use crate::ledger::PartName;
use crate::projections::Row;
use crate::store::{Head, StoredPart};
use crate::vault::{KeyClass, KeyId, OpenError, SealContext, SealedPart};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::Arc;

/// The position that an answer is complete to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complete {
    /// The last position that the answer knows of; `None` while the log is empty.
    pub position: Option<u64>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl Complete {
    /// Of an answer from this head, as of a size.
    pub(super) fn to(head: &Head, as_of: Option<u64>) -> Self {
        let size = as_of.unwrap_or(head.size).min(head.size);
        Self { position: size.checked_sub(1), recorded_at: head.recorded_at }
    }
}

/// A part's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Open.
    Open(Personal<Vec<u8>>),
    /// Erased for good, on purpose.
    Erased,
}

/// A recording with its opened parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The row.
    pub row: Row,
    /// Its parts.
    pub parts: HashMap<PartRef, Content>,
}

impl Seen {
    /// A part's content in its type: `None` if the recording has no such part, `Some(None)` if it was erased.
    ///
    /// # Errors
    /// [`AppError::Tampered`] where the content is not of that type: it cannot have been written so.
    pub fn content<T: DeserializeOwned>(&self, part: Option<PartRef>) -> Result<Option<Option<T>>, AppError> {
        let Some(part) = part else { return Ok(None) };
        match self.parts.get(&part) {
            Some(Content::Open(bytes)) => serde_json::from_slice(bytes.expose())
                .map(|content| Some(Some(content)))
                .map_err(|_| AppError::Tampered { position: part.position }),
            Some(Content::Erased) | None => Ok(Some(None)),
        }
    }
    /// Which classes of its parts were erased.
    #[must_use]
    pub fn erased(&self) -> Vec<Class> {
        let mut classes: Vec<Class> = self
            .parts
            .iter()
            .filter(|(_, content)| **content == Content::Erased)
            .map(|(place, _)| place.class)
            .collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }
}

impl App {
    /// Opens the parts that rows refer to, all in one look at the database and one at the key store.
    pub(super) async fn open(&self, rows: Vec<Row>) -> Result<Vec<Seen>, AppError> {
        let wanted: Vec<(usize, PartRef)> = rows
            .iter()
            .enumerate()
            .flat_map(|(at, row)| row.resource.parts().into_iter().map(move |place| (at, place)))
            .collect();
        let mut places: Vec<PartRef> = wanted.iter().map(|(_, place)| *place).collect();
        places.sort_unstable_by_key(|place| (place.position, place.class));
        places.dedup();
        let opened = self.open_parts(places).await?;
        let mut seen: Vec<Seen> = rows.into_iter().map(|row| Seen { row, parts: HashMap::new() }).collect();
        for (at, place) in wanted {
            if let Some(seen) = seen.get_mut(at) {
                // A part that is not there any more was removed by an erasure.
                let content = opened.get(&(place, name_of(place))).cloned().unwrap_or(Content::Erased);
                seen.parts.insert(place, content);
            }
        }
        Ok(seen)
    }

    /// Opens one row.
    pub(super) async fn open_one(&self, row: Row) -> Result<Seen, AppError> {
        let missing = || AppError::CannotFollow { detail: "a row vanished while it was opened".to_owned() };
        self.open(vec![row]).await?.pop().ok_or_else(missing)
    }

    /// Opens every part at some places, by place and name.
    pub(super) async fn open_parts(
        &self,
        places: Vec<PartRef>,
    ) -> Result<HashMap<(PartRef, String), Content>, AppError> {
        let stored = self.reader.parts(places).await?;
        let sealed: Vec<SealedPart<'_>> = stored.iter().filter_map(sealed_part).collect();
        let mut opened = self.vault.unseal_many(&sealed).await.into_iter();
        let mut contents = HashMap::with_capacity(stored.len());
        for part in &stored {
            let place = PartRef { position: part.position, class: part.class };
            let content = if sealed_part(part).is_some() {
                match opened.next() {
                    Some(Ok(opened)) => Content::Open(opened.plaintext),
                    Some(Err(OpenError::Erased)) => Content::Erased,
                    Some(Err(OpenError::KeyUnavailable(error))) => {
                        return Err(AppError::KeysUnavailable(Arc::new(error)));
                    }
                    Some(Err(OpenError::Tampered)) | None => {
                        return Err(AppError::Tampered { position: part.position });
                    }
                }
            } else {
                Content::Open(Personal::new(part.bytes.clone()))
            };
            contents.insert((place, part.name.clone()), content);
        }
        Ok(contents)
    }
}

/// The part of a class that rows show; the part `source` is shown in the feed only.
fn name_of(place: PartRef) -> String {
    let name = match place.class {
        Class::Facts => PartName::FACTS,
        Class::Words => PartName::WORDS,
        Class::Identity => PartName::IDENTITY,
        Class::Index => PartName::INDEX,
    };
    name.as_str().to_owned()
}

fn sealed_part(part: &StoredPart) -> Option<SealedPart<'_>> {
    let class = match part.class {
        Class::Words => KeyClass::Words,
        Class::Identity => KeyClass::Identity,
        Class::Facts | Class::Index => return None,
    };
    let event: EventId = part.event;
    Some(SealedPart {
        key_id: KeyId(part.key?),
        class,
        context: SealContext { event, stream: part.stream, version: part.version, part: &part.name },
        bytes: &part.bytes,
    })
}
