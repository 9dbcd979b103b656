//! Scripts on a virtual clock and one processor: they run the same way each time, and no thread stops
//! the clock.

use std::sync::Arc;

use super::Host;
use crate::native::{Call, FunctionDef, NativeDef, NativeResult, Next};
use crate::sched::{Config, Time};
use crate::value::Owned;

/// `clock()`: the virtual time, in units of fuel that have been used.
static CLOCK: FunctionDef = FunctionDef {
    name: "clock",
    signature: "()",
    doc: "The virtual time.",
    run: clock,
    shortcut: None,
};

fn clock(call: &mut Call<'_>) -> NativeResult {
    let nanos = call.context().now().since(Time::START).as_nanos();
    let units =
        i64::try_from(nanos).unwrap_or(i64::MAX) / crate::sched::NANOS_PER_FUEL.cast_signed();
    Ok(Next::Return(Owned::int(units)))
}

/// A VM on a virtual clock.
pub(super) fn host(seed: u64) -> Host {
    let config =
        Config { processors: 1, seed: Some(seed), virtual_time: true, ..Config::default() };
    let host = Host::with(config);
    let entered = host.heap.enter();
    host.vm.define("clock", Owned::native(Arc::new(NativeDef::from(&CLOCK))));
    drop(entered);
    host
}

fn run(seed: u64, text: &str) -> String {
    let host = host(seed);
    host.run(host.load(text)).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Threads that choose, sleep, compute and talk.
const BUSY: &str = "
let out = channel(1000)
let a = channel(20)
let b = channel(20)
fn producer(ch, id) { for i in 0..20 { ch.send(id * 100 + i); if i % 3 == id { yield() } } }
fn sleeper(out, id) { for i in 0..10 { sleep(0.0007 * id); out.send(id * 1000 + i) } }
fn spinner(out, id) { var n = 0; for i in 0..40_000 { n = (n + i * id) % 1009 }; out.send(n) }
let ts = [spawn producer(a, 1), spawn producer(b, 2)]
for id in 1..4 { spawn sleeper(out, id); spawn spinner(out, id) }
var log = []
sleep(0.001)
for i in 0..40 {
    select {
        v = a.recv() => log.push(v)
        v = b.recv() => log.push(v)
        after 1 => log.push(-1)
    }
}
sleep(5)
while out.len() > 0 { log.push(out.recv()) }
str(log)";

#[test]
fn the_same_seed_gives_the_same_run() {
    let first = run(1, BUSY);
    for _ in 0..5 {
        assert_eq!(run(1, BUSY), first);
    }
    let others: Vec<String> = (2..8).map(|seed| run(seed, BUSY)).collect();
    assert!(others.iter().all(|other| *other != first), "the seed changes nothing");
}

/// Waiting for the clock without blocking ends.
#[test]
fn a_thread_that_never_blocks_does_not_stop_the_clock() {
    let text = "
let until = clock() + 1_000_000
var turns = 0
while clock() < until { turns += 1 }
turns > 10_000";
    assert_eq!(run(1, text), "true");
    let text = "
let t = spawn { var n = 0; loop { n += 1 } }
let woken = select { after 0.01 => true, r = t.join() => false }
t.cancel()
woken";
    assert_eq!(run(1, text), "true");
}

/// Eight threads that compute on one processor, and one that takes the ticks of a ticker.
#[test]
fn a_ticker_beside_eight_spinners() {
    let text = "
fn spin(over) { var n = 0; while not over.get() == 1 { n += 1 }; n }
let over = atomic_(0)
var ts = []
for i in 0..8 { ts.push(spawn spin(over)) }
let ticks = ticker_(0.001)
var times = []
while times.len() < 100 { times.push(ticks.recv()) }
over.add(1)
ticks.close()
for t in ts { t.join() }
var missed = 0
for i in 1..100 { if times[i] - times[i - 1] > 0.0011 { missed += 1 } }
missed";
    assert_eq!(run(1, text), "0");
}
