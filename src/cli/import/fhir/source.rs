//! What the mappings share: finding what a reference means, who somebody is, when something was, and drafting lines.
//!
//! Knows the standpoints and kinds of party that the API takes; knows no single resource type's elements.

use super::attainment::AttainmentScale;
use super::element::{Element, Reading, Reference};
use super::read::Resource;
use crate::cli::import::intake::{Line, NoteKind, key};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Where the recordings come from and how they are read.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A short name of the system that the files come from; part of every key and source reference.
    pub source_system: String,
    /// When the organisation came to know the people, where that shall not be their date of birth.
    pub known_since: Option<String>,
    /// Patients who are not in the input and whom an earlier import has registered: their id in the source system, and
    /// the person's.
    pub known_patients: HashMap<String, String>,
}

/// What a resource has become.
#[derive(Debug, Clone)]
pub struct PlacedAs {
    /// The names of its recordings that others may link to.
    pub names: Vec<String>,
    /// What it is called in words.
    pub title: String,
}

/// Everything that a mapping may look up.
pub struct Source<'a> {
    /// How to read.
    pub settings: &'a Settings,
    /// The scale of attainment scores.
    pub scale: &'a AttainmentScale,
    by_reference: HashMap<String, &'a Resource>,
    /// What the resources mapped so far have become, by `Goal/123`.
    pub placed: HashMap<String, PlacedAs>,
}

/// Somebody who said, wrote or does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The standpoint, in the API's word.
    pub perspective: &'static str,
    /// The kind of party, in the API's word.
    pub kind: &'static str,
    /// The form of knowledge that their account carries.
    pub knowledge: &'static str,
    /// Their name; none for the person.
    pub name: Option<String>,
}

impl<'a> Source<'a> {
    /// Prepares the lookups; of resources with one reference the first counts.
    #[must_use]
    pub fn new(settings: &'a Settings, scale: &'a AttainmentScale, resources: &'a [Resource]) -> Self {
        let mut by_reference = HashMap::new();
        for resource in resources {
            by_reference.entry(resource.reference()).or_insert(resource);
            if let Some(url) = &resource.full_url {
                by_reference.entry(url.clone()).or_insert(resource);
            }
        }
        Self { settings, scale, by_reference, placed: HashMap::new() }
    }

