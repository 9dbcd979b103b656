//! Whatever the text, parsing ends, does not panic, and blames places that exist.

use super::*;

/// A small generator of pseudo-random numbers; the same numbers every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

const PIECES: &[&str] = &[
    "a",
    "b",
    "Type",
    "_",
    "1",
    "2.5",
    "0xff",
    "3ms",
    "9223372036854775808",
    "\"s\"",
    "'t'",
    "r\"u\"",
    "\"{",
    "}\"",
    "\"\"\"",
    "\"",
    "'",
    "and",
    "as",
    "break",
    "by",
    "catch",
    "continue",
    "defer",
    "else",
    "enum",
    "false",
    "fn",
    "for",
    "if",
    "import",
    "in",
    "is",
    "let",
    "loop",
    "match",
    "mut",
    "nil",
    "not",
    "or",
    "return",
    "scope",
    "select",
    "self",
    "spawn",
    "struct",
    "throw",
    "true",
    "try",
    "var",
    "while",
    "after",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    ".",
    "?.",
    "...",
    "=>",
    "..",
    "..=",
    "??",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "|",
    "^",
    "&",
    "<<",
    ">>",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "~",
    "=",
    "+=",
    "??=",
    "\n",
    "\n",
    "\n",
    ";",
    "# c\n",
    "## d\n",
    "&&",
    "!",
    "++",
    "?",
    "->",
    "$",
    "é",
    "\u{1F600}",
    "\\",
    "elif",
    "|x| x",
    "f(x)",
    "{ a }",
    "if a { b }",
    "let x = 1\n",
];

const PROGRAM: &str = r#"#!/usr/bin/env lisle
import math.{sin, cos}
import "./util" as u
## A stack.
struct Stack {
    items = []
    fn new(...xs) { Stack(items: xs) }
    fn push(mut self, x) { self.items.push(x) }
    fn +(self, other) { Stack(self.items + other.items) }
}
enum Shape {
    Circle(r), Rect(w, h = 1)
    fn area(self) { match self { Shape.Circle(r) if r > 0 => 3.14 * r ** 2, Shape.Rect(w, h) => w * h } }
}
fn main(args, n = 2, mut out, ...rest) {
    var total = 0; let [first, ...others] = args
    for i, x in args { total += x[i..] ?? throw error("none: {x:>8}, {"nested {i}"}") }
    while let v = ch.recv() { if v is not int and v not in 1..=9 by 2 { break } else { continue } }
    select {
        m = inbox.recv() => handle(&out.list[0], m, k: 1, ...rest)
        after 500ms => retry()
        else => idle()
    }
    scope { for u in urls { spawn fetch(u) } }
    defer total ??= 1
    let text = """
        Dear {first},
          {others.map(|[a, b]| a + b).join(", ")}
        """
    try { risky() } catch e { [k: 1, "x{n}": 2, (a): 3, ...others] }
}
"#;

/// Parses `text`, and checks that all spans lie inside it.
fn survives(text: &str) {
    let source = Source::new("test", text);
    let arena = Bump::new();
    let parsed = parse(&source, scan(&source), &arena);
    let tree = format!("{:?}", parsed.program);
    for span in tree.split("Span { start: ").skip(1) {
        let mut numbers = span.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty());
        let mut number = || numbers.next().and_then(|n| n.parse::<usize>().ok()).unwrap();
        in_range(text, number(), number());
    }
    for diagnostic in &parsed.diagnostics {
        let labels = diagnostic.labels.iter().map(|(span, _)| *span);
        for span in labels.chain([diagnostic.span]) {
            in_range(text, span.start as usize, span.end as usize);
        }
    }
    if parsed.incomplete {
        assert!(parsed.diagnostics.iter().any(Diagnostic::is_error));
    }
    crate::diagnostics::render(&parsed.diagnostics, &source, false);
}

fn in_range(text: &str, start: usize, end: usize) {
    assert!(start <= end && text.get(start..end).is_some(), "{start}..{end} of {text:?}");
}

#[test]
fn the_program_itself_is_fine() {
    let parsed = parsed(PROGRAM);
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
}

#[test]
fn random_tokens() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..4_000 {
        let len = random.below(40);
        let mut text = String::new();
        for _ in 0..len {
            text.push_str(PIECES[random.below(PIECES.len())]);
            if random.below(3) > 0 {
                text.push(' ');
            }
        }
        survives(&text);
    }
}

#[test]
fn mutated_programs() {
    let mut random = Random(0xD1B5_4A32_D192_ED03);
    for _ in 0..1_000 {
        let mut bytes = PROGRAM.as_bytes().to_vec();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] = random.below(256) as u8,
                1 => drop(bytes.remove(at)),
                2 => {
                    let piece = PIECES[random.below(PIECES.len())].bytes();
                    bytes.splice(at..at, piece);
                }
                _ => bytes.truncate(at.max(1)),
            }
        }
        survives(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn every_prefix_of_a_program() {
    for end in (0..PROGRAM.len()).filter(|end| PROGRAM.is_char_boundary(*end)) {
        survives(&PROGRAM[..end]);
    }
}
