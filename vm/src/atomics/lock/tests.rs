//! The lock with the real kernel.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{Condvar, Mutex};

const THREADS: u64 = 8;
const TURNS: u64 = 2_000;

/// Many kernel threads fall asleep over it: none of them for ever.
#[test]
fn sleepers_are_woken() {
    let number = Arc::new(Mutex::new(0));
    let threads = (0..THREADS).map(|_| {
        let number = number.clone();
        thread::spawn(move || {
            for turn in 0..TURNS {
                let mut number = number.lock();
                if turn % 50 == 0 {
                    // Longer than anybody waits awake.
                    thread::sleep(Duration::from_micros(100));
                }
                *number += 1;
            }
        })
    });
    let threads: Vec<_> = threads.collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(*number.lock(), THREADS * TURNS);
}

#[test]
fn it_is_given_back_in_a_panic() {
    let number = Arc::new(Mutex::new(1));
    let theirs = number.clone();
    let panicked = thread::spawn(move || {
        let _guard = theirs.lock();
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    assert_eq!(*number.lock(), 1);
}

#[test]
fn a_condition_wakes_who_waits_for_it() {
    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    let theirs = pair.clone();
    let other = thread::spawn(move || {
        let (number, changed) = &*theirs;
        for next in 1..=TURNS {
            let mut now = number.lock();
            while *now != 2 * next - 1 {
                now = changed.wait(now);
            }
            *now += 1;
            drop(now);
            changed.notify_all();
        }
    });
    let (number, changed) = &*pair;
    for next in 1..=TURNS {
        *number.lock() += 1;
        changed.notify_one();
        let mut now = number.lock();
        while *now != 2 * next {
            now = changed.wait(now);
        }
    }
    other.join().unwrap();
}

#[test]
fn a_wait_ends_with_its_limit() {
    let (lock, never) = (Mutex::new(()), Condvar::new());
    let (limit, from) = (Duration::from_millis(2), Instant::now());
    let mut guard = lock.lock();
    while from.elapsed() < limit {
        guard = never.wait_timeout(guard, limit);
    }
    drop(guard);
}
