//! A whole scheduler under random threads: one processor, virtual time, some hundred seeds.
//!
//! Each thread takes a number of random steps: it yields, computes, waits to be woken, sleeps, does
//! both, wakes another, starts another, calls. Whatever comes of it, each one ends; each stall that is
//! reported is one; and without calls, which take real time, the same seed gives the same run.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::toy::{Cx, Toy, processors, until};
use crate::sched::{Config, Handoff, Hooks, Outcome, Scheduler};

/// How many threads a run has at most.
const THREADS: usize = 60;
/// How many steps a thread takes at most.
const STEPS: usize = 20;

/// What the threads of one run share.
struct World {
    /// Who did what, and when.
    trace: Mutex<Vec<(usize, usize, u64)>>,
    /// Who waits to be woken, and whether a timer does it too. May have gone on meanwhile.
    waiting: Mutex<Vec<(Toy, u64, bool)>>,
    /// Who waits to be woken and has no timer.
    stuck: AtomicUsize,
    started: AtomicUsize,
    ended: AtomicUsize,
    stalls: AtomicUsize,
    false_stalls: AtomicUsize,
    calls: bool,
    scheduler: Mutex<Option<Scheduler<Toy>>>,
}

impl World {
    /// Claims one that waits; `which` chooses.
    fn claim_one(&self, which: impl FnOnce(usize) -> usize) -> Option<Toy> {
        let mut waiting = self.waiting.lock().unwrap();
        if waiting.is_empty() {
            return None;
        }
        let at = which(waiting.len());
        let (toy, token, timed) = waiting.swap_remove(at);
        drop(waiting);
        if !toy.claim_token(token) {
            return None;
        }
        if !timed {
            self.stuck.fetch_sub(1, SeqCst);
        }
        Some(toy)
    }

    fn thread(self: &Arc<Self>, steps: usize) -> Toy {
        let world = self.clone();
        let me = self.started.fetch_add(1, SeqCst);
        let mut left = steps;
        Toy::with_call(std::thread::yield_now, move |cx, this| {
            if left == 0 {
                world.note(me, 99, cx);
                world.ended.fetch_add(1, SeqCst);
                return Outcome::Done;
            }
            left -= 1;
            let choices = if world.calls { 10 } else { 8 };
            let step = cx.chooser().below(choices);
            world.note(me, step, cx);
            world.take(step, left as u64 + 1, cx, this)
        })
    }

    fn note(&self, thread: usize, step: usize, cx: Cx<'_, '_>) {
        self.trace.lock().unwrap().push((thread, step, cx.now().as_nanos()));
    }

    fn take(self: &Arc<Self>, step: usize, token: u64, cx: Cx<'_, '_>, this: &Toy) -> Outcome {
        match step {
            0 => Outcome::Yielded,
            1 => {
                let fuel = cx.chooser().below(10_000);
                cx.used(fuel as u64);
                Outcome::Yielded
            }
            // Waits to be woken, sleeps, or both.
            2..=4 => {
                this.0.wait.store(token, SeqCst);
                if step != 3 {
                    if step == 2 {
                        self.stuck.fetch_add(1, SeqCst);
                    }
                    self.waiting.lock().unwrap().push((this.clone(), token, step != 2));
                }
                if step != 2 {
                    let span = Duration::from_micros(cx.chooser().below(5_000) as u64);
                    cx.timer(cx.now() + span, this.clone(), token);
                }
                Outcome::Parked
            }
            5 | 6 => {
                let mut chooser = cx.chooser().clone();
                let woken = self.claim_one(|count| chooser.below(count));
                *cx.chooser() = chooser;
                if let Some(toy) = woken {
                    cx.ready(toy);
                }
                Outcome::Yielded
            }
            7 => {
                if self.started.load(SeqCst) < THREADS {
                    let steps = cx.chooser().below(STEPS);
                    let toy = self.thread(steps);
                    // Sometimes as if from outside.
                    if steps.is_multiple_of(3) { cx.scheduler().spawn(toy) } else { cx.spawn(toy) }
                }
                Outcome::Yielded
            }
            8 => Outcome::Blocking(Handoff::Lazy),
            _ => Outcome::Blocking(Handoff::Eager),
        }
    }
}

/// A stall is one exactly when all that live wait to be woken; then the oldest is.
struct Rescue(Arc<World>);

impl Hooks for Rescue {
    fn stalled(&self) -> bool {
        let world = &self.0;
        world.stalls.fetch_add(1, SeqCst);
        let alive = world.started.load(SeqCst) - world.ended.load(SeqCst);
        if alive != world.stuck.load(SeqCst) {
            world.false_stalls.fetch_add(1, SeqCst);
        }
        let scheduler = world.scheduler.lock().unwrap().clone();
        while !world.waiting.lock().unwrap().is_empty() {
            if let (Some(toy), Some(scheduler)) = (world.claim_one(|_| 0), &scheduler) {
                scheduler.ready(toy);
                break;
            }
        }
        true
    }
}

/// Runs one seed to its end; gives what happened, and how often all stood still.
fn run(seed: u64, calls: bool) -> (Vec<(usize, usize, u64)>, usize) {
    let world = Arc::new(World {
        trace: Mutex::default(),
        waiting: Mutex::default(),
        stuck: AtomicUsize::new(0),
        started: AtomicUsize::new(0),
        ended: AtomicUsize::new(0),
        stalls: AtomicUsize::new(0),
        false_stalls: AtomicUsize::new(0),
        calls,
        scheduler: Mutex::new(None),
    });
    let config = Config { virtual_time: true, seed: Some(seed), ..processors(1) };
    let scheduler = Scheduler::new(config, Box::new(Rescue(world.clone()))).unwrap();
    *world.scheduler.lock().unwrap() = Some(scheduler.clone());
    let there = world.clone();
    scheduler.spawn(Toy::new(move |cx, _| {
        for _ in 0..6 {
            let steps = cx.chooser().below(STEPS);
            cx.spawn(there.thread(steps));
        }
        Outcome::Done
    }));
    until("all end", || {
        let ended = world.ended.load(SeqCst);
        ended != 0 && ended == world.started.load(SeqCst)
    });
    scheduler.shutdown();
    *world.scheduler.lock().unwrap() = None;
    assert_eq!(world.false_stalls.load(SeqCst), 0, "seed {seed}: a stall that was none");
    let (started, ended) = (world.started.load(SeqCst), world.ended.load(SeqCst));
    assert_eq!(started, ended, "seed {seed}: a thread was lost");
    assert_eq!(world.stuck.load(SeqCst), 0, "seed {seed}");
    let trace = std::mem::take(&mut *world.trace.lock().unwrap());
    world.waiting.lock().unwrap().clear();
    (trace, world.stalls.load(SeqCst))
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let (mut different, mut stalls) = (0, 0);
    let mut before = Vec::new();
    for seed in 0..200 {
        let (trace, stood) = run(seed, false);
        let (again, _) = run(seed, false);
        let at = trace.iter().zip(&again).position(|(a, b)| a != b);
        assert!(trace == again, "seed {seed}: the runs part at step {at:?}");
        different += usize::from(trace != before);
        stalls += stood;
        before = trace;
    }
    assert_eq!(different, 200, "different seeds give the same run");
    assert!(stalls > 20, "only {stalls} times stood all still");
}

#[test]
fn calls_lose_nothing() {
    for seed in 0..150 {
        let _ = run(seed, true);
    }
}
