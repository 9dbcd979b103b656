//! Bound threads.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{ThreadId, current};
use std::time::Duration;

use super::toy::{Cx, Dropped, Tally, Toy, processors, start, until};
use crate::sched::{BindError, Config, Handoff, Hold, LwpState, Outcome, Scheduler};

/// A thread with an LWP of its own.
fn bound(
    scheduler: &Scheduler<Toy>,
    call: impl FnMut() + Send + 'static,
    body: impl FnMut(Cx<'_, '_>, &Toy) -> Outcome + Send + 'static,
) -> Toy {
    Toy::bound(Some(scheduler.bind().unwrap().into_lwp()), call, body)
}

fn bound_lwps(scheduler: &Scheduler<Toy>) -> usize {
    scheduler.lwps().iter().filter(|lwp| lwp.bound).count()
}

/// The kernel thread that a user thread runs on. It must never be another one.
#[derive(Clone, Default)]
struct Home(Arc<Mutex<Option<ThreadId>>>);

impl Home {
    fn check(&self) {
        let here = current().id();
        assert_eq!(*self.0.lock().unwrap().get_or_insert(here), here, "on another kernel thread");
    }
}

/// Bound threads yield, park, sleep and call, a thousand times each, between unbound ones that do the
/// same. No bound thread ever changes its kernel thread, and no unbound one is ever seen there.
#[test]
fn always_the_same_kernel_thread() {
    for count in [1, 2, 8] {
        let (scheduler, stalls) = start(processors(count));
        let ended = Tally::default();
        let (send, receive) = mpsc::channel::<(Toy, Hold)>();
        let outside = {
            let scheduler = scheduler.clone();
            std::thread::spawn(move || {
                for (thread, hold) in receive {
                    assert!(thread.claim());
                    scheduler.ready(thread);
                    drop(hold);
                }
            })
        };
        let homes: Vec<Home> = (0..6).map(|_| Home::default()).collect();
        let unbound_ran_on: Arc<Mutex<HashSet<ThreadId>>> = Arc::default();
        for kind in 0..12_u64 {
            let (send, all) = (send.clone(), ended.clone());
            let home = homes.get(kind as usize).cloned();
            let ran_on = unbound_ran_on.clone();
            let here = move || match &home {
                Some(home) => home.check(),
                None => drop(ran_on.lock().unwrap().insert(current().id())),
            };
            let (here, in_call) = (here.clone(), here);
            let mut turn = 0;
            let body = move |cx: Cx<'_, '_>, this: &Toy| {
                here();
                turn += 1;
                if turn > 1_000 {
                    all.add();
                    return Outcome::Done;
                }
                match (turn * 7 + kind) % 8 {
                    0 => Outcome::Blocking(Handoff::Lazy),
                    1 => Outcome::Blocking(Handoff::Eager),
                    2 => {
                        this.0.wait.store(turn, SeqCst);
                        cx.timer(cx.now() + Duration::from_micros(20), this.clone(), turn);
                        Outcome::Parked
                    }
                    3 | 4 => {
                        this.0.wait.store(turn, SeqCst);
                        send.send((this.clone(), cx.scheduler().hold())).unwrap();
                        Outcome::Parked
                    }
                    _ => Outcome::Yielded,
                }
            };
            let thread = match homes.get(kind as usize) {
                Some(_) => bound(&scheduler, in_call, body),
                None => Toy::with_call(in_call, body),
            };
            scheduler.spawn(thread);
        }
        drop(send);
        ended.wait_for(12);
        until("the bound LWPs leave", || bound_lwps(&scheduler) == 0);
        scheduler.shutdown();
        outside.join().unwrap();
        assert_eq!(stalls.load(SeqCst), 0);
        let homes: HashSet<ThreadId> = homes.iter().map(|h| h.0.lock().unwrap().unwrap()).collect();
        assert_eq!(homes.len(), 6);
        assert!(homes.is_disjoint(&unbound_ran_on.lock().unwrap()));
    }
}

