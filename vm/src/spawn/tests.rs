//! Threads, channels, scopes and locks as scripts use them, with the interpreter and the scheduler
//! as they are shipped. Each program runs with several numbers of processors and seeds, and must
//! leave nothing behind: no thread, no byte.

mod virtual_time;
mod work;

use std::sync::Arc;
use std::time::{Duration, Instant};

use lisle_compiler::source::Source;
use lisle_compiler::{Environment, Options, compile};

use crate::link::{Globals, Module, link};
use crate::native::{Call, FunctionDef, NativeDef, NativeResult};
use crate::rc::Heap;
use crate::sched::Config;
use crate::thread::{End, ThreadOptions, ThreadRef};
use crate::value::{Owned, Shared, display};
use crate::vm::{VmOptions, VmShared};

/// A VM and the account of the host thread that uses it.
struct Host {
    vm: Arc<VmShared>,
    heap: Heap,
}

impl Host {
    fn new(processors: usize, seed: u64) -> Self {
        Self::with(Config { processors, seed: Some(seed), ..Config::default() })
    }

    fn with(config: Config) -> Self {
        let vm = VmShared::new(VmOptions::default(), config).expect("a scheduler starts");
        // A stall is the deadlock of all.
        vm.awaited.lock().programs = 1;
        let heap = Heap::new(vm.heap.clone(), None);
        let host = Self { vm, heap };
        let tables: [&[FunctionDef]; 5] = [
            &[CRASH],
            crate::sync::FUNCTIONS,
            crate::builtins::thread::FUNCTIONS,
            crate::builtins::time::FUNCTIONS,
            crate::builtins::runtime::FUNCTIONS,
        ];
        {
            let _entered = host.heap.enter();
            for row in tables.into_iter().flatten() {
                // `thread.spawn` and `thread.all` would be a keyword and a common name.
                let name = format!("{}_", row.name);
                host.vm.define(&name, Owned::native(Arc::new(NativeDef::from(row))));
            }
        }
        host
    }

    fn load(&self, text: &str) -> &Module {
        let _entered = self.heap.enter();
        let mut environment = Environment::default();
        for name in self.vm.builtins.lock().keys() {
            environment.builtins.insert(name.clone(), None);
        }
        let options = Options::new(&environment);
        let compiled = compile(&Source::new("test.lisle", text), &options);
        let Some(unit) = compiled.unit else { panic!("{:?}\n{text}", compiled.diagnostics) };
        link(&self.vm, &unit, Globals::new(false)).expect("what compiles links")
    }

    fn start(&self, module: &Module) -> ThreadRef {
        let _entered = self.heap.enter();
        let options = ThreadOptions { main: true, ..ThreadOptions::default() };
        let thread =
            ThreadRef::new(&self.vm, options, &mut module.main(), &mut []).expect("a thread");
        thread.done.add_handle();
        self.vm.scheduler().spawn(thread.clone());
        thread
    }

    /// What the program gives; a failure by its kind and message.
    fn run(&self, module: &Module) -> Result<String, String> {
        let thread = self.start(module);
        let _entered = self.heap.enter();
        let end = thread.done.wait_host(|| false).expect("nobody gives up");
        let failure = |thrown: &Shared| {
            let thrown = thrown.as_owned();
            let kind = thrown.as_error().map_or(String::new(), |e| format!("{}: ", e.kind()));
            kind + &display(thrown)
        };
        match end {
            End::Value(value) => Ok(display(value.as_owned())),
            End::Failed(thrown) => Err(failure(&thrown)),
            End::Cancelled(_) => Err("cancelled".to_owned()),
        }
    }

    /// Bytes of all objects once no thread is left.
    fn bytes(&self) -> u64 {
        self.settled(|| self.vm.threads_live() == 0);
        self.vm.heap.total()
    }

    fn settled(&self, done: impl Fn() -> bool) -> bool {
        let until = Instant::now() + Duration::from_secs(5);
        while !done() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        done()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _entered = self.heap.enter();
        self.vm.shutdown();
    }
}

const MACHINES: [(usize, u64); 4] = [(1, 1), (1, 2), (2, 3), (4, 4)];

/// A program, in a function, so that each run has variables of its own.
fn program(text: &str) -> String {
    format!("{NEXT}fn program() {{\n{text}\n}}\nprogram()")
}

