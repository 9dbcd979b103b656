//! Models of a channel: every interleaving of few threads, over the channel and the wait word as
//! they are shipped. Each has a mutant that must fail.

use std::panic::{AssertUnwindSafe, catch_unwind};

use std::sync::Arc;

use loom::sync::{Condvar, Mutex as LoomMutex};
use loom::thread;

use super::*;
use crate::{
    atomics::weaken,
    thread::{Generation, Wait},
};

/// A thread of the model: its wait, and what stands in for the scheduler.
struct Sleeper {
    wait: Wait<Event<u32>>,
    ready: LoomMutex<bool>,
    woken: Condvar,
}

#[derive(Clone)]
struct Token(Arc<Sleeper>, Generation);

impl Waiter for Token {
    type Item = u32;

    fn end(&self, event: Event<u32>) -> Result<(), Event<u32>> {
        self.0.wait.claim(self.1, event)
    }

    fn is_open(&self) -> bool {
        self.0.wait.is_open(self.1)
    }
}

impl Sleeper {
    fn new() -> Arc<Self> {
        let (wait, ready, woken) = (Wait::new(), LoomMutex::new(false), Condvar::new());
        Arc::new(Self { wait, ready, woken })
    }

    fn ready(&self) {
        let again = std::mem::replace(&mut *self.ready.lock().unwrap(), true);
        assert!(!again, "made ready twice");
        self.woken.notify_one();
    }

    fn park(&self) -> Event<u32> {
        let mut ready = self.ready.lock().unwrap();
        while !*ready {
            ready = self.woken.wait(ready).unwrap();
        }
        *ready = false;
        drop(ready);
        self.wait.end().expect("the winner left an event")
    }
}

fn begin(me: &Arc<Sleeper>) -> Option<Token> {
    me.wait.begin(0).ok().map(|generation| Token(me.clone(), generation))
}

fn finish(after: After<Token>) {
    if let Some(woken) = after.finish() {
        woken.0.ready();
    }
}

/// Sends; true when the item was taken.
fn send(channel: &Channel<Token>, item: u32) -> bool {
    let me = Sleeper::new();
    let mut after = After::new();
    let outcome = channel.send(item, &mut after, || begin(&me));
    finish(after);
    match outcome {
        Sending::Done => true,
        Sending::Closed(_) => false,
        Sending::Waiting(_) => me.park() == Event::Sent,
        Sending::Noticed(_) => unreachable!("nobody asks it to stop"),
    }
}

fn receive(channel: &Channel<Token>) -> Option<u32> {
    let me = Sleeper::new();
    receive_as(channel, &me)
}

fn receive_as(channel: &Channel<Token>, me: &Arc<Sleeper>) -> Option<u32> {
    let mut after = After::new();
    let outcome = channel.receive(&mut after, || begin(me));
    finish(after);
    match outcome {
        Receiving::Item(item) => Some(item),
        Receiving::Closed => None,
        Receiving::Waiting(ticket) => match me.park() {
            Event::Received(item) => Some(item),
            Event::Closed => {
                channel.leave_receivers(ticket);
                None
            }
            Event::Sent => unreachable!("it receives"),
        },
        Receiving::Noticed => None,
    }
}

fn close(channel: &Channel<Token>) {
    for woken in channel.close() {
        woken.0.ready();
    }
}

fn check(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(f);
}

#[track_caller]
fn must_fail(spot: Spot, f: impl Fn() + Send + Sync + 'static) {
    let outcome = weaken(spot, || catch_unwind(AssertUnwindSafe(|| check(f))));
    assert!(outcome.is_err(), "the model holds without {spot:?}");
}

/// One sender, one receiver: both end, and the items arrive in order.
fn two_items(capacity: usize) {
    let channel = Arc::new(Channel::new(1, capacity));
    let there = channel.clone();
    let sender = thread::spawn(move || send(&there, 1) && send(&there, 2));
    assert_eq!((receive(&channel), receive(&channel)), (Some(1), Some(2)));
    assert!(sender.join().unwrap());
    assert_eq!(channel.len(), 0);
}

#[test]
fn a_rendezvous_loses_no_wake_up() {
    check(|| two_items(0));
}

#[test]
fn a_buffer_loses_no_wake_up() {
    check(|| two_items(1));
}

#[test]
fn mutant_that_enters_the_queue_under_another_lock() {
    must_fail(Spot::ChannelEnlist, || two_items(0));
}

/// An item is buffered at once while a receiver may begin to wait.
fn put_at_once_against_a_receiver() {
    let channel = Arc::new(Channel::new(1, 1));
    let there = channel.clone();
    let sender = thread::spawn(move || there.put_at_once(|| 1) || send(&there, 1));
    assert_eq!(receive(&channel), Some(1));
    assert!(sender.join().unwrap());
}

