//! Blocking calls.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};

use super::toy::{Tally, Toy, caller, processors, start, until};
use crate::sched::{Config, Handoff, LwpState, Outcome, Scheduler};

#[expect(unsafe_code, reason = "the standard library of the oldest supported compiler has no pipe")]
fn pipe() -> (File, File) {
    let mut ends = [0; 2];
    // SAFETY: the array has room for the two descriptors the kernel writes.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: both descriptors are open and belong to nobody else.
    unsafe { (File::from_raw_fd(ends[0]), File::from_raw_fd(ends[1])) }
}

fn callers(scheduler: &Scheduler<Toy>) -> Vec<u64> {
    let lwps = scheduler.lwps();
    lwps.iter()
        .filter_map(|lwp| match lwp.state {
            LwpState::InCall { thread, .. } => Some(thread),
            _ => None,
        })
        .collect()
}

/// Threads that compute until told to stop; each counts its slices.
fn spinners(scheduler: &Scheduler<Toy>, count: usize) -> (Arc<AtomicBool>, Vec<Arc<AtomicUsize>>) {
    let stop = Arc::new(AtomicBool::new(false));
    let counters: Vec<Arc<AtomicUsize>> = (0..count).map(|_| Arc::default()).collect();
    for counter in &counters {
        let (counter, stop) = (counter.clone(), stop.clone());
        scheduler.spawn(Toy::new(move |_, _| {
            counter.fetch_add(1, SeqCst);
            if stop.load(SeqCst) { Outcome::Done } else { Outcome::Yielded }
        }));
    }
    (stop, counters)
}

fn progress(counters: &[Arc<AtomicUsize>]) {
    let before: Vec<usize> = counters.iter().map(|c| c.load(SeqCst)).collect();
    until("all threads go on", || {
        counters.iter().zip(&before).all(|(c, &before)| c.load(SeqCst) > before + 10)
    });
}

