//! The tables of a snapshot: what stands in each column and what it means, in one place, so that the table, what is written
//! into it and the description that the file carries cannot differ. Knows rows and nothing of files.

use crate::domain::event::Kind;
use crate::domain::personal::Personal;
use crate::projections::Row;
use serde_json::Value;
use std::collections::BTreeMap;

/// A row on its way into a snapshot.
pub struct SnapshotRow {
    /// The row.
    pub row: Row,
    /// How its personal parts stand: `none`, `sealed`, `open` or `erased`.
    pub words: &'static str,
    /// What the opened ones say, by column.
    pub opened: Personal<BTreeMap<&'static str, Value>>,
}

/// Where a column's value comes from.
pub(super) enum Source {
    /// From the row itself.
    Row(fn(&Row) -> Value),
    /// From the state, by JSON pointer; lists and objects as JSON.
    Fact(&'static str),
    /// From the opened personal parts, by its own name.
    Words,
    /// How the personal parts stand.
    State,
}

/// A column: its name and type, what it means, where it comes from.
pub(super) struct Column(pub &'static str, pub &'static str, pub &'static str, pub Source);

/// A table of one kind of recording.
pub(super) struct Table {
    pub kind: Kind,
    pub name: &'static str,
    pub columns: &'static [Column],
}

use Source::{Fact, Row as FromRow, State, Words};

/// What every recording has.
pub(super) const COMMON: &[Column] = &[
    Column("id", "TEXT PRIMARY KEY NOT NULL", "The recording.", FromRow(|row| row.id.to_string().into())),
    Column("organisation", "TEXT NOT NULL", "The controller.", FromRow(|row| row.organisation.as_str().into())),
    Column("version", "INTEGER NOT NULL", "How many changes it has had.", FromRow(|row| row.version.into())),
    Column("position", "INTEGER NOT NULL", "The event that made it read so.", FromRow(|row| row.from_position.into())),
    Column(
        "person",
        "TEXT",
        "Whose record it belongs to.",
        FromRow(|row| row.person().map_or(Value::Null, |person| person.to_string().into())),
    ),
    Column(
        "occurred_at",
        "TEXT NOT NULL",
        "When in life, as precisely as it was told.",
        FromRow(|row| row.occurred_at.to_string().into()),
    ),
    Column(
        "occurred_from_us",
        "INTEGER NOT NULL",
        "The first microsecond since 1970 (UTC) that it may mean.",
        FromRow(|row| row.occurred_at.earliest().micros().into()),
    ),
    Column(
        "occurred_until_us",
        "INTEGER NOT NULL",
        "The first microsecond after all that it may mean.",
        FromRow(|row| row.occurred_at.until().micros().into()),
    ),
    Column(
        "recorded_at",
        "TEXT NOT NULL",
        "When it was first recorded, RFC 3339 in UTC.",
        FromRow(|row| row.created_at.to_string().into()),
    ),
    Column(
        "recorded_at_us",
        "INTEGER NOT NULL",
        "The same in microseconds since 1970.",
        FromRow(|row| row.created_at.micros().into()),
    ),
    Column(
        "changed_at",
        "TEXT NOT NULL",
        "When this state was recorded, RFC 3339 in UTC.",
        FromRow(|row| row.changed_at.to_string().into()),
    ),
    Column(
        "changed_at_us",
        "INTEGER NOT NULL",
        "The same in microseconds since 1970.",
        FromRow(|row| row.changed_at.micros().into()),
    ),
    Column(
        "changed_by",
        "TEXT NOT NULL",
        "The client that recorded this state.",
        FromRow(|row| row.changed_by.as_str().into()),
    ),
    Column(
        "source_system",
        "TEXT",
        "The system that it was imported from.",
        FromRow(|row| row.source_system.as_deref().map_or(Value::Null, Value::from)),
    ),
    Column("facts", "TEXT NOT NULL", "The whole state as JSON: codes, statuses and links, never words.", Fact("")),
    Column("words", "TEXT NOT NULL", "Its personal parts: none, sealed, open, or erased for good.", State),
];

/// Every kind's own columns.
pub(super) const TABLES: &[Table] = &[
    Table {
        kind: Kind::Person,
        name: "people",
        columns: &[
            Column(
                "identifiers_count",
                "INTEGER NOT NULL",
                "How many identifiers the person has.",
                FromRow(count_of_identifiers),
            ),
            Column("name", "TEXT", "How the person is called.", Words),
            Column("birth_date", "TEXT", "Date of birth.", Words),
            Column("identifiers", "TEXT", "Identifiers with their systems, as JSON.", Words),
        ],
    },
    Table {
        kind: Kind::Conversation,
        name: "conversations",
        columns: &[
            Column(
                "asked",
                "TEXT NOT NULL",
                "Whether outcomes were expressed, none were, or nobody asked.",
                Fact("/facts/asked"),
            ),
            Column("mode", "TEXT NOT NULL", "How it was held.", Fact("/facts/mode")),
            Column("participants", "TEXT NOT NULL", "Who took part, as JSON.", Fact("/facts/participants")),
            Column(
                "participation",
                "TEXT",
                "How the person took part: an item of a published list.",
                Fact("/facts/participation"),
            ),
            Column("note", "TEXT", "A note on it.", Words),
            Column("not_asked_reason", "TEXT", "Why nobody asked.", Words),
        ],
    },
    Table {
        kind: Kind::Narrative,
        name: "narratives",
        columns: &[
            Column("author", "TEXT NOT NULL", "Who told it.", Fact("/author")),
            Column("perspective", "TEXT NOT NULL", "From whose standpoint.", Fact("/perspective")),
            Column("knowledge_form", "TEXT NOT NULL", "What form of knowledge it carries.", Fact("/knowledge_form")),
            Column("conversation", "TEXT", "The conversation that it comes from.", Fact("/conversation")),
            Column("outcomes", "TEXT NOT NULL", "The outcomes that it speaks of, as JSON.", Fact("/outcomes")),
            Column("amendments", "INTEGER NOT NULL", "How often it was amended.", Fact("/amendments")),
            Column(
                "status",
                "TEXT NOT NULL",
                "recorded, or withdrawn where it was entered in error.",
                FromRow(status_of),
            ),
            Column("responses", "TEXT NOT NULL", "Responses to it, as JSON.", Fact("/responses")),
            Column("text", "TEXT", "The account, word for word.", Words),
            Column("author_name", "TEXT", "The author's name.", Words),
        ],
    },
    Table {
        kind: Kind::Outcome,
        name: "outcomes",
        columns: &[
            Column("status", "TEXT NOT NULL", "open or closed.", FromRow(status_of)),
            Column("identified_by", "TEXT NOT NULL", "Who said that it matters.", Fact("/identified_by")),
            Column("outcome_type", "TEXT NOT NULL", "What kind of outcome.", Fact("/content/outcome_type")),
            Column("direction", "TEXT NOT NULL", "Change or maintain.", Fact("/content/direction")),
            Column(
                "framework_items",
                "TEXT",
                "Items of frameworks that it is filed under, as JSON.",
                Fact("/content/framework_items"),
            ),
            Column("narratives", "TEXT", "The narratives that it rests on, as JSON.", Fact("/content/narratives")),
            Column("conversation", "TEXT", "The conversation in which it was identified.", Fact("/conversation")),
            Column("priorities", "TEXT NOT NULL", "How each perspective ranks it, as JSON.", Fact("/priorities")),
            Column("closure_reason", "TEXT", "Why it is closed.", Fact("/closure_reason")),
            Column("title", "TEXT", "What matters, in words.", Words),
            Column("why_it_matters", "TEXT", "Why it matters.", Words),
        ],
    },
    Table {
        kind: Kind::Review,
        name: "reviews",
        columns: &[
            Column("outcome", "TEXT NOT NULL", "The outcome.", Fact("/facts/outcome")),
            Column("perspective", "TEXT NOT NULL", "Whose appraisal it is.", Fact("/facts/perspective")),
            Column("author", "TEXT NOT NULL", "Who wrote it down.", Fact("/facts/author")),
            Column("status", "TEXT NOT NULL", "The item of the list review-status.", Fact("/facts/appraisal/status")),
            Column("stage", "TEXT NOT NULL", "Where in the course of the outcome.", Fact("/facts/appraisal/stage")),
            Column("rating", "TEXT", "The raw rating.", Fact("/facts/appraisal/rating")),
            Column("conversation", "TEXT", "The conversation that it comes from.", Fact("/facts/conversation")),
            Column("revisions", "INTEGER NOT NULL", "How often it was revised.", Fact("/revisions")),
            Column("withdrawn", "INTEGER NOT NULL", "1 if it was entered in error.", Fact("/withdrawn")),
            Column("note", "TEXT", "What was said.", Words),
            Column("author_name", "TEXT", "The author's name.", Words),
        ],
    },
    Table {
        kind: Kind::Action,
        name: "actions",
        columns: &[
            Column("outcomes", "TEXT", "The outcomes that it serves, as JSON.", Fact("/facts/outcomes")),
            Column("status", "TEXT NOT NULL", "How far it has come.", Fact("/status")),
            Column("taken_by", "TEXT NOT NULL", "Who takes the step.", Fact("/facts/taken_by")),
            Column("due", "TEXT", "By when.", Fact("/facts/due")),
            Column("conversation", "TEXT", "The conversation in which it was agreed.", Fact("/facts/conversation")),
            Column("description", "TEXT", "What was agreed.", Words),
            Column("taken_by_name", "TEXT", "The name of who takes it.", Words),
            Column("progress_note", "TEXT", "The last note on its progress.", Words),
        ],
    },
    Table {
        kind: Kind::Contribution,
        name: "contributions",
        columns: &[
            Column("outcomes", "TEXT", "The outcomes that it served, as JSON.", Fact("/facts/outcomes")),
            Column("contributor", "TEXT NOT NULL", "Who did it.", Fact("/facts/contributor")),
            Column("perspective", "TEXT NOT NULL", "Who says so.", Fact("/facts/perspective")),
            Column("conversation", "TEXT", "The conversation in which it was told.", Fact("/facts/conversation")),
            Column("description", "TEXT", "What was done.", Words),
            Column("contributor_name", "TEXT", "The contributor's name.", Words),
        ],
    },
    Table {
        kind: Kind::Framework,
        name: "frameworks",
        columns: &[
            Column("framework", "TEXT NOT NULL", "Its name in references.", Fact("/content/id")),
            Column("framework_version", "INTEGER NOT NULL", "Its version in references.", Fact("/content/version")),
            Column("title", "TEXT NOT NULL", "Its title.", Fact("/content/title")),
            Column("kind", "TEXT NOT NULL", "Framework, ladder, scale or list.", Fact("/content/kind")),
            Column("items", "TEXT NOT NULL", "Its items, as JSON.", Fact("/content/items")),
            Column("retired", "TEXT", "Why it was retired, if it was.", Fact("/retired")),
        ],
    },
    Table {
        kind: Kind::Erasure,
        name: "erasures",
        columns: &[
            Column("scope", "TEXT NOT NULL", "What was asked to be erased.", Fact("/facts/scope")),
            Column("narrative", "TEXT", "The narrative, where it is one alone.", Fact("/facts/narrative")),
            Column("legal_basis", "TEXT NOT NULL", "By which right.", Fact("/facts/legal_basis")),
            Column("status", "TEXT NOT NULL", "What became of it.", Fact("/status")),
            Column("requested_by", "TEXT NOT NULL", "The client that asked.", Fact("/requested_by")),
            Column("decided_by", "TEXT", "The client that decided.", Fact("/decided_by")),
            Column("exemption", "TEXT", "Why it was refused.", Fact("/exemption")),
            Column("executed", "INTEGER", "The position of the event that executed it.", Fact("/executed")),
            Column("notices", "TEXT", "Who must be told, as JSON.", Fact("/notices")),
            Column("reason", "TEXT", "Why it was asked for, in words.", Words),
            Column("note", "TEXT", "Why it was refused, in words.", Words),
        ],
    },
];

fn count_of_identifiers(row: &Row) -> Value {
    match &row.resource {
        crate::domain::resource::Resource::Person(person) => person.identifiers.len().into(),
        _ => Value::Null,
    }
}

fn status_of(row: &Row) -> Value {
    row.status().map_or(Value::Null, Value::from)
}

impl Table {
    /// Its columns in order.
    pub(super) fn all_columns(&self) -> impl Iterator<Item = &'static Column> {
        COMMON.iter().chain(self.columns)
    }

    /// A row's values in the order of the columns.
    pub(super) fn values(&self, written: &SnapshotRow) -> Result<Value, serde_json::Error> {
        let facts = facts_of(&written.row)?;
        let value = |Column(name, _, _, source): &Column| match source {
            FromRow(read) => read(&written.row),
            Fact(pointer) => as_column(facts.pointer(pointer)),
            Words => as_column(written.opened.expose().get(name)),
            State => written.words.into(),
        };
        Ok(self.all_columns().map(value).collect())
    }
}

/// The state as JSON. Digests of identifiers stay behind: they find a person, and say nothing to whoever has the file.
fn facts_of(row: &Row) -> Result<Value, serde_json::Error> {
    let mut facts = serde_json::to_value(&row.resource)?;
    let mut facts = facts.get_mut(row.kind().as_str()).map(Value::take).unwrap_or_default();
    if row.kind() == Kind::Person {
        for held in facts["identifiers"].as_array_mut().into_iter().flatten() {
            if let Some(held) = held.as_object_mut() {
                held.remove("digest");
            }
        }
    }
    Ok(facts)
}

fn as_column(value: Option<&Value>) -> Value {
    match value {
        None => Value::Null,
        Some(value @ (Value::Array(_) | Value::Object(_))) => value.to_string().into(),
        Some(value) => value.clone(),
    }
}
