//! What stands in for the barrier on all cores where there is none, and in models: it and the fence that it
//! spares are two fences. So a model checks what they are used for, not how the kernel brings it about.

use super::{Ordering, fence};

/// See `kernel`.
#[cfg(loom)]
pub(super) fn barrier() -> bool {
    barrier_at_last();
    true
}

/// See `kernel`.
pub(super) fn barrier_at_last() {
    fence(Ordering::SeqCst);
}

/// See `kernel`.
pub(super) fn fence_for_barrier() {
    fence(Ordering::SeqCst);
}
