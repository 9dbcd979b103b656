//! Everything the compiler emits passes the verifier, and reads as it should.

mod generate;

use std::collections::BTreeMap;
use std::sync::Arc;

use lisle_compiler::bytecode::{disasm, verify};
use lisle_compiler::diagnostics::render;
use lisle_compiler::graph::{self, Library, Refusal};
use lisle_compiler::source::Source;
use lisle_compiler::{Compiled, Environment, Interface, Options, Session, Signature, compile};

fn environment() -> Environment {
    let mut environment = Environment::default();
    let builtins = "print eprint input str int float bool type error assert ord chr channel cell \
                    sleep yield min max abs bytes set";
    for name in builtins.split_whitespace() {
        environment.builtins.insert(name.into(), None);
    }
    let print = Signature { rest: true, ..Signature::default() };
    environment.builtins.insert("print".into(), Some(print));
    let modules = [
        (
            "math",
            "pi e inf nan sqrt cbrt sin cos tan asin acos atan atan2 exp log log2 log10 pow hypot \
          floor ceil round trunc gcd lcm clamp sign is_nan is_inf wrapping_add wrapping_sub wrapping_mul",
        ),
        (
            "fs",
            "read read_bytes write append lines list walk exists is_file is_dir size remove rename mkdir \
          open temp_dir",
        ),
        ("net", "listen connect udp lookup"),
        ("process", "spawn run"),
        ("os", "args env vars exit pid cwd cpus hostname stdin stdout stderr"),
        ("time", "now mono after ticker"),
        ("sync", "mutex atomic semaphore barrier waitgroup once"),
        ("thread", "spawn current all cancel_scope map timeout"),
        ("runtime", "lwps threads stats model dump deadlocks"),
    ];
    for (module, members) in modules {
        let members = members.split_whitespace().map(|m| (m.into(), None)).collect();
        environment.modules.insert(module.into(), members);
    }
    environment
}

fn compile_text(text: &str, session: Option<&Session>) -> Compiled {
    let source = Source::new("test.lisle", text);
    compile(&source, &Options { session, ..Options::new(&environment()) })
}

fn listing(text: &str) -> String {
    let compiled = compile_text(text, None);
    let errors = render(&compiled.diagnostics, &Source::new("test.lisle", text), false);
    let unit = compiled.unit.unwrap_or_else(|| panic!("does not compile:\n{errors}"));
    verify::verify(&unit).unwrap_or_else(|e| panic!("{e}\n{}", disasm::disassemble(&unit)));
    disasm::disassemble(&unit)
}

