//! The list. A new table needs its line here, and nothing else to be backed up, restored and moved.

use crate::transfer::Filling::{OneRow, Rows};
use crate::transfer::Kind::{Bytes, Integer, Text, Uuid};
use crate::transfer::{Filling, Kind, Table};

const fn table(
    name: &'static str,
    filling: Filling,
    key: &'static [&'static str],
    columns: &'static [(&'static str, Kind)],
) -> Table {
    Table { name, columns, key, only: None, filling, derived: &[] }
}

/// What is copied, in the order in which it travels: the head and the checkpoints first, so that whoever reads
/// knows what the events must come to.
pub static TABLES: [Table; 15] = [
    Table {
        // Which generation of rows is in use is each database's own business.
        derived: &["one", "generation"],
        ..table("log_head", OneRow, &["one"], &[("size", Integer), ("recorded_at", Integer), ("frontier", Bytes)])
    },
    table(
        "checkpoint",
        Rows,
        &["origin", "size"],
        &[("origin", Text), ("size", Integer), ("signed_at", Integer), ("note", Text)],
    ),
    table(
        "cosignature",
        Rows,
        &["origin", "size", "key"],
        &[("origin", Text), ("size", Integer), ("key", Text), ("cosigned_at", Integer), ("line", Text)],
    ),
    table("statement", Rows, &["number"], &[("number", Integer), ("stated_at", Integer), ("note", Text)]),
    table(
        "event",
        Rows,
        &["position"],
        &[
            ("position", Integer),
            ("event_id", Uuid),
            ("stream", Uuid),
            ("version", Integer),
            ("organisation", Text),
            ("organisation_counter", Integer),
            ("recorded_at", Integer),
            ("name", Text),
            ("schema_version", Integer),
            ("leaf", Bytes),
            ("leaf_hash", Bytes),
        ],
    ),
    table(
        "part",
        Rows,
        &["part_id"],
        &[
            ("part_id", Integer),
            ("position", Integer),
            ("name", Text),
            ("class", Text),
            ("subject", Uuid),
            ("key_id", Uuid),
            ("salt", Bytes),
            ("bytes", Bytes),
        ],
    ),
    table(
        "erasure_cover",
        Rows,
        &["position", "stream", "class"],
        &[("position", Integer), ("stream", Uuid), ("class", Text), ("through_version", Integer)],
    ),
    Table {
        // Whether keys are destroyed is each key store's own business: it is done again, which changes nothing where it was done.
        derived: &["done_at"],
        ..table(
            "key_destruction",
            Rows,
            &["position", "class"],
            &[("position", Integer), ("class", Text), ("subject", Uuid), ("below", Integer)],
        )
    },
    table(
        "log_subtree",
        Rows,
        &["tile_level", "tree_index"],
        &[("tile_level", Integer), ("tree_index", Integer), ("hash", Bytes)],
    ),
    table(
        "idempotency",
        Rows,
        &["digest"],
        &[
            ("digest", Bytes),
            ("fingerprint", Bytes),
            ("position", Integer),
            ("stream", Uuid),
            ("version", Integer),
            ("recorded_at", Integer),
        ],
    ),
    table("client", Rows, &["id"], &[("id", Text), ("body", Text)]),
    table(
        "used_assertion",
        Rows,
        &["client", "jti_digest"],
        &[("client", Text), ("jti_digest", Bytes), ("expires_at", Integer)],
    ),
    Table {
        derived: &["one"],
        ..table("access_head", OneRow, &["one"], &[("size", Integer), ("recorded_at", Integer), ("frontier", Bytes)])
    },
    table(
        "access",
        Rows,
        &["position"],
        &[
            ("position", Integer),
            ("access_id", Uuid),
            ("stream", Uuid),
            ("version", Integer),
            ("organisation", Text),
            ("organisation_counter", Integer),
            ("recorded_at", Integer),
            ("schema_version", Integer),
            ("salt", Bytes),
            ("facts", Text),
            ("leaf", Bytes),
            ("leaf_hash", Bytes),
        ],
    ),
    table(
        "access_subtree",
        Rows,
        &["tile_level", "tree_index"],
        &[("tile_level", Integer), ("tree_index", Integer), ("hash", Bytes)],
    ),
];

/// The generation in use: an abandoned rebuild may have left rows of another.
const IN_USE: Option<&str> = Some("generation = (SELECT generation FROM log_head)");

/// What the fold makes of the events, to be compared and never copied.
pub static ROW_TABLES: [Table; 2] = [
    Table {
        only: IN_USE,
        derived: &["generation"],
        ..table(
            "row_version",
            Rows,
            &["id", "from_position"],
            &[
                ("id", Uuid),
                ("from_position", Integer),
                ("to_position", Integer),
                ("version", Integer),
                ("organisation", Text),
                ("kind", Text),
                ("person", Uuid),
                ("outcome", Uuid),
                ("status", Text),
                ("perspective", Text),
                ("occurred_from", Integer),
                ("occurred_until", Integer),
                ("changed_at", Integer),
                ("body", Text),
            ],
        )
    },
    Table {
        only: IN_USE,
        derived: &["generation"],
        ..table(
            "row_key",
            Rows,
            &["organisation", "kind", "value", "from_position", "id"],
            &[("organisation", Text), ("kind", Text), ("value", Text), ("from_position", Integer), ("id", Uuid)],
        )
    },
];

/// The keys that sealed parts need, in their order, each as often as it sealed something.
pub static SEALED_PARTS: [Table; 1] =
    [Table { only: Some("key_id IS NOT NULL"), ..table("part", Rows, &["key_id"], &[("key_id", Uuid)]) }];
