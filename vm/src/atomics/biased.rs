//! A lock that is mostly taken by one.
//!
//! Its *owner* is whoever holds what the lock belongs to, a processor: one kernel thread at a time, and
//! what hands the processor on orders one owner after the other. As long as nobody else comes, the owner
//! takes the lock without an exchange; the first other one takes the *bias* away, by the barrier of
//! [`super::lock`], and from then on all go by a plain lock. When the owner has been alone at that for some
//! time it takes the bias back.
//!
//! - *The owner.* O1 say `inside`. O2 a fence that the barrier spares. O3 if there is the bias, it has the lock;
//!   it gives it back by a store, a release. Else it takes `inside` back, and the plain lock.
//! - *Others.* X1 take the plain lock. If there is the bias: X2 take it away. X3 the barrier. X4 wait until the
//!   owner is not inside, an acquire.
//!
//! At the moment of the barrier the owner has done O1, and X4 sees it, or has not done O3 yet, and finds no bias.
//! The bias is given and taken under the plain lock only, and given only by the owner; so who finds it at O3 has
//! seen what the others have done.

#![expect(unsafe_code, reason = "the guard has what the lock guards")]

use std::ops;

#[cfg(any(not(target_os = "linux"), loom))]
use super::fences as kernel;
#[cfg(all(target_os = "linux", not(loom)))]
use super::kernel;
use super::{AtomicBool, Mutex, MutexGuard, Ordering, Spot, UnsafeCell, order, sound, thread};

/// So often the owner takes the plain lock, with nobody in between, before it takes the bias back.
const ALONE: u32 = if cfg!(loom) { 1 } else { 1024 };

/// See the module's text.
#[derive(Debug)]
pub struct Biased<T> {
    /// The owner has it by the bias, or is about to look.
    inside: AtomicBool,
    /// Written under the lock.
    bias: AtomicBool,
    /// How often the owner has taken the lock since somebody else did.
    lock: Mutex<u32>,
    value: UnsafeCell<T>,
}

// SAFETY: one guard at a time has the value.
unsafe impl<T: Send> Sync for Biased<T> {}

/// The guard of a locked [`Biased`].
#[must_use]
pub struct BiasedGuard<'a, T> {
    of: &'a Biased<T>,
    /// None when it is had by the bias.
    lock: Option<MutexGuard<'a, u32>>,
}

impl<T> Biased<T> {
    /// A lock around `value`, without the bias.
    pub fn new(value: T) -> Self {
        Self {
            inside: AtomicBool::new(false),
            bias: AtomicBool::new(false),
            lock: Mutex::new(0),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes it, for the owner.
    ///
    /// # Safety
    /// The caller holds what the lock belongs to, and does so as long as it has the guard.
    #[inline(always)]
    pub unsafe fn lock_own(&self) -> BiasedGuard<'_, T> {
        // Relaxed: the barrier orders it.
        self.inside.store(true, Ordering::Relaxed);
        if sound(Spot::BiasFence) {
            kernel::fence_for_barrier();
        }
        // Relaxed: the owner itself has given it.
        if self.bias.load(Ordering::Relaxed) {
            return BiasedGuard { of: self, lock: None };
        }
        self.lock_unbiased()
    }

    #[cold]
    fn lock_unbiased(&self) -> BiasedGuard<'_, T> {
        self.inside.store(false, Ordering::Relaxed);
        let mut alone = self.lock.lock();
        *alone += 1;
        if *alone >= ALONE {
            self.bias.store(true, Ordering::Relaxed);
        }
        BiasedGuard { of: self, lock: Some(alone) }
    }

    /// Takes it, for anybody else.
    pub fn lock(&self) -> BiasedGuard<'_, T> {
        let mut alone = self.lock.lock();
        *alone = 0;
        if self.bias.load(Ordering::Relaxed) {
            self.take_bias();
        }
        BiasedGuard { of: self, lock: Some(alone) }
    }

    #[cold]
    fn take_bias(&self) {
        self.bias.store(false, Ordering::Relaxed);
        if sound(Spot::BiasBarrier) {
            kernel::barrier_at_last();
        }
        // Acquire: partner of the release in `drop`.
        while self.inside.load(order(Spot::BiasOutside, Ordering::Acquire)) {
            thread::yield_now();
        }
    }
}

impl<T> Drop for BiasedGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.lock.is_none() {
            // Release: partner of the acquire in `take_bias`.
            self.of.inside.store(false, order(Spot::BiasLeave, Ordering::Release));
        }
    }
}

impl<T> ops::Deref for BiasedGuard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard has the lock, and lends the value as long as it is borrowed.
        self.of.value.with(|value| unsafe { &*value })
    }
}

impl<T> ops::DerefMut for BiasedGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        self.of.value.with_mut(|value| unsafe { &mut *value })
    }
}

#[cfg(all(test, loom))]
mod models {
    use std::sync::Arc;

    use super::*;
    use crate::models::{check, must_fail};

    /// An owner and somebody else count up: nobody is in each other's way.
    fn count() {
        check(|| {
            let number = Arc::new(Biased::new(0));
            let owners = number.clone();
            let owner = loom::thread::spawn(move || {
                for _ in 0..3 {
                    // SAFETY: this is the owner.
                    *unsafe { owners.lock_own() } += 1;
                }
            });
            *number.lock() += 1;
            *number.lock() += 1;
            owner.join().unwrap();
            assert_eq!(*number.lock(), 5);
        });
    }

    #[test]
    fn biased_model() {
        count();
    }

    #[test]
    fn biased_mutant_models() {
        for spot in [Spot::BiasFence, Spot::BiasBarrier, Spot::BiasOutside, Spot::BiasLeave] {
            must_fail(spot, count);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;

    use super::*;

    const TURNS: u64 = 200_000;

    /// With the real kernel: the bias goes back and forth meanwhile.
    #[test]
    fn owner_and_others_keep_apart() {
        super::super::prepare();
        let number = Arc::new(Biased::new(0));
        let others = (0..2).map(|_| {
            let number = number.clone();
            std::thread::spawn(move || {
                for _ in 0..TURNS / 1000 {
                    *number.lock() += 1;
                    std::thread::sleep(std::time::Duration::from_micros(20));
                }
            })
        });
        let others: Vec<_> = others.collect();
        for _ in 0..TURNS {
            // SAFETY: this is the only owner.
            *unsafe { number.lock_own() } += 1;
        }
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(*number.lock(), TURNS + 2 * (TURNS / 1000));
    }
}
