//! The mutexes that a thread has had to wait for, by number: what says who holds them.
//!
//! A mutex is entered when a thread first finds it taken, and taken out when its handle is dropped;
//! one that nobody ever waits for costs nothing. The lock is a leaf: who holds a mutex is asked
//! without it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Weak},
};

use crate::atomics::Mutex;

/// Something that one thread holds at a time.
pub(crate) trait Held: Send + Sync {
    /// The number of the thread that holds it.
    fn holder(&self) -> Option<u64>;
}

/// See the module's text.
#[derive(Default)]
pub(crate) struct Contended {
    /// By number. Any LWP, under the lock.
    mutexes: Mutex<HashMap<u64, Weak<dyn Held>>>,
}

impl Contended {
    /// Enters a mutex.
    pub(super) fn enter(&self, number: u64, mutex: Weak<dyn Held>) {
        self.mutexes.lock().insert(number, mutex);
    }

    /// Takes a mutex out.
    pub(super) fn remove(&self, number: u64) {
        let removed = self.mutexes.lock().remove(&number);
        drop(removed);
    }

    /// The number of the thread that holds a mutex.
    pub(crate) fn holder(&self, number: u64) -> Option<u64> {
        let mutex = self.mutexes.lock().get(&number).and_then(Weak::upgrade);
        mutex.and_then(|mutex: Arc<dyn Held>| mutex.holder())
    }

    /// How many there are.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn len(&self) -> usize {
        self.mutexes.lock().len()
    }
}

impl fmt::Debug for Contended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contended").finish_non_exhaustive()
    }
}