/// An item is taken at once while a sender may begin to wait for its room.
fn take_at_once_against_a_sender() {
    let channel = Arc::new(Channel::new(1, 1));
    assert!(channel.put_at_once(|| 1));
    let there = channel.clone();
    let sender = thread::spawn(move || send(&there, 2));
    let first = channel.take_at_once().or_else(|| receive(&channel));
    // There is room now, whichever way the item went.
    assert!(sender.join().unwrap());
    assert_eq!((first, receive(&channel)), (Some(1), Some(2)));
}

#[test]
fn what_is_done_at_once_leaves_nobody_waiting() {
    check(put_at_once_against_a_receiver);
    check(take_at_once_against_a_sender);
}

#[test]
fn mutants_that_trust_a_hint() {
    must_fail(Spot::ChannelHint, put_at_once_against_a_receiver);
    must_fail(Spot::ChannelHint, take_at_once_against_a_sender);
}

/// Two senders and one receiver: each item arrives once.
#[test]
fn two_senders_and_a_receiver() {
    check(|| {
        let channel = Arc::new(Channel::new(1, 0));
        let senders = [1, 2].map(|item| {
            let channel = channel.clone();
            thread::spawn(move || send(&channel, item))
        });
        let mut got = [receive(&channel), receive(&channel)];
        got.sort_unstable();
        assert_eq!(got, [Some(1), Some(2)]);
        for sender in senders {
            assert!(sender.join().unwrap());
        }
    });
}

/// Closing races with a sender: its item is received exactly when it counts as sent.
#[test]
fn closing_against_a_sender() {
    check(|| {
        let channel = Arc::new(Channel::new(1, 0));
        let there = channel.clone();
        let sender = thread::spawn(move || send(&there, 1));
        let there = channel.clone();
        let closer = thread::spawn(move || close(&there));
        let got = receive(&channel);
        assert_eq!(sender.join().unwrap(), got.is_some());
        closer.join().unwrap();
    });
}

/// A receiver is asked to stop while an item comes: the item goes to it or to the next, never
/// nowhere.
fn stopping_against_a_sender() {
    let channel = Arc::new(Channel::new(1, 1));
    let me = Sleeper::new();
    let there = channel.clone();
    let sender = thread::spawn(move || send(&there, 1));
    let there = me.clone();
    let canceller = thread::spawn(move || {
        if there.wait.interrupt(0, Event::Closed) == crate::thread::Interrupt::Claimed {
            there.ready();
        }
    });
    let got = receive_as(&channel, &me);
    assert!(sender.join().unwrap());
    canceller.join().unwrap();
    // What the stopped receiver did not take is still there for another one.
    let left = channel.len();
    assert_eq!(left + usize::from(got.is_some()), 1, "the item is in one place");
}

#[test]
fn an_item_is_never_lost_to_a_stopped_receiver() {
    check(stopping_against_a_sender);
}

#[test]
fn mutant_that_does_not_try_the_next_receiver() {
    must_fail(Spot::ChannelRetry, stopping_against_a_sender);
}

/// Closing races with a receiver that begins to wait: it is told.
fn closing_against_a_receiver() {
    let channel = Arc::new(Channel::new(1, 0));
    let there = channel.clone();
    let closer = thread::spawn(move || close(&there));
    assert_eq!(receive(&channel), None);
    closer.join().unwrap();
}

/// Closing races with a sender that nobody receives from: it is told, and its item is not sent.
fn closing_against_a_lone_sender() {
    let channel = Arc::new(Channel::new(1, 0));
    let there = channel.clone();
    let closer = thread::spawn(move || close(&there));
    assert!(!send(&channel, 1));
    closer.join().unwrap();
    assert_eq!(channel.len(), 0);
}

#[test]
fn nobody_waits_for_a_closed_channel() {
    check(closing_against_a_receiver);
    check(closing_against_a_lone_sender);
}

#[test]
fn mutants_that_tell_the_waiters_before_the_channel_is_closed() {
    must_fail(Spot::ChannelClose, closing_against_a_receiver);
    must_fail(Spot::ChannelClose, closing_against_a_lone_sender);
}

/// One arm of a select.
#[derive(Clone, Copy)]
enum Arm<'a> {
    Receive(&'a Channel<Token>),
    Send(&'a Channel<Token>, u32),
}

impl<'a> Arm<'a> {
    fn channel(self) -> &'a Channel<Token> {
        match self {
            Self::Receive(channel) | Self::Send(channel, _) => channel,
        }
    }
}

/// What a select came to.
#[derive(Debug, PartialEq, Eq)]
enum Selected {
    Received(u32),
    Sent,
    Closed,
    /// It was asked to stop.
    Stopped,
}

