//! What a lock asks of the kernel: to sleep by a number, and a barrier on all cores.

#![expect(unsafe_code, reason = "futex(2) and membarrier(2)")]

use std::{
    ptr,
    sync::OnceLock,
    sync::atomic::{AtomicBool, AtomicU32, Ordering, compiler_fence, fence},
    thread,
    time::Duration,
};

/// A number by which kernel threads sleep: as long as it is what they have read.
#[derive(Debug, Default)]
pub(super) struct Bed(AtomicU32);

impl Bed {
    pub(super) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// The number now.
    pub(super) fn look(&self) -> u32 {
        // Acquire: partner of the release in `next`.
        self.0.load(Ordering::Acquire)
    }

    /// Sleeps as long as the number is `turn`, for about `limit` at most. May return without reason.
    pub(super) fn sleep(&self, turn: u32, limit: Option<Duration>) {
        let limit = limit.map(|limit| libc::timespec {
            tv_sec: libc::time_t::try_from(limit.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(limit.subsec_nanos() as i32),
        });
        let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: the kernel reads the number and the limit, which stay where they are until it returns.
        // Whatever it returns is a reason to look again.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.0.as_ptr(),
                libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                turn,
                limit,
            );
        }
    }

    /// Raises the number, and wakes so many who sleep by it.
    pub(super) fn next(&self, count: i32) {
        self.0.fetch_add(1, Ordering::Release);
        // SAFETY: the kernel only uses the address to find who sleeps there.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.0.as_ptr(),
                libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
                count,
            );
        }
    }
}

/// [`barrier`], and the permission to use it: of `linux/membarrier.h`.
const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

/// The process has the permission. Set once, and only if so.
static PERMITTED: AtomicBool = AtomicBool::new(false);

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: the command takes no memory of ours.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// Asks the kernel once whether the process may use the barrier.
pub(super) fn has_barrier() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let has = membarrier(REGISTER_PRIVATE_EXPEDITED);
        // Relaxed: who does not see it fences, which is as good.
        PERMITTED.store(has, Ordering::Relaxed);
        has
    })
}

/// All other kernel threads of the process do as if they had fenced, if they call [`fence_for_barrier`] at
/// such places. False if the kernel, which had permitted it, does not any more.
#[must_use]
pub(super) fn barrier() -> bool {
    fence(Ordering::SeqCst);
    !has_barrier() || membarrier(PRIVATE_EXPEDITED)
}

/// [`barrier`], by all means.
pub(super) fn barrier_at_last() {
    if !barrier() {
        // No core keeps what it has stored to itself for so long.
        thread::sleep(Duration::from_millis(1));
    }
}

/// What is before it is seen before what comes after it is done, by who calls [`barrier`].
#[inline(always)]
pub(super) fn fence_for_barrier() {
    // Relaxed: as in `has_barrier`.
    if PERMITTED.load(Ordering::Relaxed) {
        compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}
