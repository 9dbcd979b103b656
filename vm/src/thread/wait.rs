//! One wait of a user thread: many may end it, exactly one does.
//!
//! A thread that has to wait *begins* a wait, which has a number (its generation), and registers
//! a [`WaitToken`] with everybody who may end it: the queues of channels, a timer, the threads it
//! joins. Then it parks. Whoever has something for it *claims* the wait; the one whose claim wins
//! leaves a [`Delivery`] and makes the thread ready. All others find the generation over and look
//! for someone else. Registrations that are left behind are taken out by the thread itself when it
//! runs again.
//!
//! ```text
//!             begin (owner)             claim, interrupt (anyone, one wins)
//!   RUNNING ────────────────► OPEN ──────────────────────────────────► CLAIMED
//!      ▲                                                                  │
//!      └─────────────── the thread runs again (owner: end) ───────────────┘
//! ```
//!
//! # Invariants
//!
//! 1. A generation is opened once, by the thread itself, and claimed at most once.
//! 2. The winner of a claim writes the slot, then makes the thread ready, and does nothing else to
//!    it. Between the claim and the moment the thread runs again only the winner touches the slot;
//!    at all other times only the thread does.
//! 3. A thread that has begun a wait parks without doing anything that can fail, so every
//!    `ready` meets a thread that is parked or about to be.
//! 4. A request to stop is never lost: it sets its flag on the thread first and *notices* the
//!    word then. A wait that was open before is claimed by the notice (if it may be interrupted);
//!    a wait that would open after sees the notice and does not open.
//!
//! # Protocol of the word
//!
//! The word is `generation | level | notice | state`.
//!
//! 1. `begin`: one exchange from (old generation, no notice) to (next generation, OPEN). Release:
//!    partner of 2 and 3, so that the winner's write to the slot comes after the thread's last
//!    read of it. It fails when the notice bit is set; the thread then takes the notice (acquire,
//!    partner of 3), looks at its flags, and tries again or unwinds.
//! 2. `claim`: one exchange from (this generation, OPEN) to CLAIMED. Acquire, partner of 1.
//! 3. `interrupt`: one exchange that sets the notice bit and, when the wait is open and its level
//!    allows it, claims it. Acquire, as in 2; release, so that who sees the notice sees the flag.
//! 4. `waiting`, for people: reads the word, the reason, the word again. Acquire at the first read,
//!    partner of 1: the reason is that of this wait or of a later one. Acquire at the reason, partner
//!    of the release in `describe`: who sees the reason of a later wait sees at the second read that
//!    this one is over. So what it gives belongs together.
//! 5. The winner's write to the slot reaches the thread through the scheduler: making ready
//!    happens before the next run.
//!
//! The *level* of a wait is how many cleanup handlers the thread is in. A request carries the
//! level it may reach: a cancellation 0, the failure of a scope the level at which that was opened,
//! a deadlock all. So cleanup may wait undisturbed, and a scope inside cleanup can still fail.
//!
//! Rejected: a lock around generation and slot (three locks for a wait instead of two exchanges);
//! a cancel flag beside the word (needs two fences for what one exchange settles).

#![expect(unsafe_code, reason = "the delivery slot is handed from the claimer to the thread")]

use std::fmt;

use super::ThreadRef;
use crate::{
    atomics::{AtomicPtr, AtomicU64, Ordering, Spot, UnsafeCell, order, sound},
    value::Shared,
};
use lisle_compiler::bytecode::Word;

/// The level of a request that reaches every wait.
pub const EVERY_LEVEL: u8 = u8::MAX;

const STATE: u64 = 0b11;
const OPEN: u64 = 0b01;
const CLAIMED: u64 = 0b10;
const NOTICE: u64 = 0b100;
const LEVEL_AT: u32 = 8;
const GENERATION_AT: u32 = 16;

/// The wait word of a thread and the slot that belongs to it.
pub struct Wait<D = Delivery> {
    /// See the module's text. Any LWP, atomic.
    word: AtomicU64,
    /// What the winner left. The winner from its claim to its `ready`, the thread otherwise.
    slot: UnsafeCell<Option<D>>,
    /// What the latest wait is for: a packed [`WaitReason`]. Written by the thread, read by dumps.
    reason: AtomicU64,
    /// Where in the code the thread stands: while it waits, where it waits. As `reason`.
    site: AtomicPtr<Word>,
}

