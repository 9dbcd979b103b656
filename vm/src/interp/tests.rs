//! Programs and hand-made code against the interpreter as it is shipped: with the scheduler, on
//! other kernel threads.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod lending;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lisle_compiler::bytecode::{Constant, Function, Handler, LiveMap, Op, Unit, Word, op::KILL_B};
use lisle_compiler::source::{Source, Span};
use lisle_compiler::{Environment, Options, compile};

use crate::link::{Globals, Module, link};
use crate::native::{Call, FunctionDef, NativeDef, NativeResult, Next};
use crate::rc::Heap;
use crate::sched::{Config, Handoff};
use crate::thread::{Delivery, End, ThreadOptions, ThreadRef, WaitReason};
use crate::value::{Item, Kind, Owned, Shared, display, error};
use crate::vm::{VmOptions, VmShared};
use crate::waiting::Waits;

/// What tests see of a VM.
struct Machine {
    vm: Arc<VmShared>,
    printed: Printed,
    heap: Heap,
}

#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Functions that stop in every way there is.
static FUNCTIONS: &[FunctionDef] = &[
    FunctionDef { name: "show", signature: "(...values)", doc: "", run: show, shortcut: None },
    FunctionDef { name: "fail", signature: "(message)", doc: "", run: fail, shortcut: None },
    FunctionDef {
        name: "block",
        signature: "(value, fails = false)",
        doc: "",
        run: block,
        shortcut: None,
    },
    FunctionDef {
        name: "doze",
        signature: "(value, more = \"!\")",
        doc: "",
        run: doze,
        shortcut: None,
    },
    FunctionDef { name: "apply", signature: "(f, ...values)", doc: "", run: apply, shortcut: None },
    FunctionDef { name: "pair", signature: "(a, b = 2)", doc: "", run: pair, shortcut: None },
];

fn show(call: &mut Call<'_>) -> NativeResult {
    let line: Vec<String> =
        call.arg(0).as_list().unwrap().iter().map(|item| display(&item)).collect();
    if call.vm().stdout.append((line.join(" ") + "\n").as_bytes()) {
        call.vm().stdout.flush().unwrap();
    }
    Next::nil()
}

fn fail(call: &mut Call<'_>) -> NativeResult {
    Err(error(Kind::Value, display(call.arg(0))))
}

fn block(call: &mut Call<'_>) -> NativeResult {
    let (value, fails) = (Shared::new(call.take(0)), call.arg(1).truthy());
    Ok(Next::Block(
        Handoff::Lazy,
        Box::new(move || {
            Box::new(move |call| {
                // The arguments are still there.
                assert!(call.arg(0).is_nil());
                if fails {
                    return Err(error(Kind::Io, "blocked"));
                }
                Ok(Next::Return(value.into_owned()))
            })
        }),
    ))
}

fn doze(call: &mut Call<'_>) -> NativeResult {
    let text = display(call.arg(0)) + &display(call.arg(1));
    let mut waits = Waits::of(call);
    match waits.delivery() {
        None => {
            let token = waits.begin(WaitReason::Sleep).begin().unwrap();
            waits.timer(token, Duration::from_millis(1));
            Ok(Next::Park)
        }
        Some(Delivery::TimedOut) => Ok(Next::Return(Owned::string(text))),
        Some(_) => Err(waits.interrupted()),
    }
}

fn apply(call: &mut Call<'_>) -> NativeResult {
    let arguments = call.arg(1).as_list().unwrap().iter().map(Item::to_owned).collect();
    let function = call.arg(0).clone();
    let resume = move |call: &mut Call<'_>, outcome: Result<Owned, Owned>| {
        assert_eq!(call.args().len(), 2);
        let text = match outcome {
            Ok(value) => format!("gave {}", display(&value)),
            Err(thrown) if thrown.as_error().is_some_and(|e| e.uncatchable) => return Err(thrown),
            Err(thrown) => format!("threw {}", display(&thrown)),
        };
        Ok(Next::Return(Owned::string(text)))
    };
    Ok(Next::Call(function, arguments, Box::new(resume)))
}

fn pair(call: &mut Call<'_>) -> NativeResult {
    Ok(Next::Return(Owned::pair(call.take(0), call.take(1))))
}

impl Machine {
    fn new() -> Self {
        Self::with(VmOptions::default())
    }

