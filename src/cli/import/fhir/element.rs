//! Reading a FHIR resource so that nothing is overlooked: every leaf that a mapping looks at is marked, and what is
//! left unmarked at the end is reported as left out.
//!
//! Knows JSON and the few data types of FHIR that several resources share (Coding, CodeableConcept, Reference,
//! HumanName, Quantity); knows nothing of what they become.

use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Elements of every resource that are about the resource, not about the person: never reported.
const ABOUT_THE_RESOURCE: [&str; 5] = ["resourceType", "id", "meta", "language", "implicitRules"];

/// A resource being read.
#[derive(Debug)]
pub struct Reading<'a> {
    json: &'a Value,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Reading<'a> {
    /// Begins to read. The narrative that FHIR generates from the other elements counts as read.
    #[must_use]
    pub fn new(json: &'a Value) -> Self {
        let mut read: BTreeSet<String> = ABOUT_THE_RESOURCE.iter().map(|name| format!("/{name}")).collect();
        if json.pointer("/text/status").is_some_and(|status| status == "generated") {
            read.insert("/text".to_owned());
        }
        Self { json, read: RefCell::new(read) }
    }

    /// The resource itself.
    #[must_use]
    pub fn root(&self) -> Element<'a, '_> {
        Element { value: self.json, pointer: String::new(), reading: self }
    }

    /// Every literal reference in the resource, wherever it stands; does not count as reading it.
    #[must_use]
    pub fn references(&self) -> BTreeSet<&'a str> {
        let mut references = BTreeSet::new();
        collect_references(self.json, &mut references);
        references
    }

    /// The elements that nobody has looked at, without their places in lists: `identifier.use`.
    #[must_use]
    pub fn left_out(&self) -> BTreeSet<String> {
        let mut left = BTreeSet::new();
        collect(self.json, "", &self.read.borrow(), &mut left);
        left
    }
}

fn collect_references<'a>(value: &'a Value, references: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("reference").and_then(Value::as_str));
            fields.values().for_each(|field| collect_references(field, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, references)),
        _ => {}
    }
}

fn collect(value: &Value, pointer: &str, read: &BTreeSet<String>, left: &mut BTreeSet<String>) {
    if read.contains(pointer) {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                collect(field, &format!("{pointer}/{name}"), read, left);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                collect(item, &format!("{pointer}/{at}"), read, left);
            }
        }
        _ => {
            let names = pointer.split('/').filter(|name| !name.is_empty() && name.parse::<usize>().is_err());
            left.insert(names.collect::<Vec<_>>().join("."));
        }
    }
}

/// A part of a resource.
#[derive(Debug, Clone)]
pub struct Element<'a, 'r> {
    value: &'a Value,
    pointer: String,
    reading: &'r Reading<'a>,
}

impl<'a, 'r> Element<'a, 'r> {
    /// The element of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Self { value, pointer: format!("{}/{name}", self.pointer), reading: self.reading })
    }

    /// The items of the list of this name; an element that is no list counts as its only item.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<Self> {
        let Some(list) = self.get(name) else { return Vec::new() };
        let Value::Array(items) = list.value else { return vec![list] };
        let item = |(at, value)| Self { value, pointer: format!("{}/{at}", list.pointer), reading: self.reading };
        items.iter().enumerate().map(item).collect()
    }

    /// The text of the element of this name; read with that. An empty text counts as absent.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let element = self.get(name)?;
        let text = element.value.as_str()?;
        element.mark();
        Some(text).filter(|text| !text.trim().is_empty())
    }

    /// A text, number or truth value as it is written; read with that.
    #[must_use]
    pub fn written(&self, name: &str) -> Option<String> {
        let element = self.get(name)?;
        let written = match element.value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            _ => return None,
        };
        element.mark();
        Some(written)
    }

    /// Whether this is exactly that text; does not count as reading it.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        self.value.as_str() == Some(text)
    }

    /// Whether this is a text with that end; does not count as reading it.
    #[must_use]
    pub fn ends_with(&self, end: &str) -> bool {
        self.value.as_str().is_some_and(|text| text.ends_with(end))
    }

    /// Marks this and everything in it as read.
    pub fn mark(&self) {
        self.reading.read.borrow_mut().insert(self.pointer.clone());
    }

    /// The concept (CodeableConcept) of this name.
    #[must_use]
    pub fn concept(&self, name: &str) -> Option<Concept> {
        self.get(name).map(|element| element.as_concept())
    }

    /// The concepts of the list of this name.
    #[must_use]
    pub fn concepts(&self, name: &str) -> Vec<Concept> {
        self.list(name).iter().map(Self::as_concept).collect()
    }

    fn as_concept(&self) -> Concept {
        let codings = self.list("coding").iter().map(Self::as_coding).collect();
        Concept { text: self.text("text").map(str::to_owned), codings }
    }

    /// This element as a Coding.
    #[must_use]
    pub fn as_coding(&self) -> Coding {
        let text = |name: &str| self.text(name).map(str::to_owned);
        Coding { system: text("system"), code: text("code"), display: text("display") }
    }

    /// The reference of this name and what it is shown as.
    #[must_use]
    pub fn reference(&self, name: &str) -> Option<Reference> {
        self.get(name)?.as_reference()
    }

    /// This element as a Reference; `None` where it names nothing literally.
    #[must_use]
    pub fn as_reference(&self) -> Option<Reference> {
        let to = self.text("reference")?.to_owned();
        if let Some(kind) = self.get("type") {
            kind.mark();
        }
        Some(Reference { to, display: self.text("display").map(str::to_owned) })
    }

    /// The value of a quantity in words: `< 6 score`.
    #[must_use]
    pub fn quantity(&self, name: &str) -> Option<String> {
        let quantity = self.get(name)?;
        let value = quantity.written("value")?;
        let unit = quantity.text("unit");
        let code = quantity.text("code");
        let system = quantity.text("system");
        let unit = match (unit, system.zip(code)) {
            (Some(unit), Some((system, code))) => Some(format!("{unit} ({system}|{code})")),
            (Some(unit), None) => Some(unit.to_owned()),
            (None, _) => code.map(str::to_owned),
        };
        Some(
            [quantity.text("comparator").map(str::to_owned), Some(value), unit]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" "),
        )
    }

    /// This element as a HumanName, whole.
    #[must_use]
    pub fn as_name(&self) -> Option<String> {
        let items = |name: &str| -> Vec<&'a str> {
            let read = |item: Self| {
                item.mark();
                item.value.as_str()
            };
            self.list(name).into_iter().filter_map(read).collect()
        };
        let parts = [items("prefix"), items("given"), items("family"), items("suffix")].concat().join(" ");
        let whole = self.text("text").map_or(parts, str::to_owned);
        if let Some(name_use) = self.get("use") {
            name_use.mark();
        }
        Some(whole).filter(|whole| !whole.trim().is_empty())
    }

    /// The name that is used now: official before usual before any that is not old; the others stay unread.
    #[must_use]
    pub fn current_name(&self, name: &str) -> Option<String> {
        let rank = |element: &Self| match element.value.get("use").and_then(Value::as_str) {
            Some("official") => 0,
            Some("usual") => 1,
            Some("old" | "maiden") => 3,
            _ => 2,
        };
        self.list(name).into_iter().min_by_key(rank)?.as_name()
    }
}

