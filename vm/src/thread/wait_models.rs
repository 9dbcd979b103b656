//! Models of the wait word: every interleaving of few threads, over the code as it is shipped. Each
//! has a mutant that must fail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread;

use super::*;
use crate::atomics::{Spot, weaken};

/// A wait and what stands in for the scheduler's park word: how often it was made ready.
struct Model {
    wait: Wait<u32>,
    ready: loom::sync::Mutex<u32>,
    woken: loom::sync::Condvar,
    flag: AtomicBool,
}

impl Model {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            wait: Wait::new(),
            ready: loom::sync::Mutex::new(0),
            woken: loom::sync::Condvar::new(),
            flag: AtomicBool::new(false),
        })
    }

    fn ready(&self) {
        *self.ready.lock().unwrap() += 1;
        self.woken.notify_one();
    }

    /// Parks until made ready; a second `ready` for the same wait would be a bug.
    fn park(&self) {
        let mut ready = self.ready.lock().unwrap();
        while *ready == 0 {
            ready = self.woken.wait(ready).unwrap();
        }
        *ready -= 1;
        assert_eq!(*ready, 0, "made ready twice");
    }
}

fn check(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(f);
}

#[track_caller]
fn must_fail(spot: Spot, f: impl Fn() + Send + Sync + 'static) {
    let outcome = weaken(spot, || catch_unwind(AssertUnwindSafe(|| check(f))));
    assert!(outcome.is_err(), "the model holds without {spot:?}");
}

/// A partner, a timer and a request to stop race for one wait: one wins, and its delivery arrives.
fn one_of_three_wins() {
    let model = Model::new();
    let generation = model.wait.begin(0).unwrap();
    let claimers: Vec<_> = [1, 2]
        .map(|value| {
            let model = model.clone();
            thread::spawn(move || {
                if model.wait.claim(generation, value).is_ok() {
                    model.ready();
                }
            })
        })
        .into();
    if model.wait.interrupt(0, 3) == Interrupt::Claimed {
        model.ready();
    }
    model.park();
    assert!(matches!(model.wait.end(), Some(1..=3)));
    assert!(model.wait.take_notice());
    for claimer in claimers {
        claimer.join().unwrap();
    }
    assert_eq!(*model.ready.lock().unwrap(), 0);
}

#[test]
fn a_wait_is_ended_once() {
    check(one_of_three_wins);
}

/// A request to stop races with a thread that waits twice: the first wait is ended by a partner or
/// by the request, the second by the request if it is still to come.
fn request_against_waits() {
    let model = Model::new();
    let other = model.clone();
    let canceller = thread::spawn(move || {
        other.flag.store(true, Relaxed);
        if other.wait.interrupt(0, 9) == Interrupt::Claimed {
            other.ready();
        }
    });
    let other = model.clone();
    match model.wait.begin(0) {
        Ok(generation) => {
            let partner = thread::spawn(move || {
                if other.wait.claim(generation, 1).is_ok() {
                    other.ready();
                }
            });
            model.park();
            let first = model.wait.end();
            if first == Some(1) {
                // Nobody but the request ends this one.
                if model.wait.begin(0).is_ok() {
                    model.park();
                    assert_eq!(model.wait.end(), Some(9));
                }
            } else {
                assert_eq!(first, Some(9));
            }
            partner.join().unwrap();
        }
        Err(Noticed) => {}
    }
    assert!(model.wait.take_notice(), "the request was noticed");
    assert!(model.flag.load(Relaxed), "who sees the notice sees the flag");
    canceller.join().unwrap();
}

#[test]
fn a_request_is_never_lost() {
    check(request_against_waits);
}

#[test]
fn mutant_without_the_release_of_begin() {
    must_fail(Spot::WaitBegin, request_against_waits);
}

#[test]
fn mutant_without_the_notice() {
    must_fail(Spot::WaitNotice, request_against_waits);
}

#[test]
fn mutant_without_the_order_of_interrupt() {
    must_fail(Spot::WaitInterrupt, request_against_waits);
}

/// A timer's token travels without an order of its own: the claim brings it.
fn timer_with_a_bare_token() {
    let model = Model::new();
    let other = model.clone();
    let timer = thread::spawn(move || {
        // The number of the second wait, guessed.
        if other.wait.claim(Generation::from_token(2), 2).is_ok() {
            other.ready();
        }
    });
    let first = model.wait.begin(0).unwrap();
    assert_eq!(model.wait.claim(first, 1), Ok(()));
    assert_eq!(model.wait.end(), Some(1));
    let second = model.wait.begin(0).unwrap();
    if model.wait.claim(second, 3).is_err() {
        model.park();
        assert_eq!(model.wait.end(), Some(2));
    }
    timer.join().unwrap();
}

#[test]
fn a_bare_token_suffices() {
    check(timer_with_a_bare_token);
}

#[test]
fn mutant_without_the_acquire_of_claim() {
    must_fail(Spot::WaitClaim, timer_with_a_bare_token);
}

/// Somebody looks at a thread that waits twice: what is seen of a wait belongs to it.
fn watched_waits() {
    let model = Model::new();
    let other = model.clone();
    let watcher = thread::spawn(move || {
        if let Some(seen) = other.wait.waiting() {
            assert_eq!(seen.reason, WaitReason::Join(seen.generation.get()));
        }
    });
    for number in 1..=2 {
        model.wait.describe(WaitReason::Join(number));
        let generation = model.wait.begin(0).unwrap();
        if number == 1 {
            assert_eq!(model.wait.claim(generation, 1), Ok(()));
            assert_eq!(model.wait.end(), Some(1));
        }
    }
    watcher.join().unwrap();
}

#[test]
fn what_is_seen_of_a_wait_belongs_together() {
    check(watched_waits);
}

#[test]
fn mutant_without_the_release_of_describe() {
    must_fail(Spot::WaitDescribe, watched_waits);
}
