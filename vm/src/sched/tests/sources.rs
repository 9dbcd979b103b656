//! Threads that wait for descriptors, on real sockets.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use super::toy::{Cx, Tally, Toy, processors, start, until};
use crate::sched::{Enlisted, Interest, Outcome, Source};

/// One attempt of a thread on `source`: what `attempt` gives, or what the slice ends with.
fn attempt<T>(
    this: &Toy,
    token: u64,
    source: &Source<Toy>,
    attempt: impl Fn() -> std::io::Result<T>,
) -> Result<T, Outcome> {
    loop {
        let look = source.look(Interest::Read);
        match attempt() {
            Ok(got) => return Ok(got),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        }
        let enlisted = source.wait(look, || {
            this.0.wait.store(token, SeqCst);
            Some((this.clone(), token))
        });
        match enlisted {
            Enlisted::Again => {}
            Enlisted::Waiting => return Err(Outcome::Parked),
            Enlisted::Closed | Enlisted::Noticed => return Err(Outcome::Done),
        }
    }
}

fn pass_on(source: &Source<Toy>, cx: Cx<'_, '_>) {
    source.pass_on(Interest::Read, |thread| cx.ready(thread));
}

fn pair() -> (UnixStream, UnixStream) {
    let (mine, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    (mine, theirs)
}

#[test]
fn each_gets_what_was_written_to_it() {
    for count in [1, 2, 8] {
        let (scheduler, stalls) = start(processors(count));
        let ended = Tally::default();
        let mut writers = Vec::new();
        for _ in 0..200 {
            let (mine, theirs) = pair();
            let source = scheduler.watch(theirs.as_raw_fd()).unwrap();
            let all = ended.clone();
            let (mut token, mut got) = (0, 0);
            scheduler.spawn(Toy::new(move |_, this| {
                loop {
                    token += 1;
                    match attempt(this, token, &source, || (&theirs).read(&mut [0; 1])) {
                        Ok(n) => got += n,
                        Err(outcome) => return outcome,
                    }
                    if got == 20 {
                        all.add();
                        return Outcome::Done;
                    }
                }
            }));
            writers.push(mine);
        }
        for _ in 0..20 {
            writers.iter().for_each(|mut writer| writer.write_all(b"x").unwrap());
        }
        ended.wait_for(200);
        assert!(scheduler.stats().lwps <= count as u64 + 1, "waiting holds no LWP");
        scheduler.shutdown();
        assert_eq!(stalls.load(SeqCst), 0);
    }
}

/// Many wait for one descriptor. Each change wakes as many as find something.
#[test]
fn a_line_is_served_from_the_front() {
    for count in [1, 2, 8] {
        let (scheduler, _) = start(processors(count));
        let (mine, theirs) = UnixDatagram::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let source = Arc::new(scheduler.watch(theirs.as_raw_fd()).unwrap());
        let theirs = Arc::new(theirs);
        let ended = Tally::default();
        for _ in 0..100 {
            let (source, theirs, all) = (source.clone(), theirs.clone(), ended.clone());
            let (mut token, mut got) = (0, 0);
            scheduler.spawn(Toy::new(move |cx, this| {
                loop {
                    token += 1;
                    match attempt(this, token, &source, || theirs.recv(&mut [0; 8])) {
                        Ok(_) => got += 1,
                        Err(outcome) => return outcome,
                    }
                    pass_on(&source, cx);
                    if got == 10 {
                        all.add();
                        return Outcome::Done;
                    }
                }
            }));
        }
        for _ in 0..1_000 {
            mine.send(b"x").unwrap();
        }
        ended.wait_for(100);
        scheduler.shutdown();
    }
}

#[test]
fn closing_wakes_all_who_wait() {
    let (scheduler, stalls) = start(processors(2));
    let (_mine, theirs) = pair();
    let source = Arc::new(scheduler.watch(theirs.as_raw_fd()).unwrap());
    let theirs = Arc::new(theirs);
    let ended = Tally::default();
    for _ in 0..50 {
        let (source, theirs, all) = (source.clone(), theirs.clone(), ended.clone());
        let mut token = 0;
        scheduler.spawn(Toy::new(move |_, this| {
            token += 1;
            match attempt(this, token, &source, || (&*theirs).read(&mut [0; 8])) {
                Ok(_) => panic!("there is nothing to read"),
                Err(Outcome::Done) => all.add(),
                Err(outcome) => return outcome,
            }
            Outcome::Done
        }));
    }
    until("all wait", || scheduler.stats().parks == 50);
    assert_eq!(stalls.load(SeqCst), 0, "somebody may write");
    assert!(source.close() && !source.close());
    ended.wait_for(50);
    scheduler.shutdown();
}

/// Nobody is idle who could poll: whoever is busy looks in passing, or the monitor does.
#[test]
fn busy_processors_delay_no_event_for_ever() {
    for count in [1, 2] {
        let (scheduler, _) = start(processors(count));
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..count * 4 {
            let stop = stop.clone();
            scheduler.spawn(Toy::new(move |_, _| {
                if stop.load(SeqCst) { Outcome::Done } else { Outcome::Yielded }
            }));
        }
        let (mut mine, theirs) = pair();
        let source = scheduler.watch(theirs.as_raw_fd()).unwrap();
        let ended = Tally::default();
        let (all, mut token) = (ended.clone(), 0);
        scheduler.spawn(Toy::new(move |_, this| {
            loop {
                token += 1;
                match attempt(this, token, &source, || (&theirs).read(&mut [0; 1])) {
                    Ok(0) => return Outcome::Done,
                    Ok(_) => all.add(),
                    Err(outcome) => return outcome,
                }
            }
        }));
        for n in 1..=50 {
            mine.write_all(b"x").unwrap();
            ended.wait_for(n);
        }
        drop(mine);
        stop.store(true, SeqCst);
        scheduler.shutdown();
    }
}

/// The wait ends by a timer; what is left in the line is no obstacle and is thrown away.
#[test]
fn those_who_left_are_passed_over() {
    let (scheduler, _) = start(processors(2));
    let (mut mine, theirs) = pair();
    let source = Arc::new(scheduler.watch(theirs.as_raw_fd()).unwrap());
    let theirs = Arc::new(theirs);
    let (left, read) = (Tally::default(), Tally::default());
    for n in 0..200 {
        let (source, theirs) = (source.clone(), theirs.clone());
        let (left, read) = (left.clone(), read.clone());
        let mut waits = false;
        scheduler.spawn(Toy::new(move |cx, this| {
            // Half of them have a limit; the poller has not woken one that is still in the line.
            if waits && n % 2 == 0 {
                source.leave(Interest::Read);
                left.add();
                return Outcome::Done;
            }
            waits = true;
            match attempt(this, 1, &source, || (&*theirs).read(&mut [0; 1])) {
                Ok(_) => {
                    pass_on(&source, cx);
                    read.add();
                    Outcome::Done
                }
                Err(outcome) => {
                    if n % 2 == 0 {
                        cx.timer(cx.now() + Duration::from_micros(10), this.clone(), 1);
                    }
                    outcome
                }
            }
        }));
    }
    left.wait_for(100);
    mine.write_all(&[0; 100]).unwrap();
    read.wait_for(100);
    scheduler.shutdown();
}

#[test]
fn once_is_called_once_also_when_nobody_runs() {
    let (scheduler, _) = start(processors(1));
    let (mut mine, theirs) = pair();
    let source = scheduler.watch(theirs.as_raw_fd()).unwrap();
    let (called, count) = (Tally::default(), Arc::new(AtomicUsize::new(0)));
    let (tally, times) = (called.clone(), count.clone());
    source.once(Interest::Read, move || {
        times.fetch_add(1, SeqCst);
        tally.add();
    });
    mine.write_all(b"x").unwrap();
    called.wait_for(1);
    mine.write_all(b"x").unwrap();
    scheduler.shutdown();
    assert_eq!(count.load(SeqCst), 1);
}

/// A descriptor is one source's; the try to make it another one's does not take it away.
#[test]
fn a_descriptor_is_watched_once() {
    let (scheduler, _) = start(processors(1));
    let (mut mine, theirs) = pair();
    let source = scheduler.watch(theirs.as_raw_fd()).unwrap();
    assert_eq!(scheduler.watch(theirs.as_raw_fd()).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let called = Tally::default();
    let tally = called.clone();
    source.once(Interest::Read, move || tally.add());
    mine.write_all(b"x").unwrap();
    called.wait_for(1);
    scheduler.shutdown();
}

/// What is to be done once makes no thread ready, so it is no reason not to be stalled.
#[test]
fn once_is_no_reason_to_wait() {
    let (scheduler, stalls) = start(processors(2));
    let (_mine, theirs) = pair();
    let source = scheduler.watch(theirs.as_raw_fd()).unwrap();
    source.once(Interest::Read, || {});
    scheduler.spawn(Toy::new(|_, this| {
        this.0.wait.store(1, SeqCst);
        Outcome::Parked
    }));
    until("the stall is seen", || stalls.load(SeqCst) == 1);
    scheduler.shutdown();
}

/// An LWP that sleeps in the poller is woken for other work, by timers, and to leave.
#[test]
fn the_poller_is_no_trap() {
    let (scheduler, _) = start(processors(1));
    let (_mine, theirs) = pair();
    let source = scheduler.watch(theirs.as_raw_fd()).unwrap();
    let mut token = 0;
    scheduler.spawn(Toy::new(move |_, this| {
        token += 1;
        match attempt(this, token, &source, || (&theirs).read(&mut [0; 1])) {
            Ok(_) => Outcome::Done,
            Err(outcome) => outcome,
        }
    }));
    let ended = Tally::default();
    for n in 1..=100 {
        until("it sleeps", || scheduler.stats().parks as usize >= n);
        let (all, mut slept) = (ended.clone(), false);
        scheduler.spawn(Toy::new(move |cx, this| {
            if slept {
                all.add();
                return Outcome::Done;
            }
            slept = true;
            this.0.wait.store(1, SeqCst);
            cx.timer(cx.now() + Duration::from_micros(50), this.clone(), 1);
            Outcome::Parked
        }));
        ended.wait_for(n);
    }
    scheduler.shutdown();
}
