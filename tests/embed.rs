//! The embedding API, as a host uses it.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod paper;

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use lisle::{
    Bytes, Context, Entries, Error, ErrorKind, FromValue, HostObject, HostType, IntoValue, Local,
    ModuleBuilder, Object, Reply, Value, ValueRef, Vm,
};

use paper::Paper;

fn vm() -> Vm {
    Vm::builder().lwps(2).build().unwrap()
}

fn error<T: FromValue + std::fmt::Debug>(vm: &Vm, text: &str) -> Error {
    vm.eval::<T>(text).unwrap_err()
}

#[test]
fn a_text_gives_the_value_of_its_last_expression() {
    let vm = vm();
    assert_eq!(vm.eval::<i64>("1 + 1").unwrap(), 2);
    assert_eq!(vm.eval::<f64>("7 / 2").unwrap(), 3.5);
    assert_eq!(vm.eval::<f64>("3").unwrap(), 3.0);
    assert_eq!(vm.eval::<String>("\"a\" + 'b'").unwrap(), "ab");
    assert_eq!(vm.eval::<Vec<i64>>("[1, 2]").unwrap(), [1, 2]);
    assert_eq!(vm.eval::<Option<bool>>("nil").unwrap(), None);
    assert_eq!(vm.eval::<(i64, String)>("[1, \"x\"]").unwrap(), (1, "x".to_owned()));
    assert_eq!(
        vm.eval::<Vec<(String, i64)>>("[b: 1, a: 2]").unwrap(),
        [("b".into(), 1), ("a".into(), 2)]
    );
    assert_eq!(
        vm.eval::<BTreeMap<String, i64>>("[b: 1]").unwrap(),
        BTreeMap::from([("b".into(), 1)])
    );
    assert_eq!(vm.eval::<HashMap<i64, bool>>("[1: true]").unwrap(), HashMap::from([(1, true)]));
    vm.eval::<()>("let unused = 1").unwrap();
}

#[test]
fn a_wrong_type_says_which() {
    let vm = vm();
    let message = |text: &str| vm.eval::<Vec<u8>>(text).unwrap_err().message().to_owned();
    assert_eq!(message("1"), "expected a list of int, got an int");
    assert_eq!(message("[1, \"x\"]"), "element 1: expected an int, got a string");
    assert_eq!(message("[300]"), "element 0: expected an int in 0..=255, got 300");
    assert_eq!(*error::<i64>(&vm, "1.5").kind(), ErrorKind::Type);
}

#[test]
fn names_stay_and_functions_are_called_by_name() {
    let vm = vm();
    vm.load("let base = 10\nfn add(a, b = 1) { base + a + b }").unwrap();
    assert_eq!(vm.call::<i64>("add", (1, 2)).unwrap(), 13);
    assert_eq!(vm.call::<i64>("add", (1,)).unwrap(), 12);
    assert_eq!(vm.eval::<i64>("add(5)").unwrap(), 16);
    assert_eq!(vm.global::<i64>("base").unwrap(), 10);
    vm.load("fn add(a, b = 1) { a * b }").unwrap();
    assert_eq!(vm.call::<i64>("add", (3, 4)).unwrap(), 12);
    assert_eq!(*vm.call::<()>("absent", ()).unwrap_err().kind(), ErrorKind::Name);
    assert_eq!(*vm.call::<()>("add", ()).unwrap_err().kind(), ErrorKind::Arity);
    assert_eq!(*vm.call::<()>("base", ()).unwrap_err().kind(), ErrorKind::Type);
}

#[test]
fn values_are_kept_sent_and_called() {
    let vm = vm();
    let double: Value = vm.eval("let k = 2\n|x| x * k").unwrap();
    let kept = double.clone();
    let there = vm.clone();
    let result =
        thread::spawn(move || there.call_value::<i64>(&kept, (21,)).unwrap()).join().unwrap();
    assert_eq!(result, 42);
    assert_eq!(double, double.clone());
    let data: Value = vm.eval("[name: \"Ada\", tags: [1, 2]]").unwrap();
    assert_eq!(data.literal(), "[\"name\": \"Ada\", \"tags\": [1, 2]]");
    assert_eq!(data.get("name").unwrap().to_string(), "Ada");
    assert_eq!(data.get("tags").unwrap().items().unwrap().len(), 2);
    assert_eq!(vm.call_value::<Value>(&vm.eval("|x| x").unwrap(), (&data,)).unwrap(), data);
}

