//! The rules of the nouns, told as stories.

use crate::domain::action::{ActionAgreed, ActionCommand};
use crate::domain::contribution::{ContributionCommand, ContributionRecorded};
use crate::domain::conversation::{Asked, ConversationCommand, ConversationContent, Participant};
use crate::domain::event::Facts;
use crate::domain::ids::{EventId, OutcomeId};
use crate::domain::narrative::{NarrativeCommand, NarrativeRecorded, RecordResponseAdded};
use crate::domain::outcome::{OutcomeCommand, OutcomeContent, OutcomeIdentified, OutcomePrioritised, RANK_MAX};
use crate::domain::resource::{Command, Resource};
use crate::domain::review::{Appraisal, OutcomeReviewed, ReviewCommand};
use crate::domain::story_test::{PERSON, accepted, given_nothing, not_in_this_state, refused_at, words, words_of};
use crate::domain::text::{NARRATIVE_MAX_CODE_POINTS, NOTE_MAX_CODE_POINTS, Span};
use crate::domain::words::{
    ActionStatus, ClosureReason, ConversationMode, Direction, KnowledgeForm, OutcomeType, PartyKind, Perspective,
    ReviewStage, Stance,
};
use uuid::Uuid;

fn outcome(title: &str) -> Command {
    let content = OutcomeContent {
        outcome_type: OutcomeType::QualityOfLife,
        direction: Direction::Maintain,
        framework_items: vec!["talking-points-people@1#feeling-safe".parse().unwrap()],
        narratives: vec![],
    };
    let facts = OutcomeIdentified { person: PERSON, conversation: None, identified_by: Perspective::Person, content };
    Command::Outcome(OutcomeCommand::Identify { facts, title: words(title), why_it_matters: None })
}

fn close(closure_reason: ClosureReason, reason: Option<&str>) -> Command {
    Command::Outcome(OutcomeCommand::Close { closure_reason, reason: reason.map(words) })
}

fn prioritise(perspective: Perspective, rank: u32) -> Command {
    Command::Outcome(OutcomeCommand::Prioritise { facts: OutcomePrioritised { perspective, rank }, reason: None })
}

fn reword(title: &str, reason: &str) -> Command {
    let content = OutcomeContent {
        outcome_type: OutcomeType::Change,
        direction: Direction::Change,
        framework_items: vec![],
        narratives: vec![],
    };
    Command::Outcome(OutcomeCommand::Reword {
        content,
        title: words(title),
        why_it_matters: None,
        reason: words(reason),
    })
}

#[test]
fn an_outcome_is_closed_once_and_reopened_with_a_reason() {
    let reopen = |reason: &str| Command::Outcome(OutcomeCommand::Reopen { reason: words(reason) });
    let open = given_nothing().given(outcome("Stay in my own home"));
    not_in_this_state(open.clone().when(reopen("why")));
    refused_at("/reason", open.clone().when(close(ClosureReason::Other, None)));
    let closed = open.given(close(ClosureReason::Achieved, None));
    not_in_this_state(closed.clone().when(close(ClosureReason::Achieved, None)));
    not_in_this_state(closed.clone().when(prioritise(Perspective::Person, 1)));
    not_in_this_state(closed.clone().when(reword("Other words", "why")));
    refused_at("/reason", closed.clone().when(reopen(" ")));
    let open = closed.given(reopen("It came back"));
    assert!(matches!(accepted(open.when(close(ClosureReason::NoLongerMatters, None))), Facts::OutcomeClosed(_)));
}

#[test]
fn each_perspective_ranks_apart() {
    let story = given_nothing().given(outcome("Stay in my own home"));
    let story = story.given(prioritise(Perspective::Person, 1)).given(prioritise(Perspective::Practitioner, RANK_MAX));
    let story = story.given(prioritise(Perspective::Person, 2));
    let Some(Resource::Outcome(state)) = story.state() else { panic!("no outcome") };
    assert_eq!(
        state.priorities.into_iter().collect::<Vec<_>>(),
        [(Perspective::Person, 2), (Perspective::Practitioner, RANK_MAX)]
    );
    refused_at("/rank", story.clone().when(prioritise(Perspective::Person, 0)));
    refused_at("/rank", story.when(prioritise(Perspective::Person, RANK_MAX + 1)));
}

