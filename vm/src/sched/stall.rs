//! Will anything ever run again?
//!
//! A *stall*: threads are alive, none can run, no timer of a wait that is still on is set, no call
//! is out, and no host thread holds anything that could wake one. It is the whole machine's
//! deadlock, and a report of it must never be false, so each source of wake-ups is counted where it
//! is, and changes to the counts are made so that nothing is ever in between:
//!
//! - Threads that run, or LWPs that are waking up or being made: some processor is off the idle
//!   list. A processor leaves the list when it is promised, before its LWP wakes.
//! - Calls out: the processor is not idle, or its LWP counts as stranded. Both change in one locked
//!   region when a processor is taken; a returner is queued before it stops counting.
//! - Queued threads: seen by the same scan as in the park rule, after the same fence.
//! - Timers: asked one by one whether their wait is on, from the earliest, stale ones thrown away.
//! - Host threads: [`super::Hold`]. The monitor takes one while it carries a thread from one place
//!   to another.
//!
//! These are looked at one after the other, so something may move from where it was not looked for
//! yet to where it was. Nothing moves without either a processor leaving the idle list, which
//! counts `grants`, or a hold being taken, which counts `moves`. So:
//!
//! 1. note `grants` and `moves`, with all processors idle, nobody stranded, and no hold;
//! 2. `fence(SeqCst)`; scan queues and timers;
//! 3. `fence(SeqCst)`; if neither count has changed, what was seen piece by piece was so all at once.
//!    (Partner of this fence is the one after a hold is counted: whoever sees that something has
//!    left its place, by a look without any order, sees the count.)
//!
//! The holds are looked at in step 1: after the scan one may be gone that was there during it, whose
//! holder has queued a thread behind the scan's back, and granted nothing because the kernel refuses
//! LWPs.
//!
//! It is asked when it can have become true: by an LWP that has just gone idle as the last one, and
//! when the last hold is let go (then by the monitor, so that the hook is never run by a host
//! thread). A hold that is let go while an LWP goes idle is seen by one of the two: each changes its
//! count, fences (the LWP in P2 of [`super::idle`]), and reads the other's.
//!
//! `grants` also names the stall: one stall is reported once. The host may take a hold between step
//! 3 and the report; it knows, and takes the report back.

use super::Shared;
use super::run::{Runnable, Time};
use crate::atomics::{AtomicU64, AtomicUsize, Ordering, Spot, fence, fence_at, sound};

/// What keeps a machine without work from being stalled.
#[derive(Debug)]
pub(super) struct Holds {
    held: AtomicUsize,
    /// How many holds were ever taken.
    moves: AtomicU64,
}

/// What the question came to.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quiet {
    /// Something runs, waits to run, or may come.
    No,
    /// The virtual clock has moved on to a timer that is now due.
    Jumped,
    /// It was a stall, and its report was taken.
    Stalled,
}

impl Quiet {
    /// Is there something to do for an LWP now that was not there before?
    pub(super) fn must_look(self) -> bool {
        self == Self::Jumped
    }
}

impl Holds {
    pub(super) fn new() -> Self {
        Self { held: AtomicUsize::new(0), moves: AtomicU64::new(0) }
    }

    pub(super) fn begin(&self) {
        // Both before whatever the holder moves. Partner of the fence: the one of step 3.
        self.held.fetch_add(1, Ordering::AcqRel);
        if sound(Spot::HoldMoves) {
            self.moves.fetch_add(1, Ordering::AcqRel);
        }
        fence_at(Spot::MoveFence);
    }

    /// Is there one at this moment?
    pub(super) fn any(&self) -> bool {
        // Acquire: partner of the release in `begin`.
        self.held.load(Ordering::Acquire) != 0
    }

    /// True if it was the last.
    pub(super) fn end(&self) -> bool {
        // Release: partner of the acquire in the scan, which then sees what the holder did.
        self.held.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

impl<R: Runnable> Shared<R> {
    /// Lets a hold go, and has the question asked if it has now become open.
    pub(super) fn end_hold(&self) {
        if self.holds.end() {
            // Partner: the fence of P2. Each has changed its count before.
            fence_at(Spot::HoldFence);
            if self.idle.all_idle() {
                self.monitor.ring_quiet();
            }
        }
    }

    /// Asks the question, and reports a stall.
    pub(super) fn check_quiet(&self) -> Quiet {
        loop {
            if let Some(quiet) = self.ask() {
                return quiet;
            }
        }
    }

    /// Asks once; `None` when the report was taken back and the question is open again already.
    fn ask(&self) -> Option<Quiet> {
        if !self.idle.all_idle() || self.closing() {
            return Some(Quiet::No);
        }
        // Step 1.
        let moves = self.holds.moves.load(Ordering::Acquire);
        let held = sound(Spot::StallHeld) && self.holds.any();
        let grants = {
            let lists = self.idle.lock();
            if lists.closed || lists.stranded != 0 || lists.reported == Some(lists.grants) {
                return Some(Quiet::No);
            }
            lists.grants
        };
        // Step 2.
        fence(Ordering::SeqCst);
        // A call that is not admitted now will be when the kernel relents.
        if self.alive() == 0 || self.work_waits() || !self.calls.is_empty() {
            return Some(Quiet::No);
        }
        let next = self.processors.iter().map(|p| p.timers.next_live()).min();
        let next = next.unwrap_or(Time::NEVER);
        let waits_for_time = next != Time::NEVER;
        if waits_for_time && !self.clock.is_virtual() {
            return Some(Quiet::No);
        }
        if !waits_for_time && held {
            return Some(Quiet::No);
        }
        // Step 3.
        fence_at(Spot::RecheckFence);
        {
            let mut lists = self.idle.lock();
            let unchanged = self.idle.all_idle()
                && lists.grants == grants
                && lists.stranded == 0
                && !lists.closed
                && lists.reported != Some(grants)
                && self.holds.moves.load(Ordering::Acquire) == moves;
            if !unchanged && sound(Spot::StallRecheck) {
                return Some(Quiet::No);
            }
            if !waits_for_time {
                lists.reported = Some(grants);
            }
        }
        if waits_for_time {
            self.clock.jump(next);
            return Some(Quiet::Jumped);
        }
        if !self.hooks.stalled() {
            let mut lists = self.idle.lock();
            if lists.reported == Some(grants) {
                lists.reported = None;
            }
            drop(lists);
            // A hold that was taken and let go before this had the question asked in vain.
            let passed = !self.holds.any() && self.holds.moves.load(Ordering::Acquire) != moves;
            return if passed && sound(Spot::StallPassed) { None } else { Some(Quiet::No) };
        }
        self.totals.stalls.add_shared();
        Some(Quiet::Stalled)
    }
}
