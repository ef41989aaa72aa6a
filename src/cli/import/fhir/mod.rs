//! `cairn import fhir`: FHIR R4 resources → people, narratives, outcomes, reviews and actions.
//!
//! The mapping is pure: resources in, lines and notes out. One file a resource type says what it becomes and why.
//! What has no field of its own is kept in narratives of administrative knowledge, word for word and code for code;
//! what has no place at all is reported, down to the single element, and stays in the source.
//!
//! The whole input is held in memory, because a Goal may refer to an Observation of any other file. Patients alone may
//! be elsewhere: who calls looks them up ([`patients_elsewhere`]) by the identifier that `patient` gives each.

mod attainment;
mod care_plan;
mod element;
mod goal;
mod observation;
mod patient;
mod read;
mod service_request;
mod source;

pub use attainment::AttainmentScale;
pub use read::{Found, ReadError, Resource, read_paths};
pub use source::Settings;

use super::intake::{Mapped, NoteKind};
use element::Reading;
use source::{Draft, PlacedAs, Source};
use std::collections::{BTreeSet, HashSet};

/// Maps everything that was read.
#[must_use]
pub fn map(found: Found, settings: &Settings, scale: &AttainmentScale) -> Mapped {
    let Found { mut mapped, resources, counted: _ } = found;
    let mut source = Source::new(settings, scale, &resources);
    for pass in Pass::IN_ORDER {
        for resource in resources.iter().filter(|resource| Pass::of(resource) == pass) {
            // Identity of the element, not of its content: two that are alike are still two.
            let first = source.resolve(&resource.reference());
            match first.filter(|first| first.input != resource.input) {
                Some(first) => {
                    let place = mapped.inputs.get(first.input).map(super::intake::Input::place).unwrap_or_default();
                    mapped.note(resource.input, NoteKind::NotPlaced, format!("the same resource stands at {place}"));
                }
                None => map_resource(resource, &mut source, &mut mapped),
            }
        }
    }
    mapped.settled()
}

/// The system of the identifier that each Patient is registered with: their id in the source system.
#[must_use]
pub fn patient_id_system(source_system: &str) -> String {
    format!("{source_system}-patient-id")
}

/// The ids of patients whom resources are about and who are not in the input.
#[must_use]
pub fn patients_elsewhere(found: &Found) -> BTreeSet<String> {
    let here: HashSet<String> = found.resources.iter().map(Resource::reference).collect();
    let subjects = found.resources.iter().filter_map(|resource| {
        let reading = Reading::new(&resource.json);
        let reference = reading.root().reference("subject")?;
        source::patient_id(&reference.to).map(str::to_owned)
    });
    subjects.filter(|id| !here.contains(&format!("Patient/{id}"))).collect()
}

/// The order in which resources are mapped, so that what others link to comes before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    People,
    Accounts,
    Goals,
    Actions,
    Others,
}

impl Pass {
    const IN_ORDER: [Self; 5] = [Self::People, Self::Accounts, Self::Goals, Self::Actions, Self::Others];

    fn of(resource: &Resource) -> Self {
        match resource.kind.as_str() {
            "Patient" => Self::People,
            "Observation" if observation::is_account(&Reading::new(&resource.json).root()) => Self::Accounts,
            "Goal" => Self::Goals,
            "ServiceRequest" => Self::Actions,
            _ => Self::Others,
        }
    }
}

fn map_resource<'a>(resource: &'a Resource, source: &mut Source<'a>, mapped: &mut Mapped) {
    let reading = Reading::new(&resource.json);
    let root = reading.root();
    let mut draft = Draft::new(resource, source.settings);
    let placed: Result<PlacedAs, String> = match resource.kind.as_str() {
        "Patient" => patient::map(&root, &resource.id, source, &mut draft),
        "Observation" => observation::map(&root, source, &mut draft),
        "Goal" => goal::map(&root, source, &mut draft),
        "ServiceRequest" => service_request::map(&root, source, &mut draft),
        "CarePlan" => care_plan::map(&root, source, &mut draft),
        "Practitioner" | "PractitionerRole" | "RelatedPerson" | "Organization" | "CareTeam" | "HealthcareService" => {
            give_name(&root, &mut draft);
            Ok(PlacedAs { names: Vec::new(), title: String::new() })
        }
        kind => Err(format!("{kind} is no part of a record of personal outcomes")),
    };
    match placed {
        Ok(placed) => {
            source.placed.insert(resource.reference(), placed);
            mapped.lines.append(&mut draft.lines);
            for (kind, text) in draft.notes {
                mapped.note(resource.input, kind, text);
            }
            let is_elsewhere =
                |reference: &&str| source.resolve(reference).is_none() && source.known(reference).is_none();
            for reference in reading.references().into_iter().filter(is_elsewhere) {
                let text = format!("it refers to {} that is not in this input", source::kind_in_words(reference));
                mapped.note(resource.input, NoteKind::Remark, text);
            }
            for element in reading.left_out() {
                mapped.note(resource.input, NoteKind::LeftOut, format!("{}.{element}", resource.kind));
            }
        }
        Err(reason) => mapped.note(resource.input, NoteKind::NotPlaced, reason),
    }
}

/// Marks what names are taken from when others refer to this resource: one name, or a role's practitioner.
fn give_name(root: &element::Element<'_, '_>, draft: &mut Draft<'_>) {
    let _marked = root.current_name("name").is_some() || root.text("name").is_some();
    let _marked = root.reference("practitioner");
    draft.notes.push((NoteKind::UsedForNames, "its name and kind are used where others refer to it".to_owned()));
}

#[cfg(test)]
mod tests;
