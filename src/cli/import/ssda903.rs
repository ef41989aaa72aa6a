//! `cairn import ssda903`: the return of children looked after by English local authorities.
//!
//! `header.csv` becomes people; each row of `reviews.csv` becomes a conversation with the child's way of taking part.
//! The code of participation is always kept as an item of the list `ssda903-participation@1`. What it says about being
//! asked is our reading, because the return does not ask that question:
//!
//! | Code | Read as | Mode |
//! |---|---|---|
//! | PN1, PN2, PN3 | asked, something was expressed | in person |
//! | PN4 | asked, nothing was expressed | in person |
//! | PN5, PN6 | asked, something was expressed | other (the child was not there) |
//! | PN7 | asked, nothing was expressed | other |
//! | PN0 | not asked: coded as a child under four | other |
//!
//! A child's registration is dated by their birth, as for FHIR: it stays the same in the return of every year.

mod read;

pub use read::{ReadError, Returned, Row, read_folder};

use super::intake::{Line, Mapped, NoteKind, key};
use jiff::civil::Date;
use serde_json::json;
use std::collections::HashMap;

/// The name of the identifiers in the column CHILD.
pub const CHILD_SYSTEM: &str = "ssda903-child";
/// The name of the identifiers in the column UPN (unique pupil number).
pub const UPN_SYSTEM: &str = "upn";
const SOURCE_SYSTEM: &str = "ssda903";
const PARTICIPATION_LIST: &str = "ssda903-participation@1";
/// The columns of the header that the record has a place for.
const PLACED_COLUMNS: [&str; 3] = ["CHILD", "DOB", "UPN"];

/// Maps a return. `known_since` dates the registrations where it shall not be the date of birth.
#[must_use]
pub fn map(returned: Returned, known_since: Option<&str>) -> Mapped {
    let Returned { mut mapped, header, reviews, header_columns, counted: _ } = returned;
    let columns: Vec<&str> =
        header_columns.iter().map(String::as_str).filter(|column| !PLACED_COLUMNS.contains(column)).collect();
    if !columns.is_empty() {
        let text = format!(
            "header.csv: the columns {} are not placed: the record has no field for them yet; they stay in the return",
            columns.join(", ")
        );
        mapped.general.push(text);
    }
    let children = map_header(header, known_since, &mut mapped);
    map_reviews(reviews, &children, &mut mapped);
    mapped.settled()
}

struct Child {
    birth_date: Date,
    line: u64,
}

fn map_header(rows: Vec<Row>, known_since: Option<&str>, mapped: &mut Mapped) -> HashMap<String, Child> {
    let mut children: HashMap<String, Child> = HashMap::new();
    for row in rows {
        let (child, upn) = (row.field("CHILD"), row.field("UPN"));
        if child.is_empty() {
            mapped.note(row.input, NoteKind::NotPlaced, "it has no CHILD");
            continue;
        }
        let Some(birth_date) = read_date(row.field("DOB")) else {
            mapped.note(row.input, NoteKind::NotPlaced, "its DOB is no date (dd/mm/yyyy)");
            continue;
        };
        if let Some(first) = children.get(child) {
            mapped.note(row.input, NoteKind::NotPlaced, format!("the same CHILD stands in line {}", first.line));
            continue;
        }
        let mut identifiers = vec![json!({ "system": CHILD_SYSTEM, "value": child })];
        if !upn.is_empty() {
            identifiers.push(json!({ "system": UPN_SYSTEM, "value": upn }));
        }
        let body = json!({
            "occurred_at": known_since.map_or_else(|| birth_date.to_string(), str::to_owned),
            "birth_date": birth_date.to_string(), "identifiers": identifiers,
            "source": { "system": SOURCE_SYSTEM, "reference": format!("header/{child}") },
        });
        let key = key(SOURCE_SYSTEM, "child", &[child]);
        mapped.lines.push(Line::new(row.input, key, "register_person", name_of(child), body));
        let line = mapped.inputs.get(row.input).map_or(0, |input| input.line);
        children.insert(child.to_owned(), Child { birth_date, line });
    }
    children
}

