//! Lisle: a small scripting language whose threads are cheap.
//!
//! This is what a Rust host depends on: a [`Vm`] with the standard library in it. A script's
//! threads are user threads, thousands or millions of them, which a few kernel threads of the VM
//! run; any call may block, and only the user thread that makes it waits.
//!
//! ```
//! use lisle::{Error, Vm};
//!
//! fn main() -> Result<(), Error> {
//!     // Functions of the host are closures with typed parameters.
//!     let vm = Vm::builder()
//!         .function("area(width, height = 1)", |width: f64, height: f64| width * height)
//!         .build()?;
//!
//!     // A text gives the value of its last expression.
//!     let total: f64 = vm.eval("[area(2, 3), area(4)].sum()")?;
//!     assert_eq!(total, 10.0);
//!
//!     // Functions of a script can be called by name.
//!     vm.load(
//!         r#"
//!         fn squares(n) {
//!             let results = channel(n)
//!             scope {
//!                 for i in 0..n { spawn { results.send(i * i) } }
//!             }
//!             results.close()
//!             [...results].sort()
//!         }
//!         "#,
//!     )?;
//!     let squares: Vec<i64> = vm.call("squares", (5,))?;
//!     assert_eq!(squares, [0, 1, 4, 9, 16]);
//!
//!     // What goes wrong in a script is a value with kind, message, place and calls.
//!     let error = vm.eval::<()>("squares(\"five\")").unwrap_err();
//!     assert_eq!(error.kind().name(), "type");
//!     assert_eq!(error.trace()[0].function, "squares");
//!     Ok(())
//! }
//! ```
//!
//! More about natives, modules and objects of the host: [`ModuleBuilder`] and [`HostObject`]; about
//! values in the hands of the host: [`Value`]; about several host threads on one VM: [`Vm`].

#![forbid(unsafe_code)]

use std::ops::Deref;

pub use lisle_stdlib::FileLoader;
pub use lisle_vm::{
    Args, Arguments, BlockingFunction, BlockingMethod, Bytes, Checked, Color, Context, Copies,
    Entries, Entry, Error, ErrorKind, Frame, FromArgument, FromValue, Guard, HostFunction,
    HostMethod, HostObject, HostType, Interest, Interrupt, IntoValue, Library, Loader, Local,
    Model, Module, ModuleBuilder, Object, Place, Poller, Profile, Reply, Section, Session, Stack,
    Stdin, Stream, Told, UnknownModel, Value, ValueRef, Waited, Watched, diagnostic_codes,
    is_incomplete, reason,
};

/// A virtual machine with the standard library in it. All it does is [`lisle_vm::Vm`]'s.
#[derive(Clone, Debug)]
pub struct Vm(lisle_vm::Vm);

/// Configures a [`Vm`].
pub type VmBuilder = lisle_vm::VmBuilder<Vm>;

impl Vm {
    /// A VM with nothing of the host's own in it.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// A VM to be configured.
    pub fn builder() -> VmBuilder {
        lisle_stdlib::install(lisle_vm::Vm::builder_of())
    }

    /// A VM to be configured, without the standard library: a module that a script shall not have
    /// is one that is not added. Nor can scripts import files, unless it is given a [`Loader`].
    pub fn bare() -> VmBuilder {
        lisle_vm::Vm::builder_of()
    }
}

impl Deref for Vm {
    type Target = lisle_vm::Vm;

    fn deref(&self) -> &lisle_vm::Vm {
        &self.0
    }
}

impl From<lisle_vm::Vm> for Vm {
    fn from(vm: lisle_vm::Vm) -> Self {
        Self(vm)
    }
}