#[test]
fn an_outcome_needs_words_within_the_limit() {
    refused_at("/title", given_nothing().when(outcome("")));
    refused_at("/title", given_nothing().when(outcome(&"ä".repeat(NOTE_MAX_CODE_POINTS + 1))));
    accepted(given_nothing().when(outcome(&"ä".repeat(NOTE_MAX_CODE_POINTS))));
    refused_at("/reason", given_nothing().given(outcome("One")).when(reword("Two", "")));
    not_in_this_state(given_nothing().when(reword("Two", "why")));
    not_in_this_state(given_nothing().given(outcome("One")).when(outcome("Two")));
}

fn narrative(text: &str, spans: &[(u32, u32)]) -> Command {
    let facts = NarrativeRecorded {
        person: PERSON,
        conversation: None,
        outcomes: vec![OutcomeId(Uuid::from_u128(9))],
        author: PartyKind::Practitioner,
        perspective: Perspective::Person,
        knowledge_form: KnowledgeForm::Lived,
        verbatim_spans: spans.iter().map(|(start, end)| Span { start: *start, end: *end }).collect(),
    };
    Command::Narrative(NarrativeCommand::Record { facts, text: words(text), author_name: None })
}

fn amend(text: &str, reason: &str) -> Command {
    Command::Narrative(NarrativeCommand::Amend {
        text: words(text),
        verbatim_spans: vec![],
        outcomes: None,
        author_name: None,
        reason: words(reason),
    })
}

#[test]
fn an_amendment_supersedes_the_version_it_saw_and_keeps_what_it_does_not_name() {
    let story = given_nothing().given(narrative("He said: no", &[(9, 11)])).given(amend("He said: yes", "Misheard"));
    let Some(Resource::Narrative(state)) = story.state() else { panic!("no narrative") };
    assert_eq!((state.amendments, state.outcomes.len(), state.version_id), (1, 1, EventId(Uuid::from_u128(101))));
    let Facts::NarrativeAmended(amended) = accepted(story.when(amend("He said: perhaps", "Asked again"))) else {
        panic!("no amendment")
    };
    assert_eq!(amended.supersedes, EventId(Uuid::from_u128(101)));
}

#[test]
fn a_withdrawn_narrative_takes_nothing_more() {
    let withdraw = || Command::Narrative(NarrativeCommand::Withdraw { reason: words("Wrong person") });
    let respond = |stance, text: Option<&str>| {
        let facts = RecordResponseAdded { stance, perspective: Perspective::Carer, author: PartyKind::Carer };
        Command::Narrative(NarrativeCommand::Respond { facts, text: text.map(words), author_name: None })
    };
    let story = given_nothing().given(narrative("Text", &[])).given(respond(Stance::Agrees, None));
    refused_at("/text", story.clone().when(respond(Stance::Adds, None)));
    let withdrawn = story.given(withdraw());
    not_in_this_state(withdrawn.clone().when(withdraw()));
    not_in_this_state(withdrawn.clone().when(amend("Other", "why")));
    not_in_this_state(withdrawn.when(respond(Stance::Disagrees, Some("No"))));
}

#[test]
fn a_narrative_is_kept_word_for_word() {
    let text = "  Mae’n dda. 😀\r\n\tشكرا ";
    let decided = given_nothing().when(narrative(text, &[(2, 10)])).unwrap();
    assert_eq!(words_of(&decided)["text"], text);
    refused_at("/verbatim_spans/0", given_nothing().when(narrative("short", &[(0, 6)])));
    refused_at("/text", given_nothing().when(narrative("nul \0", &[])));
    refused_at("/text", given_nothing().when(narrative(&"a".repeat(NARRATIVE_MAX_CODE_POINTS + 1), &[])));
    accepted(given_nothing().when(narrative(&"a".repeat(NARRATIVE_MAX_CODE_POINTS), &[])));
}

fn appraisal(status: &str) -> Appraisal {
    Appraisal { status: status.parse().unwrap(), stage: ReviewStage::FollowUp, rating: None, narratives: vec![] }
}

fn review(status: &str) -> Command {
    let facts = OutcomeReviewed {
        outcome: OutcomeId(Uuid::from_u128(9)),
        person: PERSON,
        perspective: Perspective::Practitioner,
        author: PartyKind::Practitioner,
        conversation: None,
        appraisal: appraisal(status),
    };
    Command::Review(ReviewCommand::Record { facts, note: None, author_name: None })
}

