//! Newlines, names that are keywords elsewhere, literals, doc comments.

use super::*;

#[test]
fn newlines_end_statements() {
    check(&[
        ("a\nb", "a b"),
        ("a;b;\n", "a b"),
        ("a +\nb", "(+ a b)"),
        ("f(\na\n,\nb\n)", "(call f a b)"),
        ("f(|x| {\na\nb\n})", "(call f (lam (params x) (block a b)))"),
        ("[\n1,\n\n2,\n]", "(list 1 2)"),
        ("a # note\n  # another\n  .b", "(. a b)"),
        ("a\n\n\n?? b", "(?? a b)"),
        ("a\nnot b", "a (not b)"),
        ("return\na", "(return) a"),
        ("let x =\n\n1", "(let x 1)"),
        ("|x|\nx", "(lam (params x) x)"),
        ("try { a }\n\ncatch { b }", "(try (block a) _ (block b))"),
        (
            "if a { 1 }\n# note\nelse if b { 2 }\nelse { 3 }",
            "(if a (block 1) (if b (block 2) (block 3)))",
        ),
        ("select {\na.b() => c\nelse\n=> d\n}", "(select (op (mcall (. a b)) c) (else d))"),
        ("{ a; }", "(block a)"),
        ("fn f() {\n\n}\n", "(fn f (params) (block))"),
        ("#!/usr/bin/env lisle\na", "a"),
        ("\u{FEFF}#!x\na", "a"),
        ("a\r\nb\r\n", "a b"),
        ("", ""),
        ("\n\n", ""),
    ]);
}

#[test]
fn trailing_semicolons_are_kept_apart() {
    let trailing = |text: &str| match parsed(text).program.stmts[0].kind {
        StmtKind::Expr(crate::ast::Expr { kind: crate::ast::ExprKind::Block(block), .. }) => {
            block.trailing_semicolon
        }
        other => panic!("no block: {other:?}"),
    };
    assert!(trailing("{ a; }"));
    assert!(trailing("{ a;\n}"));
    assert!(!trailing("{ a }"));
    assert!(!trailing("{ a; b }"));
}

#[test]
fn keywords_are_names_in_their_places() {
    check(&[
        ("a.match.in?.is", "(?. (. (. a match) in) is)"),
        ("[if: 1, nil: 2]", "(map (kv \"if\" 1) (kv \"nil\" 2))"),
        ("f(in: 1, for : 2)", "(call f (in: 1) (for: 2))"),
        ("fn match(in_) { }", "(fn match (params in_) (block))"),
        (
            "struct S { match, if = 1\nin\nfn for(self) { } }",
            "(struct S (field match) (field (def if 1)) (field in) (fn for (params self) (block)))",
        ),
        ("by = as + after", "(= by (+ as after))"),
        ("let after = 1", "(let after 1)"),
        (
            "select { after 1 => a, after.b() => c, after = d.e() => f }",
            "(select (after 1 a) (op (mcall (. after b)) c) (recv after (mcall (. d e)) f))",
        ),
        ("select { after (1) => a }", "(select (after (paren 1) a))"),
        ("x is nil", "(is x nil)"),
        ("_ = f(_Type, _x, Ärger)", "(= _ (call f _Type _x Ärger))"),
        ("import a as as", "(import a as as)"),
        ("import a.{b, C}", "(import a b C)"),
    ]);
}

#[test]
fn numbers() {
    check(&[
        ("1_000_000 0", "ERR expected an operator or the end of the statement, found `0`"),
        ("0xFF + 0o17 + 0b1010 + 0xdead_beef", "(+ (+ (+ 255 15) 10) 3735928559)"),
        ("1.5; 2e-3; 1_000.0; 1e21; 0.1", "1.5 0.002 1000.0 1e21 0.1"),
        ("250ms; 2m; 1h; 3s; 5us; 7ns; 0.5s", "0.25 120.0 3600.0 3.0 5e-6 7e-9 0.5"),
        (
            "9223372036854775807; -9223372036854775808",
            "9223372036854775807 (neg 9223372036854775808)",
        ),
        ("0x7fffffffffffffff", "9223372036854775807"),
        (
            "-9223372036854775808 ** 1",
            "ERR this number is out of range: integers end at 9223372036854775807",
        ),
        ("1..2; 1.abs(); a[0].b", "(.. 1 2) (mcall (. 1 abs)) (. (idx a 0) b)"),
    ]);
}

#[test]
fn strings() {
    check(&[
        (r#""a\n\t\\\"\'\{\}\x41\u{1F600}\0\e\r""#, r#""a\n\t\\\"'{}A😀\0\u{1b}\r""#),
        (r#"'{a}\n"'"#, r#""{a}\n\"""#),
        (r#"r"\n{a}""#, r#""\\n{a}""#),
        (r#""{a}{b}""#, "(str (i a) (i b))"),
        (r#""\u{e9}{a}}""#, r#"(str "é" (i a) "}")"#),
        (r#""{a["k"] ?? "{b}"}""#, r#"(str (i (?? (idx a "k") (str (i b)))))"#),
        (r#""{x:.2f} {f(k: 1):>8}""#, r#"(str (i x ".2f") " " (i (call f (k: 1)) ">8"))"#),
        ("\"\"\"\n  a\n    b\n  \"\"\"", r#""a\n  b\n""#),
        ("\"\"\"\n  a\n\n b\"\"\"", r#"" a\n\nb""#),
        ("\"\"\"one {x} \"two\" line\"\"\"", r#"(str "one " (i x) " \"two\" line")"#),
        ("\"\"\"\n    {a}\n      {b\n+ c}\n    \"\"\"", r#"(str (i a) "\n  " (i (+ b c)) "\n")"#),
        ("\"\"\"\n  a\\n  b\n  \"\"\"", r#""a\n  b\n""#),
        (r#""" + '' + r"" + """""""#, r#"(+ (+ (+ "" "") "") "")"#),
    ]);
}

#[test]
fn doc_comments_belong_to_the_declaration_below() {
    check(&[
        ("## One.\n##\n##   Two.\nfn f() { }", "(fn f \"One.\\n\\n  Two.\" (params) (block))"),
        ("## Not this.\n\nfn f() { }", "(fn f (params) (block))"),
        ("# Not this.\nfn f() { }", "(fn f (params) (block))"),
        (
            "## S.\nstruct S {\n  ## m.\n  fn m() { }\n}",
            "(struct S \"S.\" (fn m \"m.\" (params) (block)))",
        ),
        ("## E.\nenum E { A }", "(enum E \"E.\" A)"),
        ("x = 1 ## no doc\nfn f() { }", "(= x 1) (fn f (params) (block))"),
    ]);
}

#[test]
fn discarded_values_that_look_continued_are_warned_of() {
    let warnings = |text: &str| parsed(text).diagnostics.len();
    assert_eq!(warnings("a\n-b\nc"), 1);
    assert_eq!(warnings("{ a\n(b)\nc }"), 1);
    assert_eq!(warnings("a\n[b]\nc"), 1);
    assert_eq!(warnings("a; -b; c"), 0);
    assert_eq!(warnings("a\n-b"), 0);
}
