//! Framework versions as the app uses them: looked up, remembered, and the shipped ones loaded at first start.

use crate::app::prepare::Frame;
use crate::app::{App, AppError};
use crate::domain::event::{Header, Kind};
use crate::domain::framework::{Framework, FrameworkCommand, FrameworkRef, ItemRef};
use crate::domain::ids::OrganisationCode;
use crate::domain::reference::{FrameworkContent, shipped};
use crate::domain::refusal::Refusal;
use crate::domain::resource::{Command, Resource};
use crate::domain::time::{LifeTime, Timestamp};
use crate::projections::{KeyKind, Row, RowKey};
use crate::store::{Group, IdempotencyKey, RowPath, RowQuery};
use std::sync::Arc;

/// The most versions of one framework, or of one organisation's list of frameworks, that one answer holds.
pub const MAXIMUM_FRAMEWORK_VERSIONS: u32 = 1_000;

impl App {
    /// Loads the shipped reference lists that are not in the log yet. Any number of processes may do it at once.
    ///
    /// # Errors
    /// Whatever the store says; a shipped list that is broken is refused like any other.
    pub async fn load_reference_lists(&self) -> Result<usize, AppError> {
        let lists = shipped().map_err(|error| AppError::CannotFollow { detail: error.to_string() })?;
        let organisation = OrganisationCode::reference();
        let now = self.now();
        let mut items = Vec::with_capacity(lists.len());
        for content in lists {
            let name = format!("{}@{}", content.id, content.version);
            let digest = self.vault.fingerprint(&[b"reference-list", name.as_bytes()]);
            let bytes =
                serde_json::to_vec(&content).map_err(|error| AppError::CannotFollow { detail: error.to_string() })?;
            let fingerprint = self.vault.fingerprint(&[&bytes]);
            let key = IdempotencyKey { digest, fingerprint };
            items.push(self.framework_version(&organisation, content, "cairn", key, now).await?);
        }
        let answers = self.writer.append(Group { atomic: false, items }).await.map_err(AppError::Store)?;
        let mut loaded = 0;
        for answer in answers {
            // A list that was taken or altered since stays as it is in the log: published versions never change.
            if answer.is_ok_and(|appended| !appended.repeated) {
                loaded += 1;
            }
        }
        Ok(loaded)
    }

    async fn framework_version(
        &self,
        organisation: &OrganisationCode,
        content: FrameworkContent,
        client: &str,
        key: IdempotencyKey,
        now: Timestamp,
    ) -> Result<crate::store::NewAppend, AppError> {
        let stream = self.ids.stream();
        let free = version_key(&FrameworkRef { id: content.id.clone(), version: content.version });
        let decided = Command::Framework(FrameworkCommand::Publish(content)).decide(None, stream, now)?;
        let header = Header {
            occurred_at: LifeTime::Instant(now),
            client: client.to_owned(),
            purpose: None,
            source_system: None,
        };
        let frame = Frame {
            organisation,
            stream,
            version: 0,
            person: None,
            header,
            source: None,
            identifiers: &[],
            key: Some(key),
        };
        let mut append = self.seal(decided, frame, now).await?;
        append.must_be_free.push(free);
        Ok(append)
    }

    /// One framework version within an organisation's reach: its own, or a shipped one. Remembered for a moment.
    pub(super) async fn framework(
        &self,
        organisation: &OrganisationCode,
        reference: &FrameworkRef,
        now: Timestamp,
    ) -> Result<Option<Arc<Framework>>, AppError> {
        for owner in [organisation.clone(), OrganisationCode::reference()] {
            let place = (owner.clone(), reference.clone());
            if let Some(framework) = self.known.frameworks.get(&place, now) {
                return Ok(Some(framework));
            }
            if let Some(row) = self.framework_row(&owner, reference, None).await?
                && let Resource::Framework(framework) = row.resource
            {
                let framework = Arc::new(framework);
                self.known.frameworks.put(place, Arc::clone(&framework), now);
                return Ok(Some(framework));
            }
        }
        Ok(None)
    }

    /// The row of a framework version that an organisation owns.
    pub(super) async fn framework_row(
        &self,
        owner: &OrganisationCode,
        reference: &FrameworkRef,
        as_of: Option<u64>,
    ) -> Result<Option<Row>, AppError> {
        let (_, rows) = self.store.rows(&framework_query(owner, RowPath::Key(version_key(reference)), as_of)).await?;
        Ok(rows.into_iter().next())
    }

    /// Checks that an item exists and may be used in a new recording.
    pub(super) async fn check_item(
        &self,
        organisation: &OrganisationCode,
        pointer: String,
        item: &ItemRef,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let unknown =
            |detail: String| AppError::Refused(Refusal::UnknownReference { pointer: pointer.clone(), detail });
        // What was sent is not repeated; a version that exists is public.
        let Some(framework) = self.framework(organisation, &item.framework, now).await? else {
            return Err(unknown("there is no such framework version".to_owned()));
        };
        if framework.retired.is_some() {
            return Err(unknown(format!("{} is retired; use a later version", item.framework)));
        }
        if framework.content.item(&item.code).is_none() {
            return Err(unknown(format!("{} has no such item", item.framework)));
        }
        Ok(())
    }
}

/// The key of a framework version.
pub(super) fn version_key(reference: &FrameworkRef) -> RowKey {
    RowKey::new(KeyKind::FrameworkVersion, reference.to_string())
}

/// A query for framework versions of one owner.
pub(super) fn framework_query(owner: &OrganisationCode, path: RowPath, as_of: Option<u64>) -> RowQuery {
    let query = RowQuery::along(owner.clone(), path, as_of, MAXIMUM_FRAMEWORK_VERSIONS);
    RowQuery { kind: Some(Kind::Framework), ..query }
}
