//! The modules that only the VM itself can bring, for a standard library to add.

use super::ModuleBuilder;
use crate::{builtins, sync as sync_natives};

/// `runtime`: what goes on inside the VM.
pub fn runtime() -> ModuleBuilder {
    ModuleBuilder::new("runtime", "What goes on inside the VM.").rows(builtins::runtime::FUNCTIONS)
}

/// `sync`: what threads share.
pub fn sync() -> ModuleBuilder {
    ModuleBuilder::new("sync", "What threads share: locks and counters that wait without blocking.")
        .rows(sync_natives::FUNCTIONS)
        .handle("mutex", "A value that threads change one at a time.", &sync_natives::MUTEX)
        .handle("atomic", "An int that threads change in single steps.", &sync_natives::ATOMIC)
        .handle("semaphore", "Permits that threads take and give back.", &sync_natives::SEMAPHORE)
        .handle("barrier", "Where threads wait for each other.", &sync_natives::BARRIER)
        .handle("once", "A function that is run once.", &sync_natives::ONCE)
        .handle("waitgroup", "A count of work to be done.", &sync_natives::WAITGROUP)
}

/// `thread`: threads with names, limits and results.
pub fn thread() -> ModuleBuilder {
    ModuleBuilder::new("thread", "Threads: the current one, all, and other ways to spawn.")
        .rows(builtins::thread::FUNCTIONS)
}

/// `time`, but for the clocks of the system: channels that the VM's clock sends to.
pub fn time() -> ModuleBuilder {
    ModuleBuilder::new("time", "Clocks, and channels they send to. Times are seconds.")
        .rows(builtins::time::FUNCTIONS)
}
