//! Whatever is done to large values pays fuel in proportion, so that the slice ends soon after it.

use super::virtual_time::host;

/// How large they are. Small enough for the suite, large enough to tell work from none.
const SIZE: usize = 60_000;

/// The least that each element costs, in fuel: one unit for so many elements.
const ELEMENTS_PER_UNIT: usize = 64;

/// What makes large values.
const BEFORE: &str = "
fn same(x) { x }
fn numbers(n) { var xs = []; for i in 0..n { xs.push((i * 7919) % n) }; xs }
fn nested(n) { var xs = []; for i in 0..n { xs.push([i]) }; xs }
fn deep(n) { var x = [0]; for i in 0..n { x = [x, i] }; x }
fn table(n) { var m = [:]; for i in 0..n { m[i] = i }; m }
fn count(...all) { all.len() }
fn keep(go, n) { let xs = nested(n); go.recv(); same([xs, 0])[1] }
struct Node { value; next = nil }
fn linked(n) { var x = nil; for i in 0..n { x = Node(i, x) }; x }
";

/// What is measured, after what it needs has been made.
const OPERATIONS: &[(&str, &str)] = &[
    // Copies, because there are two owners.
    ("let xs = numbers(n); var ys = xs", "ys[0] = 1"),
    ("let xs = numbers(n); var ys = xs", "ys.push(1)"),
    ("let m = table(n); var ys = m", "ys[0] = 7"),
    ("let s = set(numbers(n)); var ys = s", "ys.insert(-1)"),
    ("let b = bytes(n * 64); var ys = b", "ys[0] = 7"),
    ("let s = \"ab\" * (n * 32); var ys = s", "ys += \"c\""),
    // New values out of old ones.
    ("let xs = numbers(n)", "same(xs + xs)"),
    ("let xs = numbers(n)", "same(xs * 2)"),
    ("let xs = numbers(n)", "same(xs[1..])"),
    ("let xs = numbers(n)", "same(xs[0..n by 2])"),
    ("let xs = numbers(n)", "same([...xs, 1])"),
    ("let xs = numbers(n)", "count(...xs)"),
    ("let xs = numbers(n); var ys = [1]", "ys += xs"),
    ("let xs = numbers(n); var ys = [1]", "ys.extend(xs)"),
    ("let m = table(n)", "same([...m, x: 1])"),
    ("let m = table(n); var ys = [:]", "ys.extend(m)"),
    ("let xs = numbers(n)", "match xs { [x, ...rest] => rest.len(), other => 0 }"),
    ("let s = \"ab\" * (n * 32)", "same(s + s)"),
    ("let s = \"ab\"", "same(s * (n * 32))"),
    ("let s = \"ab\" * (n * 32)", "same(s[1..])"),
    ("let s = \"äb\" * n", "same(s[1..])"),
    ("let s = \"äb\" * n", "s.len()"),
    ("let s = \"äb\" * n", "s[n]"),
    ("let s = \"ab\" * (n * 32)", "same(\"<{s}>\")"),
    ("let b = bytes(n * 64)", "same(b + b)"),
    ("let b = bytes(n * 64)", "same(b[1..])"),
    ("let b = bytes(1)", "same(b * (n * 64))"),
    // Looking through, comparing, hashing.
    ("let xs = numbers(n); let ys = numbers(n)", "xs == ys"),
    ("let xs = numbers(n); let ys = numbers(n)", "xs < ys"),
    ("let xs = nested(n); let ys = nested(n)", "xs == ys"),
    ("let xs = deep(n); let ys = deep(n)", "xs == ys"),
    ("let xs = linked(n); let ys = linked(n)", "xs == ys"),
    ("let m = table(n); let o = table(n)", "m == o"),
    ("let s = set(numbers(n)); let o = set(numbers(n))", "s == o"),
    ("let s = \"ab\" * (n * 32); let o = \"ab\" * (n * 32)", "s == o"),
    ("let s = \"ab\" * (n * 32); let o = \"ab\" * (n * 32)", "s < o"),
    ("let b = bytes(n * 64); let o = bytes(n * 64)", "b == o"),
    ("let xs = numbers(n)", "-1 in xs"),
    ("let s = \"ab\" * (n * 16)", "\"x\" in s"),
    ("let b = bytes(n * 64)", "7 in b"),
    ("let xs = [numbers(n)]; let ys = [numbers(n)]", "xs < ys"),
    ("let xs = numbers(n); let m = table(9)", "m.get(xs)"),
    ("let xs = [numbers(n)]; let m = table(9)", "m.get(xs)"),
    ("let xs = numbers(n); var m = table(9)", "m[xs] = 1"),
    ("let xs = deep(n); var m = table(9)", "m[xs] = 1"),
    ("let s = \"ab\" * (n * 32); var m = table(9)", "m[s] = 1"),
    ("let b = bytes(n * 64); var m = table(9)", "m[b] = 1"),
    // Texts.
    ("let xs = numbers(n)", "str(xs)"),
    ("let xs = deep(n)", "str(xs)"),
    ("let xs = linked(n)", "str(xs)"),
    ("let xs = numbers(n)", "\"{xs}\""),
    ("let m = table(n)", "str(m)"),
    ("let b = bytes(n)", "str(b)"),
    ("let xs = numbers(n)", "xs.format(\">10\")"),
    ("let s = \"a\"", "s.pad(n * 64)"),
    // Freeing.
    ("var xs = [nil] * n", "same(type(xs)); xs = nil"),
    ("var xs = nested(n)", "same(type(xs)); xs = nil"),
    ("var xs = deep(n)", "same(type(xs)); xs = nil"),
    ("var xs = linked(n)", "same(type(xs)); xs = nil"),
    ("var xs = table(n)", "same(type(xs)); xs = nil"),
    ("var xs = [nil] * n", "xs.clear()"),
    ("var xs = nested(n)", "xs.truncate(1)"),
    // Crossing to other threads.
    ("let xs = nested(n); let ch = channel(1)", "ch.send(xs)"),
    ("let xs = deep(n); let ch = channel(1)", "ch.send(xs)"),
    ("let xs = linked(n)", "mutex_(xs)"),
    ("let xs = nested(n)", "(spawn count(xs)).join()"),
    ("let xs = nested(n); let ch = channel(1)", "select { ch.send(xs) => 1 }"),
    // Methods of lists.
    ("let xs = numbers(n)", "xs.sort()"),
    ("let xs = nested(n)", "xs.sort()"),
    ("let xs = numbers(n)", "xs.sort_by_keys(xs)"),
    ("let xs = numbers(n)", "xs.reverse()"),
    ("let xs = numbers(n)", "xs.contains(-1)"),
    ("let xs = numbers(n)", "xs.index_of(-1)"),
    ("let xs = numbers(n)", "xs.count(-1)"),
    ("let xs = numbers(n)", "xs.sum()"),
    ("let xs = numbers(n)", "xs.min()"),
    ("let xs = numbers(n)", "max(xs)"),
    ("let xs = numbers(n)", "xs.unique()"),
    ("let xs = nested(n)", "xs.flatten()"),
    ("let xs = numbers(n)", "xs.chunks(3)"),
    ("let xs = numbers(n)", "xs.zip(xs)"),
    ("let xs = numbers(n)", "xs.enumerate()"),
    ("let xs = numbers(n)", "xs.join(\",\")"),
    ("let xs = numbers(n)", "xs.repeat(2)"),
    ("let xs = numbers(n)", "xs.slice(1)"),
    ("var xs = numbers(n)", "xs.insert(0, 1)"),
    ("var xs = numbers(n)", "xs.remove(1)"),
    ("let xs = numbers(n)", "set(xs)"),
    ("let xs = [1] * n", "bytes(xs)"),
    // Of maps and sets.
    ("let m = table(n)", "m.keys()"),
    ("let m = table(n)", "m.values()"),
    ("let m = table(n)", "m.entries()"),
    ("let m = table(n)", "m.count(-1)"),
    ("let m = table(n)", "m.index_of(-1)"),
    ("let s = set(numbers(n)); let o = set(numbers(n))", "s.union(o)"),
    ("let s = set(numbers(n)); let o = set(numbers(n))", "s.intersection(o)"),
    ("let s = set(numbers(n)); let o = set(numbers(n))", "s.difference(o)"),
    ("let s = set(numbers(n))", "s.sort()"),
    // Of strings and bytes.
    ("let s = \"a b \" * n", "s.split()"),
    ("let s = \"a,b,\" * n", "s.split(\",\")"),
    ("let s = \"a\\n\" * n", "s.lines()"),
    ("let s = \"ab\" * n", "s.chars()"),
    ("let s = \"ab\" * n", "s.bytes()"),
    ("let s = \"ab\" * n", "s.replace(\"a\", \"xy\")"),
    ("let s = \"ab\" * n", "s.to_upper()"),
    ("let s = \"ab\" * n", "s.reverse()"),
    ("let s = \"ab\" * n", "s.sort()"),
    ("let s = \"ab\" * n", "s.unique()"),
    ("let s = \"ab\" * n", "s.count(\"b\")"),
    ("let s = \"ab\" * n", "s.index_of(\"x\")"),
    ("let s = \"ab\" * n", "s.contains(\"x\")"),
    ("let s = \"  \" * n", "s.trim()"),
    ("let s = \"ab\" * n", "s.chunks(2)"),
    ("let s = \"ab\" * n", "s.runs(\"a-z\")"),
    ("let s = \"0\" * n", "try { int(s) } catch { 0 }"),
    ("let s = \"0\" * n", "float(s)"),
    ("let s = \"ab\" * n", "s.max()"),
    ("let b = bytes(n * 64)", "b.text()"),
    ("let b = bytes(n)", "b.sort()"),
    ("let b = bytes(n * 64)", "b.reverse()"),
    ("let b = bytes(n)", "b.sum()"),
    // The end of a thread that has much.
    ("let go = channel(); let t = spawn keep(go, n); yield(); yield()", "go.send(1); t.join()"),
];

