//! Walks that lend their elements do what those do whose bodies have elements of their own, on every
//! way out of the loop, and leave nothing behind.

use std::sync::Arc;

use super::{Machine, ThreadOptions, gives};

/// What is walked, and the names that a turn binds: texts that are objects.
const SOURCES: &[(&str, &str)] = &[
    ("x", "[long(0), long(1), long(2)]"),
    ("x", "[(long(0)): 0, (long(1)): 1, (long(2)): 2]"),
    ("k, x", "[(long(0)): long(0), (long(1)): long(1), (long(2)): long(2)]"),
    ("i, x", "[long(0), long(1), long(2)]"),
    ("x", "set([long(0), long(1), long(2)])"),
    ("x", "sent()"),
    ("i, x", "sent()"),
    ("x", "Made(0)"),
    ("i, x", "Made(0)"),
];

const DECLARATIONS: &str = "
fn long(n) { \"a long text {n}\" }
fn sent() {
    let c = channel(3)
    for i in 0..3 { c.send(long(i)) }
    c.close()
    c
}
struct Made {
    n = 0
    fn next(mut self) { self.n += 1; if self.n > 3 { nil } else { long(self.n - 1) } }
}
";

/// Bodies of the loop in a function with the variables `n` and `walked`.
const BODIES: &[&str] = &[
    "n += x.len()",
    "if x.ends_with(\"1\") { continue }; n += x.len()",
    "if x.ends_with(\"1\") { break }; n += x.len()",
    "if x.ends_with(\"1\") { n += x.len(); break }",
    "if x.ends_with(\"1\") { return x }",
    "if x.ends_with(\"1\") { return x.len() }",
    "if x.ends_with(\"1\") { fail(x.len()) }",
    "defer { n += x.len() }; if x.ends_with(\"1\") { break }",
    "defer { n += x.len(); show(n) }; if x.ends_with(\"1\") { fail(\"a\") }",
    "defer { n += x.len(); show(n) }; if x.ends_with(\"1\") { return x == nil }",
    "try { if x.ends_with(\"1\") { throw x.len() } } catch e { n += x.len() + e }",
    "n += try { fail(\"a\") } catch e { x.len() }",
    "n += x.len(); walked = nil",
    "walked = [x.len(), walked]; n += x.len()",
    "for y in x { if y == x[-1] { n += x.len() } }",
    "for i in 0..3 { if i == 2 { continue }; if x[-1] == \"1\" { break }; n += x.len() }",
    "let f = || n; n = f() + x.len()",
    "scope { spawn { yield() } }; n += x.len()",
    "if x.len() > n { n += x.len() } else { n += (x + \"and more\").len() }",
];

#[test]
fn what_is_lent_is_what_was_there() {
    for (names, source) in SOURCES {
        gives(
            &format!("{DECLARATIONS}var n = 0\nfor {names} in {source} {{ n += x.len() }}\nn"),
            "39",
        );
        for body in BODIES {
            gives(
                &format!(
                    "{DECLARATIONS}
                    fn lent() {{ var n = 0; var walked = {source}; for {names} in walked {{ {body} }}; n }}
                    fn own() {{ var n = 0; var walked = {source}; for {names} in walked {{ let keep = x; {body} }}; n }}
                    fn outcome(f) {{ try {{ str(f()) }} catch e {{ \"threw \" + e.message }} }}
                    let [a, b] = [outcome(lent), outcome(own)]
                    if a == b {{ true }} else {{ [a, b] }}"
                ),
                "true",
            );
        }
    }
}

#[test]
fn what_is_lent_goes_with_a_thread_that_is_stopped() {
    for (names, source) in SOURCES {
        gives(
            &format!(
                "{DECLARATIONS}
                let reached = channel()
                let t = spawn {{ for {names} in {source} {{ reached.send(x.len()); sleep(1000); x.len() }} }}
                let n = reached.recv()
                t.cancel()
                try {{ t.join() }} catch e {{ [n, e.kind] }}"
            ),
            "[13, \"cancelled\"]",
        );
    }
    let machine = Machine::new();
    let text = format!(
        "{DECLARATIONS}
        let never = channel()
        fn wait() {{ for x in Made(0) {{ show(x.len()); never.recv(); x.len() }} }}
        spawn {{ loop {{ }} }}
        wait()"
    );
    let module = machine.load(&text);
    let thread = machine.start(module, ThreadOptions::default());
    assert!(machine.settled(|| machine.printed() == "13\n"));
    let vm = machine.vm.clone();
    drop((machine, thread));
    assert_eq!(Arc::strong_count(&vm), 1);
}
