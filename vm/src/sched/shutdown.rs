//! The end of a scheduler, in numbered steps.
//!
//! 1. `closing` is set: LWPs end after the slice they are in, submitters drop what they bring, and
//!    each running thread is asked to end its slice.
//! 2. The idle lists are closed: nobody is woken or made from here on. All sleepers are woken, to
//!    leave, and so are all bound LWPs (see [`super::bound`]).
//! 3. The monitor leaves. (After step 2, since an LWP must not wait for it, nor it for an LWP.)
//! 4. LWPs are waited for until none exists: those that run end at the end of their slice, those in
//!    a call when the call returns. A call that never returns makes this wait for ever; who wants
//!    an end to that must make the call return first.
//! 5. All processors are idle now. Queues, slots, timers, lines and sources are emptied and the handles
//!    in them dropped, then the processors are stopped for good.
//! 6. A submitter that pushed while step 5 was going on has seen `closing` after its push, and
//!    empties the injector itself. So does one that had a processor in its hands, to send it to a
//!    bound LWP, with that.
//!
//! Threads that are parked are not in any queue; their handles are where they wait.

use super::lwp::is_ours;
use super::ownership::NOBODY;
use super::run::Runnable;
use super::{Scheduler, Shared};
use crate::atomics::{Ordering, Spot, fence, sound};

impl<R: Runnable> Shared<R> {
    /// Is the scheduler being shut down?
    #[inline]
    pub(super) fn closing(&self) -> bool {
        // Relaxed: those who must not miss it look again under a lock or after a fence.
        self.closing.load(Ordering::Relaxed)
    }

    /// An LWP has left.
    pub(super) fn someone_left(&self) {
        drop(self.leaving.lock());
        self.left.notify_all();
    }

    /// Drops what outsiders have queued.
    pub(super) fn drop_injected(&self) {
        fence(Ordering::SeqCst);
        while let Some(thread) = self.injector.pop() {
            drop(thread);
        }
    }

    /// Stops a processor, if it is idle, and drops what is in it. Nobody takes an idle one any more.
    pub(super) fn empty(&self, processor: usize) {
        let processor = &self.processors[processor];
        processor.timers.clear();
        drop(processor.slot.take());
        // No LWP has this number, so nobody else adopts what is granted to it.
        if processor.owned.grant(NOBODY)
            && let Some(mut held) = processor.owned.adopt(NOBODY)
        {
            drop(held.handed.take());
            while let Some(thread) = held.queue.pop().or_else(|| held.stack.pop()) {
                drop(thread);
            }
            held.stop();
        }
    }

    fn drop_queued(&self) {
        for processor in 0..self.processors.len() {
            self.empty(processor);
        }
        while let Some(thread) = self.returners.pop() {
            drop(thread);
        }
        while let Some(call) = self.calls.pop() {
            drop(call);
        }
        self.poller.clear();
        self.drop_injected();
    }
}

impl<R: Runnable> Scheduler<R> {
    /// Ends the scheduler: stops and joins its kernel threads and drops all queued threads.
    ///
    /// Waits for slices in progress to end and for calls in progress to return. Called again, or
    /// by several at once, it returns when the end has been reached. From a kernel thread of a
    /// scheduler (inside `run`, `call` or a hook) it cannot wait: there it only begins the end, and
    /// somebody else must call it too if the kernel threads are to be joined.
    pub fn shutdown(&self) {
        let shared = &*self.shared;
        // Step 1.
        if sound(Spot::ClosingFirst) {
            shared.closing.store(true, Ordering::SeqCst);
        }
        fence(Ordering::SeqCst);
        // Step 2.
        let sleepers = {
            let mut lists = shared.idle.lock();
            lists.closed = true;
            lists.sleepers().to_vec()
        };
        for sleeper in sleepers {
            shared.poke(sleeper);
        }
        shared.bound.all().for_each(|lwp| lwp.post.dismiss());
        if !sound(Spot::ClosingFirst) {
            shared.closing.store(true, Ordering::SeqCst);
        }
        if is_ours() {
            return;
        }
        let mut ended = shared.ended.lock();
        if *ended {
            return;
        }
        // Step 3.
        shared.monitor.leave();
        // Step 4.
        let mut leaving = shared.leaving.lock();
        while shared.idle.lock().live != 0 {
            leaving = shared.left.wait(leaving);
        }
        drop(leaving);
        for lwp in shared.lwps.iter() {
            lwp.join();
        }
        shared.bound.join();
        // Step 5.
        shared.drop_queued();
        *ended = true;
    }
}
