//! Tables in a file, `cairn-tables/v1`.
//!
//! The line `cairn-tables/v1`, then frames, each of a letter, a length (u32 big-endian) and so many bytes:
//! - `H` once, first: JSON `{"holds", "made_at"}`;
//! - `T` where a table begins: JSON `{"table", "columns": [[name, kind], …]}` with the kinds integer, text, bytes and uuid;
//! - `R` rows of it, in the order of their key: each value is `00` for null, `01` and an i64 big-endian, `02` and a text in UTF-8
//!   behind its length (u32 big-endian), or `03` and bytes behind theirs;
//! - `E` once, last: JSON `{"rows": {table: count, …}}`.
//!
//! Then the SHA-256 of everything before, 32 bytes, and nothing more. Nothing of a file is used before all of it was found
//! whole.

use super::{Item, Kind, Row, Source, Table, TransferError, row};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const MAGIC: &[u8] = b"cairn-tables/v1\n";
/// The longest frame that is read; a group of rows has 1 MiB and one row more, and the largest row a few MiB.
const FRAME_MAX: u32 = 256 * 1024 * 1024;
const TRAILER: usize = 32;

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHead {
    /// `events` or `keys`.
    pub holds: String,
    /// When it was made.
    pub made_at: String,
}

/// What was written, or found whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// What it says of itself.
    pub head: FileHead,
    /// How many rows of each table.
    pub rows: BTreeMap<String, u64>,
    /// The SHA-256 of the whole file with its trailer, in hexadecimal digits.
    pub sha256: String,
    /// Its length in bytes.
    pub bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct TableFrame {
    table: String,
    columns: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct EndFrame {
    rows: BTreeMap<String, u64>,
}

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "integer",
        Kind::Text => "text",
        Kind::Bytes => "bytes",
        Kind::Uuid => "uuid",
    }
}

fn columns_of(table: &Table) -> Vec<(String, String)> {
    table.columns.iter().map(|(name, kind)| ((*name).to_owned(), kind_name(*kind).to_owned())).collect()
}

/// Writes everything that a source gives into a new file that only its owner may read, durably. `seen` is shown
/// each group of rows and the name of its table.
///
/// # Errors
/// Where the file exists or cannot be written; what the source says. A file that is not whole is removed.
pub async fn write_file(
    path: &Path,
    head: FileHead,
    tables: &'static [Table],
    source: Source,
    seen: impl FnMut(&str, &[Row]) + Send,
) -> Result<Contents, TransferError> {
    let failed = TransferError::file(path, "written");
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(&failed)?;
    let written = write(path, file, head, tables, source, seen).await;
    if written.is_err() {
        // Best effort: the first failure is the one to report.
        let _ = std::fs::remove_file(path);
    }
    written
}

async fn write(
    path: &Path,
    file: File,
    head: FileHead,
    tables: &'static [Table],
    mut source: Source,
    mut seen: impl FnMut(&str, &[Row]) + Send,
) -> Result<Contents, TransferError> {
    let failed = TransferError::file(path, "written");
    let mut out = Hashing { inner: BufWriter::new(file), sha256: Sha256::new(), bytes: 0 };
    out.write_all(MAGIC).map_err(&failed)?;
    write_json(&mut out, b'H', &head).map_err(&failed)?;
    let mut rows: BTreeMap<String, u64> = BTreeMap::new();
    let mut current = String::new();
    let mut frame = Vec::new();
    while let Some(item) = source.next().await {
        match item? {
            Item::Table(name) => {
                let table = tables.iter().find(|table| table.name == name);
                let columns = table.map(columns_of).unwrap_or_default();
                write_json(&mut out, b'T', &TableFrame { table: name.clone(), columns }).map_err(&failed)?;
                rows.insert(name.clone(), 0);
                current = name;
            }
            Item::Rows(group) => {
                frame.clear();
                group.iter().for_each(|row| row::write(row, &mut frame));
                write_frame(&mut out, b'R', &frame).map_err(&failed)?;
                *rows.entry(current.clone()).or_default() += group.len() as u64;
                seen(&current, &group);
            }
        }
    }
    write_json(&mut out, b'E', &EndFrame { rows: rows.clone() }).map_err(&failed)?;
    let trailer = out.sha256.clone().finalize();
    out.write_all(&trailer).map_err(&failed)?;
    let Hashing { inner, sha256, bytes } = out;
    let file = inner.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(&failed)?;
    Ok(Contents { head, rows, sha256: hex::encode(sha256.finalize()), bytes })
}

