//! What the built-in functions and methods give, on a VM without a standard library.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::ranking::Ranking;
use super::sort::{Columns, Direction, Ranked, order_of, quick};
use crate::value::tests::{Random, float, int, list, str};
use crate::value::{Kind, ListObject, Owned, error, try_less};
use crate::{Vm, VmBuilder};

/// A writer whose bytes the test gets.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs a program; gives its status and what it wrote to both outputs.
fn run(builder: VmBuilder, source: &str) -> (i32, String, String) {
    let (out, err) = (Captured::default(), Captured::default());
    let vm = builder.lwps(1).stdout(out.clone()).stderr(err.clone()).build().unwrap();
    let status = vm.run("test", source);
    drop(vm);
    (status, out.text(), err.text())
}

/// Each expression gives what stands beside it: a literal, or kind and message of an error.
fn check_all(builder: VmBuilder, rows: &[(&str, &str)]) {
    let mut source = String::new();
    for (expression, _) in rows {
        // A list, so that the result is shown as a literal.
        source += &format!(
            "try {{ print([if true {{ {expression} }} else {{ nil }}]) }} \
             catch e {{ print(e.kind + \":\", e.message) }}\n"
        );
    }
    let (_, out, err) = run(builder, &source);
    assert_eq!(err, "", "{source}");
    for ((expression, expected), line) in rows.iter().zip(out.lines()) {
        let given = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
        assert_eq!(given.unwrap_or(line), *expected, "{expression}");
    }
    assert_eq!(out.lines().count(), rows.len(), "{out}");
}

fn check(rows: &[(&str, &str)]) {
    check_all(Vm::builder(), rows);
}

