//! What matters to adults of working age who use support.

use super::Theme;
use crate::domain::words::{OutcomeType, PartyKind};

pub(super) static THEMES: &[Theme] = &[
    Theme {
        outcome_type: OutcomeType::Change,
        items: &[
            "talking-points-people@1#having-things-to-do",
            "icecap-a@1#achievement",
            "talking-points-people@1#improved-skills",
        ],
        change: &["Get a paid job, even a few hours", "Finish my course at the college in {town}"],
        keep: &["Keep my job at the garden centre", "Keep my volunteering at the food bank"],
        why: &["I want to be asked what I do and have an answer.", "Work is where nobody treats me like a case."],
        said: &[
            "I want a real job with a real payslip.",
            "I can work. I need somebody to let me go at my own speed.",
            "I was good at maths at school. People are surprised.",
            "On {day}s I do the food bank and I’m somebody there.",
        ],
        better: &["I got my first payslip and I’ve framed it. 🎉", "They asked me to train the new one. Me!"],
        worse: &["Three forms, two interviews and not a word back.", "They said flexible. They didn’t mean it."],
        seen: &[
            "{name} arrived early with a folder of certificates.",
            "Timekeeping is good; noise is what makes shifts hard.",
        ],
        near: &["Since the job started {name} tells me about the day instead of asking about mine."],
        actions: &[
            (PartyKind::Practitioner, "Go through the application forms together on {day}."),
            (PartyKind::Person, "Ask the supervisor for the quieter shift."),
            (PartyKind::Service, "Set up a two-week trial with a job coach."),
        ],
        contributions: &[
            (PartyKind::Service, "The job coach came along for the first ten shifts."),
            (PartyKind::Community, "The garden centre changed the rota round."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::QualityOfLife,
        items: &["talking-points-people@1#improved-skills", "ascot-sct4@1#food-and-drink", "ascot-sct4@1#control"],
        change: &["Cook my own tea four nights a week", "Have my friends round for a meal that I made"],
        keep: &["Keep cooking for myself", "Keep choosing what I eat and when"],
        why: &["I’m fed up with things that go ping.", "My nan taught me and I don’t want to lose it."],
        said: &[
            "I want to make a curry like my nan’s, from scratch.",
            "I’m allowed the microwave. At my age.",
            "I can do eggs, beans and crêpes. That’s it.",
        ],
        better: &["I made a lasagne. Two people had seconds.", "I do my own shopping list now and stick to it."],
        worse: &["I set the alarm off again so I’ve gone back to sandwiches.", "Staff do it because it’s quicker."],
        seen: &["{name} followed a picture recipe with one prompt.", "The kitchen is shared and busy at five o’clock."],
        near: &["I never thought I’d be cooked for. The rice was perfect."],
        actions: &[
            (PartyKind::Person, "Choose one new recipe every week."),
            (PartyKind::Service, "Keep the kitchen free on {day}s from four to six."),
            (PartyKind::Family, "Write down the family recipes, with pictures."),
        ],
        contributions: &[
            (PartyKind::Family, "The {relative} filmed each step on a phone."),
            (PartyKind::Practitioner, "Stood in the doorway and did not help."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::QualityOfLife,
        items: &["talking-points-people@1#staying-as-well-as-you-can", "nussbaum-central-capabilities@1#play"],
        change: &["Play football again on a proper team", "Get fit enough for the five-a-side"],
        keep: &["Keep my season ticket and my mates", "Keep swimming on {day}s"],
        why: &["When I play my head goes quiet.", "My mates don’t ask how I’m feeling, they pass the ball."],
        said: &[
            "Saturday is football. Everything else can move.",
            "I used to play left back. I miss the shouting.",
            "I’ve put on two stone with these tablets and I want my body back.",
        ],
        better: &["I scored. OK, it was off my knee, but I scored. ⚽", "I’ve not missed a week since March."],
        worse: &["My knee’s gone and so have my Saturdays.", "Nobody could take me so I watched the scores."],
        seen: &["The mood lifts as soon as the club is mentioned.", "Support ends at five; the matches begin at six."],
        near: &["Football is the only thing {name} gets up for.", "We go together. It’s my best day as well."],
        actions: &[
            (PartyKind::Service, "Move the Saturday shift so that it covers the match."),
            (PartyKind::Community, "The walking football club keeps a place."),
            (PartyKind::Person, "Walk to the ground instead of taking the taxi."),
        ],
        contributions: &[
            (PartyKind::Community, "The coach rings on Thursdays to ask who is in."),
            (PartyKind::Person, "Trained twice a week all winter."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::Change,
        items: &[
            "talking-points-people@1#improved-confidence-and-morale",
            "talking-points-people@1#feeling-safe",
            "icecap-a@1#stability",
        ],
        change: &["Feel calm enough to answer my own door", "Get through a week without a panic"],
        keep: &["Keep well and out of hospital", "Keep the routine that keeps me steady"],
        why: &["I’ve lost two years to being frightened.", "I want my children to see me well."],
        said: &[
            "Some mornings the door handle is as far as I get.",
            "I’m not scared of people. I’m scared of being scared.",
            "I know my signs now: no sleep, loud music, ringing everybody.",
            "If I keep to my lists I’m all right.",
        ],
        better: &["I went to parents’ evening. Sat through all of it.", "I rang before it got bad, not after."],
        worse: &["I’m back on the settee with the curtains shut.", "I told three people and I’m still waiting."],
        seen: &[
            "{name} spoke softly and looked at the door, then less and less.",
            "The crisis plan is on the fridge and is used.",
        ],
        near: &[
            "I can tell by the washing-up how the week has been.",
            "I’d like to be rung before the ambulance, not after.",
        ],
        actions: &[
            (PartyKind::Person, "Keep the list of signs and show it to the {relative}."),
            (PartyKind::Practitioner, "Ring on {day} mornings at ten."),
            (PartyKind::Family, "Know what to do when the music gets loud."),
        ],
        contributions: &[
            (PartyKind::Practitioner, "The same nurse came every time for a year."),
            (PartyKind::Person, "Went to the group nine weeks out of twelve."),
        ],
    },
    Theme {
        outcome_type: OutcomeType::Process,
        items: &[
            "talking-points-people@1#listened-to",
            "talking-points-people@1#reliability",
            "talking-points-people@1#treated-with-respect",
        ],
        change: &["Have the same few people support me", "Be told before plans about me change"],
        keep: &["Keep the worker who knows me", "Keep choosing who comes into my flat"],
        why: &["I’m tired of telling my story to strangers.", "It’s my home before it is their workplace."],
        said: &[
            "Eleven different people last month. I counted.",
            "They talk over my head to each other as if I was furniture.",
            "I’d like somebody to ask me first and write it down after.",
        ],
        better: &["It’s been {worker} and one other for months now.", "They asked me. Then they did what I said."],
        worse: &["New faces every {day}. I’ve stopped learning names.", "I found out about the move from a letter."],
        seen: &[
            "The rota shows nine workers in four weeks.",
            "{name} brightens when spoken to directly and given time.",
        ],
        near: &["They should listen. {name} says it plainly enough."],
        actions: &[
            (PartyKind::Service, "Keep to a team of four and send the rota in advance."),
            (PartyKind::Person, "Write a one-page profile with pictures."),
        ],
        contributions: &[
            (PartyKind::Service, "The rota was built round three workers."),
            (PartyKind::Family, "The {relative} spoke to the manager."),
        ],
    },
];