#[test]
fn a_review_is_revised_without_changing_whose_it_is() {
    refused_at("/status", given_nothing().when(review("talking-points-people@1#feeling-safe")));
    let revise = |reviewed_at: &str| {
        Command::Review(ReviewCommand::Revise {
            reviewed_at: reviewed_at.parse().unwrap(),
            appraisal: appraisal("review-status@1#fully_met"),
            note: None,
            author_name: None,
            reason: words("The wrong box"),
        })
    };
    let story = given_nothing().given(review("review-status@1#not_met")).given(revise("2026-10"));
    let Some(Resource::Review(state)) = story.state() else { panic!("no review") };
    assert_eq!((state.revisions, state.facts.perspective), (1, Perspective::Practitioner));
    refused_at("/reviewed_at", story.clone().when(revise("2027")));
    let withdraw = || Command::Review(ReviewCommand::Withdraw { reason: words("Wrong outcome") });
    let withdrawn = story.given(withdraw());
    not_in_this_state(withdrawn.clone().when(revise("2026-10")));
    not_in_this_state(withdrawn.when(withdraw()));
}

fn conversation(asked: Asked, reason: Option<&str>) -> ConversationContent {
    ConversationContent {
        person: PERSON,
        asked,
        not_asked_reason: reason.map(words),
        mode: ConversationMode::InPerson,
        participants: vec![
            Participant { kind: PartyKind::Carer, name: None },
            Participant { kind: PartyKind::Practitioner, name: Some(words("R. Specimen")) },
        ],
        participation: None,
        note: None,
    }
}

#[test]
fn not_asked_needs_its_reason_and_nothing_else_may_have_one() {
    let record = |asked, reason| {
        given_nothing().when(Command::Conversation(ConversationCommand::Record(conversation(asked, reason))))
    };
    refused_at("/not_asked_reason", record(Asked::NotAsked, None));
    refused_at("/not_asked_reason", record(Asked::Expressed, Some("why")));
    refused_at("/not_asked_reason", record(Asked::NoneExpressed, Some("why")));
    accepted(record(Asked::NotAsked, Some("In hospital")));
    let names = words_of(&record(Asked::NoneExpressed, None).unwrap());
    assert_eq!(
        names["participant_names"],
        serde_json::json!([null, "R. Specimen"]),
        "names keep the order of the facts"
    );
}

#[test]
fn an_amendment_moves_no_conversation_to_another_person() {
    let held =
        given_nothing().given(Command::Conversation(ConversationCommand::Record(conversation(Asked::Expressed, None))));
    let mut content = conversation(Asked::Expressed, None);
    content.person = crate::domain::ids::PersonId(Uuid::from_u128(2));
    let amend = |content, held_at: &str| {
        Command::Conversation(ConversationCommand::Amend {
            held_at: held_at.parse().unwrap(),
            content,
            reason: words("why"),
        })
    };
    refused_at("/person", held.clone().when(amend(content, "2026-10-01")));
    refused_at("/held_at", held.clone().when(amend(conversation(Asked::Expressed, None), "2026-11-26")));
    accepted(held.when(amend(conversation(Asked::NoneExpressed, None), "2026-10-01")));
}

#[test]
fn actions_progress_and_contributions_stand() {
    let facts = ActionAgreed {
        person: PERSON,
        outcomes: vec![],
        conversation: None,
        taken_by: PartyKind::Person,
        due: Some("2027".parse().unwrap()),
    };
    let agree =
        Command::Action(ActionCommand::Agree { facts, description: words("Walk to the corner"), taken_by_name: None });
    let progress = |status| Command::Action(ActionCommand::Progress { status, note: None });
    not_in_this_state(given_nothing().when(progress(ActionStatus::Started)));
    let story =
        given_nothing().given(agree.clone()).given(progress(ActionStatus::Done)).given(progress(ActionStatus::Started));
    let Some(Resource::Action(state)) = story.state() else { panic!("no action") };
    assert_eq!(state.status, ActionStatus::Started, "a step can turn out not to be done after all");
    not_in_this_state(story.when(agree));
    let facts = ContributionRecorded {
        person: PERSON,
        outcomes: vec![],
        conversation: None,
        contributor: PartyKind::Community,
        perspective: Perspective::Person,
    };
    let record = |text: &str| {
        Command::Contribution(ContributionCommand::Record {
            facts: facts.clone(),
            description: words(text),
            contributor_name: None,
        })
    };
    refused_at("/description", given_nothing().when(record("")));
    not_in_this_state(given_nothing().given(record("Neighbours came along")).when(record("Again")));
}

#[test]
fn a_command_never_reaches_a_stream_of_another_kind() {
    not_in_this_state(given_nothing().given(outcome("One")).when(amend("Text", "why")));
    not_in_this_state(given_nothing().given(narrative("Text", &[])).when(prioritise(Perspective::Person, 1)));
}
