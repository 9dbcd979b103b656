//! Counting where that takes no call: for the interpreter's loop, which does nothing else by itself.

#![expect(unsafe_code, reason = "counts of objects that raw values refer to")]

use std::sync::atomic::Ordering;

use super::{STICKY, count};
use crate::value::{Owned, Raw};

/// Counts one more reference where that takes no call: for all but objects whose numbers are about to
/// stick.
///
/// # Safety
/// `value` is a scalar or refers to a live object.
#[inline(always)]
pub(crate) unsafe fn try_retain(value: Raw) -> bool {
    if !value.is_heap() {
        return true;
    }
    // SAFETY: the caller has a live object.
    let count = unsafe { count(value) };
    let n = count.load(Ordering::Relaxed);
    if n > 0 && n < i32::MAX {
        count.store(n + 1, Ordering::Relaxed);
        return true;
    }
    // Shared, and so far from the sticky numbers that all who are just counting do not lead there.
    if n < 0 && n > STICKY / 2 {
        // Relaxed: as in `retain_cold`.
        count.fetch_sub(1, Ordering::Relaxed);
        return true;
    }
    n <= STICKY
}

/// Gives up a reference where that takes no call: all but the last one of an object.
///
/// # Safety
/// The caller owns the reference, and when this is true does not use it again.
#[inline(always)]
pub(crate) unsafe fn try_release(value: Raw) -> bool {
    if !value.is_heap() {
        return true;
    }
    // SAFETY: as in `try_retain`.
    let count = unsafe { count(value) };
    let n = count.load(Ordering::Relaxed);
    if n > 1 {
        count.store(n - 1, Ordering::Relaxed);
        return true;
    }
    // Shared, and not the last one. Release: as in `release_cold`, whose acquire it is for.
    if n < -1 && n > STICKY {
        return count.compare_exchange(n, n + 1, Ordering::Release, Ordering::Relaxed).is_ok();
    }
    n <= STICKY
}

/// Is this never counted? A scalar, or an immortal object.
pub(crate) fn is_uncounted(value: &Owned) -> bool {
    let raw = value.as_raw();
    // SAFETY: the object is live.
    !raw.is_heap() || unsafe { count(raw) }.load(Ordering::Relaxed) <= STICKY
}
