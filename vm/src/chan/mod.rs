//! Channels: how user threads hand each other values.
//!
//! A channel is a bounded buffer with two queues of waiting threads, under one lock. With a bound
//! of zero nothing is ever buffered and each value goes from a sender straight to a receiver. It
//! knows neither values nor the interpreter: it moves items, and ends waits through [`Waiter`]. So
//! it is tested, and model-checked, as it is shipped.
//!
//! # Invariants
//!
//! 1. While a receiver's wait is open, the buffer is empty and no sender's wait is open.
//! 2. While a sender's wait is open, the buffer is full.
//! 3. A closed channel has no open waits. What was buffered can still be received.
//! 4. Items leave in the order in which their sends were accepted, waiters are served in the order
//!    in which they came.
//! 5. An item is in exactly one place: with its sender, in a waiting sender's entry, in the buffer,
//!    or delivered. It moves only together with a claim that was won, so whoever is cancelled or
//!    timed out while waiting has not sent, and has not taken.
//!
//! Entries whose waits have ended otherwise (1-3 speak of open ones) are passed over and thrown
//! away by whoever meets them at the front, or taken out by their thread, whichever is first.
//!
//! # Protocol
//!
//! 1. Lock. Look for a partner (in its queue, from the front; the claim decides), then for room or
//!    an item in the buffer.
//! 2. Nothing there: begin the wait and enter the queue, *under the same lock*, or a partner could
//!    come and go in between.
//! 3. Unlock. Only then make the partner ready, and drop what is left over: readying takes the
//!    scheduler's locks and a drop may run anything.
//!
//! The lock ranks above the scheduler's and above a thread's completion. A `select` holds several
//! ([`Several`]).
//!
//! Rejected: lock-free rings (a queue of waiters that may leave from the middle, and `select` over
//! both directions, need the lock anyway; the lock is held for some twenty instructions); waking a
//! waiter to try again (costs a switch when it loses, and breaks the order of service).

mod buffer;
mod several;

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use buffer::Buffer;
pub(crate) use several::Several;

use crate::{
    atomics::{AtomicU8, Mutex, MutexGuard, Ordering, Spot, sound},
    thread::{Ticket, WaitQueue},
};

/// What a channel knows of a thread that waits in one of its queues.
pub(crate) trait Waiter {
    /// What the channel carries.
    type Item;

    /// Ends the wait with this event, if nobody has ended it; else the event comes back.
    fn end(&self, event: Event<Self::Item>) -> Result<(), Event<Self::Item>>;

    /// Is the wait open? A hint, but a wait that is over stays so.
    fn is_open(&self) -> bool;
}

/// How a channel ends a wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event<T> {
    /// The receiver gets this item.
    Received(T),
    /// The sender's item was taken.
    Sent,
    /// The channel was closed.
    Closed,
}

/// What came of trying to receive.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Take<T> {
    /// An item.
    Item(T),
    /// Closed, and nothing left.
    Closed,
    /// Nothing there now.
    Empty,
}

/// What came of trying to send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Put<T> {
    /// Delivered or buffered.
    Done,
    /// The channel is closed.
    Closed(T),
    /// No room and no receiver now.
    Full(T),
}

/// What came of receiving, or beginning to wait.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Receiving<T> {
    /// An item.
    Item(T),
    /// Closed, and nothing left.
    Closed,
    /// The caller is in the queue, and parks now.
    Waiting(Ticket),
    /// The wait did not begin: there is a request to stop. Nothing has happened.
    Noticed,
}

/// What came of sending, or beginning to wait.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sending<T> {
    /// Delivered or buffered.
    Done,
    /// The channel is closed.
    Closed(T),
    /// The caller is in the queue with its item, and parks now.
    Waiting(Ticket),
    /// The wait did not begin: there is a request to stop. Nothing has happened.
    Noticed(T),
}

/// What is left to do after the lock is released.
#[must_use]
#[derive(Debug)]
pub(crate) struct After<W: Waiter> {
    /// The partner, whose wait is over: to be made ready.
    woken: Option<W>,
    /// Entries of waits that were over before, if there were any. Only dropped.
    stale: Option<Vec<(W, Option<W::Item>)>>,
}

