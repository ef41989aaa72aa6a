//! Which operation a request asks for: its id in the OpenAPI document, by method and pattern of the path.

use std::collections::HashMap;
use std::sync::LazyLock;

static NAMES: LazyLock<HashMap<(String, String), String>> = LazyLock::new(|| {
    let document = crate::api::document();
    let mut names = HashMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let name = operation["operationId"].as_str().unwrap_or_default().to_owned();
            names.insert((method.to_ascii_uppercase(), path.clone()), name);
        }
    }
    names
});

/// Reads the document now, so that no request waits for it.
pub fn prepare() {
    LazyLock::force(&NAMES);
}

/// The operation's id; what the document does not have is named by method and pattern.
#[must_use]
pub fn operation_of(method: &str, pattern: &str) -> String {
    // The document writes a parameter without its expression.
    let pattern = pattern.replace(":.*}", "}");
    let key = (method.to_owned(), pattern);
    NAMES.get(&key).cloned().unwrap_or_else(|| format!("{} {}", key.0, key.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_found_by_the_patterns_of_their_routes() {
        assert_eq!(operation_of("GET", "/v1/outcomes/{id}"), "find_outcome");
        assert_eq!(operation_of("POST", "/v1/people/search"), "search_people");
        assert_eq!(operation_of("GET", "/v1/log/{log}/tile/{path:.*}"), "find_log_tile");
        assert_eq!(operation_of("GET", "/v1/nothing"), "GET /v1/nothing");
    }
}