// SAFETY: `slot` is the only field that is not `Sync` by itself; the claim protocol (invariant 2)
// gives it to one LWP at a time, with an order between them. What it holds crosses LWPs, hence
// `D: Send`.
unsafe impl<D: Send> Sync for Wait<D> {}

/// The number of a wait.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Generation(u64);

impl Generation {
    /// The generation as a plain number: the token of a timer.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The generation that `get` gave.
    pub fn from_token(token: u64) -> Self {
        Self(token)
    }
}

/// A wait did not begin: there is a request that the thread has not looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Noticed;

/// What a thread waits for at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// The number of the wait.
    pub generation: Generation,
    /// What it is for.
    pub reason: WaitReason,
    /// Where in the code: the address of the instruction.
    pub site: usize,
}

/// What noticing a thread came to.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interrupt {
    /// The caller has claimed the wait and now makes the thread ready.
    Claimed,
    /// The thread will see the request by itself.
    Noted,
}

impl<D> Wait<D> {
    /// The word of a thread that has not waited yet.
    pub fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            slot: UnsafeCell::new(None),
            reason: AtomicU64::new(0),
            site: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// The same, of one that stands there.
    #[inline]
    pub(super) fn standing_at(site: *const Word) -> Self {
        Self { site: AtomicPtr::new(site.cast_mut()), ..Self::new() }
    }

