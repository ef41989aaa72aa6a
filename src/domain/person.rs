//! A person: whose outcomes are recorded. Names, dates of birth and identifiers are sealed; the facts say only
//! which systems the identifiers come from.

use crate::domain::erasure::ErasureExecuted;
use crate::domain::event::{CannotFollow, Class, Decided, Facts, IndexEntry, Kind, PartRef, PersonalPart, Recorded};
use crate::domain::identifier::PersonIdentifier;
use crate::domain::ids::PersonId;
use crate::domain::personal::Words;
use crate::domain::refusal::Refusal;
use crate::domain::text::{NAME_MAX_CODE_POINTS, NOTE_MAX_CODE_POINTS, allow_words, require_words};
use crate::domain::time::{LifeTime, Timestamp};
use serde::{Deserialize, Serialize};

/// The most identifiers that one person may have.
pub const IDENTIFIERS_MAX: usize = 50;

/// `PersonRegistered`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRegistered {
    /// The systems of the identifiers given, in the order of the sealed part.
    pub identifier_systems: Vec<String>,
}

/// `PersonAmended`: name or date of birth corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonAmended {}

/// `PersonIdentifierAdded`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonIdentifierAdded {
    /// The system of the identifier.
    pub identifier_system: String,
}

/// The sealed identity that goes with each of the three events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonIdentity {
    /// How the person is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Words>,
    /// Date of birth, as precisely as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<LifeTime>,
    /// Identifiers that this event adds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<PersonIdentifier>,
    /// Why it was amended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Words>,
}

/// An identifier of a person as the row keeps it: where it is sealed, and the digest that finds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldIdentifier {
    /// Its system.
    pub system: String,
    /// The event whose identity part holds it.
    pub position: u64,
    /// The blind index; absent once erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// A person as the log knows them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Where the name and date of birth stand now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<PartRef>,
    /// The identifiers, oldest first.
    pub identifiers: Vec<HeldIdentifier>,
    /// The classes that erasures removed of everything about the person, in the order of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erased: Vec<Class>,
    /// The generation of the key that words must be sealed with at least: one later for each erasure of single recordings, so that
    /// what sealed them can be destroyed.
    #[serde(default, skip_serializing_if = "is_first")]
    pub words_generation: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out a reference")]
const fn is_first(generation: &u32) -> bool {
    *generation == 0
}

/// Why something cannot be recorded about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barred {
    /// Their words or all about them were erased: the keys are gone, and nothing more can be sealed for them.
    Erased,
    /// Its words are sealed with a key that is about to be destroyed; they must be sealed anew.
    SealedAnew {
        /// The generation of the key that will do.
        generation: u32,
    },
}

impl Person {
    /// Whether an event can still be recorded about the person. The rest of them can be asked to be erased while there is a
    /// rest, and what became of such a request can always be recorded. `sealed_with` is the generation of the key that sealed the
    /// event's words, if it has any.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn admits(&self, facts: &Facts, sealed_with: Option<u32>) -> Result<(), Barred> {
        let gone = |class: Class| self.erased.contains(&class);
        let barred = match facts.kind() {
            Kind::Erasure => gone(Class::Facts) && matches!(facts, Facts::ErasureRequested(_)),
            Kind::Person => gone(Class::Facts) || gone(Class::Identity),
            _ => gone(Class::Facts) || gone(Class::Words),
        };
        if barred {
            return Err(Barred::Erased);
        }
        match sealed_with {
            Some(generation) if generation < self.words_generation => {
                Err(Barred::SealedAnew { generation: self.words_generation })
            }
            _ => Ok(()),
        }
    }

    /// The person without the digests that find them: what every version of their row is once they are erased.
    #[must_use]
    pub fn without_digests(mut self) -> Self {
        for held in &mut self.identifiers {
            held.digest = None;
        }
        self
    }

    fn after(self, erasure: &ErasureExecuted) -> Self {
        if !erasure.is_of_the_whole_person() {
            return Self { words_generation: self.words_generation + 1, ..self };
        }
        let mut erased = self.erased.clone();
        erased.extend(&erasure.classes);
        erased.sort_unstable_by_key(|class| class.as_str());
        erased.dedup();
        if erasure.removes(Class::Facts) {
            return Self { erased, ..Self::default() };
        }
        let person = if erasure.removes(Class::Index) { self.without_digests() } else { self };
        Self { erased, ..person }
    }
}

fn held(systems: &[String], event: &Recorded) -> Vec<HeldIdentifier> {
    let digest_of = |at: usize, system: &String| -> Option<String> {
        event.index.get(at).filter(|entry| &entry.system == system).map(|entry: &IndexEntry| entry.digest.clone())
    };
    systems
        .iter()
        .enumerate()
        .map(|(at, system)| HeldIdentifier {
            system: system.clone(),
            position: event.position,
            digest: digest_of(at, system),
        })
        .collect()
}

