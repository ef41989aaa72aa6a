//! Who had somebody's data, so that they can be told that it was erased (GDPR Art 19): who recorded it, and who was shown it.
//!
//! What is shown between this look and the erasure is in the log of accesses like all else, and in no notice.

use crate::app::{App, AppError};
use crate::domain::erasure::Recipient;
use crate::domain::ids::{OrganisationCode, PersonId, StreamId};
use crate::domain::reading_access::{AccessOutcome, ReadingAccess, ShownPart, Through};
use crate::store::{AccessQuery, OPEN_END, Reach, StoreError};
use std::collections::{BTreeMap, BTreeSet};

/// Accesses that are looked at together.
const PAGE: u32 = 1_000;

/// Who had the data, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Who, in the order of clients.
    pub recipients: Vec<Recipient>,
    /// Whether those are among them who only read it.
    pub reads_included: bool,
}

impl App {
    /// Everybody who is known to have had a person's data.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub(super) async fn recipients_of(
        &self,
        organisation: &OrganisationCode,
        person: PersonId,
    ) -> Result<Received, AppError> {
        let mut because: BTreeMap<(String, OrganisationCode), BTreeSet<&str>> = BTreeMap::new();
        for recorder in self.store.known_recorders(organisation, &[person.into()]).await? {
            because.entry((recorder.client, organisation.clone())).or_default().insert("recorded");
        }
        let mut query = AccessQuery {
            reach: Reach::Organisation(organisation.clone()),
            stream: Some(StreamId::from(person)),
            from: 0,
            until: OPEN_END,
            client: None,
            user: None,
            purpose: None,
            newest_first: false,
            limit: PAGE,
        };
        loop {
            let page = self.store.accesses(&query).await?;
            for stored in &page {
                let unreadable = |error: crate::domain::reading_access::UnreadableAccess| StoreError::Corrupt {
                    position: stored.position,
                    detail: error.to_string(),
                };
                let access = ReadingAccess::read(stored.schema, stored.facts.as_bytes()).map_err(unreadable)?;
                if shows_data(&access) {
                    let how = how_it_went(access.through);
                    because.entry((access.client, access.organisation)).or_default().insert(how);
                }
            }
            let Some(last) = page.last().filter(|_| page.len() == PAGE as usize) else { break };
            query.from = last.position + 1;
        }
        let recipient = |((client, organisation), because): ((String, OrganisationCode), BTreeSet<&str>)| Recipient {
            client,
            organisation,
            because: because.into_iter().map(str::to_owned).collect(),
        };
        Ok(Received { recipients: because.into_iter().map(recipient).collect(), reads_included: true })
    }
}

/// By what is taken away in files it may have gone further than whoever asked.
const fn how_it_went(through: Through) -> &'static str {
    match through {
        Through::Export | Through::Extract | Through::Command => "exported",
        _ => "read",
    }
}

/// Whether something of the person was shown that an erasure can take: who read what, and leaves, stay in any case.
fn shows_data(access: &ReadingAccess) -> bool {
    let of_the_person = [ShownPart::Facts, ShownPart::Identity, ShownPart::Words];
    access.outcome == AccessOutcome::Shown && of_the_person.iter().any(|part| access.parts.contains(part))
}