/// Threads that wake each other, by the next-slot: bound with bound, bound with unbound.
#[test]
fn bound_threads_take_turns() {
    for (count, both) in [(1, true), (1, false), (2, true), (2, false), (8, true)] {
        let (scheduler, stalls) = start(processors(count));
        let ended = Tally::default();
        let hold = scheduler.hold();
        let seats: Arc<Mutex<Vec<Toy>>> = Arc::default();
        let turns = Arc::new(AtomicUsize::new(0));
        let pair = [0, 1].map(|me| {
            let (seats, turns, ended) = (seats.clone(), turns.clone(), ended.clone());
            let home = Home::default();
            let body = move |cx: Cx<'_, '_>, this: &Toy| {
                if me == 0 || both {
                    home.check();
                }
                loop {
                    let turn = turns.load(SeqCst);
                    let other = seats.lock().unwrap()[1 - me].clone();
                    if turn >= 2_000 || turn % 2 == me {
                        if turn < 2_000 {
                            turns.store(turn + 1, SeqCst);
                        }
                        if other.claim() {
                            cx.ready(other);
                        }
                        if turn >= 2_000 {
                            ended.add();
                            return Outcome::Done;
                        }
                        continue;
                    }
                    this.0.wait.store(1, SeqCst);
                    if turns.load(SeqCst) != turn && this.claim() {
                        continue;
                    }
                    return Outcome::Parked;
                }
            };
            if me == 0 || both { bound(&scheduler, || {}, body) } else { Toy::new(body) }
        });
        seats.lock().unwrap().extend(pair.iter().cloned());
        pair.into_iter().for_each(|thread| scheduler.spawn(thread));
        drop(hold);
        ended.wait_for(2);
        scheduler.shutdown();
        assert_eq!(stalls.load(SeqCst), 0);
    }
}

/// Threads that compute, bound and not, share the processors.
#[test]
fn spinning_threads_share() {
    for count in [1, 2] {
        let (scheduler, _) = start(processors(count));
        let stop = Arc::new(AtomicBool::new(false));
        let slices: Vec<Arc<AtomicUsize>> = (0..6).map(|_| Arc::default()).collect();
        for (n, slices) in slices.iter().enumerate() {
            let (slices, stop) = (slices.clone(), stop.clone());
            let body = move |_: Cx<'_, '_>, _: &Toy| {
                slices.fetch_add(1, SeqCst);
                if stop.load(SeqCst) { Outcome::Done } else { Outcome::Yielded }
            };
            let thread = if n % 2 == 0 { bound(&scheduler, || {}, body) } else { Toy::new(body) };
            scheduler.spawn(thread);
        }
        until("all of them go on", || slices.iter().all(|slices| slices.load(SeqCst) > 100));
        stop.store(true, SeqCst);
        until("all end", || scheduler.stats().done == 6);
        scheduler.shutdown();
    }
}

/// A bound thread that is made ready while nothing runs gets its processor without help of the pool.
#[test]
fn an_idle_processor_is_sent_at_once() {
    let (scheduler, _) = start(processors(2));
    let _hold = scheduler.hold();
    let mut rounds = 0;
    let thread = bound(
        &scheduler,
        || {},
        move |_, this| {
            rounds += 1;
            if rounds > 100 {
                return Outcome::Done;
            }
            this.0.wait.store(rounds, SeqCst);
            Outcome::Parked
        },
    );
    let quiet = || scheduler.lwps().iter().all(|lwp| lwp.state == LwpState::Idle);
    until("the pool sleeps", quiet);
    let before = scheduler.stats();
    scheduler.spawn(thread.clone());
    for parks in 1..=100 {
        until("it waits", || scheduler.stats().parks == parks && quiet());
        assert!(thread.claim());
        scheduler.ready(thread.clone());
    }
    until("it ends", || scheduler.stats().done == 1 && quiet());
    let after = scheduler.stats();
    assert_eq!((after.passes - before.passes, after.lwp_wakes - before.lwp_wakes), (101, 0));
    scheduler.shutdown();
}

#[test]
fn many_bound_threads() {
    const COUNT: usize = 300;
    let (scheduler, stalls) = start(processors(2));
    let ended = Tally::default();
    let hold = scheduler.hold();
    let threads: Vec<Toy> = (0..COUNT)
        .map(|_| {
            let (home, all) = (Home::default(), ended.clone());
            let mut waited = false;
            let thread = bound(
                &scheduler,
                || {},
                move |_, this| {
                    home.check();
                    if !std::mem::replace(&mut waited, true) {
                        this.0.wait.store(1, SeqCst);
                        return Outcome::Parked;
                    }
                    all.add();
                    Outcome::Done
                },
            );
            scheduler.spawn(thread.clone());
            thread
        })
        .collect();
    until("all wait", || scheduler.stats().parks == COUNT as u64);
    assert_eq!(bound_lwps(&scheduler), COUNT);
    for thread in threads {
        assert!(thread.claim());
        scheduler.ready(thread);
    }
    ended.wait_for(COUNT);
    until("their LWPs leave", || bound_lwps(&scheduler) == 0);
    // What they had is used again.
    scheduler.spawn(bound(&scheduler, || {}, |_, _| Outcome::Done));
    until("it ends", || scheduler.stats().done == COUNT as u64 + 1);
    drop(hold);
    scheduler.shutdown();
    assert_eq!(stalls.load(SeqCst), 0);
}

