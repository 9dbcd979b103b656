//! A lock that is given back by a plain store.
//!
//! An exchange waits until all stores before it are seen, which takes longer than most that our locks
//! guard. Taking one needs an exchange. Giving it back does only because the holder must not miss somebody
//! who lies down to sleep meanwhile; so here who lies down, which is rare and takes long anyway, pays for
//! both: a *barrier on all cores* by `membarrier(2)`, which makes every other kernel thread of the
//! process do as if it had fenced at whatever instruction it is.
//!
//! - *Give back.* G1 store FREE, a release. G2 look at `sleepers`. If it is set: G3 clear it, G4 raise
//!   `turn`, a release, G5 wake one who sleeps.
//! - *Lie down.* L1 read `turn`, an acquire. L2 set `sleepers`. L3 the barrier. L4 try to take the lock.
//!   L5 sleep while `turn` is as it was, which the kernel looks at under its own lock. Once woken, from L1
//!   again.
//!
//! At the moment of the barrier the holder has done G1, and L4 sees it, or has not done G2 yet, and sees the
//! sleeper.
//!
//! Nobody sleeps while `sleepers` is clear but beside one who has been woken and is on its way to L2: who
//! clears it raises `turn`, so whoever set it before does not fall asleep any more, and whoever sets it
//! after has read the new turn, so the clearing came before (G4 and L1). And who has slept leaves it set when
//! it takes the lock, for others may sleep still: giving it back wakes the next.
//!
//! The kernel is asked once whether it has the barrier. If not there is a fence between G1 and G2, and L3 is
//! one. If it has had it and forbids it later (a sandbox that the host enters) sleepers get up by themselves.

#![expect(unsafe_code, reason = "the guard has what the lock guards")]

use std::{fmt, marker::PhantomData, ops, time::Duration};

#[cfg(not(loom))]
use super::kernel;
use super::{AtomicBool, Ordering, Spot, UnsafeCell, order, sound, thread};
#[cfg(loom)]
use models as kernel;

/// How many pauses a lock that is taken is left alone for, again and again. Our locks are held for some
/// twenty instructions; what costs is that the lock, and what it guards, go from one core's cache to the
/// other's. Meanwhile the other core takes it many times.
const AWAY: &[u32] = if cfg!(loom) { &[] } else { &[32, 64, 128, 256] };

/// How long a kernel thread sleeps that may not be woken, for want of a barrier.
const NAP: Duration = Duration::from_millis(1);

/// A lock that does not know poisoning.
pub struct Mutex<T> {
    latch: Latch,
    value: UnsafeCell<T>,
}

/// The lock itself.
struct Latch {
    held: AtomicBool,
    /// Somebody may sleep.
    sleepers: AtomicBool,
    /// What they sleep by.
    turn: kernel::Bed,
}

// SAFETY: the value goes with the lock.
unsafe impl<T: Send> Send for Mutex<T> {}
// SAFETY: one guard at a time has the value.
unsafe impl<T: Send> Sync for Mutex<T> {}

/// The guard of a locked [`Mutex`].
#[must_use]
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    stays_here: PhantomData<*const ()>,
}

// SAFETY: a shared guard lends the value as `&T`.
unsafe impl<T: Sync> Sync for MutexGuard<'_, T> {}

impl Latch {
    #[inline(always)]
    fn take_at_once(&self) -> bool {
        // Acquire: partner of the release in `give_back`.
        let acquire = order(Spot::LockTake, Ordering::Acquire);
        self.held.compare_exchange(false, true, acquire, Ordering::Relaxed).is_ok()
    }

    #[inline(always)]
    fn take(&self) {
        if !self.take_at_once() {
            self.wait();
        }
    }

    /// Somebody has it.
    #[cold]
    fn wait(&self) {
        for &pauses in AWAY {
            (0..pauses).for_each(|_| thread::spin());
            if self.take_at_once() {
                return;
            }
        }
        loop {
            let turn = self.turn.look();
            // Relaxed: the barrier orders it.
            self.sleepers.store(true, Ordering::Relaxed);
            let ordered = !sound(Spot::LockBarrier) || kernel::barrier();
            if self.take_at_once() {
                return;
            }
            self.turn.sleep(turn, if ordered { None } else { Some(NAP) });
        }
    }

    #[inline(always)]
    fn give_back(&self) {
        // Release: partner of the acquire in `take_at_once`.
        self.held.store(false, order(Spot::LockGive, Ordering::Release));
        if sound(Spot::LockFence) {
            kernel::fence_for_barrier();
        }
        // Relaxed: as in `wait`.
        if self.sleepers.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        // Relaxed: the turn orders it.
        let clear = || self.sleepers.store(false, Ordering::Relaxed);
        if sound(Spot::LockClear) {
            clear();
        }
        self.turn.next(1);
        if !sound(Spot::LockClear) {
            clear();
        }
    }
}

impl<T> Mutex<T> {
    /// A lock around `value`.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        let (held, sleepers) = (AtomicBool::new(false), AtomicBool::new(false));
        let latch = Latch { held, sleepers, turn: kernel::Bed::new() };
        Self { latch, value: UnsafeCell::new(value) }
    }

    /// Waits until the lock is free and takes it.
    #[inline(always)]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.latch.take();
        MutexGuard { mutex: self, stays_here: PhantomData }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").finish_non_exhaustive()
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.mutex.latch.give_back();
    }
}

impl<T> ops::Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard has the lock, and lends the value as long as it is borrowed.
        self.mutex.value.with(|value| unsafe { &*value })
    }
}

impl<T> ops::DerefMut for MutexGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        self.mutex.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A condition variable for guards of [`Mutex`]: who waits has read its turn under the lock.
#[cfg(not(loom))]
#[derive(Debug)]
pub struct Condvar(kernel::Bed);

#[cfg(not(loom))]
impl Condvar {
    /// A condition nobody waits for yet.
    pub const fn new() -> Self {
        Self(kernel::Bed::new())
    }

    /// Gives the lock up, waits to be notified, takes the lock again. May return without reason.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.sleep(guard, None)
    }

    /// As [`Condvar::wait`], for at most `limit`.
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Duration,
    ) -> MutexGuard<'a, T> {
        self.sleep(guard, Some(limit))
    }

    fn sleep<'a, T>(&self, guard: MutexGuard<'a, T>, limit: Option<Duration>) -> MutexGuard<'a, T> {
        let (mutex, turn) = (guard.mutex, self.0.look());
        drop(guard);
        self.0.sleep(turn, limit);
        mutex.lock()
    }

    /// Wakes one waiter.
    pub fn notify_one(&self) {
        self.0.next(1);
    }

    /// Wakes all waiters.
    pub fn notify_all(&self) {
        self.0.next(i32::MAX);
    }
}

#[cfg(not(loom))]
impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(loom)]
mod models;
#[cfg(all(test, not(loom)))]
mod tests;