/// A channel for items of the waiters' type.
pub(crate) struct Channel<W: Waiter> {
    /// Its number: the order in which locks are taken, and its name to people. Immutable.
    id: u64,
    /// [`OFFERS`] and its kin. Written under the lock, hints without it.
    hints: AtomicU8,
    /// Any LWP, under the lock.
    state: Mutex<State<W>>,
}

/// Something can be received, if only that the channel is closed.
const OFFERS: u8 = 1;
/// An item is buffered that can be taken without waking anybody.
const ITEM: u8 = 2;
/// There is room, and nobody waits for what comes.
const ROOM: u8 = 4;

/// A channel's state while it is locked.
struct Locked<'a, W: Waiter> {
    state: MutexGuard<'a, State<W>>,
    hints: &'a AtomicU8,
}

impl<W: Waiter> Deref for Locked<'_, W> {
    type Target = State<W>;

    fn deref(&self) -> &State<W> {
        &self.state
    }
}

impl<W: Waiter> DerefMut for Locked<'_, W> {
    fn deref_mut(&mut self) -> &mut State<W> {
        &mut self.state
    }
}

impl<W: Waiter> Drop for Locked<'_, W> {
    #[inline(always)]
    fn drop(&mut self) {
        // A model that fails unwinds through here, and may touch no atomic then.
        #[cfg(loom)]
        if std::thread::panicking() {
            return;
        }
        // Relaxed: whoever must not miss anything looks under the lock.
        self.hints.store(self.state.hints(), Ordering::Relaxed);
    }
}

/// What the lock guards.
#[derive(Debug)]
pub(crate) struct State<W: Waiter> {
    buffer: Buffer<W::Item>,
    closed: bool,
    receivers: WaitQueue<W>,
    senders: WaitQueue<(W, W::Item)>,
}

impl<W: Waiter> Channel<W> {
    /// An open channel that buffers `capacity` items; `usize::MAX` is no bound.
    pub(crate) fn new(id: u64, capacity: usize) -> Self {
        let state = State {
            buffer: Buffer::new(capacity),
            closed: false,
            receivers: WaitQueue::new(),
            senders: WaitQueue::new(),
        };
        Self { id, hints: AtomicU8::new(state.hints()), state: Mutex::new(state) }
    }

