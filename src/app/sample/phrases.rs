//! The sentences between what people say: openings, frames for their words, judgements, reasons. Data only; slots as in
//! [`themes`](super::themes). In a frame, `“”` is where the person's own words go.

/// How a practitioner begins an account.
pub const OPENERS: &[&str] = &[
    "I met {name} at home and we took our time.",
    "We talked over a cup of tea in the kitchen.",
    "We walked with {petname} and talked as we went.",
    "{name} had made notes before I came.",
    "{name} rang before I had the chance to.",
    "We sat in the café in {town}, because home was too noisy.",
    "This was our first long talk.",
    "{name} was tired, so I kept it short.",
    "We looked at old photographs first.",
    "I asked what a good day looks like.",
];
/// How a practitioner begins at a later meeting.
pub const OPENERS_AGAIN: &[&str] = &[
    "We went back to what {name} had told me last time.",
    "I read out what we wrote down and asked whether it still holds.",
    "{name} had been waiting to tell me.",
    "A lot has happened since we last met.",
    "We met on a {day}, as agreed.",
    "The {relative} sat with us and let {name} speak first.",
    "I asked what has changed, for better or worse.",
];
/// Frames for the person's own words.
pub const FRAMES: &[&str] = &[
    "{name} said: “”",
    "In {name}’s own words: “”",
    "“” That is how {name} put it.",
    "“” It was said without a pause.",
    "{name} looked out of the window and said: “”",
    "It came with a laugh: “”",
    "I asked {name} to say more. “”",
    "I wrote it down as it was said: “”",
];
/// How a practitioner ends an account.
pub const CLOSERS: &[&str] = &[
    "We agreed to speak again after the summer.",
    "I read this back to {name}, who changed one word.",
    "{name} asked for a copy of this and got one.",
    "The {relative} heard all of it and nodded.",
    "I left my number on the fridge.",
    "There was more, but {name} asked me not to write it down.",
    "I will raise it with the team on {day}.",
];
/// How a person begins a letter or message.
pub const LETTER_OPENERS: &[&str] = &[
    "You asked me to write down what matters to me.",
    "I am writing this myself, so excuse the spelling.",
    "I’d rather write than talk.",
    "This is what I want you to know before the meeting.",
];
/// How a person ends one.
pub const LETTER_CLOSERS: &[&str] = &[
    "That’s all. Thank you for reading.",
    "Please read this out as it is.",
    "You can show this to my family.",
    "Ring me if it’s not clear. 🙂",
];
/// What a practitioner concludes at first.
pub const JUDGED_FIRST: &[&str] = &[
    "There is a good deal to build on here.",
    "My impression is that this comes before anything else on the list.",
    "I would worry about risk; {name} does not, and has thought about it.",
    "More support may be needed than {name} would like.",
    "The wish is clear; the way there is not yet.",
];
/// What a practitioner concludes where it has gone well.
pub const JUDGED_BETTER: &[&str] = &[
    "The change since spring is plain to see.",
    "This is holding, and with less help than we planned.",
    "{name} no longer needs me to ask about it.",
    "Small steps, but each of them has stayed.",
];
/// What a practitioner concludes where it has not.
pub const JUDGED_WORSE: &[&str] = &[
    "We have not got any further, and part of that is ours.",
    "What we offered was not what had been asked for.",
    "Staff changes have set this back.",
    "It has become harder since the stay in hospital.",
];
/// What those who are close add at first.
pub const NEAR_FIRST: &[&str] = &[
    "Please put that in the record.",
    "I’d like us to decide it together.",
    "We can help, but not with everything.",
    "Nobody had asked me before.",
];
/// The same where it has gone well.
pub const NEAR_BETTER: &[&str] =
    &["It’s lighter in the house now.", "I didn’t think it would work, and it did.", "You can hear it in the voice."];
