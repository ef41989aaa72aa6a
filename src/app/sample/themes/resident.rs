//! What matters to people who live in a care home.

use super::Theme;
use crate::domain::words::{OutcomeType, PartyKind};

pub(super) static THEMES: &[Theme] = &[
    Theme {
        outcome_type: OutcomeType::QualityOfLife,
        items: &["talking-points-people@1#treated-with-respect", "ascot-sct4@1#dignity", "icecap-o@1#role"],
        change: &["Be known here for who I was", "Have my things about me and my memories kept"],
        keep: &["Keep dressing the way I always have", "Keep my name the way I say it"],
        why: &["I forget things, but I’m not nothing.", "I ran a school of four hundred."],
        said: &[
            "My memory comes and goes like the wireless.",
            "They call me sweetheart. I had a name in this town.",
            "I like a collar and tie. It tells me it’s morning.",
            "I was a nurse for forty years and now they hide the tablets in my jam.",
        ],
        better: &[
            "The girl asked me about the mill. We talked for an hour.",
            "There’s a photo on my door, so I find it.",
        ],
        worse: &["They’re kind but they’re quick.", "My own cardigan was on somebody else."],
        seen: &[
            "Old photographs bring words that questions do not.",
            "{name} straightened the cutlery for the whole table.",
        ],
        near: &[
            "Ask about the boats and you’ll get an hour of sense.",
            "{name} never wore slippers to breakfast in all those years.",
        ],
        actions: &[
            (PartyKind::Family, "Make a life-story book with names under the pictures."),
            (PartyKind::Service, "Lay out collar and tie every morning."),
        ],
        contributions: &[
            (PartyKind::Family, "The {relative} brought the photographs and wrote the names."),
            (PartyKind::Practitioner, "The key worker learnt six questions that work."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::QualityOfLife,
        items: &["ascot-sct4@1#food-and-drink", "talking-points-people@1#dealing-with-stigma-and-discrimination"],
        change: &["Eat food I know, with people I can talk to", "Hear my own language once a day"],
        keep: &["Keep my own breakfast", "Keep having my tea the way I make it"],
        why: &["You can be lonely in a room full of people.", "Food is home when home is far."],
        said: &[
            "Nobody here speaks to me in the words I dream in.",
            "I’d like a proper soup. Not from a packet.",
            "They eat at five. Nobody in my family eats at five.",
        ],
        better: &[
            "The cook asked how my mother did it, and did it.",
            "There’s a lad on nights who says good night to me in my own language.",
        ],
        worse: &["Mince on {day}, always mince.", "I’ve gone quiet. It’s easier."],
        seen: &[
            "{name} left the plate full and ate the fruit from a visitor.",
            "Spoke at length when a cleaner greeted them.",
        ],
        near: &["I bring soup on {day}s and it’s gone before I’ve my coat off."],
        actions: &[
            (PartyKind::Service, "Cook one family recipe a week."),
            (PartyKind::Community, "The cultural centre sends a visitor on {day}s."),
            (PartyKind::Family, "Write twenty everyday words on a card by the bed."),
        ],
        contributions: &[
            (PartyKind::Service, "The cook made the soup, three tries."),
            (PartyKind::Community, "A visitor reads the newspaper aloud every week."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::QualityOfLife,
        items: &["talking-points-people@1#seeing-people", "icecap-o@1#attachment"],
        change: &["See the grandchildren here, not only at Christmas", "Get out to the family for Sunday lunch"],
        keep: &["Keep {petname} coming to visit", "Keep my {relative}’s visits on {day}s"],
        why: &["They grow so fast.", "It’s the one hour I’m still the head of the family."],
        said: &[
            "I don’t want bingo. I want my grandchildren on my bed making crumbs.",
            "{petname} knows me, whatever day it is.",
            "I count the sleeps to {day}, like a child.",
        ],
        better: &["The little one fell asleep on me. I didn’t move for an hour.", "They let {petname} up on the bed."],
        worse: &["They come, but it’s ten minutes and coats on.", "I think I’ve been forgotten, or I’ve forgotten."],
        seen: &["The day after a visit goes better in every way.", "The lounge has no corner where a family can sit."],
        near: &[
            "It’s four buses. I come when I can, and then I’m told it’s a bad time.",
            "The children love the stories.",
        ],
        actions: &[
            (PartyKind::Service, "Give the family the small room on {day}s."),
            (PartyKind::Family, "Come before the nap, and bring the {pet}."),
        ],
        contributions: &[
            (PartyKind::Family, "The {relative} came every week through the winter."),
            (PartyKind::Service, "The home bought a box of toys and a second kettle."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::QualityOfLife,
        items: &["ascot-sct4@1#control", "icecap-o@1#control", "talking-points-people@1#living-where-and-as-you-want"],
        change: &["Get outside every day, rain or not", "Go to bed when I’m tired and not before"],
        keep: &["Keep my walk round the grounds", "Keep my door shut when I want it shut"],
        why: &["I’ve always been an outdoors person.", "I decided things all my life."],
        said: &[
            "The door has a number and nobody tells me the number.",
            "I’m put to bed in daylight. In daylight!",
            "I want to feel weather.",
        ],
        better: &["I was out in the snow. Two minutes, but snow.", "I saw the late film and nobody tutted."],
        worse: &["They say later. Later is when it’s dark."],
        seen: &["{name} stood at the garden door for most of the visit.", "Restless from four; calm after a walk."],
        near: &["Lock the door and you lock {name} in twice."],
        actions: &[
            (PartyKind::Practitioner, "Review the risk of the garden door with the family."),
            (PartyKind::Service, "Walk out after lunch every day and write down when not."),
        ],
        contributions: &[
            (PartyKind::Practitioner, "A risk plan for the garden was agreed and signed by all."),
            (PartyKind::Community, "The school put in a bird table by the path."),
        ],
    },
];
