//! What matters to older people who live at home.

use super::Theme;
use crate::domain::words::{OutcomeType, PartyKind};

pub(super) static THEMES: &[Theme] = &[
    Theme {
        outcome_type: OutcomeType::QualityOfLife,
        items: &["talking-points-people@1#living-where-and-as-you-want", "ascot-sct4@1#accommodation"],
        change: &["Come home from hospital and manage the stairs", "Get the downstairs of the house right for me"],
        keep: &["Stay in my own home", "Keep my own front door and my own kettle"],
        why: &["It is where I brought up my family.", "I know every neighbour in {town}.", "Here I am not a patient."],
        said: &[
            "I want to stay in my own home, that’s the long and the short of it.",
            "I came to this house the week we married. I’m not leaving it for a bathroom.",
            "I’ve my chair, my window and {petname}. What would I want with a home?",
            "The stairs are the trouble. I go up on my hands and come down on my bottom.",
        ],
        better: &["I’m still here, aren’t I? That’s what I asked for.", "The rail has made all the difference to me."],
        worse: &["I’m living in one room now. It’s home, but only just.", "I can’t get up to my own bed any more."],
        seen: &[
            "The front room is warm and everything needed is within reach.",
            "There is one step at the back door and no rail.",
            "The way to the bathroom at night is dark and cluttered.",
        ],
        near: &[
            "I worry every night about the stairs, but I know what {name} wants.",
            "{name} would fade away anywhere else. We all see that.",
        ],
        actions: &[
            (PartyKind::Service, "Fit a second rail on the stairs and a light on the landing."),
            (PartyKind::Family, "Move the bed to the front room before the winter."),
            (PartyKind::Person, "Wear the pendant, also in the garden."),
            (PartyKind::Practitioner, "Ask the occupational therapist to look at the bathroom."),
        ],
        contributions: &[
            (PartyKind::Family, "The {relative} comes round every evening and locks up."),
            (PartyKind::Service, "The handyperson put in rails and a key safe."),
            (PartyKind::Community, "The neighbour takes the bins out and looks in."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::QualityOfLife,
        items: &["talking-points-people@1#having-things-to-do", "ascot-sct4@1#occupation", "icecap-o@1#enjoyment"],
        change: &["Get back out into the garden", "Find a way to keep the vegetable patch going"],
        keep: &["Keep my garden, even if it is only the pots", "Go on growing my own tomatoes"],
        why: &["A day with soil on my hands is a good day.", "It was my father’s garden before it was mine."],
        said: &[
            "I want my hands in the soil again. I can’t bend, but I can sit.",
            "The roses need seeing to and nobody does them right.",
            "I look at the garden all day and can’t get to it.",
            "I still do my tomatoes. Slowly, mind.",
        ],
        better: &["I had sweet peas on the table all June.", "We ate my own potatoes. I cried, silly thing."],
        worse: &["It’s all weeds now. I keep the curtain drawn on that side.", "I’ve had to let the patch go."],
        seen: &["The garden is plainly the centre of the day.", "Two raised beds would be in reach of the bench."],
        near: &[
            "When {name} is in the garden there is no talk of pain.",
            "The garden is the first thing I get asked about.",
        ],
        actions: &[
            (PartyKind::Community, "The allotment club builds two raised beds."),
            (PartyKind::Person, "Go out to the pots every dry day, with the frame."),
            (PartyKind::Family, "Bring the heavy bags of compost on {day}."),
        ],
        contributions: &[
            (PartyKind::Community, "Two people from the allotment club dug the beds over."),
            (PartyKind::Person, "Sowed, watered and potted on, sitting down."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::QualityOfLife,
        items: &["talking-points-people@1#seeing-people", "ascot-sct4@1#social-participation"],
        change: &["See somebody to talk to most days", "Not to be on my own every weekend"],
        keep: &["Keep up with my friends from the {club}", "Keep going to the lunch club"],
        why: &["The days are very long when nobody speaks.", "I’m better company when I have company."],
        said: &[
            "Some weeks the telly is the only voice I hear.",
            "Since Len died the evenings have no end to them.",
            "I don’t want visiting. I want a friend.",
            "The café on the corner knows my order. That’s my outing.",
        ],
        better: &[
            "I’ve {day} to look forward to now.",
            "We laughed so much that my tea went cold. 😊",
            "I’ve my friends back.",
        ],
        worse: &["It’s quieter than ever.", "The lunch club stopped and nothing came after it."],
        seen: &["The telephone did not ring once in two hours.", "There was cake for two on the table and one cup."],
        near: &[
            "I ring on {day}s, but it is not the same as a knock at the door.",
            "{name} was always the life of the party.",
        ],
        actions: &[
            (PartyKind::Community, "The befriending group calls round on {day}s."),
            (PartyKind::Practitioner, "Find out whether the {club} can offer a lift."),
            (PartyKind::Person, "Ring an old friend once a week."),
        ],
        contributions: &[
            (PartyKind::Community, "A volunteer calls every week for tea and dominoes."),
            (PartyKind::Family, "The grandchildren set up video calls on a tablet."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::Change,
        items: &["talking-points-people@1#reduced-symptoms", "talking-points-people@1#staying-as-well-as-you-can"],
        change: &["Sleep through the night without the pain", "Get the pain down far enough to hold my cup"],
        keep: &["Keep the pain where it is, no worse", "Keep my good nights"],
        why: &["Without sleep I’m no use to anybody.", "Pain makes me short with people I love."],
        said: &[
            "The pain wakes me at three and then I hear every clock.",
            "It’s my hip. It talks to me all night.",
            "I can put up with the days. It’s the nights that wear me down.",
            "I’d settle for four hours in one piece.",
        ],
        better: &[
            "I slept until six. I couldn’t believe the light.",
            "It still hurts but it no longer runs the house.",
        ],
        worse: &["Four pillows and I’m still awake.", "The new tablets make me dizzy and the pain is the same."],
        seen: &[
            "{name} shifted in the chair throughout and was tired.",
            "Painkillers are taken late, after the worst has begun.",
        ],
        near: &["I hear {name} up and down all night.", "The new cushion did more than the tablets, if you ask me."],
        actions: &[
            (PartyKind::Practitioner, "Ask the surgery for a review of the painkillers."),
            (PartyKind::Person, "Do the exercises from the physiotherapist twice a day."),
        ],
        contributions: &[
            (PartyKind::Practitioner, "The pharmacist moved the evening dose to eight o’clock."),
            (PartyKind::Person, "Kept a sleep diary for six weeks."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::Change,
        items: &["talking-points-people@1#improved-mobility", "talking-points-people@1#improved-confidence-and-morale"],
        change: &["Take the bus into {town} on my own again", "Walk to the shop and back without holding on"],
        keep: &["Keep walking {petname} round the block", "Go on taking the bus on market day"],
        why: &["I don’t like asking for everything.", "A bus pass is freedom, that’s all it is."],
        said: &[
            "Since the fall I’ve not been past the gate.",
            "I want to get the number nine to the market like I used to.",
            "It’s not my legs, it’s my nerve.",
            "{petname} needs a walk and so do I.",
        ],
        better: &[
            "I went to the market and had chips. Nobody held my arm.",
            "To the post box and back, every day but Sunday.",
        ],
        worse: &["The bus doesn’t kneel and the driver doesn’t wait.", "I had another tumble. I’m back to the chair."],
        seen: &[
            "Steady on the flat with a stick; anxious at kerbs.",
            "{name} counted the steps to the bus stop out loud.",
        ],
        near: &[
            "{name} gets as far as the gate and turns round.",
            "I’d rather drive, but I know it isn’t about the shopping.",
        ],
        actions: &[
            (PartyKind::Practitioner, "Walk to the stop together three times, then once behind."),
            (PartyKind::Family, "Travel along on the first trip to {town}."),
            (PartyKind::Service, "Offer a place in the falls class on {day}s."),
        ],
        contributions: &[
            (PartyKind::Practitioner, "The physiotherapist came out to the bus stop rather than the clinic."),
            (PartyKind::Community, "A neighbour walks to the shop at the same time every day."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::QualityOfLife,
        items: &["talking-points-people@1#seeing-people", "nussbaum-central-capabilities@1#affiliation"],
        change: &["Get back to church on Sundays", "Have somebody to sing and pray with again"],
        keep: &["Keep going to the gurdwara with the family", "Keep singing in the chapel choir"],
        why: &["It’s where they know who I was.", "It holds the week together."],
        said: &[
            "I’ve missed more Sundays this year than in all my life.",
            "It isn’t only the prayers, it’s the tea after.",
            "They sing without me. I can hear the bells from here.",
        ],
        better: &["I sat in my old pew. Somebody had kept my cushion.", "The minister’s wife fetches me now."],
        worse: &["Nobody has come. I watch it on the tablet, but you can’t shake hands with a tablet."],
        seen: &["Faith came up four times before anything about care.", "The hymn book lay open on the table."],
        near: &["{name} has sung since childhood. It is the one thing that still lifts the mood."],
        actions: &[
            (PartyKind::Community, "The congregation arranges a lift on Sundays."),
            (PartyKind::Family, "Bring the Sunday clothes down from upstairs."),
        ],
        contributions: &[(PartyKind::Community, "Four families take turns with the Sunday lift.")],
    },
];