    fn with(options: VmOptions) -> Self {
        let config = Config { processors: 2, ..Config::default() };
        let vm = VmShared::new(options, config).unwrap();
        let heap = Heap::new(vm.heap.clone(), None);
        let printed = Printed::default();
        vm.stdout.redirect(Box::new(printed.clone()));
        for row in FUNCTIONS {
            vm.define(row.name, Owned::native(Arc::new(NativeDef::from(row))));
        }
        Self { vm, printed, heap }
    }

    fn load(&self, text: &str) -> &Module {
        let mut environment = Environment::default();
        for name in self.vm.builtins.lock().keys() {
            environment.builtins.insert(name.clone(), None);
        }
        let source = Source::new("test.lisle", text);
        let options = Options::new(&environment);
        let compiled = compile(&source, &options);
        assert!(compiled.unit.is_some(), "{:?}", compiled.diagnostics);
        link(&self.vm, &compiled.unit.unwrap(), Globals::new(false)).unwrap()
    }

    fn start(&self, module: &Module, options: ThreadOptions) -> ThreadRef {
        let _entered = self.heap.enter();
        // Nothing stalls before the thread is known to the scheduler.
        let _hold = self.vm.scheduler().hold();
        let thread = ThreadRef::new(&self.vm, options, &mut module.main(), &mut []).unwrap();
        thread.done.add_handle();
        self.vm.scheduler().spawn(thread.clone());
        thread
    }

    /// Runs the top-level code to its end.
    fn run(&self, module: &Module) -> Result<String, String> {
        let _entered = self.heap.enter();
        let thread = self.start(module, ThreadOptions::default());
        self.end_of(&thread)
    }

    fn end_of(&self, thread: &ThreadRef) -> Result<String, String> {
        let _entered = self.heap.enter();
        match thread.done.wait_host(|| false).unwrap() {
            End::Value(value) => Ok(display(value.as_owned())),
            End::Failed(error) => {
                let error = error.as_owned();
                let kind = error.as_error().map(|e| format!("{}: ", e.kind()));
                Err(kind.unwrap_or_default() + &display(error))
            }
            End::Cancelled(_) => Err("cancelled".to_owned()),
        }
    }

    fn printed(&self) -> String {
        self.vm.stdout.flush().unwrap();
        String::from_utf8(std::mem::take(&mut *self.printed.0.lock().unwrap())).unwrap()
    }

    /// Bytes of all objects of the VM, once all threads are gone.
    fn bytes(&self) -> u64 {
        self.settled(|| self.vm.threads_live() == 0);
        let _entered = self.heap.enter();
        drop(self.vm.program.take_failed());
        Heap::tell();
        self.vm.heap.total()
    }

