//! What the threads of a program have in common besides the scheduler: numbers for what they wait
//! at, failures that nobody has noticed yet, and the deadlock that ended it.

use super::ThreadRef;
use crate::{
    atomics::{AtomicU64, Mutex, Ordering},
    value::Shared,
};

/// See the module's text.
#[derive(Debug, Default)]
pub struct Program {
    /// The last number given to a channel, mutex, and so on. Any LWP, atomic.
    numbers: AtomicU64,
    /// Threads that failed and whose failure nobody had noticed then, in order of time. Under the
    /// lock.
    failed: Mutex<Failed>,
    /// The latest deadlock. Under the lock.
    deadlock: Mutex<Deadlock>,
}

#[derive(Debug, Default)]
struct Failed {
    threads: Vec<ThreadRef>,
    /// When the list has this length it is rid of those that were noticed.
    prune_at: usize,
}

#[derive(Debug, Default)]
struct Deadlock {
    error: Option<Shared>,
    /// The threads that fail with it.
    bearers: Vec<u64>,
}

impl Program {
    /// A number that no channel, mutex or the like of this VM has.
    pub fn number(&self) -> u64 {
        // Relaxed: only the number itself matters.
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Keeps a thread that failed until the end of the program, in case nobody joins it.
    pub fn keep_failed(&self, thread: ThreadRef) {
        let mut failed = self.failed.lock();
        failed.threads.push(thread);
        if failed.threads.len() < failed.prune_at.max(64) {
            return;
        }
        let (keep, noticed) = std::mem::take(&mut failed.threads)
            .into_iter()
            .partition::<Vec<_>, _>(|thread| thread.done.unnoticed());
        failed.prune_at = keep.len() * 2;
        failed.threads = keep;
        drop(failed);
        drop(noticed);
    }

    /// Threads whose failure nobody has noticed, in order of time.
    pub fn unnoticed(&self) -> Vec<ThreadRef> {
        let failed = self.failed.lock();
        failed.threads.iter().filter(|thread| thread.done.unnoticed()).cloned().collect()
    }

    /// The same, taken out: each is then reported.
    pub fn take_failed(&self) -> Vec<ThreadRef> {
        std::mem::take(&mut self.failed.lock().threads)
    }

    /// Notes a deadlock, and which threads fail with it.
    pub fn set_deadlock(&self, error: Shared, bearers: Vec<u64>) {
        let new = Deadlock { error: Some(error), bearers };
        let old = std::mem::replace(&mut *self.deadlock.lock(), new);
        drop(old);
    }

    /// The latest deadlock.
    pub fn deadlock(&self) -> Option<Shared> {
        self.deadlock.lock().error.clone()
    }

    /// Does the thread fail with the latest deadlock?
    pub fn bears_deadlock(&self, thread: u64) -> bool {
        self.deadlock.lock().bearers.contains(&thread)
    }
}