#[test]
fn a_long_lazy_call_loses_its_processor() {
    for count in [1, 2] {
        let (scheduler, stalls) = start(processors(count));
        let (mut reader, mut writer) = pipe();
        let ended = Tally::default();
        let (stop, counters) = spinners(&scheduler, 2);
        for _ in 0..count {
            let all = ended.clone();
            let mut reader = reader.try_clone().unwrap();
            let read = move || reader.read_exact(&mut [0]).unwrap();
            scheduler.spawn(caller(Handoff::Lazy, read, move || all.add()));
        }
        until("the calls are retaken", || scheduler.stats().handoffs >= count as u64);
        assert_eq!(callers(&scheduler), vec![Toy::NUMBER; count]);
        progress(&counters);
        writer.write_all(&vec![1; count]).unwrap();
        ended.wait_for(count);
        stop.store(true, SeqCst);
        until("all end", || scheduler.stats().done == 2 + count as u64);
        scheduler.shutdown();
        assert_eq!(stalls.load(SeqCst), 0);
        drop(writer);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn an_eager_call_gives_its_processor_away() {
    let (scheduler, stalls) = start(processors(1));
    let (reader, mut writer) = pipe();
    let ended = Tally::default();
    let (stop, counters) = spinners(&scheduler, 2);
    let all = ended.clone();
    let mut reader = reader;
    let read = move || reader.read_exact(&mut [0]).unwrap();
    scheduler.spawn(caller(Handoff::Eager, read, move || all.add()));
    until("the call is made", || callers(&scheduler) == [Toy::NUMBER]);
    progress(&counters);
    writer.write_all(&[1]).unwrap();
    ended.wait_for(1);
    stop.store(true, SeqCst);
    until("all end", || scheduler.stats().done == 3);
    scheduler.shutdown();
    let stats = scheduler.stats();
    assert_eq!((stats.eager, stats.handoffs), (1, 0));
    assert_eq!(stalls.load(SeqCst), 0);
}

/// A short call keeps its processor, and the slice goes on.
#[test]
fn short_calls() {
    let (scheduler, _) = start(processors(1));
    let ended = Tally::default();
    let all = ended.clone();
    let mut rounds = 0;
    let mut continued = 0;
    scheduler.spawn(Toy::new(move |cx, _| {
        continued += u32::from(cx.continues());
        rounds += 1;
        if rounds <= 1_000 {
            return Outcome::Blocking(Handoff::Lazy);
        }
        assert!(continued > 500, "{continued}");
        all.add();
        Outcome::Done
    }));
    ended.wait_for(1);
    scheduler.shutdown();
    assert_eq!(scheduler.stats().calls, 1_000);
}

/// More calls than LWPs: the rest wait, what computes goes on, and all are made in the end.
#[test]
fn calls_past_the_cap_wait() {
    for handoff in [Handoff::Lazy, Handoff::Eager] {
        let config = Config { max_lwps: 8, ..processors(2) };
        let (scheduler, stalls) = start(config);
        let (stop, counters) = spinners(&scheduler, 2);
        let (open, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let ended = Tally::default();
        for _ in 0..40 {
            let (gate, all) = (gate.clone(), ended.clone());
            let wait = move || gate.lock().unwrap().recv().unwrap();
            scheduler.spawn(caller(handoff, wait, move || all.add()));
        }
        until("calls have to wait", || scheduler.stats().calls_queued > 0);
        progress(&counters);
        assert!(scheduler.lwps().len() <= 8);
        (0..40).for_each(|_| open.send(()).unwrap());
        ended.wait_for(40);
        stop.store(true, SeqCst);
        until("all end", || scheduler.stats().done == 42);
        scheduler.shutdown();
        let stats = scheduler.stats();
        assert_eq!(stats.calls, 40);
        assert_eq!(stalls.load(SeqCst), 0);
    }
}

/// The kernel refuses LWPs for a while: nothing is lost.
#[test]
fn refused_lwps() {
    let (scheduler, stalls) = start(processors(2));
    until("the first LWP sleeps", || scheduler.lwps().iter().all(|l| l.state == LwpState::Idle));
    scheduler.shared.refuse.store(true, SeqCst);
    let (open, gate) = mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let ended = Tally::default();
    for _ in 0..4 {
        let (gate, all) = (gate.clone(), ended.clone());
        let wait = move || gate.lock().unwrap().recv().unwrap();
        scheduler.spawn(caller(Handoff::Lazy, wait, move || all.add()));
    }
    let (stop, counters) = spinners(&scheduler, 2);
    until("the kernel refuses", || scheduler.stats().lwps_refused > 0);
    scheduler.shared.refuse.store(false, SeqCst);
    progress(&counters);
    (0..4).for_each(|_| open.send(()).unwrap());
    ended.wait_for(4);
    stop.store(true, SeqCst);
    until("all end", || scheduler.stats().done == 6);
    scheduler.shutdown();
    assert_eq!(stalls.load(SeqCst), 0);
}

/// Calls of all lengths, lazily and eagerly, between wakes and yields.
#[test]
fn a_mix_of_calls() {
    for count in [1, 2, 8] {
        let config = Config { max_lwps: 24, ..processors(count) };
        let (scheduler, stalls) = start(config);
        let ended = Tally::default();
        for n in 0..64_u64 {
            let all = ended.clone();
            let mut calls = 0;
            let mut rounds = 0_u64;
            let call = move || {
                calls += 1;
                if (calls + n) % 16 == 0 {
                    std::thread::sleep(std::time::Duration::from_micros(150));
                }
            };
            scheduler.spawn(Toy::with_call(call, move |_, _| {
                rounds += 1;
                match (rounds + n) % 4 {
                    _ if rounds > 200 => {
                        all.add();
                        Outcome::Done
                    }
                    0 => Outcome::Yielded,
                    1 => Outcome::Blocking(Handoff::Eager),
                    _ => Outcome::Blocking(Handoff::Lazy),
                }
            }));
        }
        ended.wait_for(64);
        scheduler.shutdown();
        assert_eq!(stalls.load(SeqCst), 0);
    }
}