/// What makes texts of a megabyte and more, `n` of them.
const LONG: &[&str] = &[
    "(\"ab\" * 500).repeat(n * 1000)",
    "\"x\" * (n * 1_000_000)",
    "\"äöü\" * (n * 100_000)",
    "piece + piece * n",
    "piece * n + \"x\"",
    "([piece] * n).join(\", \")",
    "(([piece] * n) + [1, nil, [2]]).join()",
    "\"{piece}-{n}-{piece * (n - 1)}\"",
];

/// A text that is long is made in steps, between which others run; and it is the right one.
#[test]
fn long_texts_are_made_in_steps() {
    for text in LONG {
        let host = host(1);
        let source = format!(
            "fn make(n, piece) {{ {text} }}
             fn turns(done) {{
                 var turns = 0
                 while done.len() == 0 {{ yield(); turns += 1 }}
                 turns
             }}
             let done = channel(1)
             let others = spawn turns(done)
             let text = make(4, \"0123456789\" * 100_000)
             done.send(true)
             let small = make(4, \"0123456789\")
             [others.join() >= text.len() // 400_000, text.len() >= small.len(), text[0], text[-1] == small[-1]]"
        );
        let result = host.run(host.load(&source)).unwrap();
        assert!(
            result.starts_with("[true, true, ") && result.ends_with(", true]"),
            "{text}: {result}"
        );
    }
}

/// What is measured costs at least its share.
#[test]
fn large_values_pay() {
    let mut cheap = Vec::new();
    for (before, operation) in OPERATIONS {
        let is_statement = [" = ", " += ", ";"].iter().any(|sign| operation.contains(sign));
        let operation =
            if is_statement { (*operation).to_owned() } else { format!("same({operation})") };
        // All that was made lives until after the measuring.
        let words: Vec<&str> = before.split(' ').collect();
        let names = words.windows(2).filter(|pair| matches!(pair[0], "let" | "var"));
        let names: Vec<&str> = names.map(|pair| pair[1]).collect();
        let text = format!(
            "{BEFORE}fn program() {{\nlet n = {SIZE}\n{before}\nyield()\nlet start = clock()\n\
             {operation}\nyield()\nlet used = clock() - start\nsame([{}])\nused\n}}\nprogram()",
            names.join(", ")
        );
        let host = host(1);
        match host.run(host.load(&text)).as_deref().map(str::parse::<usize>) {
            Ok(Ok(used)) if used >= SIZE / ELEMENTS_PER_UNIT => {}
            other => cheap.push(format!("{other:?}: {before}; {operation}")),
        }
    }
    assert!(cheap.is_empty(), "these cost next to nothing:\n{}", cheap.join("\n"));
}
