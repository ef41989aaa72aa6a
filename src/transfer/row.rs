//! A row as bytes: for each value a mark of its kind and, where it has one, its length. Strict on the way back.

use super::{Row, Value};

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const TEXT: u8 = 2;
const BYTES: u8 = 3;

/// About how many bytes a value takes.
pub(super) fn length(value: &Value) -> usize {
    match value {
        Value::Null => 1,
        Value::Integer(_) => 9,
        Value::Text(text) => 5 + text.len(),
        Value::Bytes(bytes) => 5 + bytes.len(),
    }
}

/// Writes a row behind what is there. A value of 4 GiB and more, which no database here takes, would be cut.
pub(super) fn write(row: &Row, out: &mut Vec<u8>) {
    let long = |mark: u8, bytes: &[u8], out: &mut Vec<u8>| {
        out.push(mark);
        out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend(bytes);
    };
    for value in row {
        match value {
            Value::Null => out.push(NULL),
            Value::Integer(number) => {
                out.push(INTEGER);
                out.extend(number.to_be_bytes());
            }
            Value::Text(text) => long(TEXT, text.as_bytes(), out),
            Value::Bytes(bytes) => long(BYTES, bytes, out),
        }
    }
}

/// Reads rows of so many columns; `None` where the bytes are not that.
pub(super) fn read_all(mut bytes: &[u8], columns: usize) -> Option<Vec<Row>> {
    // Rows of nothing would never come to an end.
    if columns == 0 {
        return None;
    }
    let mut rows = Vec::new();
    while !bytes.is_empty() {
        let mut row = Vec::with_capacity(columns);
        for _ in 0..columns {
            row.push(read(&mut bytes)?);
        }
        rows.push(row);
    }
    Some(rows)
}

fn read(bytes: &mut &[u8]) -> Option<Value> {
    let (mark, rest) = bytes.split_first()?;
    *bytes = rest;
    match *mark {
        NULL => Some(Value::Null),
        INTEGER => {
            let (number, rest) = bytes.split_first_chunk::<8>()?;
            *bytes = rest;
            Some(Value::Integer(i64::from_be_bytes(*number)))
        }
        TEXT => Some(Value::Text(String::from_utf8(long(bytes)?.to_vec()).ok()?)),
        BYTES => Some(Value::Bytes(long(bytes)?.to_vec())),
        _ => None,
    }
}

fn long<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (value, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *bytes = rest;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        vec![
            vec![Value::Null, Value::Integer(i64::MIN), Value::Text("a\u{0}ß".to_owned()), Value::Bytes(vec![0; 300])],
            vec![Value::Integer(-1), Value::Null, Value::Text(String::new()), Value::Bytes(Vec::new())],
        ]
    }

    #[test]
    fn rows_come_back_as_they_were() {
        let mut bytes = Vec::new();
        rows().iter().for_each(|row| write(row, &mut bytes));
        assert_eq!(read_all(&bytes, 4), Some(rows()));
        assert_eq!(read_all(&[], 4), Some(Vec::new()));
        assert_eq!(read_all(&bytes, 0), None);
        for cut in 1..bytes.len() {
            let whole = read_all(&bytes[..cut], 4);
            assert!(whole.is_none_or(|rows| rows.len() == 1), "cut at {cut}");
        }
    }

    #[test]
    fn the_form_is_a_promise() {
        let mut bytes = Vec::new();
        write(&vec![Value::Null, Value::Integer(-2), Value::Text("é".to_owned()), Value::Bytes(vec![7])], &mut bytes);
        assert_eq!(hex::encode(bytes), "0001fffffffffffffffe0200000002c3a9030000000107");
        assert_eq!(read_all(&[4], 1), None);
        assert_eq!(read_all(&[2, 0, 0, 0, 1, 0xff], 1), None, "no UTF-8");
    }
}
