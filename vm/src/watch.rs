//! Descriptors of the host that user threads wait for: sockets, pipes, processes.
//!
//! A [`Watched`] owns an object with a descriptor, and the [`Source`] through which the scheduler's
//! poller watches that. An operation on it is an *attempt* that never blocks; between two attempts
//! its thread is parked (`Attempts`, the four steps of `sched::poller` as one native).
//!
//! # Invariants
//!
//! - The object is dropped after its source has been closed: the poller never names a descriptor
//!   that may be another one's by now.
//! - Whoever makes an attempt keeps the object alive; so closing never pulls a descriptor away from
//!   under a system call, and never waits for one.
//! - A thread that was woken makes an attempt before anything else, and whoever has got something, or
//!   has panicked, wakes the next in line; so no change that the kernel told is lost with a thread that
//!   was cancelled, nor what one thread has read into a buffer and another one wants.

use std::{io, os::fd::AsFd, os::fd::AsRawFd, time::Duration};

use crate::{
    atomics::{Arc, Mutex},
    native::{Call, NativeResult, Next},
    sched::{Enlisted, Interest, Source, Time, Told},
    thread::{Delivery, Memo, ThreadRef, WaitReason},
    vm::VmShared,
    waiting::Waits,
};

/// What watches descriptors for a VM. Clones are handles to the same one.
#[derive(Clone)]
pub struct Poller {
    vm: Arc<VmShared>,
}

impl Poller {
    pub(crate) fn new(vm: &Arc<VmShared>) -> Self {
        Self { vm: vm.clone() }
    }

    /// Has an object watched; it is in non-blocking mode already. An error is the kernel's: files on
    /// disks, for one, cannot be watched (they always are ready).
    pub fn watch<T: AsFd + Send + Sync + 'static>(&self, io: T) -> io::Result<Watched<T>> {
        let source = self.vm.scheduler().watch(io.as_fd().as_raw_fd())?;
        Ok(Watched(Arc::new(Inner { source, io: Mutex::new(Some(Arc::new(io))) })))
    }

    /// Calls `f` with the object, once, when it is ready. It is called on a kernel thread of the VM,
    /// and is quick; it is dropped instead when the VM ends before.
    pub fn once<T: AsFd + Send + Sync + 'static>(
        &self,
        io: T,
        interest: Interest,
        f: impl FnOnce(T) + Send + 'static,
    ) -> io::Result<()> {
        let source = Arc::new(self.vm.scheduler().watch(io.as_fd().as_raw_fd())?);
        let own = source.clone();
        source.once(interest, move || {
            own.close();
            f(io);
        });
        Ok(())
    }
}

impl std::fmt::Debug for Poller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poller").finish_non_exhaustive()
    }
}

/// An object with a descriptor that user threads wait for. Clones are handles to the same one; the
/// last one closes it.
pub struct Watched<T>(Arc<Inner<T>>);

struct Inner<T> {
    /// Goes before the object.
    source: Source<ThreadRef>,
    /// None once it is closed.
    io: Mutex<Option<Arc<T>>>,
}

/// What came of the attempts of a [`Reply::io`](crate::Reply::io).
#[derive(Debug)]
pub enum Waited<R> {
    /// The last one ended, well or with an error.
    Done(io::Result<R>),
    /// The time was over before.
    TimedOut,
    /// It was closed, before or meanwhile.
    Closed,
}

impl<T> Watched<T> {
    /// Closes it: all threads that wait for it are woken, and the object is dropped when the last
    /// attempt in progress has ended. False if it was closed already.
    pub fn close(&self) -> bool {
        let closed = self.0.source.close();
        let io = self.0.io.lock().take();
        drop(io);
        closed
    }

    /// Has it been closed?
    pub fn is_closed(&self) -> bool {
        self.0.source.is_closed()
    }

    /// Says that all threads that wait for it are to try again, though the kernel has nothing new:
    /// for who buffers what comes, and has put something into a buffer that others may want.
    pub fn changed(&self, interest: Interest) {
        self.0.source.changed(interest);
    }

    /// What the kernel has told of it; `None` when that may be told no second time. An attempt to read
    /// from a TCP socket that got less than it had room for has emptied it, and may keep what was told
    /// before; while that is told still, another one *without limit* need not read to know that it would
    /// block. (Who waits for nothing has nobody told.)
    pub fn told(&self, interest: Interest) -> Option<Told> {
        self.0.source.told(interest)
    }

