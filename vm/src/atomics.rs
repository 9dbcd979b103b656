//! The one door to atomics, locks, cells and kernel threads.
//!
//! Everything that several LWPs touch at once is built from the types in this file, so that the
//! protocols of the scheduler can be run under the model checker (`--cfg loom`) as they are
//! shipped. Without that flag each name is the standard library's type or a thin cover over it.
//!
//! What differs from the standard library on purpose:
//! - [`Mutex::lock`] knows no poisoning. The locks of this crate guard data that is consistent
//!   between any two statements, and a panic in a host function must not make the machine unusable.
//! - On Linux a [`Mutex`] is our own ([`lock`]): giving it back is a plain store. Elsewhere it is a cover over
//!   the standard library's, and the models of all other protocols take the checker's.
//! - [`UnsafeCell`] lends a pointer to a closure, which is what lets the model checker see when
//!   two threads are in the cell without an order between them.
//!
//! [`order`] and [`fence_at`] name a [`Spot`]: a place whose ordering is argued in an essay. The
//! models weaken one spot at a time and must then fail; a shipped build sees constants.

#[cfg(not(loom))]
pub use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence,
};
pub use std::sync::{Arc, Weak, atomic::Ordering};

#[cfg(loom)]
pub use loom::sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence,
};

mod biased;
#[cfg(any(not(target_os = "linux"), loom))]
mod fences;
#[cfg(all(target_os = "linux", not(loom)))]
mod kernel;
#[cfg(any(all(target_os = "linux", not(loom)), all(test, loom)))]
mod lock;
#[cfg(any(not(target_os = "linux"), loom))]
mod plain_lock;

#[cfg(all(target_os = "linux", not(loom)))]
pub use lock::{Condvar, Mutex, MutexGuard};
#[cfg(any(not(target_os = "linux"), loom))]
pub use plain_lock::{Condvar, Mutex, MutexGuard};

pub use biased::{Biased, BiasedGuard};

/// Makes ready what locks are quicker with. To be called before there are kernel threads that lock.
pub fn prepare() {
    #[cfg(all(target_os = "linux", not(loom)))]
    kernel::has_barrier();
}

/// Data of its own for each kernel thread, or thread of a model.
#[cfg(loom)]
macro_rules! per_kernel_thread {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = const $init:block;) => {
        loom::thread_local! { $(#[$attribute])* static $name: $type = $init; }
    };
}
#[cfg(loom)]
pub(crate) use per_kernel_thread;
/// Data of its own for each kernel thread.
#[cfg(not(loom))]
pub use std::thread_local as per_kernel_thread;

/// A cell whose accesses the model checker watches.
#[cfg(loom)]
pub use loom::cell::UnsafeCell;

/// A cell whose accesses the model checker watches.
#[cfg(not(loom))]
#[derive(Debug)]
pub struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    /// A cell with `value` in it.
    pub const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Lends the content for reading. The caller says why nobody writes meanwhile.
    #[inline(always)]
    pub fn with<F, O>(&self, f: F) -> O
    where
        F: FnOnce(*const T) -> O,
    {
        f(self.0.get())
    }

    /// Lends the content for writing. The caller says why nobody else is in the cell.
    #[inline(always)]
    pub fn with_mut<F, O>(&self, f: F) -> O
    where
        F: FnOnce(*mut T) -> O,
    {
        f(self.0.get())
    }
}

#[cfg(not(loom))]
mod kernel_thread;

/// Kernel threads.
pub mod thread {
    #[cfg(loom)]
    use std::io;

    #[cfg(loom)]
    pub use loom::thread::yield_now;

    #[cfg(not(loom))]
    pub use std::thread::yield_now;

    #[cfg(not(loom))]
    pub use super::kernel_thread::{JoinHandle, has_room, start};

    /// A thread of the model that was started.
    #[cfg(loom)]
    #[derive(Debug)]
    pub struct JoinHandle(loom::thread::JoinHandle<()>);

    #[cfg(loom)]
    impl JoinHandle {
        /// Waits for its end.
        pub fn join(self) {
            let _ = self.0.join();
        }
    }

    /// Starts a thread of the model.
    #[cfg(loom)]
    pub fn start<F>(_name: String, _stack_bytes: usize, f: F) -> io::Result<JoinHandle>
    where
        F: FnOnce() + Send + 'static,
    {
        Ok(JoinHandle(loom::thread::spawn(f)))
    }

    /// A model has room.
    #[cfg(loom)]
    pub fn has_room(_stack_bytes: usize) -> io::Result<()> {
        Ok(())
    }

    /// Asks the kernel not to delay the calling thread's timeouts in order to batch them. The
    /// default on Linux is 50 microseconds, more than the waits of the scheduler's monitor.
    pub fn precise_timeouts() {
        #[cfg(all(target_os = "linux", not(loom)))]
        {
            #[expect(unsafe_code, reason = "the standard library has no name for this")]
            // SAFETY: this option takes one integer and touches no memory of ours. A kernel that
            // does not know it returns an error, and nothing has changed.
            unsafe {
                libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong);
            }
        }
    }

    /// A pause inside a short spin.
    pub fn spin() {
        #[cfg(loom)]
        yield_now();
        #[cfg(not(loom))]
        std::hint::spin_loop();
    }
}