/// Digests what passes.
struct Hashing<Inner> {
    inner: Inner,
    sha256: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sha256.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

fn write_json(out: &mut impl Write, letter: u8, content: &impl Serialize) -> std::io::Result<()> {
    write_frame(out, letter, &serde_json::to_vec(content)?)
}

fn write_frame(out: &mut impl Write, letter: u8, content: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(content.len()).ok().filter(|length| *length <= FRAME_MAX);
    let length = length.ok_or_else(|| std::io::Error::other("a group of rows is longer than a frame may be"))?;
    out.write_all(&[letter])?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(content)
}

/// Reads a file to its end and holds it against its own digest; then shows its rows, group by group, to whoever checks more.
///
/// # Errors
/// [`TransferError::Damaged`] with the first thing found wrong; [`TransferError::Other`] where it is no such file, or one of other
/// tables.
pub fn verify_file(
    path: &Path,
    holds: &str,
    tables: &'static [Table],
    mut rows: impl FnMut(&'static Table, Vec<Row>) -> Result<(), TransferError>,
) -> Result<Contents, TransferError> {
    // The digest first: what it does not cover is not even looked at.
    let (sha256, bytes) = digest(path)?;
    let mut reader = Reader::open(path, holds, tables)?;
    while let Some(read) = reader.next()? {
        if let Came::Rows(table, group) = read {
            rows(table, group)?;
        }
    }
    Ok(Contents { head: reader.head, rows: reader.counted, sha256, bytes })
}

/// Holds a file against the digest at its end; answers the digest and length of all of it.
fn digest(path: &Path) -> Result<(String, u64), TransferError> {
    let failed = TransferError::file(path, "read");
    let damaged = |detail: &str| TransferError::Damaged { path: path.to_owned(), detail: detail.to_owned() };
    let mut file = BufReader::new(File::open(path).map_err(&failed)?);
    let length = file.get_ref().metadata().map_err(&failed)?.len();
    let body = length.checked_sub(TRAILER as u64).ok_or_else(|| damaged("it is too short"))?;
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; 1024 * 1024];
    let mut left = body;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let read = file.read(&mut buffer[..most]).map_err(&failed)?;
        if read == 0 {
            return Err(damaged("it became shorter while it was read"));
        }
        sha256.update(&buffer[..read]);
        left -= read as u64;
    }
    let mut trailer = [0; TRAILER];
    file.read_exact(&mut trailer).map_err(&failed)?;
    if trailer != <[u8; TRAILER]>::from(sha256.clone().finalize()) {
        return Err(damaged("its content is not the one that its SHA-256 was made of"));
    }
    sha256.update(trailer);
    Ok((hex::encode(sha256.finalize()), length))
}