/// A reference to another resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// As it is written: `Patient/1`, a URL, `urn:uuid:…`.
    pub to: String,
    /// What it is shown as.
    pub display: Option<String>,
}

/// A code of a code system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coding {
    /// The system's URI.
    pub system: Option<String>,
    /// The code.
    pub code: Option<String>,
    /// What it is shown as.
    pub display: Option<String>,
}

impl Coding {
    /// `Better than expected (http://loinc.org|LA34480-6)`
    #[must_use]
    pub fn in_words(&self) -> String {
        let code = match (&self.system, &self.code) {
            (Some(system), Some(code)) => Some(format!("{system}|{code}")),
            (system, code) => system.clone().or_else(|| code.clone()),
        };
        match (&self.display, code) {
            (Some(display), Some(code)) => format!("{display} ({code})"),
            (display, code) => display.clone().or(code).unwrap_or_default(),
        }
    }
}

/// A concept: words, codes or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concept {
    /// In the words of whoever wrote it.
    pub text: Option<String>,
    /// In codes.
    pub codings: Vec<Coding>,
}

impl Concept {
    /// Words and codes, so that nothing of it is lost.
    #[must_use]
    pub fn in_words(&self) -> String {
        self.text.clone().into_iter().chain(self.codings.iter().map(Coding::in_words)).collect::<Vec<_>>().join("; ")
    }

    /// Whether one of the codes is this one.
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        self.codings.iter().any(|coding| coding.code.as_deref() == Some(code))
    }

    /// Whether one of the codes is of a system whose URI contains this.
    #[must_use]
    pub fn has_system(&self, part: &str) -> bool {
        self.codings.iter().filter_map(|coding| coding.system.as_deref()).any(|system| system.contains(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_nobody_looked_at_is_left_out() {
        let json = json!({
            "resourceType": "Patient", "id": "1", "text": {"status": "generated", "div": "<div/>"},
            "name": [{"family": "Jones", "given": ["D", "E"]}, {"use": "old", "family": "Smith"}],
            "identifier": [{"use": "official", "value": "7"}], "deceasedBoolean": false,
        });
        let reading = Reading::new(&json);
        assert_eq!(reading.root().current_name("name").as_deref(), Some("D E Jones"));
        assert_eq!(reading.root().list("identifier")[0].text("value"), Some("7"));
        let left: Vec<String> = reading.left_out().into_iter().collect();
        assert_eq!(left, ["deceasedBoolean", "identifier.use", "name.family", "name.use"]);
    }

    #[test]
    fn a_narrative_with_more_than_the_elements_is_not_passed_over() {
        let json = json!({"text": {"status": "additional", "div": "<div>more</div>"}});
        assert_eq!(Reading::new(&json).left_out().len(), 2);
    }

    #[test]
    fn concepts_quantities_and_names_keep_all_that_they_say() {
        let json = json!({
            "code": {"text": "How it is", "coding": [{"system": "s", "code": "c", "display": "d"}, {"code": "x"}]},
            "q": {"comparator": "<", "value": 6.5, "unit": "score", "system": "u", "code": "{score}"},
            "n": {"text": "Dr Who", "given": ["W"], "period": {"start": "2020"}},
        });
        let reading = Reading::new(&json);
        assert_eq!(reading.root().concept("code").unwrap().in_words(), "How it is; d (s|c); x");
        assert_eq!(reading.root().quantity("q").unwrap(), "< 6.5 score (u|{score})");
        assert_eq!(reading.root().get("n").unwrap().as_name().unwrap(), "Dr Who");
        assert_eq!(reading.left_out().into_iter().collect::<Vec<_>>(), ["n.period.start"]);
    }
}
