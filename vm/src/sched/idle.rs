//! Who has nothing to do, and how work finds them.
//!
//! An LWP without work gives its processor to the list of idle ones and lies down on the stack of
//! parked LWPs. Both lists are under one lock. Beside the lock stands a word with two counts, which
//! submitters read without it: LWPs that *search* (hold a processor and look for work), and idle
//! processors.
//!
//! The danger is a lost wake-up: a submitter that sees nobody idle, and an LWP that sees nothing to
//! do, each just before the other's news. Four steps and two fences rule it out:
//!
//! - *Wake rule.* W1 push the work. W2 `fence(SeqCst)`. W3 read the word; if nobody searches and a
//!   processor is idle, wake one LWP, which begins as a searcher.
//! - *Park rule.* P1 stop searching and put the processor on the idle list (the word changes).
//!   P2 `fence(SeqCst)`. P3 scan everything. P4 sleep on a token that remembers.
//!
//! - *Late wake rule.* What threads of a processor put in its queue waits until the owner has its next
//!   thread, before each slice. Then the owner reads the word; if something is left in the queue, nobody
//!   searches and a processor is idle, it wakes one LWP when that is worth it ([`super::backlog`]). So a
//!   thread that starts another and waits for it wakes nobody, and one that starts a thousand once, if at
//!   all. No fence is needed: this look
//!   comes again with each slice, an owner that makes a call looks once more after the fence
//!   of that ([`super::monitor`]), and one that goes idle scans. What is made ready goes by the same rule;
//!   the fence is in what comes from outside.
//!
//! Of the two fences one comes first in their total order. If it is W2, then P3 sees the push. If
//! it is P2, then W3 sees the word as P1 left it, and wakes. Release and acquire alone allow both
//! to miss, and so does a fence on one side only.
//!
//! A submitter that sees a searcher wakes nobody, so the searcher owes it a look:
//! - one that finds nothing does the park rule, which begins by not being a searcher any more;
//! - one that finds something stops searching, fences, and if it sees more work wakes the next
//!   ([`Idle::stop_searching`]); but not for what an owner that runs has in its queue, which goes by the late
//!   wake rule, nor for timers, which whoever runs looks at. It does not wake when it sees none: two kernel wake-ups for each
//!   message were the price.
//!
//! At most half of the busy processors search. An LWP over that limit parks without having
//! searched, but not without P1 to P4; when its scan finds work it gets up only if nobody searches.
//!
//! The lock also guards the counts that make "nothing will ever run again" decidable (see
//! [`super::stall`]): `stranded`, the LWPs that are out in a call without a processor, changes in
//! the same locked region as the list of processors. LWPs of bound threads ([`super::bound`]) count
//! there like all others; only they are in none of the lists, and what depends on how many LWPs can be
//! had for a processor does not count them.
//!
//! Rejected: waking an LWP for each push (they would fight over one thread, and the spawner, which most
//! often waits next, paid a kernel wake-up each time); waking the one whose
//! processor got the push (nobody is there to run a queue whose owner is in a call); a word with
//! the whole list in it (no room for the numbers, and going idle is slow anyway).

use super::run::Time;
use crate::atomics::{AtomicUsize, Mutex, MutexGuard, Ordering, Spot, fence_at, sound};

const SEARCHING_ONE: usize = 1;
const IDLE_ONE: usize = 1 << 16;
const SEARCHING_MASK: usize = IDLE_ONE - 1;

/// The most processors the word can count.
pub(super) const PROCESSORS_MAX: usize = 1 << 12;

/// Who has nothing to do.
#[derive(Debug)]
pub(super) struct Idle {
    /// Searching LWPs and idle processors; the latter changes only under the lock.
    word: AtomicUsize,
    /// `Lists::stranded` without the bound ones, for those who only want to know. Changes only under
    /// the lock.
    stranded: AtomicUsize,
    lists: Mutex<Lists>,
    total: usize,
}

/// What the lock guards.
#[derive(Debug)]
pub(super) struct Lists {
    /// Processors nobody holds.
    processors: Vec<usize>,
    /// LWPs that sleep; the last to lie down is the first to be woken.
    parked: Vec<usize>,
    /// Numbers of LWPs that do not exist, or are leaving.
    free: Vec<usize>,
    /// LWPs that exist or are being made, without those that are leaving.
    pub(super) live: usize,
    /// Those of them that are bound.
    bound: usize,
    /// LWPs out in a call whose processor is not theirs any more.
    pub(super) stranded: usize,
    /// How many times a processor has left the list. If it has not changed, nothing has run.
    pub(super) grants: u64,
    /// `grants` when a stall was last reported.
    pub(super) reported: Option<u64>,
    /// The parked LWP that gets up for the next timer.
    pub(super) keeper: Option<usize>,
    /// What the keeper sleeps until.
    keeper_until: Time,
    /// Fewest processors idle at once.
    pub(super) fewest_idle: usize,
    /// No LWP is to be woken or made any more.
    pub(super) closed: bool,
}