    /// Opens the next wait. Only the thread itself calls this, while it runs, and parks next.
    pub fn begin(&self, level: u8) -> Result<Generation, Noticed> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & NOTICE != 0 && sound(Spot::WaitNotice) {
                return Err(Noticed);
            }
            debug_assert_ne!(word & STATE, OPEN, "a thread waits once at a time");
            let generation = (word >> GENERATION_AT).wrapping_add(1) << GENERATION_AT;
            let next = generation | u64::from(level) << LEVEL_AT | OPEN;
            match self.word.compare_exchange_weak(
                word,
                next,
                // Release: partner of the acquire in `claim` and `interrupt`.
                order(Spot::WaitBegin, Ordering::Release),
                // Relaxed: the loop looks again, and `take_notice` is the acquire.
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(Generation(generation >> GENERATION_AT)),
                Err(now) => word = now,
            }
        }
    }

    /// Ends the wait of this generation, if nobody has, and leaves the delivery. On success the
    /// caller makes the thread ready; else it has its delivery back.
    pub fn claim(&self, generation: Generation, delivery: D) -> Result<(), D> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word >> GENERATION_AT != generation.0 || word & STATE != OPEN {
                return Err(delivery);
            }
            match self.word.compare_exchange_weak(
                word,
                word & !STATE | CLAIMED,
                // Acquire: partner of the release in `begin`.
                order(Spot::WaitClaim, Ordering::Acquire),
                // Relaxed: the loop only looks at the word itself.
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        self.deliver(delivery);
        Ok(())
    }

    /// Tells the thread that one of its flags has been set, and ends its wait if that is at
    /// `level` or below.
    pub fn interrupt(&self, level: u8, delivery: D) -> Interrupt {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let claims = word & STATE == OPEN && (word >> LEVEL_AT) as u8 <= level;
            let next = NOTICE | if claims { word & !STATE | CLAIMED } else { word };
            match self.word.compare_exchange_weak(
                word,
                next,
                // Acquire: as in `claim`. Release: partner of the acquire in `take_notice`.
                order(Spot::WaitInterrupt, Ordering::AcqRel),
                // Relaxed: the loop only looks at the word itself.
                Ordering::Relaxed,
            ) {
                Ok(_) if claims => break,
                Ok(_) => return Interrupt::Noted,
                Err(now) => word = now,
            }
        }
        self.deliver(delivery);
        Interrupt::Claimed
    }

    /// Takes the notice before the thread looks at its flags. Only the thread itself calls this.
    pub fn take_notice(&self) -> bool {
        // Acquire: partner of the release in `interrupt`.
        self.word.fetch_and(!NOTICE, Ordering::Acquire) & NOTICE != 0
    }

    /// Takes what ended the wait. Only the thread itself calls this, when it runs again.
    pub fn end(&self) -> Option<D> {
        debug_assert_ne!(self.word.load(Ordering::Relaxed) & STATE, OPEN, "nobody ended the wait");
        // SAFETY: the thread runs, so no wait of it is open and no claimer is at work: the winner
        // wrote before it made the thread ready, which happened before this (invariant 2).
        self.slot.with_mut(|slot| unsafe { (*slot).take() })
    }

    /// Takes what ended the wait if `of` makes something of it; else it stays. As [`Wait::end`].
    #[inline]
    pub fn end_as<R>(&self, of: impl FnOnce(D) -> Result<R, D>) -> Option<R> {
        debug_assert_ne!(self.word.load(Ordering::Relaxed) & STATE, OPEN, "nobody ended the wait");
        // SAFETY: as in `end`.
        self.slot.with_mut(|slot| unsafe {
            match of((*slot).take()?) {
                Ok(result) => Some(result),
                Err(delivery) => {
                    *slot = Some(delivery);
                    None
                }
            }
        })
    }

    /// The number of the latest wait. For the thread itself.
    pub fn generation(&self) -> Generation {
        // Relaxed: only the thread itself changes it.
        Generation(self.word.load(Ordering::Relaxed) >> GENERATION_AT)
    }

    /// Is the wait of this generation still open? It may end at any moment.
    pub fn is_open(&self, generation: Generation) -> bool {
        // Relaxed: a hint, and a wait that is over stays so; only a claim decides.
        let word = self.word.load(Ordering::Relaxed);
        word >> GENERATION_AT == generation.0 && word & STATE == OPEN
    }

    /// What the thread waits for and where, if it waits at this moment.
    pub fn waiting(&self) -> Option<Waiting> {
        // Acquire: partner of the release in `begin`.
        let word = self.word.load(Ordering::Acquire);
        if word & STATE != OPEN {
            return None;
        }
        let generation = Generation(word >> GENERATION_AT);
        // Acquire, both: partners of the releases in `describe`.
        let reason = self.reason.load(Ordering::Acquire);
        let site = self.site.load(Ordering::Acquire).addr();
        let reason = WaitReason::unpack(reason)?;
        self.is_open(generation).then_some(Waiting { generation, reason, site })
    }

    /// Publishes what the next wait is for. Only the thread itself calls this.
    pub fn describe(&self, reason: WaitReason) {
        // Release, here and in `stand_at`: partners of the acquires in `waiting`, so that who reads this
        // also sees that the wait before is over.
        self.reason.store(reason.pack(), order(Spot::WaitDescribe, Ordering::Release));
    }

    /// Publishes where the thread stands. For who has it in hand.
    #[inline]
    pub fn stand_at(&self, site: *const Word) {
        self.site.store(site.cast_mut(), Ordering::Release);
    }

    /// Where the thread stands. For who has it in hand.
    #[inline]
    pub fn site(&self) -> *const Word {
        // Relaxed: it comes from hand to hand with the thread.
        self.site.load(Ordering::Relaxed)
    }

    fn deliver(&self, delivery: D) {
        // SAFETY: the caller has just won the claim, so the slot is its own until it makes the
        // thread ready; the acquire of the claim came after the thread's last access.
        self.slot.with_mut(|slot| unsafe { *slot = Some(delivery) });
    }
}

impl<D> Default for Wait<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D> fmt::Debug for Wait<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word.load(Ordering::Relaxed);
        f.debug_struct("Wait")
            .field("generation", &(word >> GENERATION_AT))
            .field("state", &(word & STATE))
            .field("noticed", &(word & NOTICE != 0))
            .finish_non_exhaustive()
    }
}