    /// Its number.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    fn lock(&self) -> Locked<'_, W> {
        Locked { state: self.state.lock(), hints: &self.hints }
    }

    /// Does something seem to be there to be received, if only that the channel is closed? A hint.
    pub(crate) fn offers(&self) -> bool {
        self.hints_at(OFFERS)
    }

    /// Does there seem to be room, with nobody to be woken for what comes? A hint.
    pub(crate) fn has_room(&self) -> bool {
        self.hints_at(ROOM)
    }

    fn hints_at(&self, what: u8) -> bool {
        // Relaxed: a hint.
        self.hints.load(Ordering::Relaxed) & what != 0
    }

    /// Takes a buffered item if there is one, nobody is to be woken for it, and both is seen at once.
    pub(crate) fn take_at_once(&self) -> Option<W::Item> {
        if !self.hints_at(ITEM) {
            return None;
        }
        let mut state = self.lock();
        let still = state.hints() & ITEM != 0 || !sound(Spot::ChannelHint);
        if still { state.buffer.pop() } else { None }
    }

    /// Buffers what `item` gives if there is room, nobody is to be woken for it, and both is seen at
    /// once; else false, and `item` is not asked.
    pub(crate) fn put_at_once(&self, item: impl FnOnce() -> W::Item) -> bool {
        if !self.has_room() {
            return false;
        }
        let mut state = self.lock();
        let still = state.hints() & ROOM != 0 || !sound(Spot::ChannelHint);
        still && state.buffer.push(item()).is_ok()
    }

    /// Takes an item if there is one now.
    pub(crate) fn try_receive(&self, after: &mut After<W>) -> Take<W::Item> {
        self.lock().take(after)
    }

    /// Receives, or begins to wait for an item. `begin` begins the caller's wait.
    #[inline(always)]
    pub(crate) fn receive(
        &self,
        after: &mut After<W>,
        begin: impl FnOnce() -> Option<W>,
    ) -> Receiving<W::Item> {
        let mut state = self.lock();
        match state.take(after) {
            Take::Item(item) => Receiving::Item(item),
            Take::Closed => Receiving::Closed,
            Take::Empty => {
                if !sound(Spot::ChannelEnlist) {
                    drop(state);
                    state = self.lock();
                }
                match begin() {
                    Some(waiter) => Receiving::Waiting(state.enlist_receiver(waiter)),
                    None => Receiving::Noticed,
                }
            }
        }
    }

    /// Sends, or begins to wait for room or a receiver. `begin` begins the caller's wait.
    #[inline(always)]
    pub(crate) fn send(
        &self,
        item: W::Item,
        after: &mut After<W>,
        begin: impl FnOnce() -> Option<W>,
    ) -> Sending<W::Item> {
        let mut state = self.lock();
        match state.put(item, after) {
            Put::Done => Sending::Done,
            Put::Closed(item) => Sending::Closed(item),
            Put::Full(item) => match begin() {
                Some(waiter) => Sending::Waiting(state.enlist_sender(waiter, item)),
                None => Sending::Noticed(item),
            },
        }
    }

    /// Closes the channel; gives the waiters whose waits that ended, to be made ready. Closing
    /// again does nothing.
    pub(crate) fn close(&self) -> Vec<W> {
        let mut left = Vec::new();
        let mut woken = Vec::new();
        let mut state = self.lock();
        state.closed |= sound(Spot::ChannelClose);
        while let Some(waiter) = state.receivers.pop() {
            match waiter.end(Event::Closed) {
                Ok(()) => woken.push(waiter),
                Err(_) => left.push((Some(waiter), None)),
            }
        }
        while let Some((waiter, item)) = state.senders.pop() {
            match waiter.end(Event::Closed) {
                Ok(()) => {
                    woken.push(waiter);
                    left.push((None, Some(item)));
                }
                Err(_) => left.push((Some(waiter), Some(item))),
            }
        }
        if !sound(Spot::ChannelClose) {
            drop(state);
            state = self.lock();
            state.closed = true;
        }
        drop(state);
        // Items and waiters are dropped without the lock.
        drop(left);
        woken
    }

    /// Takes a receiver out whose wait has ended otherwise.
    pub(crate) fn leave_receivers(&self, ticket: Ticket) {
        let left = self.lock().receivers.remove(ticket);
        drop(left);
    }

    /// Takes a sender out whose wait has ended otherwise, with its item.
    pub(crate) fn leave_senders(&self, ticket: Ticket) -> Option<W::Item> {
        let left = self.lock().senders.remove(ticket);
        left.map(|(_, item)| item)
    }

    /// How many items are buffered.
    pub(crate) fn len(&self) -> usize {
        self.lock().buffer.len()
    }

    /// Closed, and nothing left to receive?
    pub(crate) fn is_closed(&self) -> bool {
        let state = self.lock();
        state.closed && state.buffer.is_empty()
    }
}

impl<W: Waiter> fmt::Debug for Channel<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<W: Waiter> State<W> {
    /// What a look without the lock may know.
    #[inline]
    fn hints(&self) -> u8 {
        let (item, sends) = (!self.buffer.is_empty(), !self.senders.is_empty());
        let room = !self.closed && !self.buffer.is_full() && self.receivers.is_empty();
        let hints = [(OFFERS, self.closed || item || sends), (ITEM, item && !sends), (ROOM, room)];
        hints.iter().fold(0, |all, (hint, holds)| all | if *holds { *hint } else { 0 })
    }