#[test]
fn values_outlive_their_vm() {
    let vm = vm();
    let data: Value = vm.eval("[\"some text\", [a: 1], 1..3, |x| x]").unwrap();
    drop(vm);
    assert_eq!(data.items().unwrap()[0].to::<String>().unwrap(), "some text");
    assert!(data.literal().contains("[\"a\": 1]"));
}

#[test]
fn only_data_goes_to_another_vm() {
    let (one, other) = (vm(), vm());
    other.load("fn id(x) { x }\nfn first(xs) { xs[0] }").unwrap();
    let data: Value = one.eval("[1, \"two\", [three: [3.5, nil]], 1..4]").unwrap();
    assert_eq!(other.call::<Value>("id", (&data,)).unwrap(), data);
    for text in ["|x| x", "print", "channel()", "[1, [spawn { 1 }]]", "[f: |x| x]"] {
        let value: Value = one.eval(text).unwrap();
        assert_eq!(
            *other.call::<Value>("id", (value,)).unwrap_err().kind(),
            ErrorKind::Type,
            "{text}"
        );
    }
    // Data of any depth.
    let deep: Value = one.eval("var x = [1]\nfor i in 0..100000 { x = [x] }\nx").unwrap();
    let inner: Value = other.call("first", (&deep,)).unwrap();
    assert_eq!(inner.type_name(), "list");
}

#[test]
fn bytes_are_not_lists() {
    let vm = Vm::builder()
        .lwps(1)
        .function("twice(data)", |data: Bytes| Bytes(data.0.repeat(2)))
        .build()
        .unwrap();
    assert_eq!(vm.eval::<Bytes>("twice(bytes([1, 200]))").unwrap(), Bytes(vec![1, 200, 1, 200]));
    let wrong = |text| error::<Bytes>(&vm, text).message().to_owned();
    assert_eq!(wrong("twice([1])"), "argument `data`: expected bytes, got a list");
    assert_eq!(wrong("1"), "expected bytes, got an int");
    assert_eq!(error::<String>(&vm, "bytes(1)").message(), "expected a string, got bytes");
    // They are data, which goes to another VM.
    let (other, data): (_, Value) = (Vm::new().unwrap(), vm.eval("[bytes(\"x\")]").unwrap());
    other.load("fn first(xs) { xs[0].text() }").unwrap();
    assert_eq!(other.call::<String>("first", (&data,)).unwrap(), "x");
}

