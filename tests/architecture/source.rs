//! Reading Rust by text: enough to tell code from comments, literals and tests, and to find names and braces.

/// One source file, prepared for reading; every text keeps the lines and columns of the original.
pub struct Source<'a> {
    pub file: &'a str,
    pub text: &'a str,
    pub is_test: bool,
    /// Without comments and literals.
    pub code: Vec<char>,
    /// Without test code, too.
    pub shipped: Vec<char>,
}

impl<'a> Source<'a> {
    pub fn new(file: &'a str, text: &'a str) -> Self {
        let code = without_comments_and_literals(text);
        let is_test = is_test_file(file);
        let shipped = if is_test { Vec::new() } else { without_test_items(&code) };
        Self { file, text, is_test, code, shipped }
    }
}

pub fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn is_test_file(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    let is_outside = file.starts_with("tests/") || file.starts_with("benches/");
    is_outside
        || name == "tests.rs"
        || name.ends_with("_test.rs")
        || name.ends_with("_tests.rs")
        || file.split('/').any(|folder| folder == "tests" || folder.ends_with("_test"))
}

/// `src/domain/mod.rs` is `domain`, `src/domain/ids.rs` is `domain, ids`.
pub fn module_path(file: &str) -> Vec<&str> {
    let path = file.strip_prefix("src/").unwrap_or(file);
    path.strip_suffix(".rs").unwrap_or(path).split('/').filter(|&name| name != "mod").collect()
}

pub fn line_of(code: &[char], position: usize) -> usize {
    code[..position].iter().filter(|&&character| character == '\n').count() + 1
}

pub fn starts_with(code: &[char], position: usize, text: &str) -> bool {
    let rest = code.get(position..).unwrap_or_default();
    text.chars().enumerate().all(|(offset, character)| rest.get(offset) == Some(&character))
}

pub fn occurrences(code: &[char], text: &str) -> Vec<usize> {
    (0..code.len()).filter(|&position| starts_with(code, position, text)).collect()
}

/// Where `text` begins a name, not the middle of a longer one.
pub fn words(code: &[char], text: &str) -> Vec<usize> {
    let mut found = occurrences(code, text);
    found.retain(|&position| position == 0 || !is_name(code[position - 1]));
    found
}

/// The name at `position`, or the first name of each member when a group stands there.
pub fn first_names(code: &[char], position: usize) -> Vec<String> {
    let end = if code.get(position) == Some(&'{') { closing(code, position) } else { code.len() };
    if end == code.len() {
        return vec![name_at(&code[position..])];
    }
    let mut depth = 0;
    let mut names = Vec::new();
    for place in position..end {
        match code[place] {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 1 && matches!(code[place], '{' | ',') {
            let blank = code[place + 1..].iter().take_while(|character| character.is_whitespace()).count();
            names.push(name_at(&code[place + 1 + blank..]));
        }
    }
    names
}

fn name_at(code: &[char]) -> String {
    if code.first() == Some(&'*') {
        return "*".to_owned();
    }
    code.iter().take_while(|&&character| is_name(character)).collect()
}

/// The `{` or `;` that ends a signature, past any brackets.
pub fn opening(code: &[char], position: usize) -> Option<usize> {
    let mut depth = 0;
    (position..code.len()).find(|&place| {
        match code[place] {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        depth <= 0 && matches!(code[place], '{' | ';')
    })
}

/// The `}` that closes the `{` at `open`; the end of the text when none does.
pub fn closing(code: &[char], open: usize) -> usize {
    let mut depth = 0;
    let closes = |&place: &usize| {
        match code[place] {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        depth == 0
    };
    (open..code.len()).find(closes).unwrap_or(code.len().saturating_sub(1))
}

fn blank(code: &mut [char], from: usize, to: usize) {
    for character in &mut code[from..to] {
        if *character != '\n' {
            *character = ' ';
        }
    }
}

fn without_test_items(code: &[char]) -> Vec<char> {
    let mut shipped = code.to_vec();
    for start in occurrences(code, "#[cfg(test)]") {
        let after = start + "#[cfg(test)]".len();
        let Some(open) = opening(code, after) else { continue };
        let end = if code[open] == '{' { closing(code, open) } else { open };
        blank(&mut shipped, start, end + 1);
    }
    shipped
}

fn without_comments_and_literals(text: &str) -> Vec<char> {
    let mut code: Vec<char> = text.chars().collect();
    let mut position = 0;
    while position < code.len() {
        let end = literal_end(&code, position);
        if end > position {
            blank(&mut code, position, end);
            position = end;
        } else if is_name(code[position]) {
            // Past the whole name, so that the `r` of `for"` is not taken for a raw string.
            position += code[position..].iter().take_while(|&&character| is_name(character)).count();
        } else {
            position += 1;
        }
    }
    code
}

/// Where the comment or literal that starts at `position` ends; `position` itself when none starts there.
fn literal_end(code: &[char], position: usize) -> usize {
    let until = |from: usize, close: &str| {
        let end = (from..code.len()).find(|&place| starts_with(code, place, close));
        end.map_or(code.len(), |end| end + close.chars().count())
    };
    let escaped_until = |close: char| {
        let mut place = position + 1;
        while place < code.len() && code[place] != close {
            place += if code[place] == '\\' { 2 } else { 1 };
        }
        (place + 1).min(code.len())
    };
    if starts_with(code, position, "//") {
        return (position..code.len()).find(|&place| code[place] == '\n').unwrap_or(code.len());
    }
    if starts_with(code, position, "/*") {
        return until(position + 2, "*/");
    }
    let prefix = ["br", "cr", "r"].into_iter().find(|prefix| starts_with(code, position, prefix));
    if let Some(prefix) = prefix {
        let fence = position + prefix.len();
        let hashes = code[fence..].iter().take_while(|&&character| character == '#').count();
        if code.get(fence + hashes) == Some(&'"') {
            return until(fence + hashes + 1, &format!("\"{}", "#".repeat(hashes)));
        }
    }
    match code[position] {
        '"' => escaped_until('"'),
        '\'' if code.get(position + 1) == Some(&'\\') => escaped_until('\''),
        '\'' if code.get(position + 2) == Some(&'\'') => position + 3,
        _ => position,
    }
}
