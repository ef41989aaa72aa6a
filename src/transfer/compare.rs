//! Holding two sources against each other, row for row.

use super::{Item, Row, Source, TransferError};

/// Where two sources differ first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The table.
    pub table: String,
    /// The row's place in the order of keys, from 0.
    pub row: u64,
}

/// Rows of a source one by one.
struct Rows {
    source: Source,
    table: String,
    waiting: std::vec::IntoIter<Row>,
    /// The place of the next row in its table.
    place: u64,
}

impl Rows {
    fn of(source: Source) -> Self {
        Self { source, table: String::new(), waiting: Vec::new().into_iter(), place: 0 }
    }

    /// The next row with its table; `None` at the end. Tables without rows are passed over.
    async fn next(&mut self) -> Result<Option<(String, u64, Row)>, TransferError> {
        loop {
            if let Some(row) = self.waiting.next() {
                self.place += 1;
                return Ok(Some((self.table.clone(), self.place - 1, row)));
            }
            match self.source.next().await.transpose()? {
                Some(Item::Table(name)) => {
                    self.table = name;
                    self.place = 0;
                }
                Some(Item::Rows(rows)) => self.waiting = rows.into_iter(),
                None => return Ok(None),
            }
        }
    }
}

/// Reads both to their ends or to the first difference; answers how many rows are the same. `progress` is told of each.
///
/// # Errors
/// What either source says.
pub async fn compare(
    one: Source,
    other: Source,
    mut progress: impl FnMut(u64) + Send,
) -> Result<Result<u64, Difference>, TransferError> {
    let (mut one, mut other) = (Rows::of(one), Rows::of(other));
    let mut same = 0;
    loop {
        match (one.next().await?, other.next().await?) {
            (None, None) => return Ok(Ok(same)),
            (Some(row), Some(another)) if row == another => {
                same += 1;
                progress(1);
            }
            (Some((table, row, _)), _) | (None, Some((table, row, _))) => {
                return Ok(Err(Difference { table, row }));
            }
        }
    }
}
