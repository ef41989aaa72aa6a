//! Bodies about people.

use crate::api::bodies::{Body, Source, occurred_at, parsed, source};
use crate::api::problem::Problem;
use crate::app::words::{Command, IdentifierSystem, PersonCommand, PersonIdentifier, Words};
use crate::app::{Recording, Target};
use serde::Deserialize;
use utoipa::ToSchema;

/// An identifier of a person in some system. NHS and CHI numbers are checked; every value is kept sealed.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Identifier {
    /// `nhs_number`, `chi`, or another system's name.
    #[schema(example = "nhs_number")]
    pub system: String,
    /// The value.
    #[schema(value_type = String, example = "9434765919")]
    pub value: Words,
}

impl Identifier {
    /// Checks it.
    pub(crate) fn parse(&self, pointer: &str) -> Result<PersonIdentifier, Problem> {
        let system: IdentifierSystem = parsed(&format!("{pointer}/system"), &self.system)?;
        PersonIdentifier::parse(system, self.value.expose())
            .map_err(|error| Problem::invalid(format!("{pointer}/value"), error.to_string()))
    }
}

/// A person to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "occurred_at": "2026-11-02", "name": "Morgan Sample", "birth_date": "1951-03-14",
    "identifiers": [{"system": "nhs_number", "value": "9434765919"}]
}))]
pub struct RegisterPerson {
    /// When the person came to be known: a year, month, date or instant.
    pub occurred_at: String,
    /// How the person is called.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Option<Words>,
    /// Date of birth: a year, month or date.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub birth_date: Option<Words>,
    /// Identifiers, each held by one person of the organisation only. At most 50.
    #[serde(default)]
    pub identifiers: Vec<Identifier>,
    /// Where it was imported from.
    #[serde(default)]
    pub source: Option<Source>,
}

impl Body for RegisterPerson {
    const OPERATION: &'static str = "register_person";
    const CHANGES: bool = false;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let identifiers = self
            .identifiers
            .iter()
            .enumerate()
            .map(|(at, identifier)| identifier.parse(&format!("/identifiers/{at}")))
            .collect::<Result<_, _>>()?;
        let birth_date = self.birth_date.map(|text| parsed("/birth_date", text.expose())).transpose()?;
        Ok(Recording {
            target,
            command: Command::Person(PersonCommand::Register { name: self.name, birth_date, identifiers }),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: source(self.source)?,
        })
    }
}

/// A person's name and date of birth, whole, as they should read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "occurred_at": "2026-11-03", "name": "Morgan A. Sample", "birth_date": "1951-03-14", "reason": "Middle name was missing"
}))]
pub struct AmendPerson {
    /// When it was corrected.
    pub occurred_at: String,
    /// How the person is called; absent means not known.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Option<Words>,
    /// Date of birth; absent means not known.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub birth_date: Option<Words>,
    /// Why.
    #[schema(value_type = String)]
    pub reason: Words,
}

impl Body for AmendPerson {
    const OPERATION: &'static str = "amend_person";
    const CHANGES: bool = true;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let birth_date = self.birth_date.map(|text| parsed("/birth_date", text.expose())).transpose()?;
        Ok(Recording {
            target,
            command: Command::Person(PersonCommand::Amend { name: self.name, birth_date, reason: self.reason }),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: None,
        })
    }
}

/// An identifier to add to a person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"occurred_at": "2026-11-03", "system": "case-number", "value": "C-1187"}))]
pub struct AddPersonIdentifier {
    /// When it came to be known.
    pub occurred_at: String,
    /// `nhs_number`, `chi`, or another system's name.
    pub system: String,
    /// The value.
    #[schema(value_type = String)]
    pub value: Words,
}

impl Body for AddPersonIdentifier {
    const OPERATION: &'static str = "add_person_identifier";
    const CHANGES: bool = true;

    fn into_recording(self, target: Target) -> Result<Recording, Problem> {
        let identifier = Identifier { system: self.system, value: self.value }.parse("")?;
        Ok(Recording {
            target,
            command: Command::Person(PersonCommand::AddIdentifier(identifier)),
            occurred_at: occurred_at(&self.occurred_at)?,
            source: None,
        })
    }
}

/// Whom to look for: in a body, because an identifier never stands in a URL.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"system": "nhs_number", "value": "9434765919"}))]
pub struct SearchPeople {
    /// `nhs_number`, `chi`, or another system's name.
    pub system: String,
    /// The value.
    #[schema(value_type = String)]
    pub value: Words,
}
