//! Who and what appears in one person's record beside them, and how the slots of phrases are filled. Knows no dates and
//! no lines.

use super::chance::Chance;
use super::identity::{Identity, acquaintance};
use super::themes::Life;
use crate::domain::words::{PartyKind, Perspective};

const TOWNS: &[&str] =
    &["Sampleton", "Little Specimen", "Examplewick", "Placeham", "Upper Instance", "Aber Enghraifft", "Invershampill"];
const CLUBS: &[&str] = &["bowls club", "choir", "allotment club", "darts team", "knitting group", "men’s shed"];
/// Dogs all, because they are walked.
const PETS: &[(&str, &[&str])] = &[
    ("dog", &["Biscuit", "Nell", "Captain", "Żabka"]),
    ("spaniel", &["Duchess", "Tigger", "Smoke"]),
    ("greyhound", &["Elvis", "Fionnuala"]),
];
const DAYS: &[&str] = &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The people, the animal and the places of one record.
#[derive(Debug)]
pub struct Cast {
    /// The person.
    pub identity: Identity,
    /// Who else speaks in this record, beside the person and the practitioner: at most three.
    pub others: Vec<Perspective>,
    /// The practitioner's name.
    pub worker: String,
    carer: String,
    relative: &'static str,
    relative_name: &'static str,
    relative_family_name: &'static str,
    pet: &'static str,
    pet_name: &'static str,
    town: &'static str,
    club: &'static str,
}

impl Cast {
    /// Gathers those who appear beside a person.
    #[must_use]
    pub fn gather(identity: Identity, life: Life, chance: &mut Chance) -> Self {
        let relatives: &[&str] = match life {
            Life::Older | Life::Resident => &["daughter", "son", "niece", "nephew", "sister", "brother"],
            Life::Adult => &["mum", "dad", "sister", "brother", "aunt"],
            Life::Carer => &["husband", "wife", "mother", "father", "partner"],
            Life::Child => &["brother", "sister", "nan", "mum"],
        };
        let (pet, pet_names) = PETS[chance.below(PETS.len() as u64) as usize];
        let (worker_given, worker_family) = acquaintance(chance);
        let (carer_given, carer_family) = acquaintance(chance);
        let (relative_name, other_family) = acquaintance(chance);
        let relative_family_name = if chance.percent(60) { identity.family_name } else { other_family };
        Self {
            others: others(life, chance),
            worker: format!("{worker_given} {worker_family}-Practitioner"),
            carer: format!("{carer_given} {carer_family}"),
            relative: chance.pick(relatives),
            relative_name,
            relative_family_name,
            pet,
            pet_name: chance.pick(pet_names),
            town: chance.pick(TOWNS),
            club: chance.pick(CLUBS),
            identity,
        }
    }

    /// The name of a party, where this record knows one.
    #[must_use]
    pub fn name_of(&self, party: PartyKind) -> Option<String> {
        match party {
            PartyKind::Person => Some(self.identity.full_name()),
            PartyKind::Practitioner => Some(self.worker.clone()),
            PartyKind::Family => Some(format!("{} {}", self.relative_name, self.relative_family_name)),
            PartyKind::Carer => Some(self.carer.clone()),
            PartyKind::Advocate | PartyKind::Community | PartyKind::Service => None,
        }
    }

    /// Fills the slots of a phrase.
    #[must_use]
    pub fn fill(&self, phrase: &str, chance: &mut Chance) -> String {
        let mut filled = String::with_capacity(phrase.len() + 32);
        let mut rest = phrase;
        while let Some((before, after)) = rest.split_once('{') {
            let (slot, behind) = after.split_once('}').unwrap_or((after, ""));
            filled.push_str(before);
            filled.push_str(match slot {
                "name" => self.identity.given_name,
                "relative" => self.relative,
                "relname" => self.relative_name,
                "pet" => self.pet,
                "petname" => self.pet_name,
                "town" => self.town,
                "club" => self.club,
                "worker" => &self.worker,
                "day" => chance.pick(DAYS),
                unknown => unknown,
            });
            rest = behind;
        }
        filled.push_str(rest);
        filled
    }
}

fn others(life: Life, chance: &mut Chance) -> Vec<Perspective> {
    // In percent: carer, family, advocate.
    let shares = match life {
        Life::Older => [35, 45, 3],
        Life::Adult => [15, 35, 15],
        Life::Carer => [0, 45, 3],
        Life::Child => [85, 20, 25],
        Life::Resident => [8, 70, 15],
    };
    [Perspective::Carer, Perspective::Family, Perspective::Advocate]
        .into_iter()
        .zip(shares)
        .filter(|(_, share)| chance.percent(*share))
        .map(|(perspective, _)| perspective)
        .collect()
}

/// The party that speaks for itself from a standpoint.
#[must_use]
pub const fn party_of(perspective: Perspective) -> PartyKind {
    match perspective {
        Perspective::Person => PartyKind::Person,
        Perspective::Carer => PartyKind::Carer,
        Perspective::Family => PartyKind::Family,
        Perspective::Advocate => PartyKind::Advocate,
        Perspective::Practitioner => PartyKind::Practitioner,
        Perspective::Service => PartyKind::Service,
    }
}
