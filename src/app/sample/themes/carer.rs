//! What matters to unpaid carers in their own lives. In a carer's record the person is the carer, and whoever is near
//! is somebody of the family.

use super::Theme;
use crate::domain::words::{OutcomeType, PartyKind};

pub(super) static THEMES: &[Theme] = &[
    Theme {
        outcome_type: OutcomeType::CaringRole,
        items: &["talking-points-carers@1#a-life-of-their-own", "talking-points-carers@1#choices-and-limits-in-caring"],
        change: &["Have one day a week that is mine", "Get away for a weekend without guilt"],
        keep: &["Keep my choir on {day}s", "Keep my two days at work"],
        why: &["I was somebody before I was a carer.", "If I go under, we both do."],
        said: &[
            "I can’t remember when I last sat in a café without my phone on the table.",
            "I love my {relative}. I’d just like to miss my {relative} now and again.",
            "It’s every night, every tablet, every shoe.",
            "I gave up the choir. Nobody asked me to, it just went.",
        ],
        better: &["I went away for two nights and the roof stayed on.", "{day} is mine. I don’t explain it any more."],
        worse: &["The sitter cancelled three times. I’ve stopped booking.", "I’ve not been out since Easter."],
        seen: &[
            "{name} got up seven times while we talked.",
            "There is a packed bag in the hall that has not been used.",
        ],
        near: &["{name} never asks. You have to see it.", "I can do weekends, if somebody tells me what to do."],
        actions: &[
            (PartyKind::Service, "Arrange a sitter for every {day} afternoon."),
            (PartyKind::Family, "Take over every second weekend."),
            (PartyKind::Person, "Ring the choir and say: I’m coming back."),
        ],
        contributions: &[
            (PartyKind::Family, "A brother learnt how to do the hoist."),
            (PartyKind::Service, "The same sitter came for eleven weeks."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::QualityOfLife,
        items: &["talking-points-carers@1#health-and-wellbeing", "icecap-a@1#enjoyment"],
        change: &["Get my own back seen to", "Sleep more than four hours"],
        keep: &["Keep my morning walk with {petname}", "Keep well enough to go on caring"],
        why: &["I keep cancelling my own appointments.", "At my age I lift a grown adult twice a day."],
        said: &[
            "I sleep with one ear open.",
            "My back’s gone, but who’d do it if I stopped?",
            "I cry in the car. It’s the only room with a lock.",
            "I’ve cancelled the doctor four times this year.",
        ],
        better: &["The night sitter means I dream again.", "Walking {petname} is my medicine."],
        worse: &["I’m more tired than last time we spoke, and I was tired then."],
        seen: &["{name} looks worn and has lost weight.", "The carer’s own review is two years overdue."],
        near: &["I hear {name} on the stairs at all hours.", "{name} looks after everybody in {town} but {name}."],
        actions: &[
            (PartyKind::Practitioner, "Book a carer’s health check at the surgery."),
            (PartyKind::Person, "Keep the appointment this time."),
            (PartyKind::Service, "Offer two waking nights a month."),
        ],
        contributions: &[
            (PartyKind::Practitioner, "The nurse showed how to turn without lifting."),
            (PartyKind::Community, "A neighbour walks the {pet} on bad days."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::Process,
        items: &[
            "talking-points-carers@1#feeling-informed-and-skilled",
            "talking-points-carers@1#partnership-with-services",
        ],
        change: &["Be told what is happening, not find out", "Know what to do when it gets worse"],
        keep: &["Keep the one number that somebody answers", "Keep being asked when plans are made"],
        why: &["I know more than the file does.", "I’m the one who is there at three in the morning."],
        said: &[
            "They sent us home at nine at night. Nobody rang me.",
            "I learnt the peg feed from a video.",
            "Don’t call me ‘the informal carer’. I’m family.",
        ],
        better: &[
            "They ring me first now. It’s a small thing and it’s everything.",
            "I know the signs and I know the number.",
        ],
        worse: &["I’m still the last to know.", "Another leaflet. I’ve a drawer full."],
        seen: &[
            "{name} knows the routine to the minute and had not been asked.",
            "No carer’s view is on the discharge form.",
        ],
        near: &["They look at {name} only when something has to be signed."],
        actions: &[
            (PartyKind::Service, "Put the carer’s number at the top of the plan."),
            (PartyKind::Practitioner, "Go through the medicines together on {day}."),
        ],
        contributions: &[
            (PartyKind::Community, "The carers’ centre ran a course on moving and handling."),
            (PartyKind::Practitioner, "{worker} wrote the plan at the kitchen table."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::CaringRole,
        items: &[
            "talking-points-carers@1#positive-relationship-with-the-person-cared-for",
            "talking-points-carers@1#satisfaction-in-caring",
        ],
        change: &["Be a family again, not a nurse and a patient", "Argue less over the small things"],
        keep: &["Keep looking after my {relative} at home", "Keep our Sunday drive"],
        why: &["We still laugh, and I don’t want to lose that.", "I promised, and I meant it."],
        said: &[
            "I want to sit and hold hands, not count tablets.",
            "We used to dance in the kitchen. Now I do the feet.",
            "I’d do it all again, but I’d ask for help sooner.",
        ],
        better: &[
            "Somebody else does the wash and we do the crossword.",
            "We had an ice cream by the sea. That’s all, and that’s plenty.",
        ],
        worse: &[
            "I snapped again. I heard my mother’s voice come out.",
            "There’s no time left to be fond of each other.",
        ],
        seen: &["There is a great deal of warmth here, and very little time.", "They finished each other’s sentences."],
        near: &["I’d rather a stranger washed me, so that {name} can be {name}."],
        actions: &[
            (PartyKind::Service, "Send a morning call for washing and dressing."),
            (PartyKind::Person, "Leave the ironing and go for the drive."),
        ],
        contributions: &[
            (PartyKind::Service, "A morning call took over the personal care."),
            (PartyKind::Family, "The grandchildren come on {day}s and make a noise."),
        ],
    },
];