    /// Takes the oldest item: from the buffer, or straight from the first sender that waits.
    #[inline(always)]
    pub(crate) fn take(&mut self, after: &mut After<W>) -> Take<W::Item> {
        if let Some(item) = self.buffer.pop() {
            // There is room now, so the first sender's item is accepted.
            if let Some(accepted) = self.take_from_sender(after) {
                let full = self.buffer.push(accepted).is_err();
                debug_assert!(!full, "an item has just left");
            }
            return Take::Item(item);
        }
        match self.take_from_sender(after) {
            Some(item) => Take::Item(item),
            None if self.closed => Take::Closed,
            None => Take::Empty,
        }
    }

    /// Hands the item to the first receiver that waits, or buffers it.
    #[inline(always)]
    pub(crate) fn put(&mut self, item: W::Item, after: &mut After<W>) -> Put<W::Item> {
        if self.closed {
            return Put::Closed(item);
        }
        let mut item = item;
        while let Some(receiver) = self.receivers.pop() {
            match receiver.end(Event::Received(item)) {
                Ok(()) => {
                    after.woken = Some(receiver);
                    return Put::Done;
                }
                Err(Event::Received(back)) => {
                    after.drop_later(receiver, None);
                    if !sound(Spot::ChannelRetry) {
                        return Put::Done;
                    }
                    item = back;
                }
                Err(Event::Sent | Event::Closed) => unreachable!("the event comes back unchanged"),
            }
        }
        match self.buffer.push(item) {
            Ok(()) => Put::Done,
            Err(item) => Put::Full(item),
        }
    }

    /// Enters a receiver. The caller has just seen [`Take::Empty`] under this lock.
    pub(crate) fn enlist_receiver(&mut self, waiter: W) -> Ticket {
        self.receivers.push(waiter)
    }

    /// Enters a sender. The caller has just seen [`Put::Full`] under this lock.
    pub(crate) fn enlist_sender(&mut self, waiter: W, item: W::Item) -> Ticket {
        self.senders.push((waiter, item))
    }

    /// Would a receive be done at once? A sender that seems to wait may be claimed by someone else
    /// before the receive.
    pub(crate) fn can_receive(&mut self, after: &mut After<W>) -> bool {
        while self.senders.front().is_some_and(|(waiter, _)| !waiter.is_open()) {
            if let Some((waiter, item)) = self.senders.pop() {
                after.drop_later(waiter, Some(item));
            }
        }
        self.closed || !self.buffer.is_empty() || !self.senders.is_empty()
    }

    /// Would a send be done at once, with success or an error? As [`State::can_receive`].
    pub(crate) fn can_send(&mut self, after: &mut After<W>) -> bool {
        while self.receivers.front().is_some_and(|waiter| !waiter.is_open()) {
            if let Some(waiter) = self.receivers.pop() {
                after.drop_later(waiter, None);
            }
        }
        self.closed || !self.buffer.is_full() || !self.receivers.is_empty()
    }

    /// Ends the wait of the first sender that still waits and takes its item.
    #[inline(always)]
    fn take_from_sender(&mut self, after: &mut After<W>) -> Option<W::Item> {
        while let Some((sender, item)) = self.senders.pop() {
            match sender.end(Event::Sent) {
                Ok(()) => {
                    after.woken = Some(sender);
                    return Some(item);
                }
                Err(_) => after.drop_later(sender, Some(item)),
            }
        }
        None
    }
}

impl<W: Waiter> After<W> {
    /// Nothing to do yet.
    pub(crate) fn new() -> Self {
        Self { woken: None, stale: None }
    }

    /// Keeps an entry whose wait was over until the lock is free.
    #[cold]
    fn drop_later(&mut self, waiter: W, item: Option<W::Item>) {
        self.stale.get_or_insert_default().push((waiter, item));
    }

    /// The partner to be made ready; drops the rest. Not under a lock.
    #[inline]
    pub(crate) fn finish(self) -> Option<W> {
        let Self { woken, stale } = self;
        if let Some(stale) = stale {
            drop_stale(stale);
        }
        woken
    }
}

/// Out of the way of those who have nothing to drop.
#[cold]
fn drop_stale<W: Waiter>(stale: Vec<(W, Option<W::Item>)>) {
    drop(stale);
}

#[cfg(all(test, not(loom)))]
mod tests;

#[cfg(all(test, loom))]
mod models;