    fn settled(&self, done: impl Fn() -> bool) -> bool {
        let until = Instant::now() + Duration::from_secs(10);
        while !done() {
            if Instant::now() > until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _entered = self.heap.enter();
        self.vm.shutdown();
    }
}

/// Runs a program three times in one VM: it gives this each time, and the last times leave nothing
/// behind.
#[track_caller]
fn check(text: &str, expected: Result<&str, &str>) {
    let machine = Machine::new();
    let module = machine.load(text);
    let mut bytes = 0;
    for i in 0..3 {
        let result = machine.run(module);
        assert_eq!(result.as_deref().map_err(|e| &**e), expected, "{text}");
        if i == 0 {
            bytes = machine.bytes();
        }
    }
    let leaves_nothing = machine.settled(|| machine.bytes() <= bytes);
    assert!(leaves_nothing, "{} bytes more after {text}", machine.bytes() - bytes);
}

fn gives(text: &str, expected: &str) {
    check(text, Ok(expected));
}

fn throws(text: &str, expected: &str) {
    check(text, Err(expected));
}

#[test]
fn calls_and_loops() {
    gives("fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }\nfib(20)", "6765");
    gives("var s = 0\nfor i in 0..1000 { s += i }\ns", "499500");
    gives("var s = 0\nfor i in 10..=0 by -2 { s = s * 10 + i }\ns", "1086420");
    gives(
        "var s = 0\nvar i = 0\nwhile i < 1000 { i += 1; if i % 2 == 0 { continue }; s += i }\ns",
        "250000",
    );
    gives("var t = \"\"\nfor i, c in \"aé€\" { t += \"{i}{c}\" }\nt", "0a1é2€");
    gives("var t = \"\"\nfor k, v in [a: 1, b: \"x\"] { t += \"{k}{v}\" }\nt", "a1bx");
    gives("var t = []\nfor k in [a: 1, b: 2] { t = t + [k] }\nt", "[\"a\", \"b\"]");
    gives(
        "var xs = [1, 2, 3]\nvar n = 0\nfor x in xs { xs = xs + [x]; n += 1 }\n[n, xs]",
        "[3, [1, 2, 3, 1, 2, 3]]",
    );
}

#[test]
fn deep_calls_move_the_stack() {
    gives(
        "fn deep(n) { if n == 0 { \"end\" } else { let s = \"x{n}\"; deep(n - 1) } }\ndeep(5000)",
        "end",
    );
    let text = "fn deep(n) { let s = [n]; deep(n + 1) + s[0] }\ntry { deep(0) } catch e { e.kind }";
    gives(text, "stack");
}

#[test]
fn arguments_are_bound() {
    let area = "let area = |w, h = w, ...rest| \"{w} {h} {rest}\"\n";
    let gives_area = |call: &str, expected: &str| gives(&format!("{area}{call}"), expected);
    gives_area("area(1)", "1 1 []");
    gives_area("area(1, 2)", "1 2 []");
    gives_area("area(1, 2, 3, \"x\")", "1 2 [3, \"x\"]");
    gives_area("area(1, h: \"y\")", "1 \"y\" []".replace('"', "").as_str());
    gives_area("area(...[1, 2, 3], ...\"ab\")", "1 2 [3, \"a\", \"b\"]");
    gives_area(
        "try { area() } catch e { e.message }",
        "`lambda` takes at least 1 argument (w, h?, ...rest), 0 given",
    );
    gives_area(
        "try { area(1, xyz: \"a\") } catch e { e.message }",
        "`lambda` has no parameter `xyz`",
    );
    gives_area("try { area(1, w: \"a\") } catch e { e.message }", "`lambda` is given `w` twice");
    gives_area("try { area(h: \"a\") } catch e { e.kind }", "arity");
    gives("let f = pair\nf(1)", "[1, 2]");
    gives("let f = pair\nf(b: \"x\", a: \"y\")", "[\"y\", \"x\"]");
    gives("let f = pair\nf(...[1], b: [3])", "[1, [3]]");
    gives(
        "let f = pair\ntry { f(\"a\", \"b\", [3]) } catch e { e.message }",
        "`pair` takes 1 to 2 arguments (a, b?), 3 given",
    );
    throws("let f = [1]\nf(\"a\")", "type: cannot call list");
}

#[test]
fn unwinding_drops_what_is_owned() {
    let text = "fn inner(x) { let s = \"text {x}\"; let xs = [s, s]; fail(s) }\n\
                fn outer(x) { let m = [key: [x]]; for c in \"abc\" { inner([m, c]) } }\n";
    throws(&format!("{text}outer(\"deep\")"), "value: text [[\"key\": [\"deep\"]], \"a\"]");
    gives(
        &format!(
            "{text}var n = 0\nfor i in 0..3 {{ n += try {{ outer(i) }} catch e {{ e.message.len() }} }}\nn > 0"
        ),
        "true",
    );
    gives("let t = \"a\" + \"b\"\nlet r = try { fail(t) } catch e { t + e.message }\nr", "abab");
    gives("var s = \"a\" + \"b\"\ntry { s = s + nil } catch e { nil }\ns", "ab");
    gives("try { throw [\"any\", 1] } catch v { v }", "[\"any\", 1]");
    throws("throw [1, \"x\"]", "[1, \"x\"]");
}

#[test]
fn defers_run_on_every_way_out() {
    let text = "fn f(how) {\n defer show(\"first {how}\")\n defer show(\"second\")\n\
                if how == 1 { return \"early\" }\n if how == 2 { fail(\"x\") }\n \"end\" }\n\
                try { f(0) + f(1) + f(2) } catch e { e.message }";
    let machine = Machine::new();
    let module = machine.load(text);
    assert_eq!(machine.run(module).as_deref(), Ok("x"));
    let shown = "second\nfirst 0\nsecond\nfirst 1\nsecond\nfirst 2\n";
    assert_eq!(machine.printed(), shown);
    throws("fn f() { defer fail(\"later\"); fail(\"first\") }\nf()", "value: first");
    gives(
        "fn f() { defer fail(\"later\"); fail(\"first\") }\ntry { f() } catch e { e.also[0].message }",
        "later",
    );
    throws("fn f() { defer fail(\"later\"); 1 }\nf()", "value: later");
}

#[test]
fn natives_stop_and_go_on() {
    gives("block(\"a\" + \"b\")", "ab");
    throws("block(\"a\" + \"b\", true)", "io: blocked");
    gives("var t = \"\"\nfor i in 0..3 { t += doze(i) }\nt", "0!1!2!");
    gives("doze(\"a\", more: [\"b\"])", "a[\"b\"]");
    gives("let t = spawn doze(\"x\" + \"y\")\nt.join()", "xy!");
    gives("let t = spawn block([\"x\"])\nt.join()", "[\"x\"]");
}

#[test]
fn natives_call_functions() {
    gives("apply(|a, b| a + b, \"x\", \"y\")", "gave xy");
    gives("apply(|a| fail(a), \"x\" + \"y\")", "threw xy");
    gives("apply(apply, |a| a, \"x\")", "gave gave x");
    gives("apply(doze, \"a\")", "gave a!");
    gives("apply(block, [1])", "gave [1]");
    gives("apply(|a| apply(|b| doze(b + a), \"b\"), \"a\")", "gave gave ba!");
    gives("apply(|a, b| a, 1)", "threw `lambda` takes 2 arguments (a, b), 1 given");
    gives("apply([\"no function\"])", "threw cannot call list");
    throws(
        "fn f(x) { let s = [x]; throw s }\nlet r = apply(|g| apply(f, g), \"x\")\nfail(r)",
        "value: gave threw [\"x\"]",
    );
}

#[test]
fn places_change_in_place() {
    gives(
        "var g = [[1], [2, [\"x\"]]]\nlet h = g\ng[1][1][0] = \"y\"\ng[0][0] += 5\n[g, h]",
        "[[[6], [2, [\"y\"]]], [[1], [2, [\"x\"]]]]",
    );
    gives(
        "var m = [a: [b: \"s\"]]\nm.a.b += \"t\"\nm.a[\"c\"] = [1]\nm.a.c += [2]\nm",
        "[\"a\": [\"b\": \"st\", \"c\": [1, 2]]]",
    );
    gives(
        "var m = [a: 1]\nm.b ??= [\"x\"]\nm.b ??= [\"y\"]\nm.a ??= 2\nm",
        "[\"a\": 1, \"b\": [\"x\"]]",
    );
    throws("var m = [a: \"x\"]\nm.b.c = [1]", "key: no key \"b\" in the map");
    gives("var m = [a: \"x\" + \"y\"]\ntry { m.a += nil } catch e { nil }\nm.a", "xy");
    gives("var xs = [\"a\" + \"b\"]\ntry { xs[7] = [1] } catch e { e.kind }", "index");
    gives(
        "var s = \"\"\nfor i in 0..100 { s += \"ab\" }\nlet t = s\ns += \"c\"\n[t.len(), s.len()]",
        "[200, 201]",
    );
    gives(
        "let s = \"héllo\"\n[s[1], s[-1], s[1..3], s[..=1], [1, 2, 3][1..]]",
        "[\"é\", \"o\", \"él\", \"hé\", [2, 3]]",
    );
}

#[test]
fn threads_start_end_and_are_cancelled() {
    gives("let t = spawn { \"x\" + \"y\" }\n[t.join(), t.join()]", "[\"xy\", \"xy\"]");
    throws("let f = |x| fail(x)\nlet t = spawn f([1])\nt.join()", "value: [1]");
    gives(
        "let t = spawn { loop { } }\nt.cancel()\ntry { t.join() } catch e { e.kind }",
        "cancelled",
    );
    gives(
        "let t = spawn { let s = \"a\" + \"b\"; sleep(1000); s }\nsleep(0.01)\nt.cancel()\ntry { t.join() } catch e { e.kind }",
        "cancelled",
    );
    gives(
        "let c = channel()\nlet t = spawn { for i in 0..3 { c.send([i]) }; c.close() }\nvar all = []\nfor v in c { all = all + v }\nt.join()\nall",
        "[0, 1, 2]",
    );
    gives(
        "let c = channel(1)\nlet d = channel()\nc.send(\"x\")\nselect { v = d.recv() => v, v = c.recv() => v + \"!\", after 10s => nil }",
        "x!",
    );
    throws("scope { spawn fail(\"child\"); sleep(0.5) }", "value: child");
    gives(
        "let f = |x| { let y = [x]; scope { spawn { y }; fail(\"b\") } }\ntry { f(1) } catch e { e.message }",
        "b",
    );
}

#[test]
fn fuel_and_memory_are_limited() {
    let machine = Machine::new();
    let module =
        machine.load("fn f() { defer show(\"cleaned\"); loop { } }\ntry { f() } catch e { 1 }");
    let options = ThreadOptions { fuel: Some(100_000), ..ThreadOptions::default() };
    let thread = machine.start(module, options);
    assert_eq!(machine.end_of(&thread), Err("fuel: the fuel is used up".to_owned()));
    assert_eq!(machine.printed(), "cleaned\n");
    let module = machine.load(
        "var xs = []\nlet r = try { loop { xs = [xs, \"text {xs}\"] } } catch e { e.kind }\nr",
    );
    let options = ThreadOptions { memory_limit: Some(1 << 20), ..ThreadOptions::default() };
    let thread = machine.start(module, options);
    assert_eq!(machine.end_of(&thread).as_deref(), Ok("memory"));
}

#[test]
fn threads_that_never_end_are_freed_with_the_vm() {
    let machine = Machine::new();
    let text = "let c = channel()\nfn f(x) { let y = [x, \"text {x}\"]; apply(|z| c.recv(), y) }\n\
                for i in 0..10 { spawn f([i]) }\nspawn { loop { } }\nshow(\"started\")\nf(1)";
    let module = machine.load(text);
    let thread = machine.start(module, ThreadOptions::default());
    assert!(machine.settled(|| machine.printed() == "started\n"),);
    let vm = machine.vm.clone();
    drop(machine);
    assert!(thread.wait.waiting().is_some());
    drop(thread);
    // What is left are the constants, which go with the VM.
    assert_eq!(Arc::strong_count(&vm), 1);
}

#[test]
fn traces_name_the_calls() {
    let machine = Machine::new();
    let module = machine.load("fn inner() { fail(\"x\") }\nfn outer() {\n  inner()\n}\nouter()");
    let thread = machine.start(module, ThreadOptions::default());
    let End::Failed(error) = thread.done.wait_host(|| false).unwrap() else { panic!("it fails") };
    let trace: Vec<String> = error
        .as_owned()
        .as_error()
        .unwrap()
        .trace
        .iter()
        .map(|t| format!("{}:{}", t.function, t.source.line_column(t.span.start).0))
        .collect();
    assert_eq!(trace, ["inner:1", "outer:3", "main:5"]);
}

/// What the tests of places and operators work with.
const TYPES: &str = "struct Bag {\n items = []\n fn add(mut self, x) { self.items = self.items + [x]; self.items }\n \
     fn spoil(mut self, x) { self.items = self.items + [x]; fail(x) }\n \
     fn +(self, other) { Bag(self.items + [other]) }\n fn ==(self, other) { fail(\"eq\") }\n \
     fn <(self, other) { self.items == [\"a\"] }\n fn [](self, i) { doze(self.items[i]) }\n \
     fn str(self) { apply(|x| \"bag {x}\", self.items) }\n}\n\
     struct Up {\n n = [0]\n fn next(mut self) { self.n = [self.n[0] + 1]; if self.n[0] > 3 { nil } else { self.n } }\n}\n";

#[test]
fn places_are_handed_over_and_given_back() {
    let gives = |text: &str, expected: &str| gives(&format!("{TYPES}{text}"), expected);
    gives("var b = Bag()\nb.add(\"x\")\nb.add([1])\nb.items", "[\"x\", [1]]");
    gives("var b = [k: [Bag()]]\nb.k[0].add(\"x\")\nb.k[0].items", "[\"x\"]");
    gives("var b = Bag()\ntry { b.spoil(\"x\") } catch e { e.message + b.items[0] }", "xx");
    gives(
        "fn swap(mut a, mut b) { let t = a; a = b; b = t; [t] }\nvar xs = [[\"a\"], [\"b\"]]\n\
         swap(&xs[0], &xs[1])\nxs",
        "[[\"b\"], [\"a\"]]",
    );
    gives(
        "fn swap(mut a, mut b) { let t = a; a = b; b = t; [t] }\nvar xs = [[\"a\"], [\"b\"]]\nlet i = 1\n\
         let e = try { swap(&xs[i], &xs[i - 0]) } catch e { e.kind }\n[e, xs]",
        "[\"value\", [[\"a\"], [\"b\"]]]",
    );
    gives(
        "fn f(mut a, b) { a }\nvar x = [1]\nlet g = f\nlet e = try { g(&x) } catch e { e.kind }\n[e, x]",
        "[\"arity\", [1]]",
    );
    gives(
        "fn f(mut a, n) { a = a + [n]; if n > 0 { f(&a, n - 1) } else { fail(\"end\") } }\nvar x = []\n\
         let e = try { f(&x, 500) } catch e { e.message }\n[e, x.len()]",
        "[\"end\", 501]",
    );
    gives(
        "fn f(mut a, n) { a = [a, n]; f(&a, n + 1) }\nvar x = []\n\
         let e = try { f(&x, 0) } catch e { e.kind }\n[e, x[0].len()]",
        "[\"stack\", 2]",
    );
    gives("var xs = [[1], [2]]\nfor &x in xs { x = x + [\"n\"] }\nxs", "[[1, \"n\"], [2, \"n\"]]");
    gives(
        "var xs = [[1], [2]]\ntry { for &x in xs { x = x + [\"n\"]; fail(\"x\") } } catch e { nil }\nxs",
        "[[1, \"n\"], [2]]",
    );
    gives("var t = []\nfor x in Up() { t = t + x }\nt", "[1, 2, 3]");
}

#[test]
fn operators_of_types_are_called() {
    let gives = |text: &str, expected: &str| gives(&format!("{TYPES}{text}"), expected);
    gives(
        "var b = Bag([\"a\"]) + \"b\" + [1]\nb += \"c\"\n\"{b}\"",
        "gave bag [\"a\", \"b\", [1], \"c\"]",
    );
    gives(
        "let b = Bag([\"a\" + \"b\"])\nb[0] + \"{b[0]:>5}{b:>16}\"",
        "ab!  ab! gave bag [\"ab\"]",
    );
    gives("let b = [Bag([\"ab\"])]\nb[0][0].len()", "3");
    gives(
        "let b = Bag([\"a\"])\nlet e = try { [b] == [Bag([\"a\"])] } catch e { e.message }\n[e, b < b, b <= b]",
        "[\"eq\", true, false]",
    );
    gives("let b = Bag([\"a\"])\ntry { b in [1, b] } catch e { e.message }", "eq");
    gives("let b = Bag()\ntry { b[[1]] } catch e { e.kind }", "type");
}

#[test]
fn threads_end_inside_of_operators_and_places() {
    let gives = |text: &str, expected: &str| gives(&format!("{TYPES}{text}"), expected);
    gives(
        "fn f(mut a, b) { a = a + [\"{b}\"]; sleep(1000); a }\n\
         let t = spawn { var x = [\"s\"]; f(&x, [1]) }\nsleep(0.01)\nt.cancel()\n\
         try { t.join() } catch e { e.kind }",
        "cancelled",
    );
    gives(
        "struct S { x\n fn +(self, o) { sleep(1000); self } }\n\
         let t = spawn { var x = S([1]); x += \"{x}\"; x }\nsleep(0.01)\nt.cancel()\n\
         try { t.join() } catch e { e.kind }",
        "cancelled",
    );
    let machine = Machine::new();
    let text = format!(
        "{TYPES}struct S {{ x\n fn +(self, o) {{ c.recv() }}\n fn str(self) {{ c.recv() }} }}\nlet c = channel()\n\
         fn f(mut x) {{ x = [x, \"t\"]; c.recv() }}\n\
         spawn {{ var x = [\"a\" + \"b\"]; f(&x[0]) }}\n\
         spawn {{ var x = S([1]); x += \"{{x.x}}\"; x }}\n\
         spawn {{ var x = S([1]); \"{{x.x}} {{x}}\" }}\nspawn {{ loop {{ }} }}\nshow(\"started\")\nc.recv()"
    );
    let module = machine.load(&text);
    let thread = machine.start(module, ThreadOptions::default());
    assert!(machine.settled(|| machine.printed() == "started\n"));
    assert!(machine.settled(|| thread.wait.waiting().is_some()));
    let vm = machine.vm.clone();
    drop(machine);
    drop(thread);
    assert_eq!(Arc::strong_count(&vm), 1);
}

/// A function made by hand.
fn function(name: &str, parameters: u16, registers: u16, code: Vec<Word>) -> Function {
    Function {
        name: name.into(),
        parameters: (0..parameters)
            .map(|i| lisle_compiler::bytecode::Parameter {
                name: format!("p{i}").into(),
                optional: false,
                rest: false,
                mutable: false,
            })
            .collect(),
        registers,
        captures: 0,
        code,
        constants: Vec::new(),
        spans: Vec::new(),
        handlers: Vec::new(),
        live: LiveMap::default(),
        span: Span::default(),
        doc: None,
    }
}

fn live(runs: &[(u32, &[u16])]) -> LiveMap {
    let mut map = LiveMap::default();
    for (pc, set) in runs {
        let at = map.add_set(set.iter().copied());
        map.runs.push((*pc, at));
    }
    map
}

#[track_caller]
fn run_unit(functions: Vec<Function>, expected: Result<&str, &str>) {
    let unit =
        Unit { source: Source::new("hand", ""), functions, types: Vec::new(), globals: Vec::new() };
    let machine = Machine::new();
    let module = link(&machine.vm, &unit, Globals::new(false)).unwrap();
    let mut bytes = 0;
    for i in 0..3 {
        let result = machine.run(module);
        assert_eq!(result.as_deref().map_err(|e| &**e), expected);
        if i == 0 {
            bytes = machine.bytes();
        }
    }
    assert!(machine.settled(|| machine.bytes() <= bytes), "objects are left behind");
}

#[test]
fn handlers_get_the_error_and_keep_what_they_need() {
    // r0 = ["kept"]; r1 = ["lost"]; throw r2; landing r3: [r0, r3]
    let mut main = function(
        "main",
        0,
        8,
        vec![
            Word::wide(Op::LoadConst, 4, 0),
            Word::abc(Op::NewList, 0, 4, 1),
            Word::wide(Op::LoadConst, 4, 1),
            Word::abc(Op::NewList, 1, 4, 1),
            Word::abc(Op::NewList, 2, 4, 0),
            Word::abc(Op::Throw, 2, 0, 0),
            Word::abc(Op::Landing, 3, 0, 0),
            Word::abc(Op::Move, 5, 3, 0),
            Word::abc(Op::Move, 4, 0, 0),
            Word::abc(Op::NewList, 6, 4, 2),
            Word::abc(Op::Ret, 6, 0, 0),
        ],
    );
    main.constants = vec![Constant::Str("kept".into()), Constant::Str("lost".into())];
    main.handlers = vec![Handler { start: 4, end: 6, target: 6, register: 3, cleanup: false }];
    main.live = live(&[
        (0, &[]),
        (1, &[]),
        (2, &[0]),
        (4, &[0, 1]),
        (6, &[0]),
        (7, &[0]),
        (8, &[5]),
        (9, &[]),
        (10, &[]),
    ]);
    run_unit(vec![main], Ok("[[\"kept\"], []]"));
}

#[test]
fn killed_operands_are_reused_or_dropped() {
    // "ab" + "c" in place, then a comparison that kills both.
    let killing = |mut word: Word, flags| {
        word.flags = flags;
        word
    };
    let mut main = function(
        "main",
        0,
        8,
        vec![
            Word::wide(Op::LoadConst, 2, 0),
            Word::wide(Op::LoadConst, 3, 1),
            Word::abc(Op::Concat, 0, 2, 2),
            Word::wide(Op::LoadConst, 1, 1),
            killing(Word::abc(Op::Add, 0, 0, 1), KILL_B),
            Word::abc(Op::Copy, 1, 0, 0),
            killing(Word::abc(Op::Eq, 2, 0, 1), KILL_B | lisle_compiler::bytecode::op::KILL_C),
            Word::abc(Op::Ret, 2, 0, 0),
        ],
    );
    main.constants = vec![Constant::Str("a".into()), Constant::Str("b".into())];
    run_unit(vec![main], Ok("true"));
}

#[test]
fn what_does_not_link_says_why() {
    let machine = Machine::new();
    let mut main =
        function("main", 0, 8, vec![Word::wide(Op::LoadConst, 0, 0), Word::abc(Op::Ret, 0, 0, 0)]);
    main.constants = vec![Constant::Builtin("nothing".into())];
    let unit = Unit {
        source: Source::new("hand", ""),
        functions: vec![main],
        types: Vec::new(),
        globals: Vec::new(),
    };
    let result = link(&machine.vm, &unit, Globals::new(false)).map(|_| ());
    assert_eq!(result, Err("main: unknown name `nothing`".to_owned()));
}