/// An idle processor, and the LWP that is to get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) processor: usize,
    pub(super) lwp: usize,
    /// The LWP does not exist yet.
    pub(super) is_new: bool,
}

/// How things stand, from one look at the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) searching: usize,
    pub(super) idle: usize,
}

impl Counts {
    fn of(word: usize) -> Self {
        Self { searching: word & SEARCHING_MASK, idle: word / IDLE_ONE }
    }

    /// Is there somebody to wake, and nobody who looks already?
    pub(super) fn wants_wake(self) -> bool {
        self.searching == 0 && self.idle != 0
    }
}

impl Idle {
    /// `processors` idle ones, and room for `lwps` LWPs.
    pub(super) fn new(processors: usize, lwps: usize) -> Self {
        Self {
            word: AtomicUsize::new(processors * IDLE_ONE),
            stranded: AtomicUsize::new(0),
            lists: Mutex::new(Lists {
                processors: (0..processors).rev().collect(),
                parked: Vec::new(),
                free: (0..lwps).rev().collect(),
                live: 0,
                bound: 0,
                stranded: 0,
                grants: 0,
                reported: None,
                keeper: None,
                keeper_until: Time::NEVER,
                fewest_idle: processors,
                closed: false,
            }),
            total: processors,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock()
    }

    /// The counts at this moment, ordered after nothing.
    #[inline]
    pub(super) fn counts(&self) -> Counts {
        Counts::of(self.word.load(Ordering::Relaxed))
    }

    /// LWPs that are not bound and out in a call without a processor, ordered after nothing.
    pub(super) fn stranded(&self) -> usize {
        self.stranded.load(Ordering::Relaxed)
    }

    /// Does no LWP hold a processor but those that search? Then no queue gets longer, but by what comes
    /// from outside, which wakes somebody.
    pub(super) fn nobody_runs(&self) -> bool {
        let Counts { searching, idle } = self.counts();
        searching + idle >= self.total
    }

    pub(super) fn all_idle(&self) -> bool {
        self.counts().idle == self.total
    }

    /// W2 and W3, to be called after the push. True if an LWP should be woken.
    #[inline]
    pub(super) fn wake_wanted(&self) -> bool {
        // Partner: the fence in `lie_down`, or in `stop_searching`.
        fence_at(Spot::WakeFence);
        self.counts().wants_wake()
    }

    /// Pairs an idle processor with an LWP for it, counted as searching. `None` if nobody is to be
    /// woken, or nobody can be: no LWP is parked and no more may be made.
    /// Whoever sleeps in the poller is the last to be chosen.
    pub(super) fn claim(&self, in_poller: Option<usize>) -> Option<Claim> {
        let mut lists = self.lock();
        if lists.closed && sound(Spot::ClosedLists) || !self.counts().wants_wake() {
            return None;
        }
        let (lwp, is_new) = lists.take_lwp(in_poller)?;
        let processor = self.pop_processor(&mut lists, None)?;
        self.word.fetch_add(SEARCHING_ONE, Ordering::Relaxed);
        Some(Claim { processor, lwp, is_new })
    }

    /// Finds an LWP for a processor that is held. It counts as searching, like any that is woken.
    pub(super) fn staff(&self, processor: usize, in_poller: Option<usize>) -> Option<Claim> {
        let mut lists = self.lock();
        if lists.closed {
            return None;
        }
        let (lwp, is_new) = lists.take_lwp(in_poller)?;
        self.word.fetch_add(SEARCHING_ONE, Ordering::Relaxed);
        Some(Claim { processor, lwp, is_new })
    }

    /// Takes an idle processor for an LWP that searches for nothing. `None` if there is none.
    pub(super) fn take(&self) -> Option<usize> {
        let mut lists = self.lock();
        if lists.closed { None } else { self.pop_processor(&mut lists, None) }
    }

    /// P1 and P2 for an LWP that is in none of the lists.
    pub(super) fn put_back(&self, processor: usize) {
        self.push_processor(&mut self.lock(), processor);
        // Partner: the fence in `wake_wanted`.
        fence_at(Spot::IdleFence);
    }

    /// Counts a bound LWP that is about to be made. False if none may be any more.
    pub(super) fn admit_bound(&self) -> bool {
        let mut lists = self.lock();
        if lists.closed {
            return false;
        }
        lists.live += 1;
        lists.bound += 1;
        true
    }

    /// A bound LWP is leaving, or was not made. How many LWPs are left?
    pub(super) fn retire_bound(&self) -> usize {
        let mut lists = self.lock();
        lists.live -= 1;
        lists.bound -= 1;
        lists.live
    }

    /// The new LWP of `claim` could not be made.
    pub(super) fn unclaim(&self, claim: Claim) {
        let mut lists = self.lock();
        lists.live -= 1;
        lists.free.push(claim.lwp);
        self.push_processor(&mut lists, claim.processor);
        self.word.fetch_sub(SEARCHING_ONE, Ordering::Relaxed);
    }

    /// P1 and P2 for an LWP that searches or not, and that gives up `processor` if it has one.
    /// A returner says `was_stranded`; it has queued its thread before.
    pub(super) fn lie_down(
        &self,
        lwp: usize,
        processor: Option<usize>,
        searching: bool,
        was_stranded: bool,
    ) {
        let mut lists = self.lock();
        if was_stranded {
            self.end_call(&mut lists, false);
        }
        if let Some(processor) = processor {
            self.push_processor(&mut lists, processor);
        }
        lists.parked.push(lwp);
        if searching {
            self.word.fetch_sub(SEARCHING_ONE, Ordering::Relaxed);
        }
        drop(lists);
        // Partner: the fence in `wake_wanted`.
        fence_at(Spot::IdleFence);
    }

    /// A parked LWP has found work, or its timer is due, and takes an idle processor for itself as
    /// a searcher. `None` if it was woken meanwhile (its token says so), if no processor is idle,
    /// or if others search already and `alone` was asked for.
    pub(super) fn get_up(&self, lwp: usize, alone: bool) -> Option<usize> {
        let mut lists = self.lock();
        let at = lists.parked.iter().rposition(|&other| other == lwp)?;
        if lists.closed || alone && self.counts().searching != 0 {
            return None;
        }
        let processor = self.pop_processor(&mut lists, None)?;
        lists.parked.remove(at);
        lists.forget_keeper(lwp);
        self.word.fetch_add(SEARCHING_ONE, Ordering::Relaxed);
        Some(processor)
    }

    /// A parked LWP wants to leave. False if it was woken meanwhile, or is the last. Else it counts
    /// no more, in the same step: of two that leave at once, each but the last one sees the other.
    /// Its number is free too; whoever takes it joins the former holder first, which is on its way
    /// out and touches nothing but what it publishes.
    pub(super) fn retire(&self, lwp: usize, even_last: bool) -> bool {
        let mut lists = self.lock();
        let Some(at) = lists.parked.iter().rposition(|&other| other == lwp) else { return false };
        if lists.live - lists.bound == 1 && !even_last {
            return false;
        }
        lists.parked.remove(at);
        lists.forget_keeper(lwp);
        lists.live -= 1;
        lists.free.push(lwp);
        true
    }

    /// An LWP with a processor begins to search, unless half of the busy ones do.
    pub(super) fn start_searching(&self) -> bool {
        let counts = self.counts();
        if 2 * counts.searching >= self.total - counts.idle {
            return false;
        }
        // The limit may be passed by a race; it saves effort and protects nothing.
        self.word.fetch_add(SEARCHING_ONE, Ordering::Relaxed);
        true
    }

    /// A searcher has found work. True if it was the last one: it then owes a look for more, and
    /// this fence is P2 to the wake rule's.
    pub(super) fn stop_searching(&self) -> bool {
        let before = Counts::of(self.word.fetch_sub(SEARCHING_ONE, Ordering::Relaxed));
        fence_at(Spot::IdleFence);
        before.searching == 1 && before.idle != 0
    }

    /// Takes a processor from an LWP in a call, by `take`, and leaves it idle.
    pub(super) fn strand(
        &self,
        processor: usize,
        bound: bool,
        take: impl FnOnce() -> bool,
    ) -> bool {
        let mut lists = self.lock();
        let taken = take();
        if taken {
            lists.stranded += 1;
            if !bound {
                self.stranded.fetch_add(1, Ordering::Relaxed);
            }
            self.push_processor(&mut lists, processor);
        }
        drop(lists);
        fence_at(Spot::IdleFence);
        taken
    }

    /// An LWP that lost its processor is back, and takes an idle one, best the one it had.
    pub(super) fn come_back(&self, had: usize, bound: bool) -> Option<usize> {
        let mut lists = self.lock();
        if lists.closed {
            return None;
        }
        let processor = self.pop_processor(&mut lists, Some(had))?;
        self.end_call(&mut lists, bound);
        Some(processor)
    }

    /// A bound LWP is back, finds no processor, and has queued its thread.
    pub(super) fn end_bound_call(&self) {
        self.end_call(&mut self.lock(), true);
    }

    /// Could an LWP be had for another processor?
    pub(super) fn can_staff(&self) -> bool {
        let lists = self.lock();
        !lists.parked.is_empty() || !lists.free.is_empty()
    }

    /// The LWP that would be woken next.
    pub(super) fn sleeper(&self) -> Option<usize> {
        self.lock().parked.last().copied()
    }

    /// Does an LWP sleep that could be woken?
    pub(super) fn has_sleeper(&self) -> bool {
        !self.lock().parked.is_empty()
    }

    /// Makes parked LWP `lwp` the keeper of timers until `deadline`, unless another one gets up no
    /// later.
    pub(super) fn keep(&self, lwp: usize, deadline: Time) -> bool {
        let mut lists = self.lock();
        let other = lists.keeper.is_some_and(|keeper| keeper != lwp);
        if other && lists.keeper_until <= deadline || !lists.parked.contains(&lwp) {
            return false;
        }
        (lists.keeper, lists.keeper_until) = (Some(lwp), deadline);
        true
    }

    /// The sleeper to poke so that somebody gets up for a timer at `deadline`; `None` if that is
    /// seen to, or nobody sleeps.
    pub(super) fn keeper_for(&self, deadline: Time) -> Option<usize> {
        let lists = self.lock();
        match lists.keeper {
            Some(_) if lists.keeper_until <= deadline => None,
            Some(keeper) => Some(keeper),
            None => lists.parked.last().copied(),
        }
    }

    pub(super) fn stop_keeping(&self, lwp: usize) {
        self.lock().forget_keeper(lwp);
    }

    fn end_call(&self, lists: &mut Lists, bound: bool) {
        lists.stranded -= 1;
        if !bound {
            self.stranded.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn push_processor(&self, lists: &mut Lists, processor: usize) {
        lists.processors.push(processor);
        self.word.fetch_add(IDLE_ONE, Ordering::Relaxed);
    }

    fn pop_processor(&self, lists: &mut Lists, wanted: Option<usize>) -> Option<usize> {
        let at = wanted.and_then(|p| lists.processors.iter().position(|&other| other == p));
        let processor = match at {
            Some(at) => lists.processors.remove(at),
            None => lists.processors.pop()?,
        };
        lists.grants += 1;
        lists.fewest_idle = lists.fewest_idle.min(lists.processors.len());
        self.word.fetch_sub(IDLE_ONE, Ordering::Relaxed);
        Some(processor)
    }
}

impl Lists {
    /// Everybody who sleeps.
    pub(super) fn sleepers(&self) -> &[usize] {
        &self.parked
    }

    /// An LWP for a processor, and whether it has to be made.
    fn take_lwp(&mut self, in_poller: Option<usize>) -> Option<(usize, bool)> {
        if let Some(lwp) = self.next_sleeper(in_poller) {
            return Some((lwp, false));
        }
        let lwp = self.free.pop()?;
        self.live += 1;
        Some((lwp, true))
    }

    /// The LWP to wake: not the one that watches the timers, and not the one that watches the
    /// descriptors, if there is another.
    fn next_sleeper(&mut self, in_poller: Option<usize>) -> Option<usize> {
        let last = self.parked.len().checked_sub(1)?;
        let watches = |lwp: usize| Some(lwp) == self.keeper || Some(lwp) == in_poller;
        // There are two that watch at most.
        let at = (last.saturating_sub(2)..=last).rev().find(|&at| !watches(self.parked[at]));
        let lwp = self.parked.remove(at.unwrap_or(last));
        self.forget_keeper(lwp);
        Some(lwp)
    }

    fn forget_keeper(&mut self, lwp: usize) {
        if self.keeper == Some(lwp) {
            self.keeper = None;
        }
    }
}