    /// Looks at the object; `None` when it is closed.
    pub fn with<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        let io = self.0.io.lock().clone();
        io.map(|io| look(&io))
    }
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Attempts, and what goes on after them.
    pub(crate) fn attempts<R: 'static>(
        &self,
        interest: Interest,
        limit: Option<Duration>,
        attempt: impl FnMut(&T) -> io::Result<R> + Send + 'static,
        then: impl FnOnce(&mut Call<'_>, Waited<R>) -> NativeResult + Send + 'static,
    ) -> Box<dyn Going> {
        let watched = self.clone();
        Box::new(Attempts { watched, interest, limit, until: None, attempt, then })
    }
}

impl<T> Clone for Watched<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> std::fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// What a native of the host does next, and again whenever its thread was parked in that.
pub(crate) trait Going: Send {
    /// Goes on.
    fn go(self: Box<Self>, call: &mut Call<'_>) -> NativeResult;
}

/// What a thread remembers that is parked in a native of the host.
struct Parked(Box<dyn Going>);

/// What the thread goes on with that has been parked in a native of the host.
pub(crate) fn parked(call: &mut Call<'_>) -> Option<Box<dyn Going>> {
    call.state.parked.take_boxed::<Parked>().map(|parked| parked.0)
}

struct Attempts<T, A, F> {
    watched: Watched<T>,
    interest: Interest,
    limit: Option<Duration>,
    /// When the limit is over; set at the first attempt.
    until: Option<Time>,
    attempt: A,
    then: F,
}

/// Wakes the next in line when an attempt ends by a panic.
struct IfPanicking<'a> {
    source: &'a Source<ThreadRef>,
    interest: Interest,
    thread: &'a ThreadRef,
}

impl Drop for IfPanicking<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let vm = self.thread.vm();
            self.source.pass_on(self.interest, |thread| vm.scheduler().ready(thread));
        }
    }
}

impl<T, R, A, F> Going for Attempts<T, A, F>
where
    T: Send + Sync + 'static,
    A: FnMut(&T) -> io::Result<R> + Send + 'static,
    F: FnOnce(&mut Call<'_>, Waited<R>) -> NativeResult + Send + 'static,
{
    fn go(mut self: Box<Self>, call: &mut Call<'_>) -> NativeResult {
        let interest = self.interest;
        let mut waits = Waits::of(call);
        let until = *self.until.get_or_insert_with(|| {
            self.limit.map_or(Time::NEVER, |limit| waits.context.now() + limit)
        });
        match waits.delivery() {
            None => {}
            Some(Delivery::Interrupted) => {
                self.watched.0.source.leave(interest);
                return Err(waits.interrupted());
            }
            Some(Delivery::TimedOut) => {
                self.watched.0.source.leave(interest);
                return (self.then)(call, Waited::TimedOut);
            }
            Some(_) => {}
        }
        loop {
            let look = self.watched.0.source.look(interest);
            let next =
                IfPanicking { source: &self.watched.0.source, interest, thread: call.thread };
            let attempted = self.watched.with(&mut self.attempt);
            drop(next);
            let Some(result) = attempted else { return (self.then)(call, Waited::Closed) };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => {
                    let source = &self.watched.0.source;
                    source.pass_on(interest, |thread| call.context.ready(thread));
                    return (self.then)(call, Waited::Done(result));
                }
            }
            let mut waits = Waits::of(call);
            if until != Time::NEVER && until <= waits.context.now() {
                return (self.then)(call, Waited::TimedOut);
            }
            let begin = waits.begin(match interest {
                Interest::Read => WaitReason::Read,
                Interest::Write => WaitReason::Write,
            });
            let begin = || {
                let token = begin.begin()?;
                let generation = token.thread().wait.generation();
                Some((token.into_thread(), generation.get()))
            };
            match self.watched.0.source.wait(look, begin) {
                Enlisted::Again => {}
                Enlisted::Closed => return (self.then)(call, Waited::Closed),
                Enlisted::Noticed => waits.look()?,
                Enlisted::Waiting => {
                    waits.timer_at(until);
                    waits.state.parked = Memo::boxed(Box::new(Parked(self)));
                    return Ok(Next::Park);
                }
            }
        }
    }
}
