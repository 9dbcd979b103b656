//! Blocking calls.
//!
//! *Lazy.* The LWP gives its processor up by one store, makes the call, and takes the processor
//! back by one exchange. If the call was short nobody has noticed. If it was not, the monitor has
//! taken the processor (see [`super::monitor`]) and the exchange fails.
//!
//! *Eager.* The LWP makes its processor idle before the call, and wakes an LWP for it if anything
//! waits. That costs a kernel wake-up, so it is for calls that are known to block.
//!
//! *Back without a processor.* The LWP takes an idle processor, best the one it had, and goes on.
//! If none is idle, the thread goes to the returners, which are served before all queues, and the
//! LWP goes to sleep.
//!
//! *Too many calls.* LWPs out in a call without a processor are *stranded*. A processor must never
//! be without an LWP, so calls are admitted only while fewer are stranded than the cap allows after
//! setting aside two LWPs for each processor: one to hold it, and one that is in a lazy call now
//! and may lose it. A thread whose call is not admitted stands in the queue of calls; its LWP goes
//! on with other threads. The cap is raised to leave room for one call at least. The call of a bound
//! thread takes no LWP from anybody: it is always admitted.

use super::Shared;
use super::lwp::{Called, Lwp, Seat};
use super::run::{Handoff, Runnable};
use crate::atomics::Ordering;

/// LWPs set aside for each processor.
pub(super) const LWPS_PER_PROCESSOR: usize = 2;

impl<R: Runnable> Shared<R> {
    /// May another call be begun?
    #[inline]
    pub(super) fn admits_calls(&self) -> bool {
        // Relaxed: between the look and the call each processor can add one, which is what the
        // second LWP for each processor is for.
        self.idle.stranded() < self.calls_max && !self.refusing.load(Ordering::Relaxed)
    }
}

impl<'a, R: Runnable> Lwp<'a, R> {
    /// Makes the call `thread` asked for. `was_queued` if it has stood in the queue of calls.
    pub(super) fn call(
        &mut self,
        mut seat: Seat<'a, R>,
        thread: &R,
        handoff: Handoff,
        was_queued: bool,
    ) -> Called<'a, R> {
        let shared = self.shared;
        if !was_queued && !self.is_bound() && !shared.admits_calls() {
            shared.totals.calls_queued.add_shared();
            shared.calls.push((thread.clone(), handoff));
            return Called::Queued(seat);
        }
        let processor = seat.at;
        processor.counts.calls.bump();
        let caller = thread.number();
        match handoff {
            Handoff::Lazy => {
                let number = processor.number;
                self.tell_timers(&mut seat);
                self.published().in_call(caller, Some(number));
                let queued = seat.held.has_queued();
                let away = seat.held.enter();
                // From here on the queue and the slot may be emptied by others, and the processor
                // may be taken. The monitor must be awake for that, and whoever let a thread wait
                // for this LWP, in the slot or in the queue, did not wake anybody.
                let must_wake = shared.monitor.note_call();
                if must_wake {
                    shared.monitor.ring();
                }
                if (queued || processor.slot.look().is_some()) && shared.idle.counts().wants_wake()
                {
                    shared.wake_one();
                }
                thread.call();
                match away.leave() {
                    Some(held) => {
                        self.published().running(number);
                        Called::Back(Seat { at: processor, held })
                    }
                    None => self.come_back(thread, number),
                }
            }
            Handoff::Eager => {
                let number = processor.number;
                // Nobody fills the slot of an idle processor, but an idle processor is also one
                // whose slot nobody expects anything in.
                if let Some(next) = processor.slot.take() {
                    seat.held.queue.push(next);
                }
                self.published().in_call(caller, None);
                self.published().seen(shared.clock.now());
                shared.totals.eager.add_shared();
                seat.held.release();
                shared.idle.strand(number, self.is_bound(), || true);
                if shared.work_waits() {
                    shared.wake_one();
                }
                shared.cover_timers();
                thread.call();
                self.come_back(thread, number)
            }
        }
    }

    /// The call is over and the processor it was begun on is not this LWP's any more.
    fn come_back(&mut self, thread: &R, had: usize) -> Called<'a, R> {
        let shared = self.shared;
        self.published().waiting();
        if let Some(processor) = shared.idle.come_back(had, self.is_bound()) {
            let granted = shared.processors[processor].owned.grant(self.id);
            debug_assert!(granted, "a processor on the idle list is idle");
            self.published().running(processor);
            if let Some(seat) = self.sit_down(processor) {
                if !shared.calls.is_empty() {
                    // One of them may be admitted now.
                    shared.wake_rule();
                }
                return Called::Back(seat);
            }
        }
        thread.park_word().put_down();
        shared.returners.push(thread.clone());
        // The thread is queued before this LWP stops counting as stranded, or for a moment it
        // would be nowhere and the machine would look finished.
        if self.is_bound() {
            shared.idle.end_bound_call();
            shared.wake_rule();
        } else {
            shared.idle.lie_down(self.id, None, false, true);
        }
        Called::Lost
    }
}
