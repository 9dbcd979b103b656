//! The standard modules of Lisle, on the public embedding API.
//!
//! One file for each module, and one row for each in [`modules`]. What can be said in the language
//! itself is said there, in `prelude.lisle`: the methods that call functions. A module never looks
//! into another one, keeps no global state, and whatever may wait in the kernel says so.

#![forbid(unsafe_code)]

mod fs;
mod math;
mod os;
mod time;

use lisle_vm::{ModuleBuilder, Vm, VmBuilder, builtin};

/// Methods written in Lisle.
const PRELUDE: &str = include_str!("prelude.lisle");

/// Gives a VM the standard library.
#[must_use]
pub fn install<V: From<Vm>>(builder: VmBuilder<V>) -> VmBuilder<V> {
    modules().into_iter().fold(builder.methods(PRELUDE), VmBuilder::module)
}

/// All standard modules, in the order of their names.
fn modules() -> Vec<ModuleBuilder> {
    vec![
        fs::module(),
        math::module(),
        os::module(),
        builtin::runtime(),
        builtin::sync(),
        builtin::thread(),
        time::module(),
    ]
}