#[test]
fn closures_are_functions() {
    let vm = Vm::builder()
        .lwps(1)
        .function("add(a, b = 10)", |a: i64, b: i64| a + b)
        .function("shout(text)", |text: &str| text.to_uppercase())
        .function("count(...items)", |items: Vec<Value>| items.len())
        .function("kind(value)", |value: ValueRef<'_>| value.type_name().to_owned())
        .function("nothing()", || ())
        .function("half(n)", |n: i64| match n % 2 {
            0 => Ok(n / 2),
            _ => Err(Error::new(ErrorKind::Value, format!("{n} is odd"))),
        })
        .function("parse(text)", |text: &str| text.parse::<i64>())
        .blocking_function("slow(text)", |text: String| {
            thread::yield_now();
            text.len()
        })
        .eager_function("read(path)", |path: String| fs::read_to_string(path))
        .build()
        .unwrap();
    assert_eq!(vm.eval::<Vec<i64>>("[add(1), add(1, 2), add(b: 5, a: 6)]").unwrap(), [11, 3, 11]);
    assert_eq!(vm.eval::<String>("shout(\"abc\")").unwrap(), "ABC");
    assert_eq!(vm.eval::<i64>("count(1, nil, [])").unwrap(), 3);
    assert_eq!(vm.eval::<String>("kind([:])").unwrap(), "map");
    assert_eq!(vm.eval::<Option<i64>>("nothing()").unwrap(), None);
    assert_eq!(vm.eval::<i64>("slow(\"four\")").unwrap(), 4);
    assert_eq!(vm.eval::<Vec<i64>>("[2, 4].map(half)").unwrap(), [1, 2]);
    let caught = "try { half(3) } catch e { \"{e.kind}: {e.message}\" }";
    assert_eq!(vm.eval::<String>(caught).unwrap(), "value: 3 is odd");
    let caught = "try { read(\"no/such\") } catch e { \"{e.kind}: {e.message}\" }";
    assert_eq!(vm.eval::<String>(caught).unwrap(), "io: No such file or directory");
    assert_eq!(error::<i64>(&vm, "parse(\"x\")").kind().name(), "host");
    let mismatch = error::<i64>(&vm, "add(\"x\")");
    assert_eq!(*mismatch.kind(), ErrorKind::Type);
    assert_eq!(mismatch.message(), "argument `a`: expected an int, got a string");
    // The compiler knows how they are called.
    assert_eq!(*error::<i64>(&vm, "add()").kind(), ErrorKind::Syntax);
    assert_eq!(*error::<i64>(&vm, "let f = add\nf()").kind(), ErrorKind::Arity);
}

#[test]
fn a_panic_becomes_an_error_and_the_vm_goes_on() {
    let vm = Vm::builder()
        .lwps(1)
        .function("quick()", || -> i64 { panic!("quick trouble") })
        .blocking_function("slow()", || -> i64 { panic!("slow trouble") })
        .build()
        .unwrap();
    for name in ["quick", "slow"] {
        let error = error::<i64>(&vm, &format!("{name}()"));
        assert_eq!(error.kind().name(), "panic");
        assert!(error.message().contains(&format!("{name} trouble")), "{error}");
    }
    assert_eq!(vm.eval::<i64>("try { slow() } catch { 5 }").unwrap(), 5);
}

#[test]
fn a_builder_finds_what_is_wrong() {
    let wrong = Vm::builder().function("f(a)", |a: i64, b: i64| a + b).build().unwrap_err();
    assert!(wrong.message().contains("1 parameters"), "{wrong}");
    assert!(Vm::builder().function("f(a", |a: i64| a).build().is_err());
    assert!(Vm::builder().methods("fn list_x(xs) {").build().is_err());
}

#[test]
fn modules_and_methods_of_the_host() {
    let module = ModuleBuilder::new("shop", "")
        .value("currency", "", "EUR")
        .value("limits", "", Entries(vec![("low", 1), ("high", 9)]))
        .function("price(n)", "", |n: i64| n * 3)
        .raw("twice(f, x)", "", |context: &mut Context<'_, '_>| {
            let function = context.args().at(0).to_local();
            let again = context.args().at(0).to_value();
            let x = context.args().at(1).to_local();
            Ok(Reply::call(function, vec![x], move |first| {
                Ok(Reply::call(again.into_value()?, vec![first?], |second| Reply::now(second?)))
            }))
        });
    let vm = Vm::builder()
        .lwps(1)
        .module(module)
        .methods("fn list_second(xs) { xs[1] }\nfn int_double(n) { n * 2 }")
        .build()
        .unwrap();
    let text = "import shop\n[shop.currency, shop.price(2), shop.limits.high]";
    assert_eq!(vm.eval::<(String, i64, i64)>(text).unwrap(), ("EUR".into(), 6, 9));
    assert_eq!(
        vm.eval::<i64>("import shop.{twice}\ntwice(|x| { sleep(1ms); x * 3 }, 5)").unwrap(),
        45
    );
    let thrown = error::<i64>(&vm, "twice(|x| [][0], 5)");
    assert_eq!(*thrown.kind(), ErrorKind::Index);
    assert_eq!(vm.eval::<i64>("[1, 2].second().double()").unwrap(), 4);
}

#[test]
fn what_is_late_is_there_when_it_is_needed() {
    let module = ModuleBuilder::new("shop", "").function("price(n)", "", |n: i64| n * 3).late_script(
        "import shop\n## Of two.\nfn both(a, b) { sum([a, b]) }\nfn sum(ns) { ns.map(shop.price).sum() }",
    );
    let vm = Vm::builder()
        .lwps(1)
        .module(module)
        .late_methods(
            "## The third.\nfn list_third(xs) { xs[2] }\n\nfn list_fourth(xs) { missing }\n\
             fn elements_fifth(xs) { [...xs].map(|x| x)[4] }",
        )
        .build()
        .unwrap();
    assert_eq!(vm.eval::<i64>("[1, 2, 3].third()").unwrap(), 3);
    assert_eq!(vm.eval::<String>("\"abcde\".fifth()").unwrap(), "e");
    assert_eq!(vm.eval::<i64>("import shop\nshop.both(1, 2)").unwrap(), 9);
    // Only who calls it hears what is wrong.
    let wrong = vm.eval::<i64>("[].fourth()").unwrap_err();
    assert!(wrong.to_string().contains("missing"), "{wrong}");
    // What nobody has called yet is known all the same.
    let vm = Vm::new().unwrap();
    let error = error::<i64>(&vm, "[1].mapp(|x| x)");
    assert!(error.message().contains("did you mean `map`"), "{error}");
    assert!(vm.help("list.map").unwrap().contains("A list of what"));
}

#[test]
fn a_late_module_is_made_for_the_first_text_that_imports_it() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    fn shop() -> ModuleBuilder {
        MADE.fetch_add(1, SeqCst);
        ModuleBuilder::new("shop", "")
            .function("price(n)", "", |n: i64| n * 3)
            .script("## Of two.\nfn both(a, b) { a + b }\nlet ready = true")
            .late_script("import shop\n## Of three.\nfn all(a, b, c) { shop.both(a, b) + c }")
    }
    let build = || Vm::builder().lwps(1).late_module("shop", shop).build().unwrap();
    let vm = build();
    assert_eq!(vm.eval::<i64>("let shop = 1\nshop").unwrap(), 1);
    assert_eq!(MADE.load(SeqCst), 0);
    let text = "import shop\nshop.all(shop.price(1), 2, shop.both(1, 1))";
    assert_eq!(vm.eval::<i64>(text).unwrap(), 7);
    assert_eq!(vm.eval::<i64>("shop.price(2)").unwrap(), 6);
    assert_eq!(MADE.load(SeqCst), 1);
    // However it is imported, and for whoever has a name wrong.
    assert_eq!(build().eval::<i64>("import # the\n  shop\nshop.price(1)").unwrap(), 3);
    let wrong = error::<i64>(&build(), "price(1)");
    assert!(wrong.to_string().contains("shop.price"), "{wrong}");
    assert_eq!(MADE.load(SeqCst), 3);
}