fn map_reviews(rows: Vec<Row>, children: &HashMap<String, Child>, mapped: &mut Mapped) {
    let mut on_one_day: HashMap<(String, Date), u32> = HashMap::new();
    for row in rows {
        match review(&row, children) {
            Ok(review) => {
                let child = row.field("CHILD");
                let ordinal = on_one_day.entry((child.to_owned(), review.date)).or_default();
                *ordinal += 1;
                if *ordinal > 1 {
                    mapped.note(row.input, NoteKind::Remark, "a further review of the same child on the same day");
                }
                if review.code == "PN0" && !review.is_under_four {
                    let text = "coded PN0 (child under four), though the dates make the child four or older";
                    mapped.note(row.input, NoteKind::Remark, text);
                }
                mapped.lines.push(review.line(row.input, child, *ordinal));
            }
            Err(reason) => mapped.note(row.input, NoteKind::NotPlaced, reason),
        }
    }
}

struct Review<'a> {
    date: Date,
    code: &'a str,
    asked: &'static str,
    mode: &'static str,
    is_under_four: bool,
}

fn review<'a>(row: &'a Row, children: &HashMap<String, Child>) -> Result<Review<'a>, &'static str> {
    let child = children.get(row.field("CHILD")).ok_or("its CHILD is not one that header.csv places")?;
    let date = read_date(row.field("REVIEW")).ok_or("its REVIEW is no date (dd/mm/yyyy)")?;
    let birth_date = read_date(row.field("DOB")).ok_or("its DOB is no date (dd/mm/yyyy)")?;
    if birth_date != child.birth_date {
        return Err("its DOB is not that of the CHILD in header.csv: it may be about somebody else");
    }
    if date < birth_date {
        return Err("its REVIEW is before the child's birth");
    }
    let code = row.field("REVIEW_CODE");
    let (asked, mode) = match code {
        "PN1" | "PN2" | "PN3" => ("expressed", "in_person"),
        "PN4" => ("none_expressed", "in_person"),
        "PN5" | "PN6" => ("expressed", "other"),
        "PN7" => ("none_expressed", "other"),
        "PN0" => ("not_asked", "other"),
        _ => return Err("its REVIEW_CODE is none of PN0 to PN7"),
    };
    let is_under_four =
        (date.year() - birth_date.year(), date.month(), date.day()) < (4, birth_date.month(), birth_date.day());
    Ok(Review { date, code, asked, mode, is_under_four })
}

impl Review<'_> {
    fn line(&self, input: usize, child: &str, ordinal: u32) -> Line {
        let (date, ordinal) = (self.date.to_string(), ordinal.to_string());
        let not_asked_reason = (self.asked == "not_asked").then_some("Coded PN0 in the return: child under four.");
        let body = json!({
            "person": format!("@{}", name_of(child)), "occurred_at": date, "asked": self.asked,
            "not_asked_reason": not_asked_reason, "mode": self.mode,
            "participation": format!("{PARTICIPATION_LIST}#{}", self.code),
            "source": { "system": SOURCE_SYSTEM, "reference": format!("reviews/{child}/{date}/{ordinal}") },
        });
        let key = key(SOURCE_SYSTEM, "review", &[child, &date, &ordinal]);
        Line::new(input, key, "record_conversation", format!("review/{child}/{date}/{ordinal}"), body)
    }
}

fn name_of(child: &str) -> String {
    format!("child/{child}")
}

/// `27/03/2008`, as the return writes it, or `2008-03-27`.
fn read_date(text: &str) -> Option<Date> {
    let mut parts = text.split('/');
    let (Some(day), Some(month), Some(year), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return (text.len() == 10).then(|| text.parse().ok()).flatten();
    };
    if year.len() != 4 {
        return None;
    }
    let year = year.parse::<i16>().ok().filter(|year| *year >= 1000)?;
    Date::new(year, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests;
