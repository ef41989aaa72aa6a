//! What matters to children and young people who are looked after.

use super::Theme;
use crate::domain::words::{OutcomeType, PartyKind};

pub(super) static THEMES: &[Theme] = &[
    Theme {
        outcome_type: OutcomeType::QualityOfLife,
        items: &["nussbaum-central-capabilities@1#affiliation", "talking-points-people@1#seeing-people"],
        change: &["See my {relative} more than once a month", "Have sleepovers with my {relative}"],
        keep: &["Keep seeing my {relative} every {day}", "Keep ringing my {relative} at bedtime"],
        why: &["We were always together before.", "Nobody else remembers our old house."],
        said: &[
            "I want to see my {relative}. Not in the contact room, in the park.",
            "We have a secret handshake and it only works with two.",
            "I keep my phone on in case {relname} rings.",
            "It’s not fair that we got split up when it wasn’t our fault.",
        ],
        better: &[
            "We went swimming together and nobody wrote things down.",
            "I’ve got a photo of us on my wall now. ❤️",
        ],
        worse: &["It got cancelled again. They said transport.", "I only see {relname} on a screen."],
        seen: &["The drawing had two figures on one bike.", "{name} settles for days after seeing {relname}."],
        near: &[
            "You can set your watch by the question: when do I see {relname}?",
            "After contact the appetite comes back.",
        ],
        actions: &[
            (PartyKind::Service, "Book the transport a month ahead and name a reserve."),
            (PartyKind::Carer, "Let them use the kitchen for pancakes on {day}s."),
            (PartyKind::Practitioner, "Ask the court about contact out of the centre."),
        ],
        contributions: &[
            (PartyKind::Carer, "The foster carer drives ninety minutes each way."),
            (PartyKind::Family, "{relname} saved up for the train."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::Change,
        items: &[
            "talking-points-people@1#improved-skills",
            "nussbaum-central-capabilities@1#senses-imagination-and-thought",
        ],
        change: &["Get good enough at reading to help the little ones", "Go into lessons without a grown-up"],
        keep: &["Stay at the same school", "Keep my teacher and my friends"],
        why: &["I’ve been to five schools.", "I want to be a vet and you need science."],
        said: &[
            "I don’t like being taken out of maths for meetings. Everybody looks.",
            "School is the only thing that stayed the same.",
            "I like science. I don’t like the corridors.",
            "I can read it in my head, I just can’t do it out loud.",
        ],
        better: &["I read the whole page and nobody laughed.", "I got a merit and it’s on the fridge."],
        worse: &["I got sent home again and nobody asked why.", "They moved me to another set without telling me."],
        seen: &["Attendance is up and the bag is packed the night before.", "Meetings had been held in lesson time."],
        near: &["Homework happens at my kitchen table, with {petname} underneath.", "School is where {name} shines."],
        actions: &[
            (PartyKind::Practitioner, "Hold every meeting after school hours."),
            (PartyKind::Service, "Offer a reading mentor on {day}s."),
            (PartyKind::Person, "Use the card to leave the room when it gets too loud."),
        ],
        contributions: &[
            (PartyKind::Service, "The school let {name} use the library at break."),
            (PartyKind::Carer, "The foster carer reads every night, funny voices and all."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::QualityOfLife,
        items: &["nussbaum-central-capabilities@1#play", "talking-points-people@1#having-things-to-do"],
        change: &["Join the football team in {town}", "Learn to ride a bike properly"],
        keep: &["Keep going to football", "Keep my drum lessons"],
        why: &["It’s what normal kids do.", "When I play I don’t think about stuff."],
        said: &[
            "I’m a striker. I’m quite fast. Ask anyone.",
            "I had a bike but it got left behind.",
            "You need a form signed for everything and then it’s too late.",
        ],
        better: &["We won 4–1 and I did the corner!", "I can ride with no hands but don’t write that down."],
        worse: &["The form took so long that the season finished.", "My boots are too small and I didn’t want to say."],
        seen: &["{name} came to the door in full kit, mud included.", "Consent took seven weeks to be signed."],
        near: &["I’ve never seen such a grin as on that pitch."],
        actions: &[
            (PartyKind::Service, "Let the carer sign for clubs and trips."),
            (PartyKind::Community, "The club waives the fee and finds boots."),
        ],
        contributions: &[
            (PartyKind::Community, "The coach picked {name} up every {day}."),
            (PartyKind::Carer, "The foster carer stood in the rain for every match."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::Process,
        items: &[
            "talking-points-people@1#having-a-say",
            "talking-points-people@1#listened-to",
            "talking-points-people@1#feeling-safe",
        ],
        change: &["Be told the truth about where I will live", "Have a say in my own plan"],
        keep: &["Stay in this foster home", "Keep my own room and my own lamp"],
        why: &["I’ve packed my stuff in bin bags three times.", "Here I know where the cereal is."],
        said: &[
            "I just want to know how long I can stay.",
            "They ask me things and then it says something else on the paper.",
            "I sleep with the lamp on and here nobody minds.",
            "If I’m good can I stay? That’s what I want to ask.",
        ],
        better: &[
            "They told me I’m staying. I unpacked everything.",
            "I ran my own review. I made the biscuits as well.",
        ],
        worse: &["It’s still ‘we’ll see’. I hate ‘we’ll see’.", "I’ve got a new social worker again."],
        seen: &["The bag under the bed is packed.", "{name} asked twice whether this would be written down truly."],
        near: &[
            "It took a year to unpack. Please do not make us pack again.",
            "{name} asks before taking an apple. Still.",
        ],
        actions: &[
            (PartyKind::Practitioner, "Explain the plan in plain words, with dates, before the meeting."),
            (PartyKind::Advocate, "Meet before each review and speak where wanted."),
            (PartyKind::Carer, "Paint the room in the colour that was chosen."),
        ],
        contributions: &[
            (PartyKind::Advocate, "The advocate read out the letter that {name} had written."),
            (PartyKind::Practitioner, "{worker} came back when promised, with the answer."),
        ],
    },
];