struct Counter(AtomicI64);

/// Counters that exist.
static COUNTERS: AtomicUsize = AtomicUsize::new(0);

impl Counter {
    fn new() -> Object<Self> {
        COUNTERS.fetch_add(1, SeqCst);
        Object(Self(AtomicI64::new(0)))
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        COUNTERS.fetch_sub(1, SeqCst);
    }
}

impl HostObject for Counter {
    fn host_type() -> &'static HostType<Self> {
        static TYPE: LazyLock<HostType<Counter>> = LazyLock::new(|| {
            HostType::new("counter")
                .method("add(n = 1)", "", |counter: &Counter, n: i64| {
                    counter.0.fetch_add(n, SeqCst) + n
                })
                .blocking("slow()", "", |counter: &Counter| counter.0.load(SeqCst))
                .property("count", "", |counter: &Counter| counter.0.load(SeqCst))
                .method("next()", "", |counter: &Counter| {
                    Some(counter.0.fetch_add(1, SeqCst) + 1).filter(|n| *n <= 3)
                })
        });
        &TYPE
    }
}

#[test]
fn properties_read_as_fields_and_as_calls() {
    let vm = Vm::builder().lwps(1).function("counter()", Counter::new).build().unwrap();
    let text = "let c = counter()\nc.add(2)\n[c.count, c.count(), [c][0].count]";
    assert_eq!(vm.eval::<Vec<i64>>(text).unwrap(), [2, 2, 2]);
    let same = Arc::new(Counter::new().0);
    let one = Vm::builder().function("one()", move || same.clone()).build().unwrap();
    assert!(one.eval::<bool>("one() == one() and one() in [(one()): 1]").unwrap());
    let missing = error::<i64>(&vm, "counter().sum");
    assert_eq!(missing.message(), "counter has no field `sum`");
}

