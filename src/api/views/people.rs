//! People as they are shown.

use crate::api::views::{Common, View, other_kind};
use crate::app::words::{Class, PersonIdentity, Resource};
use crate::app::{AppError, Seen};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An identifier as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IdentifierView {
    /// Its system.
    pub system: String,
    /// Its value; `null` once erased.
    pub value: Option<String>,
}

/// A person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PersonView {
    /// What every recording has.
    #[serde(flatten)]
    pub common: Common,
    /// How the person is called.
    pub name: Option<String>,
    /// Date of birth.
    pub birth_date: Option<String>,
    /// Identifiers, oldest first.
    pub identifiers: Vec<IdentifierView>,
}

impl View for PersonView {
    fn of(seen: &Seen) -> Result<Self, AppError> {
        let Resource::Person(person) = &seen.row.resource else { return Err(other_kind()) };
        let identity: Option<PersonIdentity> = seen.content(person.identity)?.flatten();
        let mut identifiers = Vec::with_capacity(person.identifiers.len());
        for held in &person.identifiers {
            let place = crate::app::words::PartRef { position: held.position, class: Class::Identity };
            let content: Option<PersonIdentity> = seen.content(Some(place))?.flatten();
            let nth = person
                .identifiers
                .iter()
                .take_while(|other| !std::ptr::eq(*other, held))
                .filter(|other| other.position == held.position)
                .count();
            let value = content.and_then(|identity| {
                identity.identifiers.get(nth).map(|identifier| identifier.value().expose().clone())
            });
            identifiers.push(IdentifierView { system: held.system.clone(), value });
        }
        let mut common = Common::of(seen);
        if !person.erased.is_empty() {
            common.erased = person.erased.iter().map(|class| class.as_str().to_owned()).collect();
        }
        let (name, birth_date) = identity.map_or((None, None), |identity| (identity.name, identity.birth_date));
        Ok(Self {
            common,
            name: name.map(crate::app::words::Personal::into_inner),
            birth_date: birth_date.map(|date| date.to_string()),
            identifiers,
        })
    }
}
