//! What is said about mistakes: place, message and advice of each.

use super::*;

fn found(source: &Source) -> Vec<Diagnostic> {
    parse(source, scan(source), &Bump::new()).diagnostics
}

/// Checks that each text gives these diagnostics, each `LINE:COLUMN message (help)`.
fn check(cases: &[(&str, &[&str])]) {
    let mut wrong = String::new();
    for (text, expected) in cases {
        let source = Source::new("test", *text);
        let found: Vec<_> = found(&source).iter().map(|d| line(&source, d)).collect();
        if found != *expected {
            wrong.push_str(&format!("{text}\n  expected {expected:#?}\n  found {found:#?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn line(source: &Source, diagnostic: &Diagnostic) -> String {
    let (line, column) = source.line_column(diagnostic.span.start);
    let help = diagnostic.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{line}:{column} {}{help}", diagnostic.message)
}

#[test]
fn foreign_syntax() {
    check(&[
        ("a || b", &["1:3 `||` is written `or`"]),
        ("a && b", &["1:3 `&&` is written `and`"]),
        ("!a", &["1:1 `!` is written `not`"]),
        ("x++", &["1:2 there is no `++`: write `x += 1`"]),
        ("++x", &["1:1 there is no `++`: write `x += 1`"]),
        ("x--", &["1:2 there is no `--`: write `x -= 1`"]),
        ("a === b", &["1:3 `===` is written `==`"]),
        ("a <> b", &["1:3 `<>` is written `!=`"]),
        (
            "a ? b : c",
            &[
                "1:3 there is no `?` operator: write `if a { b } else { c }` to choose, `a ?? b` for nil",
            ],
        ),
        ("// comment", &["1:1 a comment starts with `#`"]),
        ("/* c */", &["1:1 a comment starts with `#`"]),
        (
            "x = + 1",
            &[
                "1:5 there is no `+` before a single value (to go on with the line above, end that line with the `+`)",
            ],
        ),
        (
            "a\n+ b",
            &[
                "2:1 there is no `+` before a single value (to go on with the line above, end that line with the `+`)",
            ],
        ),
        ("x: int = 1", &["1:2 types are not written down: leave out the `:`"]),
        ("let x: int = 1", &["1:6 types are not written down: leave out the `:`"]),
        ("fn f(a: int) { }", &["1:7 types are not written down: leave out the `:`"]),
        (
            "fn f() -> int { 1 }",
            &[
                "1:8 `->` means nothing here: functions declare no result type, arms are written with `=>`",
            ],
        ),
        (
            "|x| -> x",
            &["1:5 `->` means nothing here: lambdas are written `|x| x + 1`, arms with `=>`"],
        ),
        ("while x: y", &["1:8 a body is written `{ ... }`, without `:`"]),
        ("match x { 1: 2 }", &["1:12 an arm is written `pattern => value`"]),
        (
            "match x { 1 -> 2 }",
            &["1:13 `->` means nothing here: lambdas are written `|x| x + 1`, arms with `=>`"],
        ),
        ("match x { case 1 => 2 }", &["1:11 the arms of a `match` are written `pattern => ...`"]),
        ("switch x { }", &["1:1 `switch` is written `match value { pattern => ... }`"]),
        ("class A { }", &["1:1 types are declared with `struct` or `enum`"]),
        ("const x = 1", &["1:1 constants are declared with `let`, variables with `var`"]),
        ("def f(x) { 1 }", &["1:1 functions are declared with `fn`"]),
        (
            "async fn f() { }",
            &["1:1 any call may block here: leave the word out, or write `spawn`"],
        ),
        ("private fn f() { }", &["1:1 names are public unless they start with `_`"]),
        ("print x", &["1:1 arguments stand in parentheses: `print(x)`"]),
        ("new Foo()", &["1:1 a value of a struct is made by `Name(...)`"]),
        ("go f(x)", &["1:1 write `spawn f(x)`"]),
        (
            "let mut x = 1",
            &["1:5 a variable that changes is declared with `var` (write `var name = value`)"],
        ),
        ("if a { 1 } elif b { 2 }", &["1:12 `elif` is written `else if`"]),
        ("if a { 1 }\nelif b { 2 }", &["2:1 `elif` is written `else if`"]),
        (
            "for x of xs { }",
            &[
                "1:7 this `for` has no `in` (write `for x in xs { ... }`, or `for i in 0..10 { ... }` to count)",
            ],
        ),
        (
            "for (x in xs) { }",
            &[
                "1:8 the head of a `for` has no parentheses (write `for x in xs { ... }`, or `for i in 0..10 { ... }` to count)",
            ],
        ),
        (
            "for (i = 0; i < 3; i += 1) { }",
            &[
                "1:8 the head of a `for` has no parentheses (write `for x in xs { ... }`, or `for i in 0..10 { ... }` to count)",
            ],
        ),
        (
            "@dec\nfn f() { }",
            &["1:1 the character `@` means nothing here (there are no decorators)"],
        ),
        (
            "x $ y",
            &[
                r#"1:3 the character `$` means nothing here (in a string, `"{name}"` inserts a value)"#,
            ],
        ),
        (
            "“hi”",
            &[
                r#"1:1 the character `“` means nothing here (strings are written with straight quotes: `"text"`)"#,
            ],
        ),
        (
            "a \\\n b",
            &[
                r#"1:3 the character `\` means nothing here (a line goes on after an operator, a comma or an open bracket)"#,
            ],
        ),
        (
            "`x`",
            &[
                r#"1:1 the character ``` means nothing here (strings are written `"text"`, with `{expression}` inside)"#,
            ],
        ),
    ]);
}

#[test]
fn brackets() {
    check(&[
        ("f(a, b\nlet y = 1\nz", &["1:2 this `(` is never closed"]),
        ("f(a, b\nbar()", &["1:2 this `(` is never closed"]),
        ("foo(a]", &["1:6 `]` cannot close `(`"]),
        ("foo(a))", &["1:7 `)` closes nothing"]),
        ("}", &["1:1 `}` closes nothing"]),
        ("{ a", &["1:1 this `{` is never closed"]),
        ("fn f() {\n  g(\n}", &["2:4 this `(` is never closed"]),
        ("x = [1, 2", &["1:5 this `[` is never closed"]),
        ("let [a, b = xs", &["1:5 this `[` is never closed"]),
        ("fn f() {\n  if a {\n    b\n}\nfn g() {\n}\n", &["2:8 this `{` is never closed"]),
        ("f(\n  a,\n  b c\n)", &["3:5 expected `,`, `)` or an operator, found `c`"]),
        ("foo(a, [b)", &["1:8 this `[` is never closed"]),
    ]);
}

#[test]
fn strings_and_numbers() {
    check(&[
        (
            r#""abc"#,
            &[
                r#"1:1 this string is not closed on its line (a string over several lines is written `"""..."""`)"#,
            ],
        ),
        (
            "'abc\ny = 1",
            &[
                r#"1:1 this string is not closed on its line (a string over several lines is written `"""..."""`)"#,
            ],
        ),
        ("\"\"\"abc\n", &["1:1 this triple-quoted string is never closed"]),
        (
            r#""a{b""#,
            &[
                r#"1:3 this `{` of the string is not closed on its line (write `\{` for a brace that is part of the text)"#,
            ],
        ),
        (
            r#""a{""#,
            &[
                r#"1:3 this `{` of the string is not closed on its line (write `\{` for a brace that is part of the text)"#,
            ],
        ),
        (
            r#""{}""#,
            &[
                r#"1:2 there is nothing between these braces (name a value, as in `"{name}"`, or write `\{}` for the text)"#,
            ],
        ),
        (
            r#""{ }""#,
            &[
                r#"1:2 there is nothing between these braces (name a value, as in `"{name}"`, or write `\{}` for the text)"#,
            ],
        ),
        (
            r#""{{x}}""#,
            &[r#"1:2 `{{` is no escape (write `\{` for a brace that is part of the text)"#],
        ),
        (r#""{a # c}""#, &["1:5 a comment cannot stand between the braces of a one-line string"]),
        (
            r#""{x:>{w}}""#,
            &[
                r#"1:4 this `:` starts a format, which goes on to a `}` (write `\{` for a brace that is part of the text; an expression with a `:` of its own stands in parentheses)"#,
            ],
        ),
        (r#""{a b}""#, &["1:5 expected `}` or an operator, found `b`"]),
        (r#""{a + }""#, &["1:7 expected an expression, found `}`"]),
        (
            r#""\q""#,
            &[
                r#"1:2 there is no escape `\q` (the escapes are \n \r \t \0 \e \\ \" \' \{ \} \xNN \u{...}; write `\\` for a backslash)"#,
            ],
        ),
        (
            r#"'\xZZ'"#,
            &[
                r#"1:2 `\x` takes two hexadecimal digits (the escapes are \n \r \t \0 \e \\ \" \' \{ \} \xNN \u{...}; write `\\` for a backslash)"#,
            ],
        ),
        (
            r#""\u{110000}""#,
            &[
                r#"1:2 `110000` is no code point (the escapes are \n \r \t \0 \e \\ \" \' \{ \} \xNN \u{...}; write `\\` for a backslash)"#,
            ],
        ),
        ("x = 5min", &["1:5 `min` is no unit of a number: there are ns, us, ms, s, m and h"]),
        ("0x", &["1:1 `0x` has no digits"]),
        ("0xfg", &["1:1 `g` is no hexadecimal digit"]),
        ("1_", &["1:1 a `_` in a number stands between two digits"]),
        ("1__0", &["1:1 a `_` in a number stands between two digits"]),
        ("007", &["1:1 a number does not start with zeros; octal is written `0o17`"]),
        (
            "9223372036854775808",
            &["1:1 this number is out of range: integers end at 9223372036854775807"],
        ),
        (
            "99999999999999999999",
            &["1:1 this number is out of range: integers end at 9223372036854775807"],
        ),
        ("1e999", &["1:1 `1e999` is out of range for a float"]),
        ("x.1", &["1:3 expected a name, found `1` (an element is written `[1]`)"]),
    ]);
}

#[test]
fn assignments_and_names() {
    check(&[
        (
            "if x = 1 { y }",
            &[
                "1:6 `=` assigns; it does not compare (write `==` to compare, or `let name = ...` to bind)",
            ],
        ),
        (
            "f(x = 1)",
            &[
                "1:5 an assignment has no value and cannot stand here (a named argument is written `name: value`; `==` compares)",
            ],
        ),
        (
            "a = b = c",
            &[
                "1:7 an assignment has no value and cannot stand here (write one assignment to a statement; `==` compares)",
            ],
        ),
        (
            "return =",
            &[
                "1:1 `return` is a keyword and cannot be a name here (write `return_`, or another name)",
            ],
        ),
        (
            "[a, b] = [b, a]",
            &[
                "1:1 this cannot be assigned to (a list is a value: put it into a `var`; to take one apart, write `let [a, b] = ...`)",
            ],
        ),
        (
            "f() = 1",
            &[
                "1:1 this cannot be assigned to (the result of a call is a value: keep it in a `var`, and change that)",
            ],
        ),
        (
            "a?.b = 1",
            &[
                "1:1 this cannot be assigned to (`?.` may find nothing: use `.`, or check for nil first)",
            ],
        ),
        (
            "a[1..2] = 3",
            &["1:1 this cannot be assigned to (a slice is a copy: assign its elements)"],
        ),
        ("(a) = 1", &["1:1 this cannot be assigned to (leave out the parentheses)"]),
        (
            "MAX = 1",
            &[
                "1:1 this cannot be assigned to (an upper-case letter makes it a type: variables are lower-case)",
            ],
        ),
        (
            "a + b = 1",
            &[
                "1:1 this cannot be assigned to (a place is a variable, then any chain of `.field` and `[index]`)",
            ],
        ),
        (
            "let MAX = 10",
            &[
                "1:5 names of values start with a lower-case letter (write `max`: an upper-case letter makes it a type or a variant)",
            ],
        ),
        (
            "for X in xs { }",
            &[
                "1:5 names of values start with a lower-case letter (write `x`: an upper-case letter makes it a type or a variant)",
            ],
        ),
        (
            "fn F() { }",
            &[
                "1:4 names of functions start with a lower-case letter (write `f`: an upper-case letter makes it a type or a variant)",
            ],
        ),
        (
            "fn f(X) { }",
            &[
                "1:6 names of parameters start with a lower-case letter (write `x`: an upper-case letter makes it a type or a variant)",
            ],
        ),
        ("struct p { x }", &["1:8 types start with an upper-case letter (write `P`)"]),
        ("struct P { X }", &["1:12 a struct has no variants: fields are lower-case"]),
        ("enum E { a }", &["1:10 variants of an enum start with an upper-case letter (write `A`)"]),
        (
            "f(A: 2)",
            &[
                "1:3 names of arguments start with a lower-case letter (write `a`: an upper-case letter makes it a type or a variant)",
            ],
        ),
        ("f(1: 2)", &["1:3 what stands before `:` in a call is the name of a parameter"]),
        (
            "f(&g())",
            &[
                "1:4 `&` takes a place that the call may change (the result of a call is a value: keep it in a `var`, and change that)",
            ],
        ),
        (
            "let for = 1",
            &["1:5 `for` is a keyword and cannot be a name here (write `for_`, or another name)"],
        ),
        (
            "fn f(in) { }",
            &["1:6 `in` is a keyword and cannot be a name here (write `in_`, or another name)"],
        ),
        (
            "in = 3",
            &["1:1 `in` is a keyword and cannot be a name here (write `in_`, or another name)"],
        ),
        ("let x = let y", &["1:9 `let` starts a statement, which cannot stand in an expression"]),
        ("f(let x = 1)", &["1:3 `let` starts a statement, which cannot stand in an expression"]),
        (
            "select { x.y = c.recv() => 1 }",
            &[
                "1:10 an arm of a `select` binds a new name, and assigns to nothing else (bind a name, and assign it in the body)",
            ],
        ),
    ]);
}

#[test]
fn expressions() {
    check(&[
        ("a < b < c", &["1:7 comparisons do not chain (compare twice: `... < b and b < ...`)"]),
        ("a == b != c", &["1:8 comparisons do not chain (compare twice: `... == b and b != ...`)"]),
        ("a is B is C", &["1:11 comparisons do not chain"]),
        ("a..b..c", &["1:5 ranges do not chain"]),
        ("a by 2", &["1:3 `by` follows a range, as in `0..10 by 2`"]),
        (
            "a + not b",
            &[
                "1:5 `not` needs parentheses here (`not` binds looser than comparisons and arithmetic: write `(not a)`)",
            ],
        ),
        ("a not b", &["1:7 expected `in`, found `b`"]),
        (
            "[a: 1, 2]",
            &[
                "1:8 this element of a map has no key (all elements of a map are `key: value`; none of a list is)",
            ],
        ),
        (
            "[1, a: 2]",
            &[
                "1:2 this element of a map has no key (all elements of a map are `key: value`; none of a list is)",
            ],
        ),
        ("[a.b: 2]", &["1:2 a key that is an expression needs parentheses (write `(a.b): ...`)"]),
        ("[1 2]", &["1:4 expected `,`, `]` or an operator, found `2`"]),
        (
            "spawn a(x).b()",
            &[
                "1:7 this would run here, not in the new thread (write `spawn { ... }` to run a block in the new thread)",
            ],
        ),
        (
            "spawn f",
            &[
                "1:7 `spawn` takes one call or a block (write `spawn { ... }` to run a block in the new thread)",
            ],
        ),
        (
            "spawn { 1 }.b()",
            &[
                "1:7 this would run here, not in the new thread (write `spawn { ... }` to run a block in the new thread)",
            ],
        ),
        (
            "if |x| x { }",
            &[
                "1:4 expected an expression, found `|` (a lambda needs parentheses here: `(|x| x + 1)`)",
            ],
        ),
        ("if return { }", &["1:4 `return` needs parentheses here"]),
        ("a b", &["1:3 expected an operator or the end of the statement, found `b`"]),
        ("f(x) { y }", &["1:6 expected the end of the statement, found `{`"]),
        ("break 1 2", &["1:9 expected an operator or the end of the statement, found `2`"]),
        ("|a b| c", &["1:4 expected `,`, `|` or `=`, found `b`"]),
        ("x is 3", &["1:6 expected the name of a type, found `3`"]),
        ("x => 1", &["1:3 `=>` makes no function (an anonymous function is written `|x| ...`)"]),
        ("f(...)", &["1:6 expected an expression, found `)`"]),
        ("a.b.c.\n", &["1:7 the text ends here, but a name is missing"]),
        ("throw", &["1:6 the text ends here, but an expression is missing"]),
        ("a = 1 +", &["1:8 the text ends here, but an expression is missing"]),
        ("not", &["1:4 the text ends here, but an expression is missing"]),
        ("(a + )", &["1:6 expected an expression, found `)`"]),
    ]);
}

#[test]
fn statements() {
    check(&[
        (
            "if a { 1 } else b",
            &[
                "1:17 expected `{` or `if` after `else`, found `b` (write `else { ... }`, or `else if condition { ... }`)",
            ],
        ),
        (
            "if x\n{ y }",
            &[
                "1:5 the `{` of a body stands on the line of its head (move the `{` of the next line up)",
            ],
        ),
        (
            "if x\ny",
            &[
                "1:5 expected `{` and a body (a body is written `{ ... }`, also when it is one statement)",
            ],
        ),
        (
            "fn f()\n{ 1 }",
            &[
                "1:7 the `{` of a body stands on the line of its head (move the `{` of the next line up)",
            ],
        ),
        (
            "fn(x) { x }",
            &[
                "1:3 a function that is declared with `fn` has a name (an anonymous function is written `|x| x + 1`)",
            ],
        ),
        ("let x", &["1:6 the text ends here, but `=` is missing"]),
        ("let x\ny", &["1:6 a declaration needs a value: `= nil` if there is none yet"]),
        ("let x =", &["1:8 the text ends here, but an expression is missing"]),
        ("try { 1 }", &["1:10 the text ends here, but `catch` is missing"]),
        (
            "try { 1 }\nx",
            &[
                "1:10 a `try` needs a `catch` (write `try { ... } catch e { ... }`; to clean up, use `defer`)",
            ],
        ),
        ("else { 1 }", &["1:1 this `else` belongs to no `if`"]),
        ("a;;b", &["1:3 one `;` is enough (remove it)"]),
        (";", &["1:1 this `;` ends nothing (remove it)"]),
        (
            "loop x { }",
            &[
                "1:6 expected `{`, found `x` (`loop` goes on for ever; with a condition it is written `while`)",
            ],
        ),
        (
            "import",
            &["1:7 the text ends here, but the name of a module or the path of a file is missing"],
        ),
        (
            "import math.sin",
            &[
                "1:13 expected `{`, found `sin` (write `import module.{name}` to import a name of a module)",
            ],
        ),
        (
            r#"import "a{b}""#,
            &[
                "1:8 expected the name of a module or the path of a file, found a string (the path of a module is a plain string)",
            ],
        ),
        ("if a { b } else if { c }", &["1:25 the text ends here, but `{` is missing"]),
        ("match v { [a, b: c] => 1 }", &["1:12 this part of a map's pattern has no key"]),
        ("match v { [...a, ...b] => 1 }", &["1:18 a pattern has one `...` at most"]),
        ("match v { P(..., a) => 1 }", &["1:13 `...` comes last"]),
        (
            "match v { a.b.c.D => 1 }",
            &["1:11 a type is named by three names at most: module, enum and variant"],
        ),
    ]);
}

#[test]
fn one_error_for_each_statement() {
    check(&[
        (
            "match x {\n 1 => a b\n 2 => c\n 3 d\n}\ny z\nw",
            &[
                "2:9 expected `,`, an operator or the end of the statement, found `b`",
                "6:3 expected an operator or the end of the statement, found `z`",
            ],
        ),
        (
            "fn f() {\n x y\n a b\n ok\n}\nbad bad\nfn g() { c d }",
            &[
                "2:4 expected an operator or the end of the statement, found `y`",
                "3:4 expected an operator or the end of the statement, found `b`",
                "6:5 expected an operator or the end of the statement, found `bad`",
                "7:12 expected an operator or the end of the statement, found `d`",
            ],
        ),
        (
            "struct S {\n x y\n fn f() { a b }\n}\ng h",
            &[
                "2:4 expected `,` or the end of the statement, found `y`",
                "5:3 expected an operator or the end of the statement, found `h`",
            ],
        ),
        ("foo(a b { x\n y }) \n z", &["1:7 expected `,`, `)` or an operator, found `b`"]),
        (
            "f(|x| { a b }, c d)",
            &["1:11 expected an operator or the end of the statement, found `b`"],
        ),
        (
            "if a.b {\n c d\n e f\n}",
            &[
                "2:4 expected an operator or the end of the statement, found `d`",
                "3:4 expected an operator or the end of the statement, found `f`",
            ],
        ),
        (
            "\"{a b} {c d}\"\ne f",
            &[
                "1:5 expected `}` or an operator, found `b`",
                "2:3 expected an operator or the end of the statement, found `f`",
            ],
        ),
        (
            "x = 007 $\ny z",
            &[
                r#"1:9 the character `$` means nothing here (in a string, `"{name}"` inserts a value)"#,
                "2:3 expected an operator or the end of the statement, found `z`",
            ],
        ),
    ]);
}

#[test]
fn incomplete_texts() {
    let incomplete = |text: &str| parsed(text).incomplete;
    for text in
        ["f(", "x = ", "1 +", "{", "if a {", "\"\"\"a", "fn f()", "[1,\n2", "f(a, {\n b", "a."]
    {
        assert!(incomplete(text), "{text}");
    }
    for text in ["", "a", "a b", "a b\nf(", "\"a", "f)", "}", "\"{", "007\nf(", "$ ("] {
        assert!(!incomplete(text), "{text}");
    }
}

#[test]
fn rendered() {
    let source = Source::new("a.lisle", "fn f(x) {\n    g(x\n}\nlet MAX = 1\n");
    let text = crate::diagnostics::render(&found(&source), &source, false);
    let expected = [
        "error[E0102]: this `(` is never closed",
        " --> a.lisle:2:6",
        "  |",
        "2 |     g(x",
        "  |      ^",
        "3 | }",
        "  | - expected `)` before this",
        "error[E0112]: names of values start with a lower-case letter",
        " --> a.lisle:4:5",
        "  |",
        "4 | let MAX = 1",
        "  |     ^^^",
        "  |",
        "  = help: write `max`: an upper-case letter makes it a type or a variant",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    let span = Span { start: 14, end: 15 };
    let text = crate::diagnostics::render_at("no such name", &source, span, false);
    let expected = "error: no such name\n --> a.lisle:2:5\n  |\n2 |     g(x\n  |     ^\n";
    assert_eq!(text, expected);
}