#[test]
fn strings() {
    check(&[
        (r#""héllo".len()"#, "5"),
        (r#""".is_empty()"#, "true"),
        (r#"" a ".trim_start()"#, r#""a ""#),
        (r#"" a ".trim_end()"#, r#"" a""#),
        (
            r#""a b".split("")"#,
            "value: `separator` must not be empty; `chars` gives the characters",
        ),
        (r#""a b".split(1)"#, "type: `separator` must be a string, not int"),
        (r#""aXbX".replace("X", "--")"#, r#""a--b--""#),
        (r#""abc".replace("", "-")"#, "value: `old` must not be empty"),
        (r#""äöü".index_of("ü")"#, "2"),
        (r#""aaa".count("")"#, "value: `part` must not be empty"),
        (r#""7".pad_start(3, "0")"#, r#""007""#),
        (r#""7".pad(3, fill: "é")"#, r#""7éé""#),
        (r#""7".pad(3, "ab")"#, "value: `fill` must be one character"),
        (r#""7".pad(-3)"#, r#""7""#),
        (r#""abc".get(-1)"#, r#""c""#),
        (r#""abc".get(7, "?")"#, r#""?""#),
        (r#""héllo".slice(1, -1)"#, r#""éll""#),
        (r#""héllo".slice(nil, 2)"#, r#""hé""#),
        (r#""é😀".reverse()"#, r#""😀é""#),
        (r#""ab".contains(1)"#, "type: cannot look for int in a string"),
        (r#""ab".repeat(-1)"#, r#""""#),
        (r#"["a\r\nb\n".lines(), "\n".lines()]"#, r#"[["a", "b"], [""]]"#),
    ]);
}

#[test]
fn lists() {
    check(&[
        ("var xs = [1, 2]; xs.insert(-1, 9); xs", "[1, 9, 2]"),
        (
            "var xs = [1, 2]; xs.insert(-3, 9); xs",
            "index: index -3 is out of range: the list has length 2",
        ),
        ("var xs = [1, 2]; xs.truncate(-1); xs", "value: `len` must not be negative, but is -1"),
        (
            "var xs = [1, 2]; xs.swap(0, 2); xs",
            "index: index 2 is out of range: the list has length 2",
        ),
        ("var xs = [1]; let ys = xs; xs.clear(); [xs, ys]", "[[], [1]]"),
        ("var xs = []; xs.extend(\"hé\"); xs.extend([a: 1]); xs", r#"["h", "é", "a"]"#),
        ("var xs = []; xs.extend(5); xs", "type: cannot walk int"),
        ("var xs = [1]; xs.extend(xs); xs", "[1, 1]"),
        ("[3, 1, 2].sort(reverse: true)", "[3, 2, 1]"),
        ("[nil, nil].sort()", "type: cannot compare nil and nil"),
        ("[[2], [1, 5], [1]].sort()", "[[1], [1, 5], [2]]"),
        ("var xs = [1, \"a\"]; try { xs = xs.sort() } catch { }; xs", "[1, \"a\"]"),
        ("[\"a\", \"b\", \"c\"].sort_by_keys([2, 1, 2])", r#"["b", "a", "c"]"#),
        ("[\"a\", \"b\", \"c\"].sort_by_keys([2, 1, 2], reverse: true)", r#"["a", "c", "b"]"#),
        ("[1].sort_by_keys([])", "value: there are 0 keys for 1 elements"),
        ("[1, [2], 1.0].index_of([2])", "1"),
        ("[1, [2], 1.0].count(1)", "2"),
        ("[\"a\"].sum()", "type: cannot add int and string; to join text, use \"{x}\" or str(x)"),
        ("[[2, 1.5].min(), [\"b\", \"c\"].max(), [].max()]", "[1.5, \"c\", nil]"),
        ("[1, \"a\"].min()", "type: cannot compare string and int"),
        ("[nil].min()", "type: cannot compare nil and nil"),
        ("[[1], [1.0], 1, 1.0, nil].unique()", "[[1], 1, nil]"),
        ("[1, [2, [3]], \"a\"].flatten()", "[1, 2, [3], \"a\"]"),
        ("[1, 2, 3].zip(\"ab\")", r#"[[1, "a"], [2, "b"]]"#),
        ("[1, nil, [\"a\"], 2.0].join(\"-\")", r#""1-nil-[\"a\"]-2.0""#),
        ("[1].join(1)", "type: `separator` must be a string, not int"),
        ("[1, 2].slice(1)", "[2]"),
        ("[1, 2].format(\">8\")", "\"  [1, 2]\""),
        ("[].is_empty()", "true"),
    ]);
}

#[test]
fn maps() {
    check(&[
        (
            "var m = [a: 1, b: 2]; [m.pop(), m.pop_first(), m.pop(), m]",
            r#"[["b", 2], ["a", 1], nil, [:]]"#,
        ),
        (
            "let m = [a: 1, b: 2]; [m.first(), m.last(), [:].first()]",
            r#"[["a", 1], ["b", 2], nil]"#,
        ),
        ("var m = [a: 1]; let n = m; m.clear(); [m, n]", r#"[[:], ["a": 1]]"#),
        ("var m = [:]; m.extend([[\"a\", 1], [2, 3]]); m", r#"["a": 1, 2: 3]"#),
        (
            "var m = [:]; m.extend([[1]]); m",
            "type: a map is extended by pairs [key, value], not by [1]",
        ),
        (
            "var m = [:]; m.extend(5); m",
            "type: a map is extended by a map or a list of pairs, not by int",
        ),
        ("[a: 1, b: 1].index_of(1)", "\"a\""),
        ("[a: 1, b: 1].count(1.0)", "2"),
        ("[a: 1, b: 2].reverse()", r#"["b": 2, "a": 1]"#),
        ("[a: 1].get([], 5)", "5"),
        ("[a: 1].get(0.0 / 0.0, 5)", "5"),
        ("var m = [a: 1]; m.remove(0.0 / 0.0)", "key: no key nan in the map"),
    ]);
}

#[test]
fn ranges() {
    check(&[
        (
            "(0..=9223372036854775807).len()",
            "overflow: the length 9223372036854775808 does not fit 64 bits",
        ),
        ("[(1..4).reverse(), (1..4).reverse().list()]", "[3..=1 by -1, [3, 2, 1]]"),
        ("(0..10 by 3).reverse().list()", "[9, 6, 3, 0]"),
        ("[(5..5).reverse().list(), (5..=5).reverse().list()]", "[[], [5]]"),
        ("(1..=100).sum()", "5050"),
        ("(0..0).sum()", "0"),
        ("(-9223372036854775808..=9223372036854775807).sum()", "-9223372036854775808"),
        ("(0..=9223372036854775807).sum()", "overflow: the sum does not fit 64 bits"),
        ("(5..=0 by -2).sum()", "9"),
        ("[(5..=0 by -2).min(), (5..=0 by -2).max(), (0..0).min()]", "[1, 5, nil]"),
        (
            "[(0..10 by 3).index_of(6), (0..10 by 3).index_of(6.0), (0..10).index_of(10)]",
            "[2, 2, nil]",
        ),
        ("[(0..10).get(-1), (0..10).get(10, 5), (0..10).count(3)]", "[9, 5, 1]"),
        (
            "[(0..4).chunks(3), (0..2).enumerate(), (0..2).zip(\"ab\")]",
            r#"[[[0, 1, 2], [3]], [[0, 0], [1, 1]], [[0, "a"], [1, "b"]]]"#,
        ),
        ("(0..10).slice(2, -2)", "2..=7"),
    ]);
}

#[test]
fn conversions() {
    check(&[
        (
            "[int(2.9), int(-2.9), int(true), int(\"ff\", 16), int(\" -1_000 \"), int(\"z\", base: 36)]",
            "[2, -2, 1, 255, -1000, 35]",
        ),
        ("int(\"12x\")", "value: \"12x\" is not the text of an int"),
        ("int(\"9223372036854775808\")", "value: \"9223372036854775808\" does not fit an int"),
        ("int(1e300)", "value: 1e300 does not fit an int"),
        ("int(\"1\", 1)", "value: `base` must be 2 to 36, not 1"),
        ("int(nil)", "type: cannot make an int of nil"),
        ("[float(\"1e3\"), float(\" .5 \"), float(7), float(\"inf\")]", "[1000.0, 0.5, 7.0, inf]"),
        ("float(\"x\")", "value: \"x\" is not the text of a float"),
        ("float([])", "type: cannot make a float of list"),
        ("[str(1.0), str([\"a\"]), str(\"a\"), str(nil)]", r#"["1.0", "[\"a\"]", "a", "nil"]"#),
        ("[bool(0), bool(nil)]", "[true, false]"),
        ("[type(print), type(error(\"x\")), type(0..1)]", r#"["function", "error", "range"]"#),
        ("[chr(233), ord(\"é\")]", "[\"é\", 233]"),
        ("chr(-1)", "value: -1 is not the code point of a character"),
        ("ord(\"\")", "value: `ord` needs a string of one character, not of 0"),
        (
            "[min(2, 1.5), max([1, 5, 3]), min(3..9), max(\"a\", \"b\"), abs(-1.5)]",
            "[1.5, 5, 3, \"b\", 1.5]",
        ),
        ("min([])", "value: `min` of nothing"),
        ("min()", "arity: `min` needs at least one argument"),
        ("max(1)", "type: `max` of one argument needs a list, not int"),
        ("abs(\"x\")", "type: `abs` needs a number, not string"),
        ("[min(0.0 / 0.0, 1), [2, 0.0 / 0.0].max()]", "[1, nan]"),
        (
            "[(2.5).round(), (-2.5).round(), (2.5).floor(), (2.1).ceil(), (-2.9).trunc(), (7).floor(), (-7).abs()]",
            "[3, -3, 2, 3, -2, 7, 7]",
        ),
        ("(1e300).floor()", "value: 1e300 has no int near it"),
        ("[(255).format(\"#x\"), (2.0).format(\".2\")]", r#"["0xff", "2.00"]"#),
        ("error(\"m\", kind: \"k\", data: [1])", r#"error("m", kind: "k", data: [1])"#),
        ("error([1]).message", "\"[1]\""),
        ("error(\"m\", kind: 1)", "type: `kind` must be a string, not int"),
        ("assert(nil)", "assert: assertion failed"),
        ("assert(1 == 2, [\"no\"])", "assert: [\"no\"]"),
    ]);
}

#[test]
fn printing() {
    let source = "print()\nprint(1, \"a\", [\"a\", nil], 2.0)\neprint(\"to\", \"stderr\")";
    let (status, out, err) = run(Vm::builder(), source);
    assert_eq!((status, &*out, &*err), (0, "\n1 a [\"a\", nil] 2.0\n", "to stderr\n"));
}

#[test]
fn input_reads_lines() {
    let source = "print(input(\"name? \"), input(), input())";
    let (_, out, _) = run(Vm::builder().stdin_bytes(*b"Ada\r\nrest"), source);
    assert_eq!(out, "name? Ada rest nil\n");
}

/// A reader that has gone away.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_broken_pipe_ends_the_program_quietly() {
    let err = Captured::default();
    let vm: Vm = Vm::builder().stdout(Gone).stderr(err.clone()).build().unwrap();
    let status = vm.run("test", "for i in 0..1_000_000_000 { print(i) }");
    assert_eq!((status, &*err.text()), (141, ""));
}

#[test]
fn what_would_pass_a_limit_is_an_error() {
    let huge = [
        "\"x\".repeat(1 << 40)",
        "\"x\" * 9223372036854775807",
        "[0] * (1 << 50)",
        "\"x\".pad(1 << 40)",
        "(0..(1 << 45)).list()",
        "var xs = []; xs.extend(0..(1 << 45))",
        "(0..(1 << 45)).enumerate()",
        "\"ab\".repeat(400_000).replace(\"a\", \"x\" * 1000)",
        "([\"x\" * 500_000] * 1000).join(\"\")",
        "bytes(1 << 40)",
        "bytes(0..(1 << 45))",
        "set(0..(1 << 45))",
        "bytes(1_000_000).repeat(1000)",
        "bytes(1_000_000).list()",
        "(0..(1 << 45)).join()",
        "(\"x\" * 500_000).chunks(1)",
        "var xs = [\"0123456789\" * 10]; for i in 0..40 { xs = [xs, xs] }; str(xs)",
    ];
    for expression in huge {
        let source = format!("try {{ {expression} }} catch e {{ print(e.kind) }}");
        let (_, out, err) = run(Vm::builder().memory_limit(4 << 20), &source);
        assert_eq!((&*out, &*err), ("memory\n", ""), "{expression}");
    }
}

/// As `sort` does it.
fn sort(values: &mut ListObject, direction: Direction) -> Result<(), Owned> {
    if !quick(values, direction) {
        let order = order_of(values, direction)?.unwrap();
        *values = order.positions().filter_map(|at| values.get(at)).collect();
    }
    Ok(())
}

fn reference(values: &mut [Owned], direction: Direction) {
    // Insertion: obviously stable.
    for end in 1..values.len() {
        for at in (1..=end).rev() {
            let (a, b) = (&values[at - 1], &values[at]);
            let nan = |value: &Owned| value.as_float().is_some_and(f64::is_nan);
            let less = |a, b| try_less(a, b).unwrap().unwrap();
            let after = match direction {
                _ if nan(a) || nan(b) => nan(a) && !nan(b),
                Direction::Up => less(b, a),
                Direction::Down => less(a, b),
            };
            if after {
                values.swap(at - 1, at);
            }
        }
    }
}

#[test]
fn sorting_is_stable_and_right() {
    let mut random = Random(17);
    for round in 0..400 {
        let len = random.below(60);
        let value =
            |random: &mut Random| match round % 8 {
                0 => int(random.below(20) as i64),
                1 => match random.below(4) {
                    0 => float(random.below(10) as f64 / 2.0),
                    1 => float(f64::NAN),
                    2 => float(-0.0),
                    _ => int(random.below(5) as i64),
                },
                2 => str(["b", "a", "", "abc", "é", "prefixes", "prefixes1", "prefixes\0"]
                    [random.below(8)]),
                3 => list([int(random.below(4) as i64), float(random.below(3) as f64)]),
                // Not told apart as floats.
                4 => match random.below(3) {
                    0 => float((1_u64 << 60) as f64),
                    n => int((1 << 60) + n as i64 * [1, -1, 40][random.below(3)]),
                },
                5 => list([str(["x", "prefixes1", "prefixes2"][random.below(3)]), str("same")]),
                // More columns than have ranks.
                6 => Owned::list(
                    (0..6).map(|column| int(random.below(1 + column / 2) as i64)).collect(),
                ),
                _ => {
                    let len = random.below(3);
                    let cell = |_| int([i64::MIN, -1, i64::MAX][random.below(3)]);
                    Owned::list((0..len).map(cell).collect())
                }
            };
        let values: Vec<Owned> = (0..len).map(|_| value(&mut random)).collect();
        for direction in [Direction::Up, Direction::Down] {
            let mut expected = values.clone();
            reference(&mut expected, direction);
            let mut sorted = ListObject::from(values.clone());
            sort(&mut sorted, direction).unwrap();
            assert_eq!(format!("{sorted:?}"), format!("{expected:?}"));
            let keys = ListObject::from(values.clone());
            let order = order_of(&keys, direction).unwrap().unwrap();
            let by_keys: Vec<Owned> = order.positions().map(|i| values[i].clone()).collect();
            assert_eq!(format!("{by_keys:?}"), format!("{expected:?}"));
        }
    }
}

#[test]
fn ranking_in_steps_is_sorting() {
    const N: usize = 60_000;
    let mut random = Random(31);
    let few = |random: &mut Random, n| int(random.below(n) as i64 - 1);
    let kinds: [&dyn Fn(&mut Random) -> Owned; 6] = [
        &|random| int(random.next().cast_signed()),
        &|random| float(random.below(1000) as f64 / 7.0 - 9.0),
        &|random| str(&format!("word {}", random.below(5000))),
        // Many are the same in the first column, all in the second.
        &|random| list([few(random, 2), int(7), few(random, 1000)]),
        &|_| list([int(1), int(2)]),
        &|_| list([]),
    ];
    for kind in kinds {
        let values: ListObject = (0..N).map(|_| kind(&mut random)).collect();
        for direction in [Direction::Up, Direction::Down] {
            let columns = Columns::of(&values, 0..N).unwrap();
            let mut sorted: Vec<Ranked> = (0..N).map(|at| (0, at)).collect();
            columns.sort(&values, &mut sorted, 0, direction);
            let expected: Vec<usize> = sorted.into_iter().map(|(_, at)| at).collect();
            let mut ranking = Ranking::new(N, columns, direction);
            let mut steps = 0;
            while ranking.step(&values) {
                steps += 1;
            }
            assert!(
                steps >= 7 || values.get(0).unwrap().as_list().is_some_and(|list| list.is_empty())
            );
            assert!(ranking.order().positions().eq(expected));
        }
    }
}

#[test]
fn sorting_survives_any_comparison() {
    // Lists with NaN inside have no total order; nothing may panic or get lost.
    let mut random = Random(23);
    for _ in 0..200 {
        let mut values: ListObject = (0..random.below(100))
            .map(|_| {
                list([float([f64::NAN, 1.0, 2.0][random.below(3)]), int(random.below(9) as i64)])
            })
            .collect();
        let mut before: Vec<String> = values.iter().map(|v| format!("{v:?}")).collect();
        sort(&mut values, Direction::Up).unwrap();
        let mut after: Vec<String> = values.iter().map(|v| format!("{v:?}")).collect();
        before.sort();
        after.sort();
        assert_eq!(before, after);
        values.push(error(Kind::Value, "no order"));
        let n = values.len();
        if n > 1 {
            assert!(sort(&mut values, Direction::Up).is_err());
            assert_eq!(values.len(), n);
            assert!(values.iter().all(|value| !value.is_nil()));
        }
    }
}