/// The program gives this each time, and later runs leave nothing behind.
#[track_caller]
fn gives(text: &str, expected: &str) {
    for (processors, seed) in MACHINES {
        let host = Host::new(processors, seed);
        let module = host.load(&program(text));
        let run = || {
            let result = host.run(module);
            let given = result.as_deref().map_err(|e| &**e);
            assert_eq!(given, Ok(expected), "{processors} processors, seed {seed}:\n{text}");
        };
        run();
        // What one run leaves, every run does; what is late, or was missed in one look, is not.
        let mut bytes = host.bytes();
        let leaks = (0..6).all(|_| {
            run();
            let none_left = host.settled(|| host.bytes() <= bytes);
            bytes = host.bytes();
            !none_left
        });
        assert!(!leaks, "each run leaves something, {processors} processors, seed {seed}:\n{text}");
    }
}

/// The program gives this. What a timer holds that is not due yet may be left.
#[track_caller]
fn gives_in_time(text: &str, expected: &str) {
    for (processors, seed) in MACHINES {
        let host = Host::new(processors, seed);
        let result = host.run(host.load(&program(text)));
        let given = result.as_deref().map_err(|e| &**e);
        assert_eq!(given, Ok(expected), "{processors} processors, seed {seed}:\n{text}");
    }
}

/// The kernel refuses a bound thread its LWP: the spawner has an error, its scope and the VM know
/// nothing of the thread, and what is not bound goes on.
#[test]
fn a_refused_lwp_is_the_spawners_error() {
    for (processors, seed) in MACHINES {
        let host = Host::new(processors, seed);
        let module = host.load(&program(
            "
let word = \"kept\"
scope {
    let refused = try { spawn_(|| word, bound: true).join() } catch e { e.kind }
    [refused, (spawn { word }).join(), all_().len()]
}",
        ));
        let expected = Ok("[\"io\", \"kept\", 1]".to_owned());
        host.vm.scheduler().refuse_lwps();
        assert_eq!(host.run(module), expected);
        let (bytes, made) = (host.bytes(), host.vm.threads_made());
        assert_eq!(host.run(module), expected);
        assert_eq!(host.vm.threads_made(), made + 2);
        // Fewer when something of the first run went late.
        assert!(host.settled(|| host.bytes() <= bytes && host.vm.threads_live() == 0));
    }
}

/// Panics where a panic is a bug of ours.
const CRASH: FunctionDef =
    FunctionDef { name: "crash", signature: "()", doc: "", run: crash, shortcut: None };

fn crash(_: &mut Call<'_>) -> NativeResult {
    panic!("a test has the interpreter panic")
}

/// A generator of choices for scripts: `next(seed)`.
const NEXT: &str = "fn next(x) { (x * 48271) % 2147483647 }\n";

#[test]
fn every_value_arrives_once() {
    for capacity in [0, 1, 7] {
        let text = "
let ch = channel(CAPACITY)
let sums = channel()
for p in 0..4 { spawn { for i in 0..300 { ch.send(p * 300 + i); if i % 7 == p { yield() } } } }
for c in 0..3 {
    spawn { var sum = 0; for i in 0..400 { sum += ch.recv(); if i % 5 == c { yield() } }; sums.send(sum) }
}
sums.recv() + sums.recv() + sums.recv()";
        gives(&text.replace("CAPACITY", &capacity.to_string()), "719400");
    }
}

#[test]
fn cancelled_waits_lose_and_double_nothing() {
    // Senders and receivers are cancelled at random; what senders that ended well have sent is what
    // receivers that ended well have got, plus what is left.
    let text = "
let ch = channel(2)
let sent = atomic_(0)
let got = atomic_(0)
fn sender(ch, sent, n) { for i in 0..n { ch.send(1); sent.add(1) } }
fn receiver(ch, got) { for v in ch { got.add(v) } }
var x = 12345
var senders = []
var receivers = []
for i in 0..20 {
    senders = senders + [spawn sender(ch, sent, 20)]
    receivers = receivers + [spawn receiver(ch, got)]
}
for i in 0..60 {
    x = next(x)
    if x % 3 == 0 { yield() }
    if x % 2 == 0 { senders[x % 20].cancel() } else { if x % 20 > 2 { receivers[x % 20].cancel() } }
}
for t in senders { try { t.join() } catch e { nil } }
ch.close()
for t in receivers { try { t.join() } catch e { nil } }
var left = 0
for v in ch { left += v }
let lost = sent.get() - got.get() - left
# A sender may be cancelled between its send and the count, and a receiver between its receive and
# its own; no more than one each.
lost >= -20 and lost <= 20";
    gives(text, "true");
}

