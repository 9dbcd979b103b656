//! Values, the interpreter, user threads, the scheduler and the embedding API of Lisle.
//!
//! A host makes a [`Vm`], gives it functions, modules and objects of its own, and runs scripts in
//! it. The standard library is another crate: this one never names it, and a VM without it works.

#![expect(unreachable_pub, reason = "`pub` in a private module says what other layers may use")]

mod atomics;
mod builtins;
mod chan;
mod convert;
mod deadlock;
mod embed;
mod error;
mod files;
mod input;
mod interp;
mod link;
mod methods;
mod model;
#[cfg(all(test, loom))]
mod models;
mod module;
mod native;
mod output;
mod profile;
mod rc;
mod sched;
mod scope;
mod select;
mod spawn;
mod symbols;
mod sync;
mod thread;
mod value;
mod vm;
mod waiting;
mod watch;

pub use convert::{
    Args, Arguments, BlockingFunction, BlockingMethod, Bytes, Entries, FromArgument, FromValue,
    HostFunction, HostMethod, IntoValue, Local, Value, ValueRef,
};
pub use embed::{
    Checked, Entry, Guard, Interrupt, Library, Loader, Module, Section, Session, Vm, VmBuilder,
    diagnostic_codes, is_incomplete,
};
pub use error::{Color, Error, ErrorKind, Frame, Place, reason};
pub use model::{Model, UnknownModel};
pub use module::{
    Context, HostObject, HostType, ModuleBuilder, Object, Reply, Stdin, Stream, builtin,
};
pub use profile::{Copies, Profile, Stack};
pub use sched::{Interest, Told};
pub use watch::{Poller, Waited, Watched};
