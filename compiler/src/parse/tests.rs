//! What parses to what, and what is said about what does not.

mod dump;
mod layout;
mod limits;
mod messages;
mod soup;

use super::*;

/// Parses a text. The tree stays as long as the tests run.
fn parsed(text: &str) -> Parsed<'static> {
    let source = Box::leak(Box::new(Source::new("test", text)));
    parse(source, scan(source), Box::leak(Box::default()))
}

/// The tree of `text`, or `ERR` and the first error.
fn tree(text: &str) -> String {
    let parsed = parsed(text);
    match parsed.diagnostics.iter().find(|d| d.is_error()) {
        Some(error) => format!("ERR {}", error.message),
        None => dump::program(&parsed.program),
    }
}

/// Checks that each text parses to the tree beside it.
fn check(cases: &[(&str, &str)]) {
    let wrong: Vec<_> = cases
        .iter()
        .map(|(text, expected)| (text, expected, tree(text)))
        .filter(|(_, expected, found)| found != *expected)
        .map(|(text, expected, found)| format!("{text}\n  expected {expected}\n  found    {found}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each line of the file is a program (`⏎` for a newline), `==>`, and its tree.
#[test]
fn cases() {
    let mut wrong = Vec::new();
    for line in include_str!("tests/cases.txt").lines() {
        let Some((text, expected)) = line.split_once(" ==> ") else { continue };
        let found = tree(&text.replace('⏎', "\n"));
        let fits = found == expected || (expected == "ERR" && found.starts_with("ERR"));
        if !fits {
            wrong.push(format!("{text}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