#[test]
fn objects_of_the_host() {
    let vm = Vm::builder()
        .lwps(2)
        .function("counter()", Counter::new)
        .function("peek(c)", |value: ValueRef<'_>| {
            value.object::<Counter>().map(|c| c.0.load(SeqCst))
        })
        .build()
        .unwrap();
    assert_eq!(vm.eval::<i64>("let c = counter()\nc.add()\nc.add(n: 4)\nc.slow()").unwrap(), 5);
    assert_eq!(
        vm.eval::<(String, bool, bool)>("[type(c), c == c, c == counter()]").unwrap(),
        ("counter".into(), true, false)
    );
    assert_eq!(vm.eval::<(i64, Option<i64>)>("[peek(c), peek(1)]").unwrap(), (5, None));
    assert_eq!(
        vm.eval::<Vec<i64>>("var seen = []\nfor n in counter() { seen.push(n) }\nseen").unwrap(),
        [1, 2, 3]
    );
    assert_eq!(*error::<i64>(&vm, "c.absent()").kind(), ErrorKind::Name);
    // Shared by threads.
    let text = "let d = counter()\nlet ts = (0..10).map(|i| spawn { for j in 0..100 { d.add() } })\n\
                ts.each(|t| t.join())\nd.add(0)";
    assert_eq!(vm.eval::<i64>(text).unwrap(), 1000);
    drop(vm);
    assert_eq!(COUNTERS.load(SeqCst), 0);
}

/// A type of the host that is a map in scripts.
#[derive(PartialEq, Debug)]
struct Point {
    x: f64,
    y: f64,
}

impl IntoValue for Point {
    fn into_value(self) -> Result<Local, Error> {
        Entries(vec![("x", self.x), ("y", self.y)]).into_value()
    }
}

impl FromValue for Point {
    fn expected() -> String {
        "map with x and y".into()
    }

    fn from_value(value: ValueRef<'_>) -> Result<Self, Error> {
        match (value.get("x"), value.get("y")) {
            (Some(x), Some(y)) => Ok(Self { x: x.to()?, y: y.to()? }),
            _ => Err(value.mismatch::<Self>()),
        }
    }
}

#[test]
fn types_of_the_host_convert() {
    let vm = Vm::builder()
        .lwps(1)
        .function("mirror(p)", |p: Point| Point { x: p.y, y: p.x })
        .build()
        .unwrap();
    assert_eq!(
        vm.eval::<Vec<Point>>("[mirror([x: 1, y: 2.5])]").unwrap(),
        [Point { x: 2.5, y: 1.0 }]
    );
    let wrong = error::<Point>(&vm, "mirror(5)");
    assert_eq!(wrong.message(), "argument `p`: expected a map with x and y, got an int");
}

#[test]
fn errors_have_kind_message_place_and_trace() {
    let vm = vm();
    vm.load_named("lib.lisle", "fn low(xs) {\n    xs[9]\n}\nfn high() { 1 + low([1]) }").unwrap();
    let error = vm.call::<i64>("high", ()).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Index);
    let place = error.place().unwrap();
    assert_eq!((place.source(), place.line(), place.column()), ("lib.lisle", 2, 5));
    assert_eq!(place.text(), "    xs[9]");
    let calls: Vec<_> = error.trace().iter().map(|frame| frame.function.as_str()).collect();
    assert_eq!(calls[..2], ["low", "high"]);
    let report = error.to_string();
    assert!(report.starts_with("error: index: "), "{report}");
    assert!(report.contains("--> lib.lisle:2:5"), "{report}");
    assert!(report.contains("  in high (lib.lisle:4:"), "{report}");
}