/// The next state of a person.
///
/// # Errors
/// [`CannotFollow`] where the event does not fit the state.
pub fn evolve(state: Option<Person>, event: &Recorded) -> Result<Person, CannotFollow> {
    match (&event.facts, state) {
        (Facts::PersonRegistered(registered), None) => Ok(Person {
            identity: event.part(Class::Identity),
            identifiers: held(&registered.identifier_systems, event),
            ..Person::default()
        }),
        // Of the events before it nothing is left to fold.
        (Facts::ErasureExecuted(executed), _) if executed.removes(Class::Facts) => {
            Ok(Person::default().after(executed))
        }
        (Facts::ErasureExecuted(executed), Some(person)) => Ok(person.after(executed)),
        (Facts::PersonAmended(_), Some(person)) => Ok(Person { identity: event.part(Class::Identity), ..person }),
        (Facts::PersonIdentifierAdded(added), Some(mut person)) => {
            person.identifiers.extend(held(std::slice::from_ref(&added.identifier_system), event));
            Ok(person)
        }
        (facts, _) => Err(CannotFollow { event: facts.name(), detail: "not an event of a person in this state" }),
    }
}

/// What may be asked of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonCommand {
    /// Register somebody new.
    Register {
        /// How the person is called.
        name: Option<Words>,
        /// Date of birth.
        birth_date: Option<LifeTime>,
        /// Identifiers, checked already.
        identifiers: Vec<PersonIdentifier>,
    },
    /// Correct the name or the date of birth; both are given whole, as they should read.
    Amend {
        /// How the person is called.
        name: Option<Words>,
        /// Date of birth.
        birth_date: Option<LifeTime>,
        /// Why.
        reason: Words,
    },
    /// Add an identifier.
    AddIdentifier(PersonIdentifier),
}

impl PersonCommand {
    /// The identifiers that the command brings, in order; each gets a blind index and must be free.
    #[must_use]
    pub fn identifiers(&self) -> &[PersonIdentifier] {
        match self {
            Self::Register { identifiers, .. } => identifiers,
            Self::AddIdentifier(identifier) => std::slice::from_ref(identifier),
            Self::Amend { .. } => &[],
        }
    }
}

/// Decides a command for the person `id`.
///
/// # Errors
/// A [`Refusal`] that says what is wrong.
pub fn decide(
    state: Option<&Person>,
    id: PersonId,
    command: PersonCommand,
    now: Timestamp,
) -> Result<Decided, Refusal> {
    let (facts, identity) = match (command, state) {
        (PersonCommand::Register { name, birth_date, identifiers }, None) => {
            check_demographics(name.as_ref(), birth_date, now)?;
            check_identifiers(&identifiers, 0)?;
            let systems = identifiers.iter().map(|identifier| identifier.system().as_str().to_owned()).collect();
            let facts = Facts::PersonRegistered(PersonRegistered { identifier_systems: systems });
            (facts, PersonIdentity { name, birth_date, identifiers, reason: None })
        }
        (PersonCommand::Amend { name, birth_date, reason }, Some(_)) => {
            check_demographics(name.as_ref(), birth_date, now)?;
            require_words("/reason", &reason, NOTE_MAX_CODE_POINTS)?;
            let identity = PersonIdentity { name, birth_date, identifiers: Vec::new(), reason: Some(reason) };
            (Facts::PersonAmended(PersonAmended {}), identity)
        }
        (PersonCommand::AddIdentifier(identifier), Some(person)) => {
            check_identifiers(std::slice::from_ref(&identifier), person.identifiers.len())?;
            let identifier_system = identifier.system().as_str().to_owned();
            let identity = PersonIdentity { name: None, birth_date: None, identifiers: vec![identifier], reason: None };
            (Facts::PersonIdentifierAdded(PersonIdentifierAdded { identifier_system }), identity)
        }
        (PersonCommand::Register { .. }, Some(_)) => {
            return Err(Refusal::NotInThisState { detail: "this person is already registered" });
        }
        (_, None) => return Err(Refusal::NotInThisState { detail: "this person is not registered" }),
    };
    Ok(Decided { facts, personal: vec![PersonalPart::new(Class::Identity, id, &identity)?] })
}

fn check_demographics(name: Option<&Words>, birth_date: Option<LifeTime>, now: Timestamp) -> Result<(), Refusal> {
    allow_words("/name", name, NAME_MAX_CODE_POINTS)?;
    let Some(birth_date) = birth_date else { return Ok(()) };
    if !birth_date.is_date() {
        return Err(Refusal::invalid("/birth_date", "must be a year, a month or a date"));
    }
    if birth_date.is_after(now) {
        return Err(Refusal::InTheFuture { pointer: "/birth_date".to_owned() });
    }
    Ok(())
}

fn check_identifiers(identifiers: &[PersonIdentifier], already: usize) -> Result<(), Refusal> {
    if identifiers.len() + already > IDENTIFIERS_MAX {
        return Err(Refusal::invalid("/identifiers", format!("a person has at most {IDENTIFIERS_MAX} identifiers")));
    }
    for (at, identifier) in identifiers.iter().enumerate() {
        if identifiers.iter().take(at).any(|before| before == identifier) {
            return Err(Refusal::invalid(format!("/identifiers/{at}"), "is given twice"));
        }
    }
    Ok(())
}
