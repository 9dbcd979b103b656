//! Models of the poller: a thread that goes to sleep against the event it waits for, and an LWP that
//! goes to sleep in the poller against its mail.

use std::time::Duration;

use super::kernel::{Events, Kernel};
use super::{Enlisted, Entry, Event, Inner, Interest, KICK};
use crate::atomics::{Arc, AtomicBool, AtomicUsize, Ordering, Spot};
use crate::sched::lwp::{Post, Reached};
use crate::sched::models::{check, go, must_fail};

const READ: usize = 0;

const fn readable(lasting: bool) -> Event {
    Event { key: 0, readable: true, writable: false, lasting }
}

/// The kernel makes data there and tells the poller; a thread tries and goes to sleep. It finds the
/// data, or is in the line when the poller looks.
fn waiter_and_event() {
    check(3, || {
        let source = Arc::new(Inner::<u32>::new(0, 0));
        let data = Arc::new(AtomicBool::new(false));
        let woken = Arc::new(AtomicUsize::new(0));
        let poller = {
            let (source, data, woken) = (source.clone(), data.clone(), woken.clone());
            go(move || {
                // What the kernel shows to a system call it showed before it told of it.
                data.store(true, Ordering::SeqCst);
                source.tell(readable(false));
                if let Some(Entry::Thread(..)) = source.next(READ) {
                    woken.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let sleeps = loop {
            let look = source.look(Interest::Read);
            if data.load(Ordering::SeqCst) {
                break false;
            }
            match source.enlist(look, || Some((7, 1))) {
                Enlisted::Waiting => break true,
                Enlisted::Again => {}
                Enlisted::Closed | Enlisted::Noticed => unreachable!("it is open"),
            }
        };
        poller.join().expect("the poller");
        assert_eq!(woken.load(Ordering::Relaxed), usize::from(sleeps), "it sleeps for ever");
    });
}

#[test]
fn an_event_is_seen_or_finds_the_thread() {
    waiter_and_event();
}

#[test]
fn mutant_that_does_not_look_again() {
    must_fail(Spot::SourceTick, waiter_and_event);
}

/// Data come and then the end, and the poller tells of both, at once or one by one. A thread reads, and
/// does not try in vain: it finds the end, or is in the line when the poller looks.
fn reader_and_end(one_by_one: bool) {
    check(3, move || {
        let source = Arc::new(Inner::<u32>::new(0, 0));
        let (data, end) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let woken = Arc::new(AtomicUsize::new(0));
        let poller = {
            let (source, data, end) = (source.clone(), data.clone(), end.clone());
            let woken = woken.clone();
            go(move || {
                let tell = |lasting| {
                    source.tell(readable(lasting));
                    if let Some(Entry::Thread(..)) = source.next(READ) {
                        woken.fetch_add(1, Ordering::Relaxed);
                    }
                };
                // What the kernel shows to a system call it showed before it told of it.
                data.store(true, Ordering::SeqCst);
                if one_by_one {
                    tell(false);
                }
                end.store(true, Ordering::SeqCst);
                tell(true);
            })
        };
        let (mut poller, mut emptied) = (Some(poller), None);
        loop {
            let look = source.look(Interest::Read);
            let told = source.told(Interest::Read);
            if told.is_none() || emptied != told {
                // A read gets all the data that are there; without any, the end.
                let ended = end.load(Ordering::SeqCst);
                if data.swap(false, Ordering::SeqCst) {
                    emptied = told;
                    continue;
                }
                if ended {
                    break;
                }
            }
            match source.enlist(look, || Some((7, 1))) {
                Enlisted::Waiting => {
                    let poller = poller.take().expect("it has been told of the end");
                    poller.join().expect("the poller");
                    assert_eq!(woken.load(Ordering::Relaxed), 1, "it sleeps for ever");
                }
                Enlisted::Again => {}
                Enlisted::Closed | Enlisted::Noticed => unreachable!("it is open"),
            }
        }
        if let Some(poller) = poller {
            poller.join().expect("the poller");
        }
    });
}

#[test]
fn an_end_told_with_data_is_found() {
    reader_and_end(false);
}

#[test]
fn an_end_told_after_data_is_found() {
    reader_and_end(true);
}

#[test]
fn mutant_that_takes_an_end_for_used_up() {
    must_fail(Spot::SourceLasting, || reader_and_end(false));
}

/// An LWP sleeps in the poller when its mail comes: a processor, or a poke for an earlier timer.
fn sleeper_and_mail() {
    check(3, || {
        let post = Arc::new(Post::new());
        let kernel = Arc::new(Kernel::new(KICK).expect("a model of the kernel"));
        let sender = {
            let (post, kernel) = (post.clone(), kernel.clone());
            go(move || {
                for reached in [post.poke(), post.grant(5)] {
                    match reached {
                        Reached::Here => {}
                        Reached::InPoller => kernel.kick(),
                    }
                }
            })
        };
        let (mut poked, mut processor) = (false, None);
        while processor.is_none() {
            let mail = if post.enter_poller() {
                let mut events = Events::new();
                kernel.wait(&mut events, None);
                for event in events.iter() {
                    assert_eq!(event.key, KICK);
                    kernel.take_kick();
                }
                post.leave_poller()
            } else {
                post.wait(Some(Duration::ZERO))
            };
            poked |= mail.poked;
            processor = mail.processor;
        }
        assert!(poked && processor == Some(5));
        sender.join().expect("the sender");
    });
}

#[test]
fn mail_reaches_an_lwp_in_the_poller() {
    sleeper_and_mail();
}

#[test]
fn mutant_that_rings_an_empty_post() {
    must_fail(Spot::PostKick, sleeper_and_mail);
}