/// Calls of bound threads are always admitted, and take no LWP from the pool.
#[test]
fn calls_of_bound_threads_are_admitted() {
    for handoff in [Handoff::Lazy, Handoff::Eager] {
        let (scheduler, stalls) = start(Config { max_lwps: 5, ..processors(2) });
        let (open, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let (called, ended) = (Tally::default(), Tally::default());
        for _ in 0..20 {
            let (gate, called, all) = (gate.clone(), called.clone(), ended.clone());
            let wait = move || {
                called.add();
                gate.lock().unwrap().recv().unwrap();
            };
            let mut asked = false;
            let body = move |_: Cx<'_, '_>, _: &Toy| {
                if !std::mem::replace(&mut asked, true) {
                    return Outcome::Blocking(handoff);
                }
                all.add();
                Outcome::Done
            };
            scheduler.spawn(bound(&scheduler, wait, body));
        }
        called.wait_for(20);
        assert_eq!((stalls.load(SeqCst), scheduler.stats().calls_queued), (0, 0));
        // The pool has LWPs for its own threads all the same.
        let pool = Tally::default();
        for _ in 0..10 {
            let pool = pool.clone();
            scheduler.spawn(super::toy::caller(handoff, || {}, move || pool.add()));
        }
        pool.wait_for(10);
        (0..20).for_each(|_| open.send(()).unwrap());
        ended.wait_for(20);
        scheduler.shutdown();
        assert_eq!(stalls.load(SeqCst), 0);
    }
}

/// A bound thread that waits for ever is a stall, one in a call is none.
#[test]
fn stalls_of_bound_threads() {
    let (scheduler, stalls) = start(processors(2));
    let (open, gate) = mpsc::channel::<()>();
    let called = Tally::default();
    let calls = called.clone();
    let mut step = 0;
    let wait = move || {
        calls.add();
        gate.recv().unwrap();
    };
    let thread = bound(&scheduler, wait, move |_, this| {
        step += 1;
        match step {
            1 => Outcome::Blocking(Handoff::Eager),
            2 => {
                this.0.wait.store(1, SeqCst);
                Outcome::Parked
            }
            _ => Outcome::Done,
        }
    });
    scheduler.spawn(thread.clone());
    called.wait_for(1);
    // The question is asked, and answered with no.
    let looks = scheduler.stats().monitor_looks;
    drop(scheduler.hold());
    until("the monitor has looked", || scheduler.stats().monitor_looks > looks + 1);
    assert_eq!(stalls.load(SeqCst), 0);
    open.send(()).unwrap();
    until("the stall is seen", || stalls.load(SeqCst) == 1);
    let hold = scheduler.hold();
    assert!(thread.claim());
    scheduler.ready(thread);
    until("it ends", || scheduler.stats().done == 1);
    drop(hold);
    scheduler.shutdown();
    assert_eq!(stalls.load(SeqCst), 1);
}

/// In virtual time the clock is moved on by whoever finds nothing to run, a bound LWP too.
#[test]
fn virtual_time_passes_for_bound_threads() {
    let (scheduler, stalls) = start(Config { virtual_time: true, ..processors(2) });
    let ended = Tally::default();
    let all = ended.clone();
    let mut seconds = 0;
    let body = move |cx: Cx<'_, '_>, this: &Toy| {
        if seconds == 600 {
            all.add();
            return Outcome::Done;
        }
        seconds += 1;
        this.0.wait.store(seconds, SeqCst);
        cx.timer(cx.now() + Duration::from_secs(1), this.clone(), seconds);
        Outcome::Parked
    };
    scheduler.spawn(bound(&scheduler, || {}, body));
    ended.wait_for(1);
    scheduler.shutdown();
    assert_eq!(stalls.load(SeqCst), 0);
}

#[test]
fn a_binding_that_is_not_used() {
    let (scheduler, _) = start(processors(2));
    let pool = scheduler.stats().lwps;
    let bindings: Vec<_> = (0..10).map(|_| scheduler.bind().unwrap()).collect();
    assert_eq!(scheduler.stats().lwps, pool + 10);
    drop(bindings);
    until("their LWPs leave", || scheduler.stats().lwps == pool);
    scheduler.shutdown();
    assert!(matches!(scheduler.bind(), Err(BindError::Closing)));
}

#[test]
fn a_refused_binding_leaves_nothing() {
    let (scheduler, stalls) = start(processors(2));
    let first = scheduler.bind().unwrap();
    let before = scheduler.stats().lwps;
    scheduler.shared.refuse.store(true, SeqCst);
    for _ in 0..100 {
        match scheduler.bind() {
            Err(BindError::Refused { lwps, .. }) => assert_eq!(lwps as u64, before),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((scheduler.stats().lwps, bound_lwps(&scheduler)), (before, 1));
    scheduler.shared.refuse.store(false, SeqCst);
    let ended = Tally::default();
    for lwp in [first.into_lwp(), scheduler.bind().unwrap().into_lwp()] {
        let all = ended.clone();
        scheduler.spawn(Toy::bound(
            Some(lwp),
            || {},
            move |_, _| {
                all.add();
                Outcome::Done
            },
        ));
    }
    ended.wait_for(2);
    scheduler.shutdown();
    assert_eq!(stalls.load(SeqCst), 0);
}

/// The pool's only LWP is in a call and the kernel refuses another one: what a bound LWP finds for the
/// pool waits, and is not lost.
#[test]
fn nobody_of_the_pool_to_pass_to() {
    let (scheduler, stalls) = start(processors(1));
    let (open, gate) = mpsc::channel::<()>();
    let (called, ended) = (Tally::default(), Tally::default());
    let (calls, all) = (called.clone(), ended.clone());
    let wait = move || {
        calls.add();
        gate.recv().unwrap();
    };
    scheduler.spawn(super::toy::caller(Handoff::Eager, wait, move || all.add()));
    called.wait_for(1);
    let binding = scheduler.bind().unwrap();
    scheduler.shared.refuse.store(true, SeqCst);
    let all = ended.clone();
    scheduler.spawn(Toy::bound(
        Some(binding.into_lwp()),
        || {},
        move |cx, _| {
            let all = all.clone();
            cx.spawn(Toy::new(move |_, _| {
                all.add();
                Outcome::Done
            }));
            Outcome::Done
        },
    ));
    until("the kernel has refused", || scheduler.stats().lwps_refused > 0);
    scheduler.shared.refuse.store(false, SeqCst);
    ended.wait_for(1);
    open.send(()).unwrap();
    ended.wait_for(2);
    until("all end", || scheduler.stats().done == 3);
    scheduler.shutdown();
    assert_eq!(stalls.load(SeqCst), 0);
}

/// Bound threads everywhere: queued, running, parked, in calls, not spawned yet, and being made by a
/// thread of the host. All handles are dropped and no kernel thread is left.
#[test]
fn shutdown_with_bound_threads() {
    for count in [1, 2, 8] {
        for _ in 0..10 {
            let (scheduler, _) = start(processors(count));
            let (dropped, called) = (Tally::default(), Tally::default());
            let thread = |n: u32| {
                let (guard, called) = (Dropped(dropped.clone()), called.clone());
                let body = move |cx: Cx<'_, '_>, this: &Toy| {
                    let _ = &guard;
                    match n % 5 {
                        0 => Outcome::Blocking(Handoff::Lazy),
                        1 => Outcome::Blocking(Handoff::Eager),
                        2 => {
                            this.0.wait.store(1, SeqCst);
                            cx.timer(cx.now() + Duration::from_secs(100), this.clone(), 1);
                            Outcome::Parked
                        }
                        _ => Outcome::Yielded,
                    }
                };
                let call = move || {
                    called.add();
                    std::thread::yield_now();
                };
                let binding = if n.is_multiple_of(3) { None } else { Some(scheduler.bind()?) };
                Ok::<_, BindError>(Toy::bound(binding.map(|b| b.into_lwp()), call, body))
            };
            let mut made = 0;
            for n in 0..60 {
                scheduler.spawn(thread(n).unwrap());
                made += 1;
            }
            let unused = scheduler.bind().unwrap();
            called.wait_for(3);
            let others = std::thread::scope(|scope| {
                let binder = scope.spawn(|| {
                    let mut others = 0;
                    loop {
                        match thread(others) {
                            Ok(thread) => scheduler.spawn(thread),
                            Err(BindError::Closing) => return others,
                            Err(refused) => panic!("{refused}"),
                        }
                        others += 1;
                    }
                });
                scheduler.shutdown();
                binder.join().unwrap()
            });
            drop(unused);
            // The body of the one that was refused at last is made and dropped too.
            dropped.wait_for(made + others as usize + 1);
            assert_eq!((scheduler.stats().lwps, scheduler.lwps().len()), (0, 0));
        }
    }
}