/// The protocol of `select`, over several channels as they are shipped; its first arm that is ready
/// is chosen.
fn select(me: &Arc<Sleeper>, arms: &[Arm<'_>]) -> Selected {
    let mut after = After::new();
    let mut several = Several::lock(arms.iter().map(|arm| arm.channel()));
    let mut chosen = None;
    for arm in arms {
        let state = several.of(arm.channel());
        chosen = match *arm {
            Arm::Receive(_) => match state.take(&mut after) {
                Take::Item(item) => Some(Selected::Received(item)),
                Take::Closed => Some(Selected::Closed),
                Take::Empty => None,
            },
            Arm::Send(_, item) => match state.put(item, &mut after) {
                Put::Done => Some(Selected::Sent),
                Put::Closed(_) => Some(Selected::Closed),
                Put::Full(_) => None,
            },
        };
        if chosen.is_some() {
            break;
        }
    }
    let token = if chosen.is_none() { begin(me) } else { None };
    let mut tickets = Vec::new();
    if let Some(token) = &token {
        for arm in arms {
            let state = several.of(arm.channel());
            tickets.push(match *arm {
                Arm::Receive(_) => state.enlist_receiver(token.clone()),
                Arm::Send(_, item) => state.enlist_sender(token.clone(), item),
            });
        }
    }
    drop(several);
    finish(after);
    if let Some(chosen) = chosen {
        return chosen;
    }
    if token.is_none() {
        return Selected::Stopped;
    }
    let selected = match me.park() {
        Event::Received(item) => Selected::Received(item),
        Event::Sent => Selected::Sent,
        Event::Closed => Selected::Closed,
    };
    for (arm, ticket) in arms.iter().zip(tickets) {
        match arm {
            Arm::Receive(channel) => channel.leave_receivers(ticket),
            Arm::Send(channel, _) => drop(channel.leave_senders(ticket)),
        }
    }
    selected
}

/// Two selects over the same two channels, named in different orders: they meet in one of them.
fn two_selects() {
    let channels = Arc::new([Channel::new(1, 0), Channel::new(2, 0)]);
    let there = channels.clone();
    let other = thread::spawn(move || {
        select(&Sleeper::new(), &[Arm::Send(&there[1], 20), Arm::Send(&there[0], 10)])
    });
    let mine = select(&Sleeper::new(), &[Arm::Receive(&channels[0]), Arm::Receive(&channels[1])]);
    assert!(matches!(mine, Selected::Received(10 | 20)), "{mine:?}");
    assert_eq!(other.join().unwrap(), Selected::Sent);
}

#[test]
fn two_selects_meet_once() {
    check(two_selects);
}

#[test]
fn mutant_that_locks_in_the_order_of_the_arms() {
    must_fail(Spot::ChannelOrder, two_selects);
}

/// A select that waits to receive is asked to stop while an item comes: that is with the select or
/// still in its channel.
fn stopping_a_select() {
    let channels = Arc::new([Channel::new(1, 1), Channel::new(2, 1)]);
    let me = Sleeper::new();
    let there = channels.clone();
    let sender = thread::spawn(move || send(&there[1], 5));
    let there = me.clone();
    let canceller = thread::spawn(move || {
        if there.wait.interrupt(0, Event::Closed) == crate::thread::Interrupt::Claimed {
            there.ready();
        }
    });
    let got = select(&me, &[Arm::Receive(&channels[0]), Arm::Receive(&channels[1])]);
    assert!(sender.join().unwrap());
    canceller.join().unwrap();
    let left = channels[1].len();
    assert_eq!(left + usize::from(got == Selected::Received(5)), 1, "{got:?}, {left} left");
}

#[test]
fn an_item_is_never_lost_to_a_stopped_select() {
    check(stopping_a_select);
}

#[test]
fn mutant_that_gives_up_after_a_stopped_select() {
    must_fail(Spot::ChannelRetry, stopping_a_select);
}

/// One of its channels is closed while a select begins to wait: it is told.
fn closing_against_a_select() {
    let channels = Arc::new([Channel::new(1, 0), Channel::new(2, 0)]);
    let there = channels.clone();
    let closer = thread::spawn(move || close(&there[1]));
    let got = select(&Sleeper::new(), &[Arm::Send(&channels[0], 1), Arm::Receive(&channels[1])]);
    assert_eq!(got, Selected::Closed);
    closer.join().unwrap();
}

#[test]
fn a_select_hears_that_a_channel_is_closed() {
    check(closing_against_a_select);
}

#[test]
fn mutant_that_tells_the_selects_before_the_channel_is_closed() {
    must_fail(Spot::ChannelClose, closing_against_a_select);
}