/// The operations of one function, one to a line, without their operands.
fn operations(listing: &str, function: &str) -> Vec<String> {
    listing
        .lines()
        .skip_while(|l| !(l.starts_with("function") && l.contains(&format!(" {function}:"))))
        .skip(1)
        .take_while(|l| !l.starts_with("function"))
        .filter(|l| !l.trim_start().starts_with("catch") && !l.trim_start().starts_with("cleanup"))
        .map(|l| l.split_whitespace().nth(1).unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn fib_is_tight() {
    let text = "fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }\nprint(fib(10))\n";
    let ops = operations(&listing(text), "fib");
    let expected =
        ["jump_not_lt_imm", "ret", "sub_imm", "call_const", "sub_imm", "call_const", "add", "ret"];
    assert_eq!(ops, expected);
}

#[test]
fn appending_in_a_loop_kills_the_old_value() {
    let text = "fn f(n) { var s = \"\"\nfor i in 0..n { s += \"x\" }\ns }\n";
    let text = listing(text);
    let add = text.lines().find(|l| l.contains(" add ")).unwrap_or_default();
    assert!(add.ends_with("}") && add.contains("/6"), "{text}");
    assert!(!operations(&text, "f").contains(&"drop".to_owned()), "{text}");
}

#[test]
fn last_use_moves() {
    let text = "fn f(a) { let b = a\nlet c = [b]\nc }\n";
    let ops = operations(&listing(text), "f");
    assert_eq!(ops, ["mov", "new_list", "ret"]);
}

#[test]
fn values_of_structs_are_made_in_place() {
    let text = "struct P { x; y = 0 }\nfn f(a, b) { P(a, b) }\nfn g(a, b) { P(y: a, x: b) }\n\
                fn h(a) { P(a) }\n";
    let text = listing(text);
    assert_eq!(operations(&text, "f"), ["mov", "mov", "new_record", "ret"]);
    assert_eq!(operations(&text, "g"), ["mov", "mov", "new_record", "ret"]);
    assert_eq!(operations(&text, "h"), ["mov", "call_const", "ret"]);
    assert_eq!(operations(&text, "P"), ["jump_if_given", "load_int", "new_record", "ret"]);
}

#[test]
fn a_match_lets_go_of_its_value_before_the_arm() {
    let text = "enum E { A(xs), B }\nfn f(e) { match e { E.A(xs) => { var ys = xs\nys.push(1)\nys }\n\
                E.B => nil } }\n";
    let text = listing(text);
    let ops = operations(&text, "f");
    let expected = [
        "load_const",
        "is_record",
        "jump_if_not",
        "get_field",
        "drop",
        "mov",
        "load_int",
        "call_method",
        "drop",
        "ret",
    ];
    assert_eq!(ops[..expected.len()], expected, "{text}");
}

#[test]
fn a_turn_ends_where_its_loop_goes_on() {
    let text = "fn f(n) { var sum = 0\nfor i in 0..n { if i % 2 == 0 { sum += i } }\nsum }\n\
                fn g(mut xs) { for &x in xs { x += 1 } }\n";
    let text = listing(text);
    for function in ["f", "g"] {
        assert!(!operations(&text, function).contains(&"jump".to_owned()), "{text}");
    }
    let ops = operations(&text, "g");
    let turn = ["range_loop", "place_take", "add_imm", "place_back", "jump_back", "landing"];
    assert!(ops.windows(turn.len()).any(|window| window == turn), "{text}");
}

#[test]
fn a_method_of_another_variable_costs_no_copy() {
    let text = listing("fn f(a, mut b) { a + b.pop() }\nfn g(mut a) { a + a.pop() }\n");
    assert_eq!(operations(&text, "f"), ["call_method", "add", "ret_places"]);
    assert!(operations(&text, "g").contains(&"copy".to_owned()), "{text}");
}

#[test]
fn elements_that_are_only_looked_at_are_lent() {
    let lends = |body: &str| {
        let text = format!("fn f(xs) {{ var n = 0; for x in xs {{ {body} }}; n }}");
        listing(&text).lines().any(|line| line.contains("iter_next") && line.contains("/40"))
    };
    assert!(lends("n += x.len()"));
    assert!(lends("if x > n { return x }"));
    assert!(lends("defer { n += x.len() }; if x[0] == n { throw n }"));
    assert!(!lends("n = x"));
    assert!(!lends("spawn { x.len() }"));
}

#[test]
fn what_a_handler_reads_is_kept() {
    let text = "fn g(x) { x }\nfn f(a) { try { g(a) } catch { a } }\n";
    let ops = operations(&listing(text), "f");
    assert!(ops.contains(&"copy".to_owned()), "{ops:?}");
}

#[test]
fn programs_of_all_shapes_verify() {
    let programs = [
        "let x = 1\nfn f() { x }\nprint(f())\n",
        "var total = 0\nfor i in 0..10 by 2 { total += i }\nfor x in [1, 2] { total -= x }\n",
        "let m = [a: 1, \"b\": 2, (3): 4]\nfor k, v in m { print(k, v, m.a, m[k]) }\n",
        "var m = [:]\nm.a = [1]\nm.a[0] += 2\nm.b ??= []\nm[\"a\"].push(3)\nprint(m?.x?.y.z ?? 3)\n",
        "fn f(a, b = a + 1, ...rest) { [a, b, ...rest] }\nprint(f(1), f(...[1, 2], b: 3))\n",
        "fn f() { defer print(1)\nfor i in 0..3 { defer print(i)\nif i == 1 { return i } }\nnil }\n",
        "fn f() { for i in 0..9 { try { if i > 3 { break } else { continue } } catch e { throw e } } }",
        "let f = |x| |y| x + y\nprint(f(1)(2))\n",
        "fn outer() { fn fact(n) { if n == 0 { 1 } else { n * fact(n - 1) } }\nfact(5) }\n",
        "fn outer(k) { fn go(n) { if n == 0 { k } else { [0].map(|x| go(n - 1)) } }\ngo(5) }\n",
        "let c = channel(2)\nlet t = spawn { c.send(1) }\nspawn print(1)\nspawn c.close()\n",
        "let c = channel()\nlet x = select { v = c.recv() => v\nc.send(2) if c.len() == 0 => 3\n\
         after 5ms => 4 }\n",
        "scope { for i in 0..3 { spawn print(i) } }\nfn f() { scope { return 3 } }\n",
        "fn f(x) { loop { if x > 3 { break x } else { break } } }\n",
        "fn f(xs) { var ys = xs\nys[0] = ys\nys[ys.len() - 1][2].q = { ys = 3; 4 }\nys }\n",
        "let s = \"a{1 + 2}b{3:>5}c{[1]}\"\nprint(s[1..], s[..=2], s[1..2 by 1], s[-1])\n",
        "fn f(a) { if let x = a { x } else { 2 } }\nvar q = [1]\nwhile let x = q.pop() { print(x) }\n",
        "fn f(x, y) { x < y and y <= 3 or not (x == y) }\nif f(1, 2) is not bool { print(1) }\n",
        "import math\nimport math.{sin, cos}\nprint(math.pi, math.sqrt(2.0), sin(1), [cos])\n",
        "fn f() { defer { try { g() } catch { } }\nscope { defer print(2)\nreturn [1] } }\nfn g() { }\n",
        "fn f(x) { var y = x\ntry { y = y + [1]\ny = [y]\ny += 1 } catch e { return y }\ny }\n",
    ];
    for program in programs {
        listing(program);
    }
}

#[test]
fn sessions_keep_types() {
    let mut session = Session::default();
    for line in [
        "struct P { x; y = 0; fn of(x) { P(x) }; fn sum(self) { self.x + self.y } }",
        "enum E { A(r), B; fn b() { E.B } }",
        "let p = P(1)\np.sum() + P.of(2).x",
        "fn f(e) { match e { E.A(r) => r, E.B => 0, P(x, ...) => x, _ => E } }",
        "[f(E.A(1)), f(E.B), E.b, P.of, E.A, P, p is P, p is E.A]",
        "var [a, b] = [1, P(2, y: 3)]; b.x += a",
        "let P(x, y) = b\nx + y + a",
        "struct P { z }",
        "P(z: 1)",
    ] {
        let compiled = compile_text(line, Some(&session));
        let text = render(&compiled.diagnostics, &Source::new("line", line), false);
        let unit = compiled.unit.unwrap_or_else(|| panic!("{line}:\n{text}"));
        verify::verify(&unit).unwrap_or_else(|e| panic!("{e}\n{}", disasm::disassemble(&unit)));
        session = compiled.session.unwrap_or_default();
    }
    let wrong = compile_text("P(x: 1)", Some(&session)).diagnostics;
    assert_eq!(wrong[0].message, "`P` has no field `x`");
}

#[test]
fn random_programs_verify() {
    for seed in 0..400 {
        let text = generate::program(seed);
        let compiled = compile_text(&text, None);
        let errors = render(&compiled.diagnostics, &Source::new("test.lisle", &*text), false);
        let unit = compiled.unit.unwrap_or_else(|| panic!("seed {seed}:\n{errors}\n{text}"));
        verify::verify(&unit)
            .unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}\n{}", disasm::disassemble(&unit)));
    }
}

#[test]
fn sessions_keep_names() {
    let mut session = Session::default();
    for line in [
        "var x = [1]",
        "let y = 2",
        "fn f(a) { a + y }",
        "x.push(f(3))\nx",
        "var x = 5; x + 1",
        "fn f() { 1 }",
        "import math",
        "math.pi + x",
        "let g = |z| z + x; g(1)",
    ] {
        let compiled = compile_text(line, Some(&session));
        let text = render(&compiled.diagnostics, &Source::new("line", line), false);
        let unit = compiled.unit.unwrap_or_else(|| panic!("{line}:\n{text}"));
        verify::verify(&unit).unwrap_or_else(|e| panic!("{e}\n{}", disasm::disassemble(&unit)));
        session = compiled.session.unwrap_or_default();
    }
    let names: Vec<&str> = session.globals.iter().map(|g| &*g.name).collect();
    assert_eq!(names, ["x", "y", "f", "g"]);
}

/// Modules beside the programs.
struct Files;

impl Library for Files {
    fn find(&mut self, importer: &str, path: &str) -> Result<Box<str>, Refusal> {
        let file = std::path::Path::new(importer).with_file_name("").join(format!("{path}.lisle"));
        Ok(file.canonicalize().map_err(refused)?.display().to_string().into())
    }

    fn known(&mut self, _: &str) -> Option<Arc<Interface>> {
        None
    }

    fn read(&mut self, module: &str) -> Result<Source, Refusal> {
        Ok(Source::new(module, std::fs::read_to_string(module).map_err(refused)?))
    }

    fn environment(&mut self) -> Arc<Environment> {
        Arc::new(environment())
    }
}

fn refused(error: std::io::Error) -> Refusal {
    Refusal { message: error.to_string(), candidates: Vec::new() }
}

#[test]
fn all_conformance_programs_compile_as_they_say() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/programs");
    let mut todo = vec![std::path::PathBuf::from(root)];
    let mut wrong = Vec::new();
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()));
            continue;
        }
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        if text.contains("# not a test") {
            continue;
        }
        let source = Source::new(path.display().to_string(), &*text);
        let built = graph::compile(&source, None, None, BTreeMap::new(), &mut Files);
        let is_wrong = text.contains("expect error:") || text.contains("expect error at");
        match built.compiled.unit {
            Some(unit) => {
                let units = built.modules.iter().map(|module| &module.unit).chain([&unit]);
                for error in units.filter_map(|unit| verify::verify(unit).err()) {
                    wrong.push(format!("{}: {error}", path.display()));
                }
                if is_wrong {
                    wrong.push(format!("{}: compiles, and should not", path.display()));
                }
            }
            None if is_wrong => {}
            None => {
                wrong.push(render(&built.compiled.diagnostics, &source, false));
                for (source, found) in built.findings {
                    wrong.push(render(&found, &source, false));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