#[test]
fn a_cancelled_send_has_no_effect() {
    let text = "
let ch = channel()
var ts = []
for i in 0..50 { ts = ts + [spawn ch.send(i)] }
for i in 0..50 { yield() }
fn waiting() { var n = 0; for t in threads_() { if t.state == \"waiting\" { n += 1 } }; n }
while waiting() < 50 { yield() }
for i in 0..25 { ts[i * 2].cancel() }
var sum = 0
for i in 0..25 { sum += ch.recv() }
[sum, select { v = ch.recv() => v, else => \"none\" }]";
    gives(text, "[625, \"none\"]");
}

#[test]
fn selects_meet_each_other() {
    let text = "
let a = channel()
let b = channel()
let counts = channel(2)
fn trade(mine, other, counts) {
    var s = 0
    var r = 0
    while s + r < 500 {
        select {
            mine.send(1) => s += 1
            v = other.recv() => r += v
        }
    }
    counts.send([s, r])
}
spawn trade(a, b, counts)
spawn trade(b, a, counts)
let x = counts.recv()
let y = counts.recv()
[x[0] == y[1], x[1] == y[0]]";
    gives(text, "[true, true]");
}

#[test]
fn select_picks_uniformly() {
    let text = "
let chans = [channel(1000), channel(1000), channel(1000)]
for i in 0..1000 { chans[0].send(0); chans[1].send(1); chans[2].send(2) }
let a = chans[0]
let b = chans[1]
let c = chans[2]
var counts = [0, 0, 0]
for i in 0..900 {
    let which = select { v = a.recv() => v, v = b.recv() => v, v = c.recv() => v }
    counts[which] += 1
}
var fair = true
for n in counts { if n < 200 or n > 400 { fair = false } }
fair";
    gives(text, "true");
}

#[test]
fn select_over_everything() {
    let text = "
let ch = channel()
let done = channel()
let t = spawn { ch.send(1); sleep(0.002); \"joined\" }
var seen = []
for i in 0..3 {
    let what = select {
        v = ch.recv() => v
        r = t.join() => r
        ch.send(2) if false => \"never\"
        after 30 => \"late\"
    }
    seen = seen + [what]
}
let late = select { v = done.recv() => v, after 0.001 => \"late\" }
let now = select { v = done.recv() => v, after 0 => \"now\" }
[seen, late, now]";
    gives_in_time(text, "[[1, \"joined\", \"joined\"], \"late\", \"now\"]");
}

#[test]
fn scopes_end_after_their_threads() {
    let text = "
let live = atomic_(0)
let most = atomic_(0)
fn work(live, depth) {
    live.add(1)
    defer live.add(-1)
    if depth > 0 { for i in 0..3 { spawn work(live, depth - 1) } }
    yield()
}
var all = []
for i in 0..5 {
    scope { spawn work(live, 3) }
    all = all + [live.get()]
}
all";
    gives(text, "[0, 0, 0, 0, 0]");
}

#[test]
fn failures_at_random_places_end_every_thread() {
    let text = "
let live = atomic_(0)
let never = channel()
fn work(live, never, x, depth) {
    live.add(1)
    defer live.add(-1)
    if depth == 0 { if x % 5 == 0 { throw error(\"x\", kind: \"mine\") }; if x % 2 == 0 { never.recv() }; return nil }
    scope {
        var y = x
        for i in 0..3 { y = next(y); spawn work(live, never, y, depth - 1) }
        y = next(y)
        if y % 7 == 0 { throw error(\"y\", kind: \"body\") }
        spawn { sleep(0.001); throw error(\"end\", kind: \"end\") }
    }
}
var kinds = []
var x = 77
for i in 0..10 {
    x = next(x)
    try { work(live, never, x, 2) } catch e { if not (e.kind in [\"mine\", \"body\", \"end\"]) { kinds = kinds + [e.kind] } }
    if live.get() != 0 { throw \"a thread is left\" }
}
kinds";
    gives(text, "[]");
}

#[test]
fn a_cancelled_owner_takes_its_scope_along() {
    let text = "
let live = atomic_(0)
fn work(live, ready) {
    live.add(1)
    defer { yield(); live.add(-1) }
    scope {
        for i in 0..3 { spawn { live.add(1); defer { yield(); live.add(-1) }; ready.send(1); channel().recv() } }
    }
}
var left = []
for i in 0..10 {
    let ready = channel(3)
    let t = spawn work(live, ready)
    for k in 0..(i % 4) { ready.recv() }
    t.cancel()
    let kind = try { t.join() } catch e { e.kind }
    left = left + [live.get()]
    if kind != \"cancelled\" { throw kind }
}
left.sum()";
    gives(text, "0");
}

#[test]
fn locks_survive_cancelled_holders() {
    let text = "
let m = mutex_(0)
let s = semaphore_(2)
let inside = atomic_(0)
let wrong = atomic_(0)
fn work(m, s, inside, wrong) {
    loop {
        m.update(|n| { yield(); n + 1 })
        s.with(|| {
            if inside.add(1) > 2 { wrong.add(1) }
            defer inside.add(-1)
            yield()
        })
    }
}
var ts = []
for i in 0..12 { ts = ts + [spawn work(m, s, inside, wrong)] }
var x = 5
for i in 0..200 { yield(); x = next(x); if i > 150 { ts[x % 12].cancel() } }
for t in ts { t.cancel() }
for t in ts { try { t.join() } catch e { nil } }
m.set(7)
s.acquire()
s.acquire()
[m.update(|n| n + 1), inside.get(), wrong.get()]";
    gives(text, "[8, 0, 0]");
}

#[test]
fn once_barrier_and_waitgroup() {
    let text = "
let runs = atomic_(0)
let o = once_(|| { yield(); if runs.add(1) < 3 { throw \"again\" }; \"value\" })
let b = barrier_(4)
let g = waitgroup_()
let rounds = atomic_(0)
g.add(4)
for i in 0..4 {
    spawn {
        for r in 0..20 { rounds.add(1); b.wait(); if rounds.get() < (r + 1) * 4 { throw \"early\" }; b.wait() }
        g.done()
    }
}
var ts = []
for i in 0..6 { ts = ts + [spawn { loop { let v = try { o.get() } catch e { nil }; if v != nil { break v } } }] }
var values = []
for t in ts { values = values + [t.join()] }
g.wait()
[values.unique(), runs.get(), rounds.get()]";
    gives(text, "[[\"value\"], 3, 80]");
}

#[test]
fn deadlines() {
    gives_in_time("timeout_(30, || 1 + 1)", "2");
    gives_in_time("try { timeout_(0.001, || { loop { } }) } catch e { e.kind }", "timeout");
    gives_in_time("try { timeout_(0.001, || { sleep(30) }) } catch e { e.kind }", "timeout");
    gives_in_time("try { timeout_(0, || 1) } catch e { e.kind }", "timeout");
    let text = "
let log = channel(10)
let k = try {
    timeout_(0.002, || {
        defer log.send(\"outer\")
        try { timeout_(30, || { defer log.send(\"inner\"); sleep(30) }) } catch e { log.send(\"caught\") }
    })
} catch e { e.kind }
log.close()
var all = []
for v in log { all = all + [v] }
[k, all]";
    gives_in_time(text, "[\"timeout\", [\"inner\", \"outer\"]]");
    let text = "
timeout_(30, || { let k = try { timeout_(0.001, || sleep(30)) } catch e { e.kind }; \"inner {k}\" })";
    gives_in_time(text, "inner timeout");
    // A cancellation from outside is none.
    let text = "
let ready = channel(1)
let t = spawn { timeout_(30, || { ready.send(1); sleep(30) }) }
ready.recv()
t.cancel()
try { t.join() } catch e { e.kind }";
    gives_in_time(text, "cancelled");
}

#[test]
fn ticks() {
    let text = "
let t = ticker_(0.001)
var n = 0
for tick in t { n += 1; if n == 5 { t.close() } }
let a = after_(0.001)
let first = select { v = a.recv() => \"tick\", after 30 => \"late\" }
[n, first, a.recv(), a.closed()]";
    gives_in_time(text, "[5, \"tick\", nil, true]");
    let text = "
let t = ticker_(0.001)
let other = channel()
var n = 0
while n < 5 { select { v = t.recv() => n += 1, other.send(1) => n = 100 } }
n";
    gives_in_time(text, "5");
}

#[test]
fn deadlocks_are_told() {
    let host = Host::new(2, 5);
    let module = host.load("let ch = channel()\nspawn { ch.recv() }\nyield()\nch.recv()");
    let expected = "deadlock: all threads wait for each other\n  \
                    thread 1 waits to receive from channel 1 (test.lisle:4)\n  \
                    thread 2 waits to receive from channel 1 (test.lisle:2)";
    assert_eq!(host.run(module), Err(expected.to_owned()));
    assert!(host.settled(|| host.vm.threads_live() == 0));
}

#[test]
fn joining() {
    gives("let t = spawn { 42 }\n[t.join(), t.join(), t.done()]", "[42, 42, true]");
    gives("let t = spawn { throw \"x\" }\ntry { t.join() } catch e { e }", "x");
    gives("try { current_().join() } catch e { e.kind }", "deadlock");
    let text = "
let gate = channel()
let t = spawn { gate.recv() }
var ts = []
for i in 0..10 { ts = ts + [spawn { t.join() }] }
for i in 0..5 { yield() }
ts[3].cancel()
gate.send(\"v\")
var all = []
for i, u in ts { if i != 3 { all = all + [u.join()] } }
all.unique()";
    gives(text, "[\"v\"]");
}

#[test]
fn a_main_failure_stops_the_others() {
    let host = Host::new(2, 9);
    let module = host.load(
        "let never = channel()\nfor i in 0..5 { spawn { never.recv() } }\nthrow error(\"x\", kind: \"mine\")",
    );
    assert_eq!(host.run(module), Err("mine: x".to_owned()));
    assert!(host.settled(|| host.vm.threads_live() == 0));
}

#[test]
fn locks_survive_a_panic_of_the_interpreter() {
    // What the threads that died owned is not freed, so bytes are not looked at.
    let text = "
let m = mutex_([1])
let s = semaphore_(1)
let o = once_(|| if s.with(|| true) and m.with(|v| v.len()) == 2 { \"made\" } else { crash_() })
fn kind(f) { try { f() } catch e { e.kind } }
var kinds = []
kinds.push(kind(|| spawn_(|| o.get()).join()))
kinds.push(kind(|| spawn_(|| s.with(|| m.with(|mut v| { v.push(2); crash_() }))).join()))
kinds.push(kind(|| m.get()))
m.set([1, 2])
kinds.push(o.get())
kinds.push(kind(|| timeout_(1000, || spawn_(|| timeout_(1000, || crash_())).join())))
kinds";
    gives_in_time(text, r#"["internal", "internal", "cancelled", "made", "internal"]"#);
}

#[test]
fn circles_are_never_seen_where_none_are() {
    // Locks are taken in one order, and only older threads are joined: there is never a circle, but
    // for much of the time there is nearly one.
    let text = "
let a = mutex_(0)
let b = mutex_(0)
let seen = atomic_(0)
let running = atomic_(1)
spawn { while running.get() > 0 { seen.add(deadlocks_().len()); yield() } }
fn work(a, b, older, n) {
    for i in 0..n {
        if i % 3 == 0 { a.update(|x| { yield(); b.update(|y| y + 1); x + 1 }) }
        else if i % 3 == 1 { b.update(|y| { yield(); y + 1 }) }
        else { a.update(|x| x + 1) }
    }
    if older { older.join() }
}
var older = nil
for i in 0..12 { let before = older; older = spawn work(a, b, before, 60) }
older.join()
running.set(0)
[a.get(), b.get(), seen.get()]";
    gives(text, "[480, 480, 0]");
}

#[test]
fn a_mutex_that_was_waited_for_is_forgotten_with_its_handle() {
    let text = "
let m = mutex_(0)
let held = channel()
let t = spawn { m.update(|n| { held.send(1); held.recv(); n + 1 }) }
held.recv()
let u = spawn { m.get() }
fn wait() {
    loop { for t in threads_() { if t.get(\"waits\", \"\").starts_with(\"for mutex\") { return nil } }; yield() }
}
wait()
held.send(1)
u.join()";
    let host = Host::new(2, 1);
    assert_eq!(host.run(host.load(&program(text))).as_deref(), Ok("1"));
    assert!(host.settled(|| host.vm.contended.len() == 0));
}
