//! A scope's side of its threads: who is in it, who failed, who waits for all to end.
//!
//! `scope { }` opens one in the thread that runs it, its *owner*. A thread spawned by the owner's
//! body, or by threads of the scope (which inherit it), is a *child* of it, unless an inner scope
//! is open there.
//!
//! # Invariants
//!
//! - A child is entered before it can run and leaves when it has ended, so the scope counts every
//!   thread that may still do something.
//! - The first failure makes the scope *failing*, once, and from then on for ever: the owner's body
//!   is told (flag and notice) and the children are asked to stop. A child that comes later is
//!   asked at once.
//! - The owner alone closes the scope, after the last child has left; one that will never run again
//!   gives it up instead. So no circle of owner, scope and children outlives its owner.
//!
//! The lock is a leaf: nothing else is locked while it is held, and what is to be done about other
//! threads is handed out and done after. `unwinding` and `stopping` belong to the owner.

use std::fmt;

use super::{
    Delivery, EVERY_LEVEL, Generation, Interrupt, ThreadRef, Ticket, UserThread, WaitQueue,
    WaitToken, cancel,
};
use crate::{
    atomics::{AtomicBool, Mutex, Ordering},
    value::Shared,
};

/// A scope for threads.
pub struct Scope {
    /// How many cleanup handlers its owner was in when it opened it. Immutable.
    level: u8,
    /// It has no threads, and fails when its time is over. Immutable.
    deadline: bool,
    /// The owner is on its way out to this scope because of a failure in it. Owner-only.
    unwinding: AtomicBool,
    /// The children were asked to stop, and only the end of the last one ends the owner's wait.
    /// Owner-only.
    stopping: AtomicBool,
    /// Any LWP, under the lock.
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    owner: Option<ThreadRef>,
    children: WaitQueue<ThreadRef>,
    live: usize,
    failing: bool,
    /// In order of time. The first one is a failure; later ones may come from cleanup.
    errors: Vec<Shared>,
    /// The owner, when it waits for the last child.
    waiter: Option<WaitToken>,
}

/// How a new child starts.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// It runs.
    Run,
    /// It is asked to stop before it runs.
    Cancelled,
}

/// What the end of a child leads to. To be done without any lock.
#[must_use]
#[derive(Debug, Default)]
pub struct Ripple {
    /// To be told that a scope of it is failing.
    owner: Option<ThreadRef>,
    /// To be asked to stop.
    cancel: Vec<ThreadRef>,
    /// To be woken.
    waiter: Option<WaitToken>,
}

/// Somebody who can make threads ready.
pub trait Wake {
    /// Makes the thread ready, whose wait the caller has just claimed.
    fn wake(&mut self, thread: ThreadRef);
}

/// The level of a thread that is in so many cleanup handlers.
pub fn level_of(shield: u32) -> u8 {
    u8::try_from(shield).unwrap_or(EVERY_LEVEL).min(EVERY_LEVEL - 1)
}

impl Scope {
    /// A scope that `owner` opens at this level.
    pub fn new(owner: ThreadRef, level: u8) -> Self {
        Self::make(owner, level, false)
    }

    /// A scope without threads, which [`Scope::expire`] fails.
    pub fn deadline(owner: ThreadRef, level: u8) -> Self {
        Self::make(owner, level, true)
    }

    fn make(owner: ThreadRef, level: u8, deadline: bool) -> Self {
        Self {
            level,
            deadline,
            unwinding: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            members: Mutex::new(Members { owner: Some(owner), ..Members::default() }),
        }
    }

    /// The level it was opened at.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Is it one without threads?
    pub fn is_deadline(&self) -> bool {
        self.deadline
    }

    /// Its time is over.
    pub fn expire(&self) {
        self.members.lock().failing = true;
    }

    /// Enters a thread that has not run.
    pub fn enter(&self, child: &ThreadRef) -> (Ticket, Start) {
        let mut members = self.members.lock();
        let ticket = members.children.push(child.clone());
        members.live += 1;
        (ticket, if members.failing { Start::Cancelled } else { Start::Run })
    }

    /// A child has ended: with a failure, with errors of its cleanup, or well.
    pub fn leave(&self, ticket: Ticket, failure: Option<Shared>, more: Vec<Shared>) -> Ripple {
        let mut ripple = Ripple::default();
        let mut members = self.members.lock();
        let child = members.children.remove(ticket);
        members.live -= 1;
        if let Some(failure) = failure {
            members.errors.push(failure);
            if !std::mem::replace(&mut members.failing, true) {
                ripple.owner.clone_from(&members.owner);
                ripple.cancel = members.children.iter().cloned().collect();
            }
        }
        members.errors.extend(more);
        if members.live == 0 {
            ripple.waiter = members.waiter.take();
        }
        drop(members);
        drop(child);
        ripple
    }

    /// The body throws this: from now on the scope is failing. Gives the children, to be asked to
    /// stop.
    pub fn body_failed(&self, error: Shared, same: impl Fn(&Shared, &Shared) -> bool) -> Ripple {
        let mut members = self.members.lock();
        members.failing = true;
        // What the body rethrows of a child it has joined is known already.
        if !members.errors.iter().any(|known| same(known, &error)) {
            members.errors.push(error);
        }
        Ripple { cancel: members.children.iter().cloned().collect(), ..Ripple::default() }
    }

