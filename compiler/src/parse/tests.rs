//! What parses to what, and what is said about what does not.

mod dump;

use super::*;

/// The tree of `text`, or `ERR` and the first error.
fn tree(text: &str) -> String {
    let parsed = parse(&Source::new("test", text));
    match parsed.diagnostics.iter().find(|d| d.is_error()) {
        Some(error) => format!("ERR {}", error.message),
        None => dump::program(&parsed.program),
    }
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
