//! `process`: other programs, with pipes to them.
//!
//! A program is started by the kernel thread that makes the call, since starting one may wait. From
//! then on nothing does: its pipes and its end are watched by the VM's poller.
//!
//! The exit status of a program that a signal ended is 128 and the signal's number, as shells have
//! it, so that a script can give any status on with `os.exit`.
//!
//! What is in this module in Lisle, `run`, is three user threads around `spawn`.

mod child;
mod options;
mod pipe;

use lisle_vm::ModuleBuilder;

use child::Child;
use pipe::{Reader, Writer};

/// The module.
pub(crate) fn module() -> ModuleBuilder {
    ModuleBuilder::new("process", "Other programs.")
        .raw(
            "spawn(cmd, args = nil, env = nil, cwd = nil, stdin = \"pipe\", stdout = \"pipe\", \
             stderr = \"pipe\")",
            "Starts a program. Its streams are \"pipe\", \"null\", \"inherit\", or a pipe of another \
             process; stderr may also go to \"stdout\". `env` maps names to what is set besides what \
             this process has, nil to remove one.",
            options::spawn,
        )
        .late_script(include_str!("process.lisle"))
        .object::<Child>("A program that was started.")
        .object::<Reader>("What a process writes.")
        .object::<Writer>("What a process reads.")
}
