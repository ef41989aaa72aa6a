//! An erasure (GDPR Art 17): asked for by one client, executed or refused by another, told to whoever had the data (Art 19).
//!
//! The request is a stream of its own and stays when what it was about is gone: it holds codes and, until the person's words
//! are erased, a sealed reason. What the erasure did is said by [`ErasureExecuted`] in the stream of the person, in the
//! transaction that removes the parts. Knows nothing of how they are removed.

use crate::domain::event::{CannotFollow, Class, Decided, Facts, PartRef, PersonalPart, Recorded};
use crate::domain::ids::{NarrativeId, OrganisationCode, PersonId, StreamId};
use crate::domain::personal::Words;
use crate::domain::refusal::Refusal;
use crate::domain::text::{NOTE_MAX_CODE_POINTS, allow_words};
use crate::domain::time::Timestamp;
use crate::domain::words::{ErasureBasis, ErasureExemption, ErasureScope, ErasureStatus};
use serde::{Deserialize, Serialize};

/// `ErasureRequested`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureRequested {
    /// Whose data.
    pub person: PersonId,
    /// What of it.
    pub scope: ErasureScope,
    /// The one narrative, where the scope is that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrative: Option<NarrativeId>,
    /// The ground of Art 17(1).
    pub legal_basis: ErasureBasis,
}

/// Somebody who had the data and must be told that it was erased (Art 19).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The client.
    pub client: String,
    /// Whom it acts for.
    pub organisation: OrganisationCode,
    /// How it came to have the data: `recorded`, `read`, `exported`.
    pub because: Vec<String>,
}

/// `ErasureApproved`: executed, in the same transaction, by the [`ErasureExecuted`] that stands at the next position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureApproved {
    /// Who had the data, in order; a notice is due to each.
    pub recipients: Vec<Recipient>,
    /// Whether those are among them who only read it.
    pub reads_included: bool,
}

/// `ErasureRefused`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureRefused {
    /// The exemption of Art 17(3), or that no ground of Art 17(1) applies.
    pub exemption: ErasureExemption,
}

/// `ErasureWithdrawn`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureWithdrawn {}

/// `ErasureNoticeSent`: a recipient was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureNoticeSent {
    /// Which of the recipients, from 0.
    pub notice: u32,
}

/// A stream that an erasure covers, up to and including a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cover {
    /// The stream.
    pub stream: StreamId,
    /// Its last version at that moment.
    pub through_version: u64,
}

/// `ErasureExecuted`, in the stream of the person. From here on a part that is missing or cannot be opened is accounted for
/// if its stream and version are covered and its class is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureExecuted {
    /// The classes of parts that were removed, in the order of their names.
    pub classes: Vec<Class>,
    /// The streams that they were removed from, in the order of their ids.
    pub covers: Vec<Cover>,
    /// The ground.
    pub legal_basis: ErasureBasis,
    /// The request.
    pub request: StreamId,
    /// Whose data it was.
    pub subject: PersonId,
}

impl ErasureExecuted {
    /// Whether it removed classes of everything of a person, and not only of some recordings.
    #[must_use]
    pub fn is_of_the_whole_person(&self) -> bool {
        let person = StreamId::from(self.subject);
        self.covers.iter().any(|cover| cover.stream == person)
    }
    /// Whether it removed a class of everything of the person.
    #[must_use]
    pub fn removes(&self, class: Class) -> bool {
        self.is_of_the_whole_person() && self.classes.contains(&class)
    }
}

impl ErasureScope {
    /// The classes that it removes, in the order of their names.
    #[must_use]
    pub const fn classes(self) -> &'static [Class] {
        match self {
            Self::IdentityAndWords => &[Class::Identity, Class::Index, Class::Words],
            Self::Identity => &[Class::Identity, Class::Index],
            Self::Words | Self::Narrative => &[Class::Words],
            Self::Full => &[Class::Facts, Class::Identity, Class::Index, Class::Words],
        }
    }
}

/// The sealed words of a request or a refusal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasureWords {
    /// Why it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Words>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Words>,
}

/// A notice that is due or was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// To whom.
    pub recipient: Recipient,
    /// When it was recorded that it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<i64>,
    /// The client that recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_by: Option<String>,
}

/// A request as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// What was asked for.
    pub facts: ErasureRequested,
    /// The client that asked.
    pub requested_by: String,
    /// What became of it.
    pub status: ErasureStatus,
    /// The client that executed, refused or withdrew it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// When: microseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<i64>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemption: Option<ErasureExemption>,
    /// Position of the event that executed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executed: Option<u64>,
    /// Who must be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
    /// Whether those who only read are among them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reads_included: bool,
    /// Where the reason stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<PartRef>,
    /// Where the note of a refusal stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<PartRef>,
}