/// A place whose memory ordering is load-bearing and checked by a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// The store that gives a processor up for a call.
    EnterCall,
    /// The exchange by which an LWP comes back to its processor.
    LeaveCall,
    /// The exchange by which a processor is taken from an LWP in a call.
    TakeCall,
    /// The store that gives a processor up for good.
    Release,
    /// The store that gives a processor to another LWP.
    Pass,
    /// A processor passed to an LWP that has left is taken back.
    PassLeft,
    /// A bound LWP looks whether the end has begun before it sleeps.
    BoundClosing,
    /// The exchange by which a granted processor is adopted.
    Adopt,
    /// The exchange that takes a lock.
    LockTake,
    /// The store that gives a lock back.
    LockGive,
    /// The fence between giving a lock back and the look for sleepers.
    LockFence,
    /// The barrier between saying that somebody will sleep and the last try.
    LockBarrier,
    /// Sleepers of a lock are forgotten before their turn comes.
    LockClear,
    /// The fence between an owner's saying that it is inside a lock and its look for the bias.
    BiasFence,
    /// The barrier between taking the bias away and the look whether the owner is inside.
    BiasBarrier,
    /// The look that finds the owner outside.
    BiasOutside,
    /// The store by which an owner leaves.
    BiasLeave,
    /// The store that puts a user thread down.
    Park,
    /// The look whether a user thread has been put down.
    TakeUp,
    /// The fence between a push and the look at the idle word.
    WakeFence,
    /// The fence between going idle and the last scan.
    IdleFence,
    /// The last scan itself, before an LWP goes to sleep.
    IdleScan,
    /// The store that fills a next-slot.
    SlotFill,
    /// The look that finds a next-slot empty.
    SlotSeen,
    /// The exchange that empties a next-slot.
    SlotTake,
    /// The fence between entering a call and the look at the monitor's word.
    CallFence,
    /// The fence between the monitor's announcing its sleep and its last look.
    MonitorFence,
    /// A thread that enters the line of a source looks again whether something has come.
    SourceTick,
    /// News that a read does not use up are the same as none before.
    SourceLasting,
    /// Whoever sends mail to an LWP that sleeps in the poller kicks it.
    PostKick,
    /// The fence between letting the last hold go and the look at the idle word.
    HoldFence,
    /// A hold that was taken, even if it has been let go, is seen by the question for a stall.
    HoldMoves,
    /// The fence between counting a hold and what its holder moves.
    MoveFence,
    /// The fence between the scan for a stall and the second look at the counts.
    RecheckFence,
    /// The second look at the counts before a stall is reported.
    StallRecheck,
    /// The look at the holds before the scan for a stall.
    StallHeld,
    /// The question is asked again when a hold has come and gone during a report taken back.
    StallPassed,
    /// A sleeper that was to keep the time looks at the timers again after it has said that it will
    /// not.
    KeeperAgain,
    /// A shutdown is announced before the sleepers are told.
    ClosingFirst,
    /// No LWP is made or woken once the idle lists are closed.
    ClosedLists,
    /// Who submits looks whether a shutdown has begun, after the push.
    SubmitClosing,
    /// Who takes the only thread of a shard out does so with all of them locked.
    RegistryAll,
    /// The exchange that opens a wait.
    WaitBegin,
    /// The exchange that claims a wait.
    WaitClaim,
    /// The exchange that notes a request to stop.
    WaitInterrupt,
    /// The look by which a wait does not begin past a request.
    WaitNotice,
    /// The store that says what the next wait is for.
    WaitDescribe,
    /// A waiter enters a channel's queue under the lock of its look at the channel.
    ChannelEnlist,
    /// A sender whose receiver was claimed by someone else tries the next.
    ChannelRetry,
    /// A channel is marked closed under the lock under which its waiters are told.
    ChannelClose,
    /// Whoever does at once what wakes nobody looks again under the lock that it does.
    ChannelHint,
    /// Several channels are locked in the order of their numbers.
    ChannelOrder,
    /// An unlocker whose waiter was claimed by someone else tries the next.
    MutexRetry,
    /// A waiter that was woken and has come is not waited for any more.
    MutexCame,
    /// A releaser whose waiter was claimed by someone else tries the next.
    SemaphoreRetry,
    /// A runner that failed hands the run to the next waiter that is still there.
    OnceRetry,
    /// A waiter enters a group's queue under the lock of its look at the count.
    WaitGroupEnlist,
    /// A waiter enters a barrier's queue under the lock of its look at the count.
    BarrierEnlist,
}

#[cfg(loom)]
std::thread_local! {
    /// The spot that the running model weakens. All threads of a model share one kernel thread.
    static WEAKENED: std::cell::Cell<Option<Spot>> = const { std::cell::Cell::new(None) };
}

/// Runs `f` with the ordering at `spot` taken away.
#[cfg(loom)]
pub fn weaken<O>(spot: Spot, f: impl FnOnce() -> O) -> O {
    struct Restore;
    impl Drop for Restore {
        fn drop(&mut self) {
            WEAKENED.with(|w| w.set(None));
        }
    }
    let _restore = Restore;
    WEAKENED.with(|w| w.set(Some(spot)));
    f()
}

/// Is the argued behaviour at `spot` in place? Always, except in a mutant of a model.
#[cfg(loom)]
pub fn sound(spot: Spot) -> bool {
    WEAKENED.with(|w| w.get() != Some(spot))
}

/// Is the argued behaviour at `spot` in place? Always, except in a mutant of a model.
#[cfg(not(loom))]
#[inline(always)]
pub const fn sound(_spot: Spot) -> bool {
    true
}

/// The ordering to use at `spot`.
#[inline(always)]
pub fn order(spot: Spot, argued: Ordering) -> Ordering {
    if sound(spot) { argued } else { Ordering::Relaxed }
}

/// The sequentially consistent fence at `spot`.
#[inline(always)]
pub fn fence_at(spot: Spot) {
    if sound(spot) {
        fence(Ordering::SeqCst);
    }
}
