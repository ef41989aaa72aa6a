//! From a decided event to one that can be appended: ids, salts, seals, commitments, blind indexes.

use crate::app::{App, AppError};
use crate::domain::event::{Class, Decided, Header, IndexEntry, SourceReference};
use crate::domain::identifier::PersonIdentifier;
use crate::domain::ids::{OrganisationCode, PersonId, StreamId};
use crate::domain::refusal::Refusal;
use crate::domain::time::Timestamp;
use crate::ledger::{PartName, Salt, commit};
use crate::projections::RowKey;
use crate::store::{About, Expected, IdempotencyKey, NewAppend, NewEvent, NewPart};
use crate::vault::{KeyClass, SealContext};

/// What surrounds a decided event.
pub(super) struct Frame<'a> {
    pub organisation: &'a OrganisationCode,
    pub stream: StreamId,
    /// The version that the event will have.
    pub version: u64,
    /// Whose record it belongs to; `None` for reference data.
    pub person: Option<PersonId>,
    pub header: Header,
    pub source: Option<&'a SourceReference>,
    pub identifiers: &'a [PersonIdentifier],
    pub key: Option<IdempotencyKey>,
}

impl App {
    /// Seals and commits to every part of a decided event.
    pub(super) async fn seal(&self, decided: Decided, frame: Frame<'_>, now: Timestamp) -> Result<NewAppend, AppError> {
        let event = self.ids.event(now);
        let index = self.blind_index(frame.organisation, frame.identifiers);
        let mut parts = Vec::with_capacity(3);
        let facts = decided.facts.to_part(&frame.header).map_err(|_| not_canonical())?;
        parts.push(self.clear_part(&event, PartName::FACTS, Class::Facts, None, facts));
        if !index.is_empty() {
            let bytes = serde_json_canonicalizer::to_vec(&index).map_err(|_| not_canonical())?;
            parts.push(self.clear_part(&event, PartName::INDEX, Class::Index, frame.person, bytes));
        }
        let source = match (frame.source, frame.person) {
            (Some(source), Some(person)) => {
                let bytes = serde_json_canonicalizer::to_vec(source).map_err(|_| not_canonical())?;
                Some((PartName::SOURCE, Class::Identity, person, bytes))
            }
            _ => None,
        };
        let personal = decided.personal.into_iter().map(|part| {
            let name = if part.class == Class::Identity { PartName::IDENTITY } else { PartName::WORDS };
            (name, part.class, part.subject, part.content.into_inner())
        });
        let mut sealed_with: Option<u32> = None;
        for (name, class, subject, bytes) in personal.chain(source) {
            let salt = self.vault.fresh_salt();
            let commitment = commit(&Salt::new(salt), &event, &name, &bytes);
            let key_class = if class == Class::Identity { KeyClass::Identity } else { KeyClass::Words };
            let context = SealContext { event, stream: frame.stream, version: frame.version, part: name.as_str() };
            let sealed = self.vault.seal(subject, key_class, &context, &salt, &bytes).await?;
            if class == Class::Words {
                sealed_with = Some(sealed.generation);
            }
            parts.push(NewPart {
                name,
                class,
                subject: Some(subject),
                key: Some(sealed.key_id.0),
                bytes: sealed.bytes,
                salt: None,
                commitment,
            });
        }
        parts.sort_by(|one, other| one.name.cmp(&other.name));
        let must_be_free = index.iter().map(|entry| RowKey::identifier(&entry.system, &entry.digest)).collect();
        let expected = frame.version.checked_sub(1).map_or(Expected::New, Expected::Version);
        let event = NewEvent { id: event, header: frame.header, facts: decided.facts, index, parts };
        Ok(NewAppend {
            organisation: frame.organisation.clone(),
            stream: frame.stream,
            expected,
            key: frame.key,
            must_be_free,
            needs: Vec::new(),
            about: frame.person.map(|person| About { person, sealed_with }),
            event,
        })
    }

    /// The blind index of identifiers within an organisation.
    pub(super) fn blind_index(
        &self,
        organisation: &OrganisationCode,
        identifiers: &[PersonIdentifier],
    ) -> Vec<IndexEntry> {
        identifiers
            .iter()
            .map(|identifier| {
                let system = identifier.system().as_str();
                let digest = self.vault.blind_index(organisation, system, identifier.value().expose());
                IndexEntry { system: system.to_owned(), digest }
            })
            .collect()
    }

    fn clear_part(
        &self,
        event: &crate::domain::ids::EventId,
        name: PartName,
        class: Class,
        subject: Option<PersonId>,
        bytes: Vec<u8>,
    ) -> NewPart {
        let salt = self.vault.fresh_salt();
        let commitment = commit(&Salt::new(salt), event, &name, &bytes);
        NewPart { name, class, subject, key: None, bytes, salt: Some(salt), commitment }
    }
}

fn not_canonical() -> AppError {
    AppError::Refused(Refusal::invalid("", "cannot be written as canonical JSON"))
}
