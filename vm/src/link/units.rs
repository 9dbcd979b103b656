//! All linked code of a VM, and what lives as long as the VM.

#![expect(unsafe_code, reason = "modules hold raw values, which are immortal")]

use std::collections::HashMap;

use super::{Module, Word};
use crate::{
    atomics::Mutex,
    rc::{self, Immortals},
    value::{Owned, Raw, Shared, TypeInfo},
};

/// All linked code of a VM, and the values that live as long as it.
#[derive(Default)]
pub(crate) struct Units {
    // In the order in which they are to be dropped: what refers to immortal values first.
    #[expect(clippy::vec_box, reason = "modules are referred to by address while the list grows")]
    pub(super) modules: Mutex<Vec<Box<Module>>>,
    /// What constants and globals refer to and is counted.
    held: Mutex<Vec<Shared>>,
    immortals: Mutex<Immortals>,
    /// The names of fields: immortal strings, the same for all types and all code.
    pub(super) names: Mutex<HashMap<Box<str>, Raw>>,
    // Last: records refer to them.
    #[expect(clippy::vec_box, reason = "types are referred to by address while the list grows")]
    pub(super) types: Mutex<Vec<Box<TypeInfo>>>,
}

// SAFETY: modules are immutable once linked (but for cells, which are atomic, and global slots,
// which are behind a lock); the raw values in them are immortal.
unsafe impl Send for Units {}
// SAFETY: as above.
unsafe impl Sync for Units {}

impl std::fmt::Debug for Units {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Units").field("modules", &self.modules.lock().len()).finish_non_exhaustive()
    }
}

impl Units {
    /// Makes a value live as long as the VM: it is never counted again (handles excepted).
    pub(crate) fn keep(&self, value: Owned) -> Owned {
        // SAFETY: the value is live; the registry is dropped with the VM, after all its threads.
        unsafe { rc::make_immortal(value.as_raw(), &mut self.immortals.lock()) };
        value
    }

    /// An immortal string: the one that names fields, if there is such a field.
    pub(super) fn text(&self, text: &str) -> Raw {
        let known = self.names.lock().get(text).copied();
        known.unwrap_or_else(|| self.keep(Owned::str(text)).into_raw())
    }

    /// Lets go of all counted values, at the end of the VM: channels, and so the threads that wait
    /// in them. No code runs any more.
    pub(crate) fn release(&self) {
        let globals: Vec<_> =
            self.modules.lock().iter().map(|module| module.globals.clone()).collect();
        for globals in globals {
            globals.clear();
        }
        drop(std::mem::take(&mut *self.held.lock()));
    }

    /// The file and line of an instruction, given by its address.
    pub(crate) fn locate(&self, pc: usize) -> Option<(String, usize)> {
        let modules = self.modules.lock();
        let protos = modules.iter().flat_map(|module| &module.protos);
        let proto = protos.into_iter().find(|proto| {
            let words = proto.words.as_ptr_range();
            (words.start.addr()..words.end.addr()).contains(&pc)
        })?;
        let index = ((pc - proto.code.addr()) / size_of::<Word>()) as u32;
        let source = proto.source();
        Some((source.name().to_owned(), source.line_column(proto.span_at(index).start).0))
    }

    /// Keeps a reference to a value as long as the VM lives.
    pub(crate) fn hold(&self, value: Owned) -> Raw {
        let raw = value.as_raw();
        if raw.is_heap() {
            self.held.lock().push(Shared::new(value));
        }
        raw
    }
}