#[test]
fn errors_of_scripts_go_through_the_host_unchanged() {
    let vm = vm();
    let error = error::<i64>(&vm, "throw error(\"bad port\", kind: \"config\", data: [1])");
    assert_eq!((error.kind().name(), error.message()), ("config", "bad port"));
    let other = vm.eval::<i64>("throw [1, 2]").unwrap_err();
    assert_eq!(*other.kind(), ErrorKind::Thrown);
    assert_eq!(other.value().unwrap().to::<Vec<i64>>().unwrap(), [1, 2]);
}

#[test]
fn wrong_texts_say_all_that_is_wrong() {
    let vm = vm();
    let error = vm.load_named("bad.lisle", "let a = nope\nlet b = neither\n").unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Syntax);
    let lines: Vec<_> = error.diagnostics().map(|(_, place)| place.line()).collect();
    assert_eq!(lines, [1, 2]);
    assert!(error.to_string().contains("bad.lisle:2:9"), "{error}");
    // Nothing of it was kept.
    assert!(vm.global::<i64>("a").is_err());
}

#[test]
fn programs_run_to_their_end() {
    let (out, err) = (Paper::default(), Paper::default());
    let vm = || Vm::builder().lwps(2).stdout(out.clone()).stderr(err.clone()).build().unwrap();
    assert_eq!(vm().run("a", "spawn { sleep(5ms)\nprint(\"late\") }\nprint(\"early\")"), 0);
    assert_eq!(out.text(), "early\nlate\n");
    assert_eq!(err.text(), "");
    assert_eq!(vm().run("b", "import os\nos.exit(9)"), 9);
    assert_eq!(vm().run("c", "[][0]"), 1);
    assert!(err.text().contains("error: index"), "{}", err.text());
    assert_eq!(vm().run("d", "let ="), 2);
    assert_eq!(vm().run("e", b"print(\"\xff\")"), 2);
    assert!(err.text().contains("e:1:8"), "{}", err.text());
    assert_eq!(vm().run("f", "spawn { throw \"unseen\" }"), 1);
    assert!(err.text().contains("unseen"), "{}", err.text());
    assert_eq!(vm().run("g", "channel().recv()"), 1);
    assert!(err.text().contains("deadlock"), "{}", err.text());
}

#[test]
fn input_and_arguments_are_the_hosts() {
    let vm = Vm::builder().lwps(1).stdin_bytes("one\ntwo\n").args(["x", "y"]).build().unwrap();
    assert_eq!(vm.eval::<Vec<String>>("[input(), input()]").unwrap(), ["one", "two"]);
    assert_eq!(vm.eval::<Option<String>>("input()").unwrap(), None);
    assert_eq!(vm.eval::<Vec<String>>("import os\nos.args").unwrap(), ["x", "y"]);
}

#[test]
fn a_session_keeps_names_and_threads() {
    let vm = vm();
    let session = vm.session();
    session.eval::<()>("var n = 1\nlet ch = channel()").unwrap();
    session.eval::<()>("n += 1\nlet t = spawn { ch.recv() * 2 }").unwrap();
    assert_eq!(session.eval::<i64>("n").unwrap(), 2);
    assert!(session.eval::<i64>("n += 10\n[][0]").is_err());
    assert_eq!(session.eval::<i64>("n").unwrap(), 12);
    session.eval::<()>("ch.send(21)").unwrap();
    assert_eq!(session.eval::<i64>("t.join()").unwrap(), 42);
    // Its names are its own.
    assert!(vm.eval::<i64>("n").is_err());
}

#[test]
fn an_evaluation_is_interrupted_from_elsewhere() {
    let vm = vm();
    let session = vm.session();
    let texts = [
        "loop { }",
        "sleep(1h)",
        "channel().recv()",
        "(0..9000000000000000).each(|x| x)",
        "(spawn { loop { } }).join()",
    ];
    let _awake = vm.guard();
    for text in texts {
        let ended = Arc::new(AtomicBool::new(false));
        let (interrupt, seen) = (session.interrupt(), ended.clone());
        // As a person at a prompt does who presses Ctrl-C until it helps.
        let presser = thread::spawn(move || {
            while !seen.load(SeqCst) {
                interrupt.cancel();
                thread::yield_now();
            }
        });
        let error = session.eval::<Value>(text).unwrap_err();
        ended.store(true, SeqCst);
        presser.join().unwrap();
        assert_eq!(*error.kind(), ErrorKind::Cancelled, "{text}");
    }
    assert_eq!(session.eval::<i64>("1").unwrap(), 1);
}

