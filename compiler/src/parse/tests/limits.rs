//! Depth, length and the number of errors: nothing overflows, nothing takes quadratic time.

use super::*;
use crate::ast::MAX_DEPTH;

const MANY: usize = 100_000;

/// Parses and drops `text`, and checks that it nests too deeply and that this is said once.
fn too_deep(text: &str) {
    let parsed = parsed(text);
    let reports = parsed.diagnostics.iter().filter(|d| d.code == Code::TooDeep).count();
    assert_eq!(reports, 1, "{:.40}", text);
}

#[test]
fn too_deep_nesting_is_an_error() {
    for text in ["(", "[", "{", "f(", "if a { ", "fn f() { ", "\"{", "\"\"\"{", "let ["] {
        too_deep(&text.repeat(MANY));
    }
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}"), ("a[", "]"), ("spawn { ", "}")] {
        too_deep(&format!("{}a{}", open.repeat(MANY), close.repeat(MANY)));
    }
    for (head, repeated, tail) in [
        ("", "-", "1"),
        ("", "not ", "a"),
        ("", "|a| ", "a"),
        ("a", ".b", ""),
        ("a", "?.b", ""),
        ("a", "(1)", ""),
        ("a", "[1]", ""),
        ("a", " + b", ""),
        ("a", " ** b", ""),
        ("", "a ?? ", "a"),
        ("", "x ?? throw ", "a"),
        ("", "return ", "a"),
        ("if a { }", " else if a { }", ""),
        ("match a { ", "(", ""),
    ] {
        too_deep(&format!("{head}{}{tail}", repeated.repeat(MANY)));
    }
}

#[test]
fn reasonable_nesting_is_not() {
    let deep = usize::from(MAX_DEPTH) - 10;
    let paren = format!("{}1{}", "(".repeat(deep), ")".repeat(deep));
    assert!(parsed(&paren).diagnostics.is_empty());
    let chain = format!("if a {{ 1 }}{}", " else if a { 1 }".repeat(deep));
    assert!(parsed(&chain).diagnostics.is_empty());
    let blocks = format!("{}{}", "if a { ".repeat(deep / 3), "}".repeat(deep / 3));
    assert!(parsed(&blocks).diagnostics.is_empty());
}

#[test]
fn what_lies_behind_deep_nesting_is_parsed() {
    let text = format!("x = {}1{}\ny z\nw", "(".repeat(MANY), ")".repeat(MANY));
    let parsed = parsed(&text);
    assert_eq!(
        dump::program(&parsed.program),
        "(= x ERROR) ERROR w".replace("(= x ERROR)", &tree_of_first(&parsed))
    );
    assert_eq!(parsed.diagnostics.len(), 2);
}

fn tree_of_first(parsed: &Parsed) -> String {
    let first = Program { stmts: &parsed.program.stmts[..1] };
    dump::program(&first)
}

#[test]
fn errors_are_reported_up_to_a_number() {
    for text in ["a b\n", "$\n", ")", "}", "'a\n", "a < b < c\n", "007\n", "(\nlet x = {"] {
        let parsed = parsed(&text.repeat(20_000));
        let count = parsed.diagnostics.len();
        assert!((1..=MAX_DIAGNOSTICS).contains(&count), "{text}: {count}");
    }
}