    /// The resource that a reference means, if it is in the input.
    #[must_use]
    pub fn resolve(&self, reference: &str) -> Option<&'a Resource> {
        self.by_reference.get(reference).or_else(|| self.by_reference.get(&local(reference))).copied()
    }

    /// What the resource that a reference means has become.
    #[must_use]
    pub fn placed(&self, reference: &str) -> Option<&PlacedAs> {
        self.placed.get(&self.resolve(reference)?.reference())
    }

    /// The person whom a reference means who is not in the input but known to the service.
    #[must_use]
    pub fn known(&self, reference: &str) -> Option<&str> {
        let id = patient_id(reference).filter(|_| self.resolve(reference).is_none())?;
        self.settings.known_patients.get(id).map(String::as_str)
    }

    /// The person whom a resource is about, as a reference to their registration.
    ///
    /// # Errors
    /// Says why nobody can be named.
    pub fn subject(&self, element: &Element<'_, '_>) -> Result<String, String> {
        let reference = element.reference("subject").ok_or("it names no subject")?;
        if let Some(person) = self.known(&reference.to) {
            return Ok(person.to_owned());
        }
        let placed = self
            .placed(&reference.to)
            .ok_or("its subject is no patient placed by this input, or registered by an earlier one")?;
        placed
            .names
            .first()
            .filter(|name| name.starts_with("Patient/"))
            .map(|name| at(name))
            .ok_or_else(|| "its subject is no patient".to_owned())
    }

    /// Who a reference names; `None` where their kind is unknown. `subject` is the person the statement is about.
    #[must_use]
    pub fn party(&self, reference: &Reference, subject: &str) -> Option<Party> {
        let resource = self.resolve(&reference.to);
        let written = local(&reference.to);
        let kind = resource.map_or_else(|| written.split('/').next().unwrap_or_default(), |resource| &resource.kind);
        let reading = resource.map(|resource| Reading::new(&resource.json));
        let name =
            reading.as_ref().and_then(|reading| self.name(kind, &reading.root())).or_else(|| reference.display.clone());
        // Somebody who is not in the input is still named by what the source calls them.
        let name = name.or_else(|| resource.is_none().then(|| written.clone()));
        let party = |perspective, kind, knowledge, name| Some(Party { perspective, kind, knowledge, name });
        match kind {
            "Patient"
                if at(&written) == subject
                    || resource.is_some_and(|patient| at(&patient.reference()) == subject)
                    || self.known(&reference.to) == Some(subject) =>
            {
                party("person", "person", "lived", None)
            }
            "Practitioner" | "PractitionerRole" => party("practitioner", "practitioner", "practice", name),
            "RelatedPerson" => {
                let is_carer = reading.as_ref().is_some_and(|reading| is_carer(&reading.root()));
                let word = if is_carer { "carer" } else { "family" };
                party(word, word, "lived", name)
            }
            "Organization" | "CareTeam" | "HealthcareService" => party("service", "service", "practice", name),
            _ => None,
        }
    }

    fn name(&self, kind: &str, root: &Element<'_, '_>) -> Option<String> {
        match kind {
            "PractitionerRole" => {
                let reference = root.reference("practitioner")?;
                let named = self
                    .resolve(&reference.to)
                    .and_then(|resource| Reading::new(&resource.json).root().current_name("name"));
                named.or(reference.display)
            }
            "Organization" | "CareTeam" | "HealthcareService" => root.text("name").map(str::to_owned),
            _ => root.current_name("name"),
        }
    }

    /// The placed recordings behind references to resources of one type, and the references that lead to none.
    #[must_use]
    pub fn links(&self, kind: &str, references: Vec<Reference>) -> (Vec<String>, Vec<Reference>) {
        let (mut names, mut nowhere) = (Vec::new(), Vec::new());
        for reference in references {
            let target = self.resolve(&reference.to).filter(|resource| resource.kind == kind);
            match target.and_then(|resource| self.placed.get(&resource.reference())) {
                Some(placed) => names.extend(placed.names.iter().map(|name| at(name))),
                None => nowhere.push(reference),
            }
        }
        (names, nowhere)
    }
}

/// Whether a RelatedPerson is there as a carer: its relationship says so in a code or in words.
fn is_carer(root: &Element<'_, '_>) -> bool {
    root.concepts("relationship").iter().any(|concept| {
        let words = concept.in_words().to_ascii_lowercase();
        words.contains("carer") || words.contains("caregiver")
    })
}

/// `1` out of `Patient/1`, also where it is versioned. Not out of a URL: somebody of that id on another server may be
/// somebody else, and what is not in the input cannot be compared.
pub fn patient_id(reference: &str) -> Option<&str> {
    let id = reference.strip_prefix("Patient/")?;
    let id = id.split_once("/_history/").map_or(id, |(id, _)| id);
    Some(id).filter(|id| !id.is_empty() && !id.contains('/'))
}

/// `Patient/1` out of a URL or a versioned reference.
fn local(reference: &str) -> String {
    let unversioned = reference.split("/_history/").next().unwrap_or(reference);
    let mut segments = unversioned.rsplit('/');
    match (segments.next(), segments.next()) {
        (Some(id), Some(kind)) => format!("{kind}/{id}"),
        _ => unversioned.to_owned(),
    }
}

/// `a resource of type Practitioner`, or what can be said where the reference names no type. Never the id.
#[must_use]
pub fn kind_in_words(reference: &str) -> String {
    let local = local(reference);
    match local.split_once('/') {
        Some((kind, _)) if kind.len() <= 64 && kind.bytes().all(|letter| letter.is_ascii_alphabetic()) => {
            format!("a resource of type {kind}")
        }
        _ => "a resource".to_owned(),
    }
}

/// A name as other lines refer to it.
#[must_use]
pub fn at(name: &str) -> String {
    format!("@{name}")
}

