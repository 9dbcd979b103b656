//! Module-level names: the slots of a source text, or of all texts of a session.

use std::sync::Arc;

use lisle_compiler::bytecode::{Global, GlobalKind};

use super::Units;
use crate::{
    atomics::Mutex,
    value::{Owned, Shared},
};

/// The module-level names of a source text, or of all texts of a session.
#[derive(Debug)]
pub(crate) struct Globals {
    slots: Mutex<Vec<Slot>>,
    /// Names may be set again, and there may be more of them later.
    pub(super) session: bool,
}

#[derive(Debug)]
struct Slot {
    name: Box<str>,
    kind: GlobalKind,
    /// What the name stands for; `None` until it is set.
    value: Option<Shared>,
}

impl Globals {
    /// No names yet.
    pub(crate) fn new(session: bool) -> Arc<Self> {
        Arc::new(Self { slots: Mutex::default(), session })
    }

    /// Enters the names of a unit; those of earlier texts of the session are there already.
    pub(super) fn extend(&self, globals: &[Global]) {
        let mut slots = self.slots.lock();
        for (i, global) in globals.iter().enumerate() {
            match slots.get_mut(i) {
                Some(slot) => slot.kind = global.kind,
                None => {
                    slots.push(Slot { name: global.name.clone(), kind: global.kind, value: None })
                }
            }
        }
    }

    /// The slot of a name.
    pub(crate) fn slot(&self, name: &str) -> Option<usize> {
        self.slots.lock().iter().rposition(|slot| *slot.name == *name)
    }

    /// The value of a slot, counted; or its name when it has not been set.
    pub(crate) fn value(&self, slot: usize) -> Result<Owned, Box<str>> {
        let slots = self.slots.lock();
        let slot = &slots[slot];
        slot.value.as_ref().map(Shared::to_owned).ok_or_else(|| slot.name.clone())
    }

    /// Moves the value of a slot out.
    pub(crate) fn take(&self, slot: usize) -> Result<Owned, Box<str>> {
        let mut slots = self.slots.lock();
        let slot = &mut slots[slot];
        slot.value.take().map(Shared::into_owned).ok_or_else(|| slot.name.clone())
    }

    /// Sets a slot. What is set for good becomes immortal.
    pub(crate) fn set(&self, slot: usize, value: Owned, units: &Units) {
        let mut slots = self.slots.lock();
        let slot = &mut slots[slot];
        let value = match slot.kind {
            GlobalKind::Let | GlobalKind::Fn | GlobalKind::Type if !self.session => {
                units.keep(value)
            }
            GlobalKind::Let | GlobalKind::Fn | GlobalKind::Type | GlobalKind::Var => value,
        };
        let old = slot.value.replace(Shared::new(value));
        drop(slots);
        if let Some(old) = old
            && !self.session
        {
            // Cells may have it.
            units.hold(old.into_owned());
        }
    }

    /// Lets go of all values.
    pub(super) fn clear(&self) {
        let values: Vec<_> =
            self.slots.lock().iter_mut().filter_map(|slot| slot.value.take()).collect();
        drop(values);
    }

    /// The value of a name, when it has been set and others may see it.
    pub(crate) fn named(&self, name: &str) -> Option<Owned> {
        let slots = self.slots.lock();
        let slot = slots.iter().rev().find(|slot| *slot.name == *name)?;
        slot.value.as_ref().map(Shared::to_owned)
    }
}
