//! Goal attainment scaling: the codes that name whose score it is, and the published map from a score to a status.
//!
//! The map is data of the shipped list `goal-attainment-scale`, never code here; the raw score is always kept beside
//! the status. LOINC codes as the HL7 Person-Centered Outcomes implementation guide uses them.

use super::element::Coding;
use crate::app::reference::{BrokenReference, shipped};

/// The list of the answers.
const SCALE: &str = "goal-attainment-scale";

/// Whose score a code names, and at which stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreKind {
    /// 107332-9, any score: the performer says whose it is, the date at which stage.
    Plain,
    /// 107334-5, the patient's at follow-up.
    PatientFollowUp,
    /// 107333-7, the practitioner's at follow-up.
    PractitionerFollowUp,
    /// 107331-1, the caregiver's at follow-up.
    CaregiverFollowUp,
}

impl ScoreKind {
    /// Reads the LOINC code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        match code {
            "107332-9" => Some(Self::Plain),
            "107334-5" => Some(Self::PatientFollowUp),
            "107333-7" => Some(Self::PractitionerFollowUp),
            "107331-1" => Some(Self::CaregiverFollowUp),
            _ => None,
        }
    }

    /// The standpoint that the code itself names.
    #[must_use]
    pub const fn perspective(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::PatientFollowUp => Some("person"),
            Self::PractitionerFollowUp => Some("practitioner"),
            Self::CaregiverFollowUp => Some("carer"),
        }
    }
}

/// The answers of the scale.
#[derive(Debug)]
pub struct AttainmentScale {
    answers: Vec<Answer>,
}

#[derive(Debug)]
struct Answer {
    code: String,
    label: String,
    rating: String,
    status: Option<String>,
}

/// A score that the scale knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Score {
    /// The rating, `goal-attainment-scale@1#LA34480-6`.
    pub rating: String,
    /// The status that it maps to, `review-status@1#fully_met`; `None` where nothing comes near.
    pub status: Option<String>,
    /// Whether only the words matched, not the code.
    pub by_words: bool,
}

impl AttainmentScale {
    /// The newest shipped version of the scale.
    ///
    /// # Errors
    /// [`BrokenReference`] where the shipped lists cannot be read: a fault of the build.
    pub fn shipped() -> Result<Self, BrokenReference> {
        let lists = shipped()?;
        let newest = |id: &str| lists.iter().filter(|list| list.id == id).max_by_key(|list| list.version);
        let Some(scale) = newest(SCALE) else { return Ok(Self { answers: Vec::new() }) };
        let status_of =
            |list: &str, code: &str| newest(list).map(|list| format!("{}@{}#{code}", list.id, list.version));
        let answer = |item: &crate::app::reference::FrameworkItem| Answer {
            code: item.code.clone(),
            label: item.label.clone(),
            rating: format!("{SCALE}@{}#{}", scale.version, item.code),
            status: item.maps_to.as_ref().and_then(|map| status_of(&map.list, map.code.as_deref()?)),
        };
        Ok(Self { answers: scale.items.iter().map(answer).collect() })
    }

    /// The score of a coding: by its code, or where the code is not one of the scale's, by the words beside it.
    #[must_use]
    pub fn score(&self, coding: &Coding) -> Option<Score> {
        let by_code = self.answers.iter().find(|answer| coding.code.as_deref() == Some(&answer.code));
        let by_words = || {
            let display = coding.display.as_deref()?.trim();
            self.answers.iter().find(|answer| answer.label.eq_ignore_ascii_case(display))
        };
        let answer = by_code.or_else(by_words)?;
        Some(Score { rating: answer.rating.clone(), status: answer.status.clone(), by_words: by_code.is_none() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(code: &str, display: &str) -> Option<Score> {
        let coding = Coding { system: None, code: Some(code.to_owned()), display: Some(display.to_owned()) };
        AttainmentScale::shipped().unwrap().score(&coding)
    }

    #[test]
    fn scores_map_by_code_and_only_then_by_words() {
        let better = score("LA34480-6", "whatever").unwrap();
        assert_eq!(better.rating, "goal-attainment-scale@1#LA34480-6");
        assert_eq!(better.status.as_deref(), Some("review-status@1#fully_met"));
        assert!(!better.by_words);
        let expected = score("gas-expected-outcome", "Expected outcome").unwrap();
        assert!(expected.by_words && expected.rating.ends_with("#LA34481-4"));
        assert_eq!(score("LA0", "As hoped"), None);
    }

    #[test]
    fn every_answer_of_the_scale_has_a_status() {
        let scale = AttainmentScale::shipped().unwrap();
        assert_eq!(scale.answers.len(), 5);
        assert!(scale.answers.iter().all(|answer| answer.status.is_some()));
    }
}
