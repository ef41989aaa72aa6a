//! The domain's words as the OpenAPI document shows them. `domain` does not know of OpenAPI, so each list is mirrored
//! here; the matches are exhaustive in both directions, so a word that is added there must be added here.

use crate::app::words as domain;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

// The text is a `tt`: utoipa does not read a `literal` that a macro hands on, and would document the Rust names.
macro_rules! mirrored {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $text:tt),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        pub enum $name {
            $(
                #[doc = $text]
                #[serde(rename = $text)]
                $variant
            ),+
        }
        impl From<$name> for domain::$name {
            fn from(word: $name) -> Self { match word { $($name::$variant => Self::$variant),+ } }
        }
        impl From<domain::$name> for $name {
            fn from(word: domain::$name) -> Self { match word { $(domain::$name::$variant => Self::$variant),+ } }
        }
    )+};
}

mirrored! {
    /// The standpoint of a statement; not its author.
    Perspective { Person = "person", Carer = "carer", Family = "family", Advocate = "advocate",
        Practitioner = "practitioner", Service = "service" }
    /// What kind of party acted or wrote.
    PartyKind { Person = "person", Carer = "carer", Family = "family", Advocate = "advocate", Community = "community",
        Practitioner = "practitioner", Service = "service" }
    /// The form of knowledge that a narrative carries.
    KnowledgeForm { Lived = "lived", Practice = "practice", Research = "research", Administrative = "administrative" }
    /// What kind of outcome it is.
    OutcomeType { QualityOfLife = "quality_of_life", Process = "process", Change = "change", CaringRole = "caring_role" }
    /// Whether something should change or be kept: keeping is an outcome too.
    Direction { Change = "change", Maintain = "maintain" }
    /// How a conversation was held.
    ConversationMode { InPerson = "in_person", Telephone = "telephone", Video = "video", Written = "written", Other = "other" }
    /// What somebody says of a narrative.
    Stance { Agrees = "agrees", Disagrees = "disagrees", Adds = "adds" }
    /// How far an agreed action has come.
    ActionStatus { Agreed = "agreed", Started = "started", Done = "done", Stopped = "stopped" }
    /// Where in the course of an outcome a review stands. A baseline is never compared as progress.
    ReviewStage { Baseline = "baseline", FollowUp = "follow_up", Final = "final" }
    /// Why an outcome was closed.
    ClosureReason { Achieved = "achieved", NoLongerMatters = "no_longer_matters", MovedOn = "moved_on",
        PersonDied = "person_died", EnteredInError = "entered_in_error", Other = "other" }
    /// What of a person an erasure removes.
    ErasureScope { IdentityAndWords = "identity_and_words", Identity = "identity", Words = "words", Full = "full",
        Narrative = "narrative" }
    /// The ground of an erasure: a letter of GDPR Art 17(1).
    ErasureBasis { NoLongerNecessary = "gdpr_17_1_a", ConsentWithdrawn = "gdpr_17_1_b", Objected = "gdpr_17_1_c",
        Unlawful = "gdpr_17_1_d", LegalObligation = "gdpr_17_1_e", ChildsService = "gdpr_17_1_f" }
    /// Why an erasure is refused: a letter of GDPR Art 17(3), or that no ground applies.
    ErasureExemption { Expression = "gdpr_17_3_a", Obligation = "gdpr_17_3_b", PublicHealth = "gdpr_17_3_c",
        Research = "gdpr_17_3_d", LegalClaims = "gdpr_17_3_e", NoGround = "no_ground" }
    /// What became of a request to erase.
    ErasureStatus { Requested = "requested", Executed = "executed", Refused = "refused", Withdrawn = "withdrawn" }
    /// Whether outcomes were asked about: three different facts.
    Asked { Expressed = "expressed", NoneExpressed = "none_expressed", NotAsked = "not_asked" }
}
