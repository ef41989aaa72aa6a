//! What a well-formed list is: the limits that hold for shipped lists and for those that partners publish.

use super::{FrameworkContent, FrameworkItem};
use std::collections::HashSet;

/// The most items of one list.
pub const MAXIMUM_ITEMS: usize = 500;
/// The longest title, label or group, in characters.
pub const MAXIMUM_LABEL_CHARACTERS: usize = 300;
/// The longest source, licence, caveat, note or description, in characters.
pub const MAXIMUM_TEXT_CHARACTERS: usize = 2_000;
/// The longest id or code, in bytes; both are ASCII.
const MAXIMUM_CODE_BYTES: usize = 64;

/// The first thing that is wrong with a list. Lists are not personal, so their codes may be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFramework {
    /// The id is empty, too long or has other characters.
    #[error("`id` is 1 to 64 lower-case letters, digits or hyphens")]
    Id,
    /// Versions count from 1.
    #[error("`version` is 1 or more")]
    Version,
    /// None, or more than [`MAXIMUM_ITEMS`].
    #[error("`items` holds 1 to 500 items, not {0}")]
    Items(usize),
    /// The code of the item at this place, counted from 0, is empty, too long or has other characters.
    #[error("`items[{0}].code` is 1 to 64 letters, digits or `_ . -`")]
    Code(usize),
    /// Two items share this code.
    #[error("the code `{0}` stands twice")]
    CodeTwice(String),
    /// An item of a ladder or scale, by its code, has no order.
    #[error("`{0}` needs an `order`: the items of a ladder or scale are ranked")]
    OrderMissing(String),
    /// Two items share this order.
    #[error("the order {0} stands twice")]
    OrderTwice(i32),
    /// A text of the list or of an item is empty, too long or has control characters.
    #[error("`{field}` is 1 to {most} characters without control characters")]
    Text {
        /// The field, with the item's code where it belongs to one.
        field: String,
        /// Its limit in characters.
        most: usize,
    },
    /// The code of a mapping of this item has not the shape of a code.
    #[error("`{0}.maps_to.code` is 1 to 64 letters, digits or `_ . -`")]
    MappedCode(String),
}

impl FrameworkContent {
    /// Checks every limit.
    ///
    /// # Errors
    /// The first limit that is broken.
    pub fn validate(&self) -> Result<(), InvalidFramework> {
        let is_slug = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !is_code(&self.id) || !self.id.bytes().all(is_slug) {
            return Err(InvalidFramework::Id);
        }
        if self.version == 0 {
            return Err(InvalidFramework::Version);
        }
        text("title", &self.title, MAXIMUM_LABEL_CHARACTERS)?;
        text("source", &self.source, MAXIMUM_TEXT_CHARACTERS)?;
        text("licence", &self.licence, MAXIMUM_TEXT_CHARACTERS)?;
        optional_text("caveat", self.caveat.as_deref(), MAXIMUM_TEXT_CHARACTERS)?;
        self.validate_items()
    }

    fn validate_items(&self) -> Result<(), InvalidFramework> {
        if !(1..=MAXIMUM_ITEMS).contains(&self.items.len()) {
            return Err(InvalidFramework::Items(self.items.len()));
        }
        let mut codes = HashSet::new();
        let mut orders = HashSet::new();
        for (place, item) in self.items.iter().enumerate() {
            if !is_code(&item.code) {
                return Err(InvalidFramework::Code(place));
            }
            if !codes.insert(item.code.as_str()) {
                return Err(InvalidFramework::CodeTwice(item.code.clone()));
            }
            match item.order {
                Some(order) if !orders.insert(order) => return Err(InvalidFramework::OrderTwice(order)),
                None if self.kind.is_ordered() => return Err(InvalidFramework::OrderMissing(item.code.clone())),
                _ => {}
            }
            validate_texts(item)?;
        }
        Ok(())
    }
}

fn validate_texts(item: &FrameworkItem) -> Result<(), InvalidFramework> {
    let field = |name: &str| format!("{}.{name}", item.code);
    text(&field("label"), &item.label, MAXIMUM_LABEL_CHARACTERS)?;
    optional_text(&field("group"), item.group.as_deref(), MAXIMUM_LABEL_CHARACTERS)?;
    optional_text(&field("description"), item.description.as_deref(), MAXIMUM_TEXT_CHARACTERS)?;
    let Some(mapping) = &item.maps_to else { return Ok(()) };
    text(&field("maps_to.list"), &mapping.list, MAXIMUM_LABEL_CHARACTERS)?;
    optional_text(&field("maps_to.note"), mapping.note.as_deref(), MAXIMUM_TEXT_CHARACTERS)?;
    if mapping.code.as_deref().is_some_and(|code| !is_code(code)) {
        return Err(InvalidFramework::MappedCode(item.code.clone()));
    }
    Ok(())
}

fn is_code(code: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=MAXIMUM_CODE_BYTES).contains(&code.len()) && code.bytes().all(is_allowed)
}

fn optional_text(field: &str, value: Option<&str>, most: usize) -> Result<(), InvalidFramework> {
    value.map_or(Ok(()), |value| text(field, value, most))
}

fn text(field: &str, value: &str, most: usize) -> Result<(), InvalidFramework> {
    let is_blank = value.trim().is_empty();
    if is_blank || value.chars().count() > most || value.chars().any(char::is_control) {
        return Err(InvalidFramework::Text { field: field.to_owned(), most });
    }
    Ok(())
}

#[cfg(test)]
#[path = "limits_test.rs"]
mod tests;
