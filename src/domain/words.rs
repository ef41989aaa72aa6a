//! The closed word lists of the domain: standpoints, kinds of party, modes. Lists that the field revises
//! (frameworks, ladders, scales, review statuses) are versioned data instead: see `reference`.

use serde::{Deserialize, Serialize};

macro_rules! word_list {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$word_doc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every word of the list, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The word as it is stored and sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

word_list! {
    /// The standpoint of a statement; not its author (a practitioner may write down the person's view).
    Perspective {
        /// The person whose life it is.
        Person = "person",
        /// An unpaid carer.
        Carer = "carer",
        /// Family or friends who are not the carer.
        Family = "family",
        /// Somebody who speaks for the person.
        Advocate = "advocate",
        /// A practitioner.
        Practitioner = "practitioner",
        /// A service as such.
        Service = "service",
    }
}

word_list! {
    /// What kind of party acted or wrote.
    PartyKind {
        /// The person.
        Person = "person",
        /// An unpaid carer.
        Carer = "carer",
        /// Family or friends.
        Family = "family",
        /// An advocate.
        Advocate = "advocate",
        /// The community: neighbours, clubs, volunteers.
        Community = "community",
        /// A practitioner.
        Practitioner = "practitioner",
        /// A service or organisation.
        Service = "service",
    }
}

word_list! {
    /// The form of knowledge that a narrative carries.
    KnowledgeForm {
        /// From living it.
        Lived = "lived",
        /// From practice.
        Practice = "practice",
        /// From research.
        Research = "research",
        /// From administration.
        Administrative = "administrative",
    }
}

word_list! {
    /// What kind of outcome it is.
    OutcomeType {
        /// Quality of life.
        QualityOfLife = "quality_of_life",
        /// How support is experienced.
        Process = "process",
        /// Change.
        Change = "change",
        /// Managing the caring role.
        CaringRole = "caring_role",
    }
}

word_list! {
    /// Whether something should change or be kept; keeping is an outcome too.
    Direction {
        /// Something should become different.
        Change = "change",
        /// Something should stay as it is.
        Maintain = "maintain",
    }
}

word_list! {
    /// How a conversation was held.
    ConversationMode {
        /// Face to face.
        InPerson = "in_person",
        /// By telephone.
        Telephone = "telephone",
        /// By video.
        Video = "video",
        /// In writing.
        Written = "written",
        /// Another way, or not known.
        Other = "other",
    }
}

word_list! {
    /// What somebody says of a narrative.
    Stance {
        /// Agrees with it.
        Agrees = "agrees",
        /// Disagrees with it.
        Disagrees = "disagrees",
        /// Adds to it.
        Adds = "adds",
    }
}

word_list! {
    /// How far an agreed action has come.
    ActionStatus {
        /// Agreed, not begun.
        Agreed = "agreed",
        /// Begun.
        Started = "started",
        /// Done.
        Done = "done",
        /// Stopped before it was done.
        Stopped = "stopped",
    }
}

word_list! {
    /// Where in the course of an outcome a review stands.
    ReviewStage {
        /// How things stood at the start; never compared as progress.
        Baseline = "baseline",
        /// During the course.
        FollowUp = "follow_up",
        /// At the end.
        Final = "final",
    }
}

word_list! {
    /// Why an outcome was closed.
    ClosureReason {
        /// It was achieved.
        Achieved = "achieved",
        /// It no longer matters to the person.
        NoLongerMatters = "no_longer_matters",
        /// The person moved on to another service or place.
        MovedOn = "moved_on",
        /// The person died.
        PersonDied = "person_died",
        /// Recorded in error.
        EnteredInError = "entered_in_error",
        /// Another reason, told in words.
        Other = "other",
    }
}

word_list! {
    /// What of a person an erasure removes.
    ErasureScope {
        /// Names, identifiers and words; the pseudonymous facts stay, so that counts stay reproducible.
        IdentityAndWords = "identity_and_words",
        /// Names and identifiers.
        Identity = "identity",
        /// Words.
        Words = "words",
        /// The facts too: nothing but the envelopes of the events stays.
        Full = "full",
        /// The words of one narrative.
        Narrative = "narrative",
    }
}

word_list! {
    /// The ground of an erasure: a letter of GDPR Art 17(1).
    ErasureBasis {
        /// No longer necessary for what they were collected for.
        NoLongerNecessary = "gdpr_17_1_a",
        /// Consent was withdrawn and there is no other ground.
        ConsentWithdrawn = "gdpr_17_1_b",
        /// The person objected and nothing overrides it.
        Objected = "gdpr_17_1_c",
        /// Processed unlawfully.
        Unlawful = "gdpr_17_1_d",
        /// A legal obligation.
        LegalObligation = "gdpr_17_1_e",
        /// Collected from a child for an information society service.
        ChildsService = "gdpr_17_1_f",
    }
}

word_list! {
    /// Why an erasure is refused: a letter of GDPR Art 17(3), or that no ground of Art 17(1) applies.
    ErasureExemption {
        /// Freedom of expression and information.
        Expression = "gdpr_17_3_a",
        /// A legal obligation or a task in the public interest.
        Obligation = "gdpr_17_3_b",
        /// Public health.
        PublicHealth = "gdpr_17_3_c",
        /// Archiving, research or statistics.
        Research = "gdpr_17_3_d",
        /// Legal claims.
        LegalClaims = "gdpr_17_3_e",
        /// No ground of Art 17(1) applies.
        NoGround = "no_ground",
    }
}

word_list! {
    /// What became of a request to erase.
    ErasureStatus {
        /// Asked for; nothing is erased yet.
        Requested = "requested",
        /// Executed.
        Executed = "executed",
        /// Refused.
        Refused = "refused",
        /// Taken back.
        Withdrawn = "withdrawn",
    }
}
