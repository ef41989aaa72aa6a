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
    /// Two items share this code; the place is the second one's.
    #[error("the code `{1}` stands twice")]
    CodeTwice(usize, String),
    /// The item at this place of a ladder or scale, by its code, has no order.
    #[error("`{1}` needs an `order`: the items of a ladder or scale are ranked")]
    OrderMissing(usize, String),
    /// Two items share this order; the place is the second one's.
    #[error("the order {1} stands twice")]
    OrderTwice(usize, i32),
    /// A text of the list or of an item is empty, too long or has control characters.
    #[error("`{field}` is 1 to {most} characters without control characters")]
    Text {
        /// The field, with the item's code where it belongs to one.
        field: String,
        /// Where it stands.
        pointer: String,
        /// Its limit in characters.
        most: usize,
    },
    /// The code of a mapping of the item at this place has not the shape of a code.
    #[error("`{1}.maps_to.code` is 1 to 64 letters, digits or `_ . -`")]
    MappedCode(usize, String),
}

impl InvalidFramework {
    /// The JSON pointer into the list of what is wrong.
    #[must_use]
    pub fn pointer(&self) -> String {
        match self {
            Self::Id => "/id".to_owned(),
            Self::Version => "/version".to_owned(),
            Self::Items(_) => "/items".to_owned(),
            Self::Code(at) | Self::CodeTwice(at, _) => format!("/items/{at}/code"),
            Self::OrderMissing(at, _) | Self::OrderTwice(at, _) => format!("/items/{at}/order"),
            Self::Text { pointer, .. } => pointer.clone(),
            Self::MappedCode(at, _) => format!("/items/{at}/maps_to/code"),
        }
    }
}

/// Where texts stand: in the list itself, or in one of its items.
struct Place<'a> {
    item: Option<(usize, &'a str)>,
}

impl Place<'_> {
    fn text(&self, field: &str, value: &str, most: usize) -> Result<(), InvalidFramework> {
        let is_blank = value.trim().is_empty();
        if !is_blank && value.chars().count() <= most && !value.chars().any(char::is_control) {
            return Ok(());
        }
        let below = field.replace('.', "/");
        let (field, pointer) = match self.item {
            Some((at, code)) => (format!("{code}.{field}"), format!("/items/{at}/{below}")),
            None => (field.to_owned(), format!("/{below}")),
        };
        Err(InvalidFramework::Text { field, pointer, most })
    }

    fn optional_text(&self, field: &str, value: Option<&str>, most: usize) -> Result<(), InvalidFramework> {
        value.map_or(Ok(()), |value| self.text(field, value, most))
    }
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
        let list = Place { item: None };
        list.text("title", &self.title, MAXIMUM_LABEL_CHARACTERS)?;
        list.text("source", &self.source, MAXIMUM_TEXT_CHARACTERS)?;
        list.text("licence", &self.licence, MAXIMUM_TEXT_CHARACTERS)?;
        list.optional_text("caveat", self.caveat.as_deref(), MAXIMUM_TEXT_CHARACTERS)?;
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
                return Err(InvalidFramework::CodeTwice(place, item.code.clone()));
            }
            match item.order {
                Some(order) if !orders.insert(order) => return Err(InvalidFramework::OrderTwice(place, order)),
                None if self.kind.is_ordered() => {
                    return Err(InvalidFramework::OrderMissing(place, item.code.clone()));
                }
                _ => {}
            }
            validate_texts(place, item)?;
        }
        Ok(())
    }
}

fn validate_texts(at: usize, item: &FrameworkItem) -> Result<(), InvalidFramework> {
    let place = Place { item: Some((at, &item.code)) };
    place.text("label", &item.label, MAXIMUM_LABEL_CHARACTERS)?;
    place.optional_text("group", item.group.as_deref(), MAXIMUM_LABEL_CHARACTERS)?;
    place.optional_text("description", item.description.as_deref(), MAXIMUM_TEXT_CHARACTERS)?;
    let Some(mapping) = &item.maps_to else { return Ok(()) };
    place.text("maps_to.list", &mapping.list, MAXIMUM_LABEL_CHARACTERS)?;
    place.optional_text("maps_to.note", mapping.note.as_deref(), MAXIMUM_TEXT_CHARACTERS)?;
    if mapping.code.as_deref().is_some_and(|code| !is_code(code)) {
        return Err(InvalidFramework::MappedCode(at, item.code.clone()));
    }
    Ok(())
}

fn is_code(code: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=MAXIMUM_CODE_BYTES).contains(&code.len()) && code.bytes().all(is_allowed)
}

#[cfg(test)]
#[path = "limits_test.rs"]
mod tests;