/// The first of these elements that holds a time; `parent.leaf` looks inside. The others stay unread.
#[must_use]
pub fn time<'a>(element: &Element<'a, '_>, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| match name.split_once('.') {
        Some((parent, leaf)) => element.get(parent)?.text(leaf),
        None => element.text(name),
    })
}

/// The lines that one resource becomes, being written.
pub struct Draft<'a> {
    resource: &'a Resource,
    settings: &'a Settings,
    /// The lines so far.
    pub lines: Vec<Line>,
    /// What is said of the resource so far.
    pub notes: Vec<(NoteKind, String)>,
}

impl<'a> Draft<'a> {
    /// An empty draft.
    #[must_use]
    pub const fn new(resource: &'a Resource, settings: &'a Settings) -> Self {
        Self { resource, settings, lines: Vec::new(), notes: Vec::new() }
    }

    /// Adds a recording and gives its name. `what` tells several recordings of one resource apart, empty for the main
    /// one. A source reference is added to the body.
    pub fn record(&mut self, what: &str, op: &'static str, mut body: Value) -> String {
        let reference = self.resource.reference();
        let name = if what.is_empty() { reference } else { format!("{reference}#{what}") };
        if let Value::Object(fields) = &mut body {
            fields.insert("source".to_owned(), json!({ "system": self.settings.source_system, "reference": name }));
        }
        let names = [&self.settings.source_system, &self.resource.kind, &self.resource.id, what];
        let key = key("fhir", &self.resource.kind, &names);
        self.lines.push(Line::new(self.resource.input, key, op, name.clone(), body));
        name
    }

    /// Says something of the resource.
    pub fn remark(&mut self, text: impl Into<String>) {
        self.notes.push((NoteKind::Remark, text.into()));
    }

    /// Keeps what has no field of its own in a narrative of the form of knowledge `administrative`: sentences about the
    /// record, none of them marked as anybody's own words. Gives its name, or `None` where there is nothing to keep.
    pub fn keep(&mut self, what: &str, frame: &Frame<'_>, kept: Vec<(&'static str, String)>) -> Option<String> {
        if kept.is_empty() {
            return None;
        }
        let mut sentences = Vec::with_capacity(kept.len());
        for (element, sentence) in kept {
            let note = (NoteKind::KeptInWords, format!("{}.{element}", self.resource.kind));
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
            sentences.push(sentence);
        }
        let body = json!({
            "person": frame.person, "occurred_at": frame.occurred_at, "text": sentences.join("\n"), "author": "service",
            "perspective": frame.perspective, "knowledge_form": "administrative", "outcomes": frame.outcomes,
        });
        Some(self.record(what, "record_narrative", body))
    }
}

/// About whom, when and from which standpoint a narrative speaks.
pub struct Frame<'a> {
    /// The person, as a reference.
    pub person: &'a str,
    /// When in life.
    pub occurred_at: &'a str,
    /// Whose standpoint.
    pub perspective: &'static str,
    /// The outcomes that it speaks of, as references.
    pub outcomes: &'a [String],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_come_in_several_shapes() {
        for shape in ["Patient/1", "https://a.example/fhir/Patient/1", "Patient/1/_history/3"] {
            assert_eq!(local(shape), "Patient/1");
        }
        assert_eq!(local("urn:uuid:7"), "urn:uuid:7");
        assert_eq!((patient_id("Patient/1"), patient_id("Patient/1/_history/3")), (Some("1"), Some("1")));
        for other in ["https://a.example/fhir/Patient/1", "Patient/", "Patient/1/2", "Group/1", "urn:uuid:7"] {
            assert_eq!(patient_id(other), None, "{other}");
        }
    }

    #[test]
    fn the_first_time_counts_and_the_others_stay_unread() {
        let json = json!({"period": {"start": "2024-01-01", "end": "2024-02-01"}, "issued": "2024-03-01"});
        let reading = Reading::new(&json);
        assert_eq!(time(&reading.root(), &["effectiveDateTime", "period.start", "issued"]), Some("2024-01-01"));
        assert_eq!(reading.left_out().into_iter().collect::<Vec<_>>(), ["issued", "period.end"]);
        assert_eq!(time(&reading.root(), &["absent"]), None);
    }
}