/// What ended a wait. `arm` is what the token that was claimed said: the arm of a `select`, 0
/// elsewhere.
#[derive(Debug)]
pub enum Delivery {
    /// A channel gave a value, or a thread that ended.
    Received {
        /// The arm.
        arm: u32,
        /// The value.
        value: Shared,
    },
    /// A channel took the value.
    Sent {
        /// The arm.
        arm: u32,
    },
    /// The channel was closed.
    Closed {
        /// The arm.
        arm: u32,
    },
    /// What the thread waited for has come; the thread knows where to look.
    Woken {
        /// The arm.
        arm: u32,
    },
    /// The time is over.
    TimedOut,
    /// There is a request to stop: the thread takes itself out of all queues and asks what it is.
    Interrupted,
}

/// The right to try to end one wait of one thread. What wait queues hold.
///
/// There may be as many as there are threads: the number of the wait and the arm share a word.
#[derive(Clone, Debug)]
pub struct WaitToken {
    thread: ThreadRef,
    /// `generation | arm`, the first as in the word of the wait.
    what: u64,
}

impl WaitToken {
    /// A token for the wait that `thread` has begun.
    pub fn new(thread: ThreadRef, generation: Generation) -> Self {
        Self { thread, what: generation.0 << GENERATION_AT }
    }

    /// The same wait, as seen from an arm of a `select`.
    pub fn with_arm(&self, arm: u16) -> Self {
        Self {
            thread: self.thread.clone(),
            what: self.generation().0 << GENERATION_AT | u64::from(arm),
        }
    }

    /// The number of the wait.
    pub fn generation(&self) -> Generation {
        Generation(self.what >> GENERATION_AT)
    }

    /// The arm.
    pub fn arm(&self) -> u32 {
        u32::from(self.what as u16)
    }

    /// The thread that waits.
    pub fn thread(&self) -> &ThreadRef {
        &self.thread
    }

    /// The thread that waits: to make it ready after a claim.
    pub fn into_thread(self) -> ThreadRef {
        self.thread
    }

    /// Ends the wait, if nobody has. On success the caller makes the thread ready.
    pub fn claim(&self, delivery: Delivery) -> Result<(), Delivery> {
        self.thread.wait.claim(self.generation(), delivery)
    }

    /// Ends the wait with [`Delivery::Woken`]; true when this call did it, and the caller then
    /// makes the thread ready.
    pub fn wake(&self) -> bool {
        self.claim(Delivery::Woken { arm: self.arm() }).is_ok()
    }

    /// Ends the wait with [`Delivery::Received`]; else as [`WaitToken::wake`].
    pub fn give(&self, value: Shared) -> bool {
        self.claim(Delivery::Received { arm: self.arm(), value }).is_ok()
    }

    /// Is it still waiting?
    pub fn is_open(&self) -> bool {
        self.thread.wait.is_open(self.generation())
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident $(($number:ident))? = $code:literal, $text:literal;)*) => {
        /// What a thread waits for. Every place that parks has its own.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum WaitReason { $($(#[$doc])* $variant $((reasons!(@type $number)))?),* }

        impl WaitReason {
            fn pack(self) -> u64 {
                match self {
                    $(Self::$variant $(($number))? => {
                        $code << 56 | (0 $(+ $number)?) & NUMBER
                    })*
                }
            }

            fn unpack(packed: u64) -> Option<Self> {
                match packed >> 56 {
                    $($code => Some(Self::$variant $((reasons!(@number packed $number)))?),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for WaitReason {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Self::$variant $(($number))? => write!(f, $text)),* }
            }
        }

        #[cfg(test)]
        const EVERY_REASON: &[WaitReason] =
            &[$(WaitReason::$variant $(({ let $number = 7; $number }))?),*];
    };
    (@type $number:ident) => { u64 };
    (@number $packed:ident $number:ident) => { $packed & NUMBER };
}

const NUMBER: u64 = (1 << 56) - 1;

