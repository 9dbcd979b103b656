//! Names that methods have in other languages, for hints.

/// The name there, and the names here: the first of them that a type has is meant.
const NAMES: &[(&str, &[&str])] = &[
    ("add", &["push", "insert"]),
    ("append", &["push", "extend"]),
    ("collect", &["list"]),
    ("concat", &["extend", "union"]),
    ("contains_key", &["contains"]),
    ("decode", &["text"]),
    ("delete", &["remove"]),
    ("discard", &["remove"]),
    ("encode", &["bytes"]),
    ("every", &["all"]),
    ("exists", &["any"]),
    ("fold", &["reduce"]),
    ("forEach", &["each"]),
    ("for_each", &["each"]),
    ("has", &["contains"]),
    ("has_key", &["contains"]),
    ("includes", &["contains"]),
    ("inject", &["reduce"]),
    ("items", &["entries"]),
    ("length", &["len"]),
    ("ljust", &["pad"]),
    ("lower", &["to_lower"]),
    ("lstrip", &["trim_start"]),
    ("merge", &["extend"]),
    ("popleft", &["pop_first"]),
    ("pop_front", &["pop_first"]),
    ("push_back", &["push"]),
    ("put", &["insert"]),
    ("rjust", &["pad_start"]),
    ("rstrip", &["trim_end"]),
    ("select", &["filter"]),
    ("shift", &["pop_first"]),
    ("size", &["len"]),
    ("some", &["any"]),
    ("splitlines", &["lines"]),
    ("strip", &["trim"]),
    ("substr", &["slice"]),
    ("substring", &["slice"]),
    ("toLowerCase", &["to_lower"]),
    ("toUpperCase", &["to_upper"]),
    ("update", &["extend"]),
    ("upper", &["to_upper"]),
];

/// What the method is called here, if one of `known` is meant.
pub(crate) fn called_here(name: &str, known: impl Fn(&str) -> bool) -> Option<&'static str> {
    let (_, ours) = NAMES.iter().find(|(theirs, _)| *theirs == name)?;
    ours.iter().copied().find(|ours| known(ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_a_type_has_is_meant() {
        assert_eq!(called_here("add", |name| name == "insert"), Some("insert"));
        assert_eq!(called_here("add", |name| name == "push" || name == "insert"), Some("push"));
        assert_eq!(called_here("append", |_| false), None);
        assert_eq!(called_here("nonsense", |_| true), None);
    }
}