/// What a reader came upon.
enum Came {
    Table(&'static Table),
    Rows(&'static Table, Vec<Row>),
}

/// Reads frames.
struct Reader {
    path: std::path::PathBuf,
    file: std::io::Take<BufReader<File>>,
    tables: &'static [Table],
    head: FileHead,
    current: Option<&'static Table>,
    counted: BTreeMap<String, u64>,
    ended: bool,
}

impl Reader {
    fn open(path: &Path, holds: &str, tables: &'static [Table]) -> Result<Self, TransferError> {
        let failed = TransferError::file(path, "read");
        let other = |detail: &str| TransferError::Other { path: path.to_owned(), detail: detail.to_owned() };
        let file = File::open(path).map_err(&failed)?;
        let body = file.metadata().map_err(&failed)?.len().saturating_sub(TRAILER as u64);
        let mut file = BufReader::new(file).take(body);
        let mut magic = [0; MAGIC.len()];
        if file.read_exact(&mut magic).is_err() || magic != MAGIC {
            return Err(other("is no backup that this version of cairn reads"));
        }
        let head = FileHead { holds: String::new(), made_at: String::new() };
        let (path, counted) = (path.to_owned(), BTreeMap::new());
        let mut reader = Self { path, file, tables, head, current: None, counted, ended: false };
        match reader.frame()? {
            Some((b'H', content)) => reader.head = reader.json(&content)?,
            _ => return Err(reader.damaged("it does not begin with what it holds")),
        }
        if reader.head.holds == holds {
            Ok(reader)
        } else {
            Err(other(&format!("holds {}, not {holds}", reader.head.holds)))
        }
    }

    fn damaged(&self, detail: &str) -> TransferError {
        TransferError::Damaged { path: self.path.clone(), detail: detail.to_owned() }
    }

    fn json<T: serde::de::DeserializeOwned>(&self, content: &[u8]) -> Result<T, TransferError> {
        serde_json::from_slice(content).map_err(|_| self.damaged("a frame cannot be read"))
    }

    fn frame(&mut self) -> Result<Option<(u8, Vec<u8>)>, TransferError> {
        let mut start = [0; 5];
        if self.file.limit() == 0 {
            return Ok(None);
        }
        let failed = TransferError::file(&self.path, "read");
        self.file.read_exact(&mut start).map_err(&failed)?;
        let [letter, length @ ..] = start;
        let length = u32::from_be_bytes(length);
        if length > FRAME_MAX || u64::from(length) > self.file.limit() {
            return Err(self.damaged("a frame is longer than what is left"));
        }
        let mut content = vec![0; usize::try_from(length).unwrap_or(0)];
        self.file.read_exact(&mut content).map_err(&failed)?;
        Ok(Some((letter, content)))
    }

    fn next(&mut self) -> Result<Option<Came>, TransferError> {
        let Some((letter, content)) = self.frame()? else {
            return if self.ended { Ok(None) } else { Err(self.damaged("it ends too early")) };
        };
        match (letter, self.ended) {
            (b'T', false) => {
                let frame: TableFrame = self.json(&content)?;
                let table = self.tables.iter().find(|table| table.name == frame.table);
                let unfit = || TransferError::Other {
                    path: self.path.clone(),
                    detail: format!(
                        "has a table {} that is another one here: it was made by another version",
                        frame.table
                    ),
                };
                let table = table.filter(|table| columns_of(table) == frame.columns).ok_or_else(unfit)?;
                self.counted.insert(frame.table, 0);
                self.current = Some(table);
                Ok(Some(Came::Table(table)))
            }
            (b'R', false) => {
                let table = self.current.ok_or_else(|| self.damaged("rows of no table"))?;
                let rows = row::read_all(&content, table.columns.len());
                let rows = rows.ok_or_else(|| self.damaged("rows cannot be read"))?;
                *self.counted.entry(table.name.to_owned()).or_default() += rows.len() as u64;
                Ok(Some(Came::Rows(table, rows)))
            }
            (b'E', false) => {
                let frame: EndFrame = self.json(&content)?;
                self.ended = true;
                if frame.rows != self.counted {
                    return Err(self.damaged("it has more or fewer rows than it says"));
                }
                self.next()
            }
            _ => Err(self.damaged("a frame is of no kind that can stand there")),
        }
    }
}

/// The tables of a file, one after the other. Verify it first.
///
/// # Errors
/// As [`verify_file`].
pub fn open_file(path: &Path, holds: &str, tables: &'static [Table]) -> Result<Source, TransferError> {
    let mut reader = Reader::open(path, holds, tables)?;
    Ok(Source::start(|giving| async move {
        while let Some(read) = reader.next()? {
            let item = match read {
                Came::Table(table) => Item::Table(table.name.to_owned()),
                Came::Rows(_, rows) => Item::Rows(rows),
            };
            if !giving.give(item).await {
                break;
            }
        }
        Ok(())
    }))
}

#[cfg(test)]
#[path = "file_test.rs"]
mod tests;
