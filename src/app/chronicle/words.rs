//! Events in words, where the history of an outcome does not tell of them: people, conversations, frameworks. Names and
//! identifiers are never told, opened or not: whose recording it is stands beside.

use crate::app::Content;
use crate::app::history::{Told, plain, said};
use crate::domain::conversation::{Asked, ConversationFacts, ConversationHeld, ConversationWords};
use crate::domain::erasure::ErasureWords;
use crate::domain::event::{Facts, Recorded};
use crate::domain::person::PersonIdentity;
use crate::domain::personal::Words;
use std::collections::BTreeMap;

/// Tells an event of a person, a conversation or a framework.
pub fn tell_other(event: &Recorded, parts: &BTreeMap<String, Content>) -> Told {
    let (what, why) = match &event.facts {
        Facts::PersonRegistered(registered) => {
            let systems = &registered.identifier_systems;
            let known = if systems.is_empty() { String::new() } else { format!(", known by {}", systems.join(", ")) };
            (format!("Person registered{known}"), None)
        }
        Facts::PersonAmended(_) => ("Name or date of birth corrected".to_owned(), reason_of_person(parts)),
        Facts::PersonIdentifierAdded(added) => {
            (format!("Identifier added: {}", added.identifier_system), reason_of_person(parts))
        }
        Facts::ConversationHeld(ConversationHeld(facts)) => (format!("Conversation held {}", of(facts)), None),
        Facts::ConversationAmended(amended) => {
            let words: ConversationWords = said(parts).unwrap_or_default();
            (format!("Conversation corrected: held on {} {}", amended.held_at, of(&amended.facts)), words.reason)
        }
        Facts::FrameworkPublished(published) => {
            let content = &published.content;
            (format!("Framework {}@{} published", content.id, content.version), None)
        }
        // The reason is reference data: nobody's words.
        Facts::FrameworkRetired(retired) => {
            ("Framework version retired".to_owned(), Some(Words::new(retired.reason.clone())))
        }
        Facts::ErasureRequested(_) => ("Erasure asked for".to_owned(), reason_of_erasure(parts)),
        Facts::ErasureApproved(_) => ("Erasure approved".to_owned(), None),
        Facts::ErasureRefused(_) => ("Erasure refused".to_owned(), reason_of_erasure(parts)),
        Facts::ErasureWithdrawn(_) => ("Erasure not asked for any more".to_owned(), None),
        Facts::ErasureNoticeSent(_) => ("Somebody who had received it was told of the erasure".to_owned(), None),
        Facts::ErasureExecuted(executed) => {
            let classes: Vec<&str> = executed.classes.iter().map(|class| class.as_str()).collect();
            (format!("Erased: {} of {} recordings", classes.join(", "), executed.covers.len()), None)
        }
        facts => (facts.name().to_owned(), None),
    };
    Told { what, why, perspective: None }
}

fn of(facts: &ConversationFacts) -> String {
    let asked = match facts.asked {
        Asked::Expressed => "outcomes were expressed",
        Asked::NoneExpressed => "asked, none were expressed",
        Asked::NotAsked => "outcomes were not asked about",
    };
    format!("({}): {asked}", plain(facts.mode.as_str()))
}

fn reason_of_erasure(parts: &BTreeMap<String, Content>) -> Option<Words> {
    let words: ErasureWords = said(parts)?;
    words.reason.or(words.note)
}

fn reason_of_person(parts: &BTreeMap<String, Content>) -> Option<Words> {
    match parts.get("identity") {
        Some(Content::Open(bytes)) => serde_json::from_slice::<PersonIdentity>(bytes.expose()).ok()?.reason,
        Some(Content::Erased) | None => None,
    }
}