/// The same where it has not.
pub const NEAR_WORSE: &[&str] = &[
    "From where I stand nothing has changed.",
    "It’s gone backwards, and nobody likes to say so.",
    "We were promised more than we got.",
];
/// What a service files.
pub const FILED: &[&str] = &[
    "Referral from the ward received and passed to {worker} on the same day.",
    "Review due. Two letters sent; no answer yet.",
    "Transferred from the {town} team; paper file scanned, earlier notes partly unreadable.",
    "Hours of support changed from seven to nine a week after panel.",
    "Appointment on {day} cancelled by the service for lack of staff.",
];
/// How a researcher begins.
pub const STUDIED: &[&str] = &[
    "Interview for a study of everyday life with support; agreed to and recorded.",
    "Second interview of the study. {name} chose the place and the questions to skip.",
];
/// Why outcomes were not asked about.
pub const NOT_ASKED: &[&str] = &[
    "{name} was too unwell to talk and I did not press it.",
    "A crisis visit: there was only time to make things safe.",
    "The interpreter did not come.",
    "The {relative} answered throughout; I will come back to see {name} alone.",
    "{name} asked to talk about the letter from the council and nothing else.",
    "First contact by duty desk; to be asked at the visit.",
];
/// What is noted where nothing was expressed.
pub const NONE_EXPRESSED: &[&str] = &[
    "I asked what {name} would like to be different. There was a long silence, and that was the answer today.",
    "{name} said there was nothing to add and asked after my holidays.",
    "Asked twice, in different words. {name} would rather not say at present.",
    "{name} shook their head and went on with the jigsaw.",
];
/// Notes on a conversation.
pub const CONVERSATION_NOTES: &[&str] = &[
    "Held at the kitchen table; about an hour.",
    "An interpreter took part by telephone.",
    "{name} asked for the radio to stay on.",
    "Cut short by a visitor; taken up again after lunch.",
    "Held at the day centre at {name}’s wish.",
];
/// Why a rank was given.
pub const RANKED: &[&str] = &[
    "Without this the rest does not matter.",
    "It can wait until spring.",
    "This is what keeps everybody awake.",
    "{name} named it first, unasked.",
];
/// Notes on a review, from any standpoint, where it has gone well.
pub const NOTED_BETTER: &[&str] = &[
    "It is going better than we dared to hope.",
    "It holds, also in a bad week.",
    "Good, and most of it without help.",
    "Yes. Not every day, but yes.",
];
/// The same where it has gone some of the way.
pub const NOTED_PARTLY: &[&str] = &[
    "Some of the way. The last bit is the hardest.",
    "Better in the summer than in the winter.",
    "Half and half.",
    "It depends on who is on shift.",
];
/// The same where it has not.
pub const NOTED_WORSE: &[&str] = &[
    "Not yet, and I am running out of patience.",
    "It has slipped since the autumn.",
    "No. We tried, and it was not the right thing.",
    "Nothing has come of it so far.",
];
/// Why something no longer matters.
pub const NO_LONGER_MATTERS: &[&str] = &[
    "Life has moved on; {name} has other plans now.",
    "It was more for others than for {name}.",
    "It has settled by itself.",
];
/// Why it was not discussed.
pub const NOT_DISCUSSED: &[&str] =
    &["There was no time for it at this review.", "{name} asked to leave it for another day."];
/// Notes on a step that is under way.
pub const STARTED: &[&str] = &[
    "Begun a week later than planned.",
    "Went well the first time.",
    "Waiting for the part to be delivered.",
    "{name} went ahead without us.",
];
/// Notes on a step that is done.
pub const DONE: &[&str] = &[
    "It took two telephone calls.",
    "Done a week early.",
    "{name} saw to it in person.",
    "Later than promised, but done.",
];
/// Why a step was stopped.
pub const STOPPED: &[&str] =
    &["It did not suit {name}.", "The group closed for want of money.", "Something else turned out to help more."];
/// Why an outcome was closed as achieved.
pub const ACHIEVED: &[&str] = &[
    "{name} says it is done and wants no more fuss about it.",
    "It has held for half a year.",
    "We celebrated with cake.",
];
/// Why an outcome was closed otherwise.
pub const CLOSED_OTHERWISE: &[&str] =
    &["Taken into a new outcome, which says it better.", "{name} asked for the record to rest for now."];
/// Why it was opened again.
pub const REOPENED: &[&str] = &[
    "It came back after the fall.",
    "{name} raised it again and we had closed it too soon.",
    "It slipped when the support ended.",
];
/// Why it was reworded.
pub const REWORDED: &[&str] = &[
    "{name} read it and said: that is not how I talk.",
    "The first wording was ours.",
    "What is wanted has become clearer.",
];
/// Why a narrative was amended.
pub const AMENDED: &[&str] = &[
    "{name} asked for one sentence to be added.",
    "Something was missing when it was read back.",
    "I had left out what was said at the door.",
];
/// The sentence that an amendment adds.
pub const ADDED: &[&str] = &[
    "Added after reading it back: the weekends are different from the weekdays.",
    "Added at {name}’s request: none of this is the fault of the {relative}.",
    "Added later: the visit on {day} showed the same.",
];
/// Why something was entered in error.
pub const IN_ERROR: &[&str] =
    &["Written in the wrong record.", "Entered twice.", "Belongs to another visit on the same day."];
/// What stood in the wrong record.
pub const MISPLACED: &[&str] = &[
    "Short visit to drop off the form. Nobody was in; left a card.",
    "Telephone call about the boiler. Passed on to the housing association.",
    "Handed over the weekly medicines. All well.",
];
/// Responses that agree, disagree and add.
pub const AGREES: &[&str] =
    &["Yes, that is right.", "I was there, and that is how it was.", "I could not have said it better."];
/// See above.
pub const DISAGREES: &[&str] = &[
    "That is not how I remember it.",
    "It sounds worse than it is.",
    "I never said that I had given up.",
    "It leaves out how hard the nights are.",
];
/// See above.
pub const ADDS: &[&str] = &[
    "And it was the {relative} who made it possible.",
    "It should also say that {petname} is part of this.",
    "The winter was harder than it reads here.",
];
/// Why a review was revised.
pub const REVISED: &[&str] = &[
    "Read back to {name}, who saw it differently.",
    "The wrong box was ticked.",
    "New information came the day after.",
];
/// What is told long afterwards.
pub const TOLD_LATE: &[&str] = &[
    "Found among the papers and written down only now.",
    "The {relative} told us of this long afterwards.",
    "From the paper file of the {town} team.",
];
