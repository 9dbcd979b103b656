//! The methods of the built-in types: for each tag a table by symbol.
//!
//! Readers take no lock: a table is never changed, only replaced as a whole, and replaced ones are
//! kept until the VM goes.

#![expect(unsafe_code, reason = "tables are read without a lock")]

use std::{collections::BTreeSet, ptr, sync::Arc};

use crate::{
    atomics::{AtomicPtr, Mutex, Ordering},
    native::NativeDef,
    symbols::{Symbol, Symbols},
    value::{Shared, tag},
};

/// What a method name stands for.
#[derive(Clone, Debug)]
pub(crate) enum Method {
    /// A native.
    Native(Arc<NativeDef>),
    /// A script function that gets the receiver as its first argument.
    Script(Shared),
}

/// The methods of one tag; the index is the symbol.
type Table = Vec<Option<Method>>;

/// All methods of the built-in types.
#[derive(Debug)]
pub(crate) struct Methods {
    tables: [AtomicPtr<Table>; tag::END as usize],
    /// Everything that `tables` has ever pointed to.
    #[expect(clippy::vec_box, reason = "tables are referred to by address while the list grows")]
    kept: Mutex<Vec<Box<Table>>>,
    /// Methods of types that are there as soon as a text calls them.
    announced: Mutex<Vec<(u64, Symbol)>>,
}

impl Methods {
    /// The methods written in Rust.
    pub(crate) fn built_in(symbols: &Symbols) -> Self {
        let methods = Self {
            tables: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
            kept: Mutex::default(),
            announced: Mutex::default(),
        };
        for of_type in crate::builtins::TYPES {
            let entries: Vec<_> = of_type
                .methods
                .iter()
                .map(|row| (symbols.intern(row.name), Method::Native(Arc::new(row.into()))))
                .collect();
            for &tag in of_type.tags {
                methods.extend(tag, &entries);
            }
        }
        methods
    }

    /// Adds methods to a type, replacing those of the same names.
    pub(crate) fn extend(&self, tag: u64, entries: &[(Symbol, Method)]) {
        let mut kept = self.kept.lock();
        let mut table = self.table(tag).cloned().unwrap_or_default();
        for (symbol, method) in entries {
            let i = symbol.0 as usize;
            if table.len() <= i {
                table.resize(i + 1, None);
            }
            table[i] = Some(method.clone());
        }
        let mut table = Box::new(table);
        // Release pairs with the acquire in `table`.
        self.tables[tag::of_type(tag) as usize].store(&raw mut *table, Ordering::Release);
        kept.push(table);
    }

    /// Says which methods types will have as soon as a text calls them.
    pub(crate) fn announce(&self, methods: Vec<(u64, Symbol)>) {
        self.announced.lock().extend(methods);
    }

    #[inline]
    fn table(&self, tag: u64) -> Option<&Table> {
        // Acquire pairs with the release in `extend`.
        let table = self.tables[tag::of_type(tag) as usize].load(Ordering::Acquire);
        // SAFETY: null, or a table in `kept`, which only grows and is dropped with `self`; nobody
        // writes to a table that was stored here.
        unsafe { table.as_ref() }
    }

    /// The method of the type with this tag.
    #[inline]
    pub(crate) fn find(&self, tag: u64, symbol: Symbol) -> Option<&Method> {
        self.table(tag)?.get(symbol.0 as usize)?.as_ref()
    }

    /// The symbols of all methods of a type, those included that no text has called yet.
    pub(crate) fn symbols(&self, tag: u64) -> BTreeSet<Symbol> {
        let entries = self.table(tag).into_iter().flatten().enumerate();
        let present = entries.filter(|(_, method)| method.is_some()).map(|(i, _)| Symbol(i as u32));
        let announced = self.announced.lock();
        let later =
            announced.iter().filter(|&&(of, _)| of == tag::of_type(tag)).map(|&(_, symbol)| symbol);
        present.chain(later).collect()
    }
}
