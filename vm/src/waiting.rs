//! What every operation that may park has in common.
//!
//! Such an operation is a function that is called again when its thread runs again. It
//!
//! 1. looks at [`Waits::delivery`]: when there is one, it was parked and this is how that ended. On
//!    [`Delivery::Interrupted`] it leaves all queues and throws [`Waits::interrupted`]. (When a channel
//!    has given or taken the value, or a thread that was joined has given its own, the operation is done
//!    without being called again;)
//! 2. tries; what it can do at once it does;
//! 3. else begins a wait ([`begin`]) and enters a queue, in one step as seen by whoever serves that
//!    queue, notes in the memo how to leave it, and parks. When the wait does not begin
//!    ([`Waits::look`] then says whether to throw), it tries again.

#![expect(unsafe_code, reason = "a wait takes over the reference of the LWP")]

use std::time::Duration;

use crate::{
    native::{Call, Cx, ReceiverSlot},
    sched::{Scheduler, Time},
    scope,
    thread::{Delivery, ThreadRef, ThreadState, WaitReason, WaitToken, Wake, cancel, level_of},
    value::{Kind, Owned, View, error},
};

/// How far an operation has come.
#[must_use]
#[derive(Debug)]
pub(crate) enum Progress<T = ()> {
    /// It is done, with this result.
    Done(T),
    /// The thread parks; the operation is called again.
    Park,
}

/// What an operation that may park needs of the running thread.
pub(crate) struct Waits<'c, 'a> {
    pub(crate) thread: &'c ThreadRef,
    pub(crate) state: &'c mut ThreadState,
    pub(crate) context: &'c mut Cx<'a>,
}

/// A wait that is about to begin.
#[derive(Clone, Copy)]
pub(crate) struct Begin<'c> {
    thread: &'c ThreadRef,
    level: u8,
    reason: WaitReason,
}

impl<'c, 'a> Waits<'c, 'a> {
    /// The surroundings of a method, its receiver and its arguments, apart.
    pub(crate) fn split(call: &'c mut Call<'a>) -> (Self, &'c Owned, &'c mut [Owned]) {
        let receiver = match &call.receiver {
            ReceiverSlot::Borrowed(value) => *value,
            ReceiverSlot::Last(value) | ReceiverSlot::Place(value) => value,
            ReceiverSlot::None => panic!("a method was called without a receiver"),
        };
        let waits = Self { thread: call.thread, state: call.state, context: call.context };
        (waits, receiver, call.args)
    }

    /// The surroundings of a native alone.
    pub(crate) fn of(call: &'c mut Call<'a>) -> Self {
        Self { thread: call.thread, state: call.state, context: call.context }
    }

    /// How the wait ended that the operation parked for; `None` when it has not parked.
    pub(crate) fn delivery(&mut self) -> Option<Delivery> {
        self.thread.wait.end()
    }

    /// A wait of the thread that gives way to every request it may be told now.
    pub(crate) fn begin(&self, reason: WaitReason) -> Begin<'c> {
        self.begin_at(level_of(self.state.shield), reason)
    }

    /// A wait at a level.
    pub(crate) fn begin_at(&self, level: u8, reason: WaitReason) -> Begin<'c> {
        Begin { thread: self.thread, level, reason }
    }

    /// A wait did not begin because of a request: throws, or says by returning that nothing is to
    /// be done about it now.
    pub(crate) fn look(&mut self) -> Result<(), Owned> {
        scope::interruption(self.thread, self.state).map_or(Ok(()), Err)
    }

    /// What the thread waited for has come by a deadlock of which it was told as well: throws that.
    pub(crate) fn told_of_deadlock(&mut self) -> Result<(), Owned> {
        if self.thread.flags() & cancel::DEADLOCK == 0 { Ok(()) } else { self.look() }
    }

    /// A request ended the wait: what to throw.
    pub(crate) fn interrupted(&mut self) -> Owned {
        let thrown = scope::interruption(self.thread, self.state);
        debug_assert!(thrown.is_some(), "a request that ends a wait has a reason");
        thrown.unwrap_or_else(scope::cancellation)
    }

    /// Makes the thread of a claimed wait ready.
    #[inline(always)]
    pub(crate) fn wake(&mut self, token: Option<WaitToken>) {
        if let Some(token) = token {
            self.context.ready(token.into_thread());
        }
    }

    /// Has the wait of this token end with [`Delivery::TimedOut`] after `span`.
    pub(crate) fn timer(&mut self, token: WaitToken, span: Duration) {
        let (at, generation) = (self.context.now() + span, token.generation());
        self.context.timer(at, token.into_thread(), generation.get());
    }

    /// Has the wait that has begun end so at a time, too.
    pub(crate) fn timer_at(&mut self, at: Time) {
        if at != Time::NEVER {
            let generation = self.thread.wait.generation();
            self.context.timer(at, self.thread.clone(), generation.get());
        }
    }
}

impl Begin<'_> {
    /// Begins the wait; `None` when there is a request that the thread has not looked at.
    pub(crate) fn begin(self) -> Option<WaitToken> {
        self.thread.wait.describe(self.reason);
        let generation = self.thread.wait.begin(self.level).ok()?;
        // SAFETY: the thread runs, and parks next (invariant 3 of `Wait`).
        let thread = unsafe { self.thread.give_up() };
        Some(WaitToken::new(thread, generation))
    }
}

impl Wake for Cx<'_> {
    fn wake(&mut self, thread: ThreadRef) {
        self.ready(thread);
    }
}

/// From any kernel thread.
impl Wake for &Scheduler<ThreadRef> {
    fn wake(&mut self, thread: ThreadRef) {
        self.ready(thread);
    }
}

/// A duration in seconds as scripts give it: below zero it is zero.
pub(crate) fn duration(seconds: &Owned) -> Result<Duration, Owned> {
    let seconds = match seconds.view() {
        #[expect(clippy::cast_precision_loss, reason = "a duration of 2^53 seconds never ends")]
        View::Int(n) => n as f64,
        View::Float(x) => x,
        _ => {
            let text = format!("a duration is a number of seconds, not {}", seconds.type_name());
            return Err(error(Kind::Type, text));
        }
    };
    if seconds.is_nan() {
        return Err(error(Kind::Value, "a duration cannot be nan"));
    }
    Ok(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let seconds = |value| duration(&value).map_err(|_| ());
        assert_eq!(seconds(Owned::float(0.25)), Ok(Duration::from_millis(250)));
        assert_eq!(seconds(Owned::int(2)), Ok(Duration::from_secs(2)));
        assert_eq!(seconds(Owned::float(-1.0)), Ok(Duration::ZERO));
        assert_eq!(seconds(Owned::float(f64::INFINITY)), Ok(Duration::MAX));
        assert_eq!(seconds(Owned::float(f64::NAN)), Err(()));
        assert_eq!(seconds(Owned::str("1")), Err(()));
    }
}
