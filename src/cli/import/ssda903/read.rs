//! Reading the return's CSV files: each data row is an input, and a row that cannot be read says why.
//!
//! Knows CSV and the names of the columns; knows nothing of what they mean.

use crate::cli::import::intake::{Input, Mapped, NoteKind};
use csv::ByteRecord;
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;

const HEADER: &str = "header.csv";
const REVIEWS: &str = "reviews.csv";
const HEADER_COLUMNS: [&str; 2] = ["CHILD", "DOB"];
const REVIEWS_COLUMNS: [&str; 4] = ["CHILD", "DOB", "REVIEW", "REVIEW_CODE"];

/// A row with all its fields.
#[derive(Debug)]
pub struct Row {
    /// Its place among the inputs.
    pub input: usize,
    fields: HashMap<String, String>,
}

impl Row {
    /// The field of a column, trimmed; empty where the column is absent.
    #[must_use]
    pub fn field(&self, column: &str) -> &str {
        self.fields.get(column).map_or("", |field| field.trim())
    }
}

/// A return as it was read.
#[derive(Debug, Default)]
pub struct Returned {
    /// The inputs, with what is already said of those that cannot be read.
    pub mapped: Mapped,
    /// The rows of `header.csv`.
    pub header: Vec<Row>,
    /// The rows of `reviews.csv`.
    pub reviews: Vec<Row>,
    /// The columns of `header.csv`.
    pub header_columns: Vec<String>,
    /// How many rows were read, counted apart from the inputs.
    pub counted: usize,
}

/// A folder or file that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refuses.
    #[error("{path} cannot be read; the folder of a return holds header.csv and reviews.csv")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A column is missing.
    #[error("{file} has no column {column}; its first line names the columns of the return")]
    Column {
        /// Which file.
        file: &'static str,
        /// Which column.
        column: &'static str,
    },
}

/// Reads `header.csv` and `reviews.csv` of a folder and names the files beside them, which are not read.
///
/// # Errors
/// [`ReadError`] where one of the two cannot be read or has not the columns.
pub fn read_folder(folder: &Path) -> Result<Returned, ReadError> {
    let unreadable = |path: &Path, source| ReadError::Unreadable { path: path.display().to_string(), source };
    let open = |name: &str| {
        let path = folder.join(name);
        std::fs::File::open(&path).map_err(|source| unreadable(&path, source))
    };
    let mut returned = Returned::default();
    returned.read_header(open(HEADER)?)?;
    returned.read_reviews(open(REVIEWS)?)?;
    let entries = std::fs::read_dir(folder).map_err(|source| unreadable(folder, source))?;
    let mut others: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|name| name != HEADER && name != REVIEWS)
        .collect();
    others.sort();
    for name in others {
        returned.mapped.general.push(format!("{name} is not read: this import places header.csv and reviews.csv"));
    }
    Ok(returned)
}

impl Returned {
    /// Reads the children.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read_header(&mut self, csv: impl Read) -> Result<(), ReadError> {
        let (columns, rows) = self.read(HEADER, &HEADER_COLUMNS, csv)?;
        self.header_columns = columns;
        self.header = rows;
        Ok(())
    }

    /// Reads the reviews.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read_reviews(&mut self, csv: impl Read) -> Result<(), ReadError> {
        let (columns, rows) = self.read(REVIEWS, &REVIEWS_COLUMNS, csv)?;
        self.reviews = rows;
        let others: Vec<&str> =
            columns.iter().map(String::as_str).filter(|column| !REVIEWS_COLUMNS.contains(column)).collect();
        if !others.is_empty() {
            let text =
                format!("reviews.csv: the columns {} are not placed; they stay in the return", others.join(", "));
            self.mapped.general.push(text);
        }
        Ok(())
    }

    fn read(
        &mut self,
        file: &'static str,
        required: &[&'static str],
        csv: impl Read,
    ) -> Result<(Vec<String>, Vec<Row>), ReadError> {
        // Flexible, so that a row of the wrong length is an input that says so and not the end of the file.
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(csv);
        let unreadable =
            |error: csv::Error| ReadError::Unreadable { path: file.to_owned(), source: io::Error::other(error) };
        let columns: Vec<String> = reader
            .byte_headers()
            .map_err(unreadable)?
            .iter()
            .map(|name| String::from_utf8_lossy(name).trim().to_ascii_uppercase())
            .collect();
        if let Some(column) = required.iter().find(|column| !columns.iter().any(|name| name == *column)) {
            return Err(ReadError::Column { file, column });
        }
        let mut rows = Vec::new();
        let mut record = ByteRecord::new();
        while reader.read_byte_record(&mut record).map_err(unreadable)? {
            self.counted += 1;
            let line = record.position().map_or(0, csv::Position::line);
            let input = self.mapped.add_input(Input { file: file.to_owned(), line, resource: None });
            match fields(&columns, &record) {
                Ok(fields) => rows.push(Row { input, fields }),
                Err(reason) => self.mapped.note(input, NoteKind::NotPlaced, reason),
            }
        }
        Ok((columns, rows))
    }
}

fn fields(columns: &[String], record: &ByteRecord) -> Result<HashMap<String, String>, String> {
    if record.len() != columns.len() {
        return Err(format!("it has {} fields instead of {}", record.len(), columns.len()));
    }
    let text = |field: &[u8]| String::from_utf8(field.to_vec()).map_err(|_| "it is not UTF-8".to_owned());
    columns.iter().zip(record).map(|(column, field)| Ok((column.clone(), text(field)?))).collect()
}
