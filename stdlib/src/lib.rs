//! The standard modules of Lisle, on the public embedding API.
//!
//! One file for each module, and one row for each in [`MODULES`]. What can be said in the language
//! itself is said there, in `prelude.lisle`: the methods that call functions. A module never looks
//! into another one, keeps no global state, and whatever may wait in the kernel says so. What several
//! of them are made of is in `stream.rs`, `arguments.rs` and `failure.rs`; where modules that are
//! files are found is in `files.rs`.

#![forbid(unsafe_code)]

mod arguments;
mod failure;
mod files;
mod fs;
mod math;
mod net;
mod os;
mod process;
mod stream;
mod time;

use lisle_vm::{ModuleBuilder, Vm, VmBuilder, builtin};

pub use files::FileLoader;

/// Methods written in Lisle.
const PRELUDE: &str = include_str!("prelude.lisle");

/// Gives a VM the standard library, and scripts the files that they import.
#[must_use]
pub fn install<V: From<Vm>>(builder: VmBuilder<V>) -> VmBuilder<V> {
    let builder = builder.late_methods(PRELUDE).loader(FileLoader);
    MODULES.iter().fold(builder, |builder, &(name, make)| builder.late_module(name, make))
}

/// All standard modules, in the order of their names.
const MODULES: [(&str, fn() -> ModuleBuilder); 9] = [
    ("fs", fs::module),
    ("math", math::module),
    ("net", net::module),
    ("os", os::module),
    ("process", process::module),
    ("runtime", builtin::runtime),
    ("sync", builtin::sync),
    ("thread", || builtin::thread().late_script(include_str!("thread.lisle"))),
    ("time", time::module),
];