    /// All children but one, to be asked to stop. The scope does not fail by that.
    pub fn stop_children(&self, except: Option<&ThreadRef>) -> Ripple {
        let members = self.members.lock();
        let cancel =
            members.children.iter().filter(|child| Some(*child) != except).cloned().collect();
        Ripple { cancel, ..Ripple::default() }
    }

    /// The owner waits for the last child; `begin` begins its wait. `Ok(true)` when there is none
    /// left, `Err` when the wait did not begin.
    pub fn wait(&self, begin: impl FnOnce() -> Option<WaitToken>) -> Result<bool, super::Noticed> {
        let mut members = self.members.lock();
        if members.live == 0 {
            return Ok(true);
        }
        let waiter = begin().ok_or(super::Noticed)?;
        let old = members.waiter.replace(waiter);
        drop(members);
        drop(old);
        Ok(false)
    }

    /// Closes the scope, after the last child has left; gives the errors in order of time.
    pub fn close(&self) -> Vec<Shared> {
        let mut members = self.members.lock();
        debug_assert_eq!(members.live, 0, "a scope is closed after its threads have ended");
        let (owner, waiter) = (members.owner.take(), members.waiter.take());
        let errors = std::mem::take(&mut members.errors);
        drop(members);
        drop((owner, waiter));
        errors
    }

    /// The owner will never close the scope: nobody waits for its threads any more. Gives them, to be
    /// asked to stop; those that they still spawn here start so.
    pub fn give_up(&self) -> Ripple {
        let mut members = self.members.lock();
        members.failing = true;
        let (owner, waiter) = (members.owner.take(), members.waiter.take());
        let mut children = std::mem::take(&mut members.children);
        drop(members);
        drop((owner, waiter));
        Ripple { cancel: std::iter::from_fn(|| children.pop()).collect(), ..Ripple::default() }
    }

    /// Has a thread of it failed, or its body?
    pub fn failing(&self) -> bool {
        self.members.lock().failing
    }

    /// Is the owner on its way out to this scope?
    pub fn unwinding(&self) -> bool {
        // Relaxed: owner-only.
        self.unwinding.load(Ordering::Relaxed)
    }

    /// The owner is on its way out to this scope.
    pub fn set_unwinding(&self) {
        // Relaxed: owner-only.
        self.unwinding.store(true, Ordering::Relaxed);
    }

    /// Were the children asked to stop, so that nothing else ends the owner's wait?
    pub fn stopping(&self) -> bool {
        // Relaxed: owner-only.
        self.stopping.load(Ordering::Relaxed)
    }

    /// The owner has asked the children to stop.
    pub fn set_stopping(&self) {
        // Relaxed: owner-only.
        self.stopping.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("level", &self.level).finish_non_exhaustive()
    }
}

impl Ripple {
    /// Does it. `level` is the scope's.
    pub fn spread(self, level: u8, wake: &mut impl Wake) {
        if let Some(owner) = self.owner {
            owner.request(cancel::SCOPE, level, wake);
        }
        for thread in self.cancel {
            thread.cancel(wake);
        }
        if let Some(waiter) = self.waiter
            && waiter.wake()
        {
            wake.wake(waiter.into_thread());
        }
    }
}

impl ThreadRef {
    /// Asks the thread to stop: it unwinds from the next safepoint, or from the wait it is in.
    /// Asking again changes nothing.
    pub fn cancel(&self, wake: &mut impl Wake) {
        self.request(cancel::REQUESTED, 0, wake);
    }

    /// Sets a flag of the thread, and ends its wait if that is at `level` or below.
    pub fn request(&self, flag: u8, level: u8, wake: &mut impl Wake) {
        if self.set_flags(flag) & flag != 0 && flag != cancel::SCOPE {
            return;
        }
        if self.wait.interrupt(level, Delivery::Interrupted) == Interrupt::Claimed {
            wake.wake(self.clone());
        }
    }
}

impl UserThread {
    /// A timer of this thread is due: of a wait, which this ends, or of a deadline. True when the
    /// caller makes the thread ready.
    pub(crate) fn timer_fired(&self, token: u64) -> bool {
        if token & DEADLINE == 0 {
            return self.wait.claim(Generation::from_token(token), Delivery::TimedOut).is_ok();
        }
        let Some(scope) = self.done.deadline(token) else { return false };
        scope.expire();
        self.set_flags(cancel::SCOPE);
        self.wait.interrupt(scope.level(), Delivery::Interrupted) == Interrupt::Claimed
    }

    /// The source that this thread waits for has changed. True when the caller makes the thread ready.
    pub(crate) fn source_ready(&self, token: u64) -> bool {
        let woken = Delivery::Woken { arm: 0 };
        self.wait.claim(Generation::from_token(token), woken).is_ok()
    }

    /// Is the wait, or the deadline, that a token names still on?
    pub(crate) fn waits(&self, token: u64) -> bool {
        if token & DEADLINE == 0 {
            self.wait.is_open(Generation::from_token(token))
        } else {
            self.done.deadline(token).is_some()
        }
    }
}

/// Tokens of timers with this bit name a deadline; the others are numbers of waits.
pub(super) const DEADLINE: u64 = 1 << 63;
