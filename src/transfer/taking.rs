//! What a database that is filled takes of a source: every table of its list, each once, and nothing else.

use super::{Filling, Item, Row, Table, TransferError};

/// Rows of one statement: as many parameters as SQLite takes (32,766) would allow for more, but a text for each size is kept.
pub(super) const ROWS_AT_ONCE: usize = 64;

/// Holds a source against a list of tables.
pub(super) struct Taking {
    tables: &'static [Table],
    current: Option<&'static Table>,
    seen: Vec<&'static str>,
    /// Rows of tables that have one, which is set at last.
    last: Vec<(&'static Table, Row)>,
}

impl Taking {
    pub(super) const fn new(tables: &'static [Table]) -> Self {
        Self { tables, current: None, seen: Vec::new(), last: Vec::new() }
    }

    /// Takes what came; answers the rows that are to be inserted.
    pub(super) fn take(&mut self, item: Item) -> Result<Option<(&'static Table, Vec<Row>)>, TransferError> {
        match item {
            Item::Table(name) => {
                let table = self.tables.iter().find(|table| table.name == name);
                let table = table.ok_or_else(|| TransferError::Unfit(format!("there is no table {name} here")))?;
                if self.seen.contains(&table.name) {
                    return Err(TransferError::Unfit(format!("the table {name} comes twice")));
                }
                self.seen.push(table.name);
                self.current = Some(table);
                Ok(None)
            }
            Item::Rows(rows) => {
                let table = self.current.ok_or_else(|| TransferError::Unfit("rows of no table".to_owned()))?;
                if rows.iter().any(|row| row.len() != table.columns.len()) {
                    return Err(TransferError::Unfit(format!("a row of {} has other columns", table.name)));
                }
                if table.filling == Filling::Rows {
                    return Ok(Some((table, rows)));
                }
                self.last.extend(rows.into_iter().map(|row| (table, row)));
                Ok(None)
            }
        }
    }

    /// The rows that are set at last.
    pub(super) fn finish(self) -> Result<Vec<(&'static Table, Row)>, TransferError> {
        for table in self.tables {
            if !self.seen.contains(&table.name) {
                return Err(TransferError::Unfit(format!("the table {} is missing", table.name)));
            }
            let rows = self.last.iter().filter(|(of, _)| of.name == table.name).count();
            if table.filling == Filling::OneRow && rows != 1 {
                return Err(TransferError::Unfit(format!("{} has {rows} rows instead of one", table.name)));
            }
        }
        Ok(self.last)
    }
}