#[test]
fn a_wait_that_nobody_can_end_is_a_deadlock() {
    let vm = vm();
    vm.load("let ch = channel()\nlet worker = spawn { ch.recv() }").unwrap();
    let error = vm.eval::<()>("channel().recv()").unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Deadlock);
    // What waits for the host's next call was not touched.
    vm.load("ch.send(5)").unwrap();
    assert_eq!(vm.eval::<i64>("worker.join()").unwrap(), 5);
}

#[test]
fn another_handle_may_wake_who_waits() {
    let vm = vm();
    vm.load("let ch = channel()\nfn give() { ch.send(7) }\nfn take() { ch.recv() }").unwrap();
    let other = vm.clone();
    let taker = thread::spawn(move || other.call::<i64>("take", ()).unwrap());
    vm.call::<()>("give", ()).unwrap();
    assert_eq!(taker.join().unwrap(), 7);
}

#[test]
fn many_host_threads_call_at_once() {
    let vm = vm();
    vm.load("fn sum(n) { (0..n).map(|i| spawn { i }).map(|t| t.join()).sum() }").unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for n in 1..30 {
                    assert_eq!(vm.call::<i64>("sum", (n,)).unwrap(), n * (n - 1) / 2);
                }
            });
        }
    });
}

#[test]
fn a_blocking_native_may_call_back_and_a_quick_one_may_not() {
    let slot: Arc<Mutex<Option<Vm>>> = Arc::default();
    let (quick, slow) = (slot.clone(), slot.clone());
    let call = |slot: &Mutex<Option<Vm>>| {
        let vm = slot.lock().unwrap().clone().unwrap();
        vm.call::<i64>("answer", ())
    };
    let vm = Vm::builder()
        .lwps(1)
        .function("quick()", move || call(&quick))
        .blocking_function("slow()", move || call(&slow))
        .build()
        .unwrap();
    vm.load("fn answer() { sleep(1ms); 42 }").unwrap();
    *slot.lock().unwrap() = Some(vm.clone());
    vm.load("fn through() { slow() }\nfn refused() { quick() }").unwrap();
    assert_eq!(vm.call::<i64>("through", ()).unwrap(), 42);
    assert_eq!(*vm.call::<i64>("refused", ()).unwrap_err().kind(), ErrorKind::Value);
    slot.lock().unwrap().take();
}

#[test]
fn a_memory_limit_is_an_error_that_can_be_caught() {
    let vm = Vm::builder().lwps(1).memory_limit(8 << 20).build().unwrap();
    let error = error::<()>(&vm, "var xs = []\nloop { xs.push(\"x\" * 1000) }");
    assert_eq!(*error.kind(), ErrorKind::Memory);
    assert_eq!(
        vm.eval::<String>("try { \"x\" * 100000000 } catch e { e.kind }").unwrap(),
        "memory"
    );
    assert_eq!(vm.eval::<i64>("1 + 1").unwrap(), 2);
}

#[test]
fn a_local_function_that_calls_itself_is_freed() {
    let vm = Vm::builder().lwps(1).memory_limit(8 << 20).build().unwrap();
    let source = "fn made() {
                      let big = [nil] * 100_000
                      fn down(n) { if n == 0 { big.len() } else { down(n - 1) } }
                      down(3)
                  }
                  (0..100).map(|_| made()).sum()";
    assert_eq!(vm.eval::<i64>(source).unwrap(), 10_000_000);
}

#[test]
fn a_bare_vm_has_no_modules() {
    let vm = Vm::bare().lwps(1).build().unwrap();
    assert_eq!(vm.eval::<i64>("1 + 1").unwrap(), 2);
    assert_eq!(*vm.eval::<()>("import fs").unwrap_err().kind(), ErrorKind::Syntax);
}
