//! Names of methods as small numbers, one table per VM.

use std::{collections::HashMap, sync::Arc};

use crate::atomics::Mutex;

/// The number of a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Symbol(pub(crate) u32);

/// All names that have a number. Names are entered when code is linked, and looked up by number
/// when there is something to report.
#[derive(Debug, Default)]
pub(crate) struct Symbols(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    numbers: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Symbols {
    /// The number of a name, a new one when it has none.
    pub(crate) fn intern(&self, name: &str) -> Symbol {
        let table = &mut *self.0.lock();
        if let Some(&number) = table.numbers.get(name) {
            return Symbol(number);
        }
        let name: Arc<str> = name.into();
        let number = table.names.len() as u32;
        table.names.push(name.clone());
        table.numbers.insert(name, number);
        Symbol(number)
    }

    /// The name of a number.
    pub(crate) fn name(&self, symbol: Symbol) -> Arc<str> {
        self.0.lock().names[symbol.0 as usize].clone()
    }
}