/// The next state of a request.
///
/// # Errors
/// [`CannotFollow`] where the event does not fit the state.
pub fn evolve(state: Option<Erasure>, event: &Recorded) -> Result<Erasure, CannotFollow> {
    let decided = |erasure: Erasure, status| Erasure {
        status,
        decided_by: Some(event.header.client.clone()),
        decided_at: Some(event.recorded_at.micros()),
        ..erasure
    };
    match (&event.facts, state) {
        (Facts::ErasureRequested(requested), None) => Ok(Erasure {
            facts: requested.clone(),
            requested_by: event.header.client.clone(),
            status: ErasureStatus::Requested,
            decided_by: None,
            decided_at: None,
            exemption: None,
            executed: None,
            notices: Vec::new(),
            reads_included: false,
            reason: event.part(Class::Words),
            note: None,
        }),
        (Facts::ErasureApproved(approved), Some(erasure)) => Ok(Erasure {
            executed: Some(event.position + 1),
            notices: approved.recipients.iter().cloned().map(Notice::due_to).collect(),
            reads_included: approved.reads_included,
            ..decided(erasure, ErasureStatus::Executed)
        }),
        (Facts::ErasureRefused(refused), Some(erasure)) => Ok(Erasure {
            exemption: Some(refused.exemption),
            note: event.part(Class::Words),
            ..decided(erasure, ErasureStatus::Refused)
        }),
        (Facts::ErasureWithdrawn(_), Some(erasure)) => Ok(decided(erasure, ErasureStatus::Withdrawn)),
        (Facts::ErasureNoticeSent(sent), Some(mut erasure)) => {
            let notice = usize::try_from(sent.notice).ok().and_then(|at| erasure.notices.get_mut(at));
            let unknown = CannotFollow { event: event.facts.name(), detail: "there is no such notice" };
            let notice = notice.ok_or(unknown)?;
            notice.sent_at = Some(event.recorded_at.micros());
            notice.sent_by = Some(event.header.client.clone());
            Ok(erasure)
        }
        (facts, _) => Err(CannotFollow { event: facts.name(), detail: "not an event of an erasure in this state" }),
    }
}

impl Notice {
    const fn due_to(recipient: Recipient) -> Self {
        Self { recipient, sent_at: None, sent_by: None }
    }
    /// When it was recorded that it was given.
    #[must_use]
    pub fn sent_at(&self) -> Option<Timestamp> {
        self.sent_at.map(Timestamp::from_micros)
    }
}

impl Erasure {
    /// When it was executed, refused or withdrawn.
    #[must_use]
    pub fn decided_at(&self) -> Option<Timestamp> {
        self.decided_at.map(Timestamp::from_micros)
    }
}

/// What may be asked of an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErasureCommand {
    /// Ask for it.
    Request {
        /// Its facts.
        facts: ErasureRequested,
        /// Why.
        reason: Option<Words>,
    },
    /// Execute it.
    Approve {
        /// The client that approves: never the one that asked.
        by: String,
        /// Who must be told.
        recipients: Vec<Recipient>,
        /// Whether those who only read are among them.
        reads_included: bool,
    },
    /// Refuse it.
    Refuse {
        /// Why in law.
        exemption: ErasureExemption,
        /// Why in words.
        note: Option<Words>,
    },
    /// Take the request back.
    Withdraw,
    /// Say that a recipient was told.
    SendNotice {
        /// Which, from 0.
        notice: u32,
    },
}

/// Decides a command.
///
/// # Errors
/// A [`Refusal`] that says what is wrong.
pub fn decide(state: Option<&Erasure>, command: ErasureCommand) -> Result<Decided, Refusal> {
    const REFUSED: fn(&'static str) -> Refusal = |detail| Refusal::NotInThisState { detail };
    let open = state.is_some_and(|erasure| erasure.status == ErasureStatus::Requested);
    let mut words = ErasureWords::default();
    let (facts, person) = match (command, state) {
        (ErasureCommand::Request { facts, reason }, None) => {
            if (facts.scope == ErasureScope::Narrative) != facts.narrative.is_some() {
                return Err(Refusal::invalid("/narrative", "is required for the scope narrative, and for no other"));
            }
            allow_words("/reason", reason.as_ref(), NOTE_MAX_CODE_POINTS)?;
            words.reason = reason;
            let person = facts.person;
            (Facts::ErasureRequested(facts), person)
        }
        (ErasureCommand::Request { .. }, Some(_)) => return Err(REFUSED("this erasure is already asked for")),
        (_, None) => return Err(REFUSED("this erasure was not asked for")),
        (ErasureCommand::SendNotice { notice }, Some(erasure)) => {
            let known = usize::try_from(notice).ok().and_then(|at| erasure.notices.get(at));
            let Some(known) = known else { return Err(REFUSED("there is no such notice to give")) };
            if known.sent_at.is_some() {
                return Err(REFUSED("this notice was given already"));
            }
            (Facts::ErasureNoticeSent(ErasureNoticeSent { notice }), erasure.facts.person)
        }
        _ if !open => return Err(REFUSED("this erasure was executed, refused or withdrawn already")),
        (ErasureCommand::Approve { by, recipients, reads_included }, Some(erasure)) => {
            if by == erasure.requested_by {
                return Err(REFUSED("the client that asked for an erasure cannot approve it: another one must"));
            }
            (Facts::ErasureApproved(ErasureApproved { recipients, reads_included }), erasure.facts.person)
        }
        (ErasureCommand::Refuse { exemption, note }, Some(erasure)) => {
            allow_words("/note", note.as_ref(), NOTE_MAX_CODE_POINTS)?;
            words.note = note;
            (Facts::ErasureRefused(ErasureRefused { exemption }), erasure.facts.person)
        }
        (ErasureCommand::Withdraw, Some(erasure)) => {
            (Facts::ErasureWithdrawn(ErasureWithdrawn {}), erasure.facts.person)
        }
    };
    let personal = if words == ErasureWords::default() {
        Vec::new()
    } else {
        vec![PersonalPart::new(Class::Words, person, &words)?]
    };
    Ok(Decided { facts, personal })
}
