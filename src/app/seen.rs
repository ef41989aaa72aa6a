//! A recording as a reader sees it: its row, with the personal parts opened that can be, and recorded as shown.
//!
//! *Erased*, *key unavailable* and *tampered* stay three answers: an erased part is shown as erased, the other two fail
//! the whole read, because half a record looks like a whole one.

use crate::app::accesses::{About, OperatorAccess, Released};
use crate::app::{App, AppError};
use crate::domain::access::Caller;
use crate::domain::event::{Class, PartRef};
use crate::domain::ids::{EventId, PersonId};
use crate::domain::personal::Personal;
use crate::domain::reading_access::{AccessOutcome, ShownPart, Through};
use crate::domain::time::Timestamp;
use crate::ledger::PartName;
use crate::projections::Row;
use crate::store::{Head, StoredPart};
use crate::vault::{KeyClass, KeyId, OpenError, Opened, SealContext, SealedPart};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet, HashMap};
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

/// A recording with its opened parts. There is none that was not recorded as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The row.
    pub row: Row,
    /// Its parts.
    pub parts: HashMap<PartRef, Content>,
    /// Nobody can make one without it.
    released: Released,
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
    /// Opens the parts that rows refer to, all in one look at the database and one at the key store, and records what is shown
    /// of whom, durably, before anybody has it.
    pub(super) async fn show(
        &self,
        caller: &Caller,
        through: Through,
        complete_to: Complete,
        rows: Vec<Row>,
    ) -> Result<Vec<Seen>, AppError> {
        let opened = match self.open(&rows).await {
            Ok(opened) => opened,
            Err(error) => {
                self.record_attempt(caller, through, complete_to.position, &rows, &error).await;
                return Err(error);
            }
        };
        let about = shown_of_each(&rows, &opened);
        let released = self.release(caller, through, complete_to.position, about).await?;
        let seen = |(row, parts)| Seen { row, parts, released: released.clone() };
        Ok(rows.into_iter().zip(opened).map(seen).collect())
    }

    /// The same for an operator's command.
    pub(super) async fn show_to_operator(
        &self,
        command: &str,
        complete_to: Option<u64>,
        rows: Vec<Row>,
    ) -> Result<Vec<Seen>, AppError> {
        let opened = self.open(&rows).await?;
        let released = self.record_rows_for_operator(command, complete_to, &rows, &opened).await?;
        let seen = |(row, parts)| Seen { row, parts, released: released.clone() };
        Ok(rows.into_iter().zip(opened).map(seen).collect())
    }

    /// Records that an operator's command is about to show rows, with these of their parts open, durably.
    pub(super) async fn record_rows_for_operator(
        &self,
        command: &str,
        complete_to: Option<u64>,
        rows: &[Row],
        opened: &[HashMap<PartRef, Content>],
    ) -> Result<Released, AppError> {
        let mut shown: BTreeMap<PersonId, OperatorAccess> = BTreeMap::new();
        for (at, row) in rows.iter().enumerate() {
            let (Some(person), owner) = (row.person(), row.organisation.clone()) else { continue };
            let nothing = || OperatorAccess { person, owner, parts: BTreeSet::new(), kinds: BTreeMap::new() };
            let of = shown.entry(person).or_insert_with(nothing);
            *of.kinds.entry(row.kind()).or_default() += 1;
            of.parts.insert(ShownPart::Facts);
            for (place, content) in opened.get(at).into_iter().flatten() {
                of.parts.extend(shown_as(place.class).filter(|_| matches!(content, Content::Open(_))));
            }
        }
        self.record_operator_access(command, None, complete_to, shown.into_values().collect()).await
    }

    /// The same of reference data, which is about nobody; other rows are left out.
    pub(super) async fn show_reference_data(&self, mut rows: Vec<Row>) -> Result<Vec<Seen>, AppError> {
        rows.retain(|row| row.person().is_none());
        let opened = self.open(&rows).await?;
        let seen = |(row, parts)| Seen { row, parts, released: Released::as_reference_data() };
        Ok(rows.into_iter().zip(opened).map(seen).collect())
    }

    /// The parts of each row.
    async fn open(&self, rows: &[Row]) -> Result<Vec<HashMap<PartRef, Content>>, AppError> {
        let of_each: Vec<Vec<PartRef>> = rows.iter().map(|row| row.resource.parts()).collect();
        let mut places: Vec<PartRef> = of_each.iter().flatten().copied().collect();
        places.sort_unstable_by_key(|place| (place.position, place.class));
        places.dedup();
        let opened = self.open_parts(places).await?;
        // A part that is not there any more was removed by an erasure.
        let content = |place: PartRef| opened.get(&(place, name_of(place))).cloned().unwrap_or(Content::Erased);
        Ok(of_each
            .into_iter()
            .map(|places| places.into_iter().map(|place| (place, content(place))).collect())
            .collect())
    }

    /// Opens every part at some places, by place and name. What it answers is shown to nobody before it is released.
    pub(super) async fn open_parts(
        &self,
        places: Vec<PartRef>,
    ) -> Result<HashMap<(PartRef, String), Content>, AppError> {
        let mut stored = self.reader.parts(places.clone()).await?;
        let mut opened = self.unseal(&stored).await;
        if opened.iter().any(|opened| matches!(opened, Err(OpenError::Erased))) {
            // It may have been sealed anew between the two looks, and only what it was sealed with before be gone.
            stored = self.reader.parts(places).await?;
            opened = self.unseal(&stored).await;
        }
        let mut opened = opened.into_iter();
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

impl App {
    async fn unseal(&self, stored: &[StoredPart]) -> Vec<Result<Opened, OpenError>> {
        let sealed: Vec<SealedPart<'_>> = stored.iter().filter_map(sealed_part).collect();
        self.vault.unseal_many(&sealed).await
    }
}

/// What rows and their parts show of each person, in the order in which they come.
fn shown_of_each(rows: &[Row], parts: &[HashMap<PartRef, Content>]) -> Vec<About> {
    let (mut all, mut place_of): (Vec<About>, HashMap<PersonId, usize>) = (Vec::new(), HashMap::new());
    let mut erased = BTreeSet::new();
    for (row, parts) in rows.iter().zip(parts) {
        let Some(person) = row.person() else { continue };
        let at = *place_of.entry(person).or_insert_with(|| {
            all.push(About::nothing_of(person, row.organisation.clone()));
            all.len() - 1
        });
        let Some(about) = all.get_mut(at) else { continue };
        about.count(row.kind().as_str());
        about.parts.insert(ShownPart::Facts);
        for (place, content) in parts {
            if *content == Content::Erased {
                erased.insert(at);
            } else if let Some(part) = shown_as(place.class) {
                about.parts.insert(part);
            }
        }
    }
    for at in erased {
        if let Some(about) = all.get_mut(at)
            && about.parts.iter().all(|part| *part == ShownPart::Facts)
        {
            about.outcome = AccessOutcome::Erased;
        }
    }
    all
}

/// What the content of a sealed part counts as.
pub(super) const fn shown_as(class: Class) -> Option<ShownPart> {
    match class {
        Class::Words => Some(ShownPart::Words),
        Class::Identity => Some(ShownPart::Identity),
        Class::Facts | Class::Index => None,
    }
}

/// The part of a class that rows show; the part `source` is shown in the feed only.
pub(super) fn name_of(place: PartRef) -> String {
    let name = match place.class {
        Class::Facts => PartName::FACTS,
        Class::Words => PartName::WORDS,
        Class::Identity => PartName::IDENTITY,
        Class::Index => PartName::INDEX,
    };
    name.as_str().to_owned()
}

/// A stored part as the vault opens it; `None` for one in the clear.
pub(super) fn sealed_part(part: &StoredPart) -> Option<SealedPart<'_>> {
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