reasons! {
    /// To receive from a channel, by its number.
    Receive(id) = 1, "to receive from channel {id}";
    /// To send to a channel, by its number.
    Send(id) = 2, "to send to channel {id}";
    /// For an arm of a `select`.
    Select = 3, "for an arm of a select";
    /// For a thread to end, by its number.
    Join(id) = 4, "for thread {id} to end";
    /// For time to pass.
    Sleep = 5, "in a sleep";
    /// For the threads of a scope to end.
    Scope = 6, "for the threads of a scope to end";
    /// For a mutex, by its number.
    Mutex(id) = 7, "for mutex {id}";
    /// For the count of a wait group to reach zero, by its number.
    WaitGroup(id) = 8, "for wait group {id}";
    /// For a module that another thread runs.
    Module = 9, "for a module that another thread is running";
    /// For a file descriptor that has something to read.
    Read = 10, "to read";
    /// For the host.
    Host = 11, "for the host";
    /// For a permit of a semaphore, by its number.
    Semaphore(id) = 12, "for semaphore {id}";
    /// For the others at a barrier, by its number.
    Barrier(id) = 13, "at barrier {id}";
    /// For the first run of a once, by its number.
    Once(id) = 14, "for once {id}";
    /// For a file descriptor that can be written to.
    Write = 15, "to write";
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn one_claim_wins() {
        let wait = Wait::new();
        let generation = wait.begin(0).unwrap();
        assert!(wait.is_open(generation));
        assert_eq!(wait.claim(generation, 'a'), Ok(()));
        assert_eq!(wait.claim(generation, 'b'), Err('b'));
        assert!(!wait.is_open(generation));
        assert_eq!((wait.end(), wait.end()), (Some('a'), None));
    }

    #[test]
    fn a_token_of_an_old_wait_claims_nothing() {
        let wait = Wait::new();
        let old = wait.begin(0).unwrap();
        wait.claim(old, 1).unwrap();
        wait.end();
        let new = wait.begin(0).unwrap();
        assert_eq!(wait.claim(old, 2), Err(2));
        assert_eq!(wait.claim(new, 3), Ok(()));
        assert_eq!(wait.end(), Some(3));
    }

    /// Every state against every event.
    #[test]
    fn requests_and_waits_meet() {
        // Before a wait: it does not begin until the notice is taken.
        let wait = Wait::new();
        assert_eq!(wait.interrupt(0, 'x'), Interrupt::Noted);
        assert_eq!(wait.begin(0), Err(Noticed));
        assert!(wait.take_notice() && !wait.take_notice());
        // During a wait at a level that it reaches.
        let generation = wait.begin(2).unwrap();
        assert_eq!(wait.interrupt(2, 'y'), Interrupt::Claimed);
        assert_eq!(wait.interrupt(2, 'z'), Interrupt::Noted);
        assert_eq!(wait.claim(generation, 'v'), Err('v'));
        assert_eq!((wait.end(), wait.take_notice()), (Some('y'), true));
        // During a wait above its level: noted, and the wait goes on.
        let generation = wait.begin(2).unwrap();
        assert_eq!(wait.interrupt(1, 'x'), Interrupt::Noted);
        assert_eq!(wait.claim(generation, 'v'), Ok(()));
        assert_eq!((wait.end(), wait.begin(0)), (Some('v'), Err(Noticed)));
        // A request for every level reaches every wait.
        wait.take_notice();
        wait.begin(EVERY_LEVEL).unwrap();
        assert_eq!(wait.interrupt(EVERY_LEVEL, 'd'), Interrupt::Claimed);
    }

    #[test]
    fn reasons_survive_packing_and_have_a_text_each() {
        let mut texts = std::collections::HashSet::new();
        for &reason in EVERY_REASON {
            assert_eq!(WaitReason::unpack(reason.pack()), Some(reason));
            assert!(texts.insert(reason.to_string()), "{reason}");
        }
        assert_eq!(WaitReason::unpack(0), None);
    }

    static CODE: [Word; 2] = [Word { op: 0, flags: 0, a: 0, b: 0, c: 0 }; 2];

    #[test]
    fn an_open_wait_shows_its_reason() {
        let wait = Wait::<()>::new();
        let site = &raw const CODE[1];
        wait.describe(WaitReason::Join(3));
        wait.stand_at(site);
        assert_eq!(wait.waiting(), None);
        let generation = wait.begin(0).unwrap();
        let reason = WaitReason::Join(3);
        assert_eq!(wait.waiting(), Some(Waiting { generation, reason, site: site.addr() }));
        wait.claim(generation, ()).unwrap();
        assert_eq!(wait.waiting(), None);
    }
}

#[cfg(all(test, loom))]
#[path = "wait_models.rs"]
mod models;
