//! The lock under the model checker, with what stands in for the kernel.

use std::time::Duration;

use super::{Latch, Mutex};
pub(super) use crate::atomics::fences::{barrier, fence_for_barrier};
use crate::{
    atomics::{Arc, AtomicBool, AtomicU32, Ordering, Spot, UnsafeCell},
    models::{check, must_fail},
};

/// A number by which threads of a model sleep.
pub(super) struct Bed {
    turn: AtomicU32,
    kernel: loom::sync::Mutex<()>,
    woken: loom::sync::Condvar,
}

impl Bed {
    fn new() -> Self {
        let (kernel, woken) = (loom::sync::Mutex::new(()), loom::sync::Condvar::new());
        Self { turn: AtomicU32::new(0), kernel, woken }
    }

    pub(super) fn look(&self) -> u32 {
        self.turn.load(Ordering::Acquire)
    }

    pub(super) fn sleep(&self, turn: u32, _: Option<Duration>) {
        let kernel = self.kernel.lock().unwrap();
        if self.turn.load(Ordering::Relaxed) == turn {
            drop(self.woken.wait(kernel).unwrap());
        }
    }

    pub(super) fn next(&self, _: i32) {
        self.turn.fetch_add(1, Ordering::Release);
        // As the kernel does: it looks for sleepers under its lock.
        drop(self.kernel.lock().unwrap());
        self.woken.notify_one();
    }
}

impl<T> Mutex<T> {
    pub(super) fn new(value: T) -> Self {
        let (held, sleepers) = (AtomicBool::new(false), AtomicBool::new(false));
        let latch = Latch { held, sleepers, turn: Bed::new() };
        Self { latch, value: UnsafeCell::new(value) }
    }
}

/// So many threads count up, each once: nobody is in each other's way, and nobody sleeps for ever.
fn count(threads: u64) {
    check(move || {
        let number = Arc::new(Mutex::new(0));
        let others: Vec<_> = (1..threads)
            .map(|_| {
                let number = number.clone();
                loom::thread::spawn(move || *number.lock() += 1)
            })
            .collect();
        *number.lock() += 1;
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(*number.lock(), threads);
    });
}

fn two() {
    count(2);
}

fn three() {
    count(3);
}

#[test]
fn lock_of_two_models() {
    two();
}

#[test]
fn lock_of_three_models() {
    three();
}

#[test]
fn lock_mutant_models() {
    for spot in [Spot::LockTake, Spot::LockGive, Spot::LockBarrier, Spot::LockFence] {
        must_fail(spot, two);
    }
    must_fail(Spot::LockClear, three);
}
