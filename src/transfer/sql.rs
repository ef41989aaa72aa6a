//! The statements that the list of tables makes. All of a text comes from constants of this program; every value is a
//! parameter.

use super::{Kind, Table};

/// What differs between the databases.
pub(super) struct Dialect {
    /// How a column is read, for its kind.
    pub(super) read: fn(&str, Kind) -> String,
    /// How a column is ordered by.
    pub(super) order: fn(&str, Kind) -> String,
    /// How the n-th parameter is written, from 1.
    pub(super) parameter: fn(usize) -> String,
}

fn kind_of(table: &Table, column: &str) -> Kind {
    table.columns.iter().find(|(name, _)| *name == column).map_or(Kind::Integer, |(_, kind)| *kind)
}

/// All rows in the order of their key.
pub(super) fn select(table: &Table, dialect: &Dialect) -> String {
    let columns: Vec<String> = table.columns.iter().map(|(name, kind)| (dialect.read)(name, *kind)).collect();
    let only = table.only.map(|only| format!(" WHERE {only}")).unwrap_or_default();
    let key: Vec<String> = table.key.iter().map(|name| (dialect.order)(name, kind_of(table, name))).collect();
    format!("SELECT {} FROM {}{only} ORDER BY {}", columns.join(", "), table.name, key.join(", "))
}

/// Whether there is any row.
pub(super) fn exists(table: &Table) -> String {
    format!("SELECT EXISTS (SELECT 1 FROM {})", table.name)
}

/// So many rows at once.
pub(super) fn insert(table: &Table, rows: usize, dialect: &Dialect) -> String {
    let columns: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let width = columns.len();
    let values: Vec<String> = (0..rows)
        .map(|row| {
            let row: Vec<String> = (1..=width).map(|column| (dialect.parameter)(row * width + column)).collect();
            format!("({})", row.join(", "))
        })
        .collect();
    format!("INSERT INTO {} ({}) VALUES {}", table.name, columns.join(", "), values.join(", "))
}

/// The one row of a table that has one.
pub(super) fn set(table: &Table, dialect: &Dialect) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, (name, _))| format!("{name} = {}", (dialect.parameter)(at + 1)))
        .collect();
    format!("UPDATE {} SET {} WHERE one = 1", table.name, columns.join(", "))
}
