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
