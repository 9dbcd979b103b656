//! Maps: insertion-ordered hash tables.
//!
//! The entries stand in a vector in the order of their insertion; removing one leaves a hole. A
//! table of slots (32 bits of the hash, position of the entry) finds them by linear probing;
//! maps of up to [`SMALL`] entries have none and are searched through. Nothing that a script can
//! see depends on the hashes, which are different in every process.
//!
//! # Invariants
//!
//! - An entry whose key is absent is a hole. `live` counts the others. All entries before `first`
//!   are holes; the last one, if any, is not.
//! - When there are slots, each live entry has exactly one, reachable from its hash without
//!   passing an empty one, and holes have none. At most three of four slots are in use.
//! - No key is NaN, or holds a record whose type has its own `==`.

use std::fmt;

use super::error::{Kind, error};
use super::hash::{hash_bytes, hash_key};
use super::{Owned, View, ops, tag};
use crate::rc::{self, Body, Heap};

/// Maps of so many entries (holes included) are searched without slots.
const SMALL: usize = 8;
/// `Slot::entry` of a free slot.
const FREE: u32 = u32::MAX;

/// So many entries a dead map lets go of at once.
const SHED: usize = 32;

/// The body of a map.
pub(crate) struct MapObject {
    entries: Vec<Entry>,
    slots: Vec<Slot>,
    live: usize,
    first: usize,
}

#[derive(Clone)]
struct Entry {
    key: Owned,
    value: Owned,
}

#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    entry: u32,
}

#[expect(unsafe_code, reason = "says which tag belongs to this type")]
// SAFETY: maps have a tag of their own.
unsafe impl Body for MapObject {
    const TAG: u64 = tag::MAP;

    fn buffer_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.slots.capacity() * size_of::<Slot>()
    }

    fn shed(&mut self) -> usize {
        let rest = self.entries.len().saturating_sub(SHED);
        if rest == 0 {
            return 0;
        }
        rc::work_on(SHED * size_of::<Entry>());
        // Nobody looks at the slots of a dead map.
        let shed = self.entries.drain(rest..);
        let objects =
            |entry: Entry| usize::from(entry.key.is_heap()) + usize::from(entry.value.is_heap());
        rc::VALUES_COST + shed.map(objects).sum::<usize>()
    }

    fn children(&self, visit: &mut dyn FnMut(&Owned)) {
        for (key, value) in self.iter() {
            visit(key);
            visit(value);
        }
    }
}

impl MapObject {
    /// An empty map.
    pub(crate) const fn new() -> Self {
        Self { entries: Vec::new(), slots: Vec::new(), live: 0, first: 0 }
    }

    /// An empty map with room for `n` entries.
    pub(crate) fn with_capacity(n: usize) -> Self {
        let mut map = Self::new();
        map.accounted(|map| map.entries.reserve_exact(n));
        map
    }

    /// Sets what belongs to `key`, and gives what did before. A key that is there keeps its
    /// place. NaN is no key (an error of kind `value`), nor is what has its own `==` (kind `type`).
    pub(crate) fn insert(&mut self, key: Owned, value: Owned) -> Result<Option<Owned>, Owned> {
        let hash = self.hash_if_needed(&key)?;
        if let Some(at) = self.find_hashed(&key, hash) {
            return Ok(Some(std::mem::replace(&mut self.entries[at].value, value)));
        }
        self.append(key, value, hash);
        Ok(None)
    }

    /// Sets what belongs to a key that is a string.
    pub(crate) fn insert_str(&mut self, key: &str, value: Owned) {
        match self.find_str(key) {
            Some(at) => self.entries[at].value = value,
            None => {
                let hash = hash_bytes(key.as_bytes());
                self.append(Owned::str(key), value, hash);
            }
        }
    }

    /// Takes a key off, and gives its value.
    pub(crate) fn remove(&mut self, key: &Owned) -> Option<Owned> {
        let at = self.find(key)?;
        Some(self.remove_at(at).1)
    }

    /// Takes the first entry off; amortised O(1).
    pub(crate) fn pop_first(&mut self) -> Option<(Owned, Owned)> {
        let at = self.next_live(self.first)?;
        Some(self.remove_at(at))
    }

    /// Takes the last entry off.
    pub(crate) fn pop(&mut self) -> Option<(Owned, Owned)> {
        let at = self.entries.len().checked_sub(1)?;
        Some(self.remove_at(at))
    }

    /// The value at a position that [`MapObject::find`] gave, for writing.
    #[inline]
    pub(crate) fn value_at_mut(&mut self, at: usize) -> &mut Owned {
        &mut self.entries[at].value
    }

    /// The value of entry number `n`, for writing. The entries stand close together afterwards.
    pub(crate) fn nth_mut(&mut self, n: usize) -> Option<&mut Owned> {
        if self.entries.len() != self.live {
            self.close_holes();
        }
        self.entries.get_mut(n).map(|entry| &mut entry.value)
    }

    /// The number of entries.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// True when there are no entries.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// What belongs to `key`.
    pub(crate) fn get(&self, key: &Owned) -> Option<&Owned> {
        self.find(key).map(|at| &self.entries[at].value)
    }

    /// What belongs to a key that is a string.
    pub(crate) fn get_str(&self, key: &str) -> Option<&Owned> {
        self.find_str(key).map(|at| &self.entries[at].value)
    }

    /// The position of a key: good until an entry is added or removed.
    #[inline]
    pub(crate) fn find(&self, key: &Owned) -> Option<usize> {
        // No NaN is in the map, so what cannot be hashed is not found.
        let hash = self.hash_if_needed(key).ok()?;
        self.find_hashed(key, hash)
    }

    /// The position of a key that is a string.
    pub(crate) fn find_str(&self, key: &str) -> Option<usize> {
        let matches = |entry: &Entry| entry.key.as_str() == Some(key);
        if self.slots.is_empty() {
            return self.entries.iter().position(matches);
        }
        self.probe(hash_bytes(key.as_bytes()), |at| matches(&self.entries[at]))
    }

    /// The key and the value at a position.
    #[inline]
    pub(crate) fn entry(&self, at: usize) -> Option<(&Owned, &Owned)> {
        let entry = self.entries.get(at)?;
        (!entry.is_hole()).then_some((&entry.key, &entry.value))
    }

    /// The first entry at or after position `from`, for loops: its position, key and value. The
    /// next one is looked for from the position behind it.
    #[inline]
    pub(crate) fn next_from(&self, from: usize) -> Option<(usize, &Owned, &Owned)> {
        let at = self.next_live(from.max(self.first))?;
        let entry = &self.entries[at];
        Some((at, &entry.key, &entry.value))
    }

    /// The last entry.
    pub(crate) fn last(&self) -> Option<(&Owned, &Owned)> {
        self.entries.last().map(|entry| (&entry.key, &entry.value))
    }

    /// The entries in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Owned, &Owned)> {
        let live = self.entries[self.first..].iter().filter(|entry| !entry.is_hole());
        live.map(|entry| (&entry.key, &entry.value))
    }

    /// The positions of entries whose keys have this hash: all that could equal such a key.
    pub(super) fn candidates(&self, hash: u32) -> impl Iterator<Item = usize> {
        let mut slot = hash as usize;
        let mut at = 0;
        std::iter::from_fn(move || {
            if self.slots.is_empty() {
                while let Some((found, key, _)) = self.next_from(at) {
                    at = found + 1;
                    if hash_key(key) == Some(hash) {
                        return Some(found);
                    }
                }
                return None;
            }
            loop {
                let candidate = self.slots[slot & (self.slots.len() - 1)];
                slot = slot.wrapping_add(1);
                if candidate.entry == FREE {
                    return None;
                }
                if candidate.hash == hash {
                    return Some(candidate.entry as usize);
                }
            }
        })
    }

    /// An error for what cannot be a key.
    pub(crate) fn check_key(&self, key: &Owned) -> Result<(), Owned> {
        self.hash_if_needed(key).map(drop)
    }

    /// The hash of a key, or 0 when there are no slots and comparing costs no more than hashing.
    #[inline]
    fn hash_if_needed(&self, key: &Owned) -> Result<u32, Owned> {
        let surely_key = match key.tag() {
            tag::FLOAT => false,
            tag::LIST | tag::MAP | tag::SET | tag::RECORD => !Heap::knows_own_equality(),
            _ => true,
        };
        if self.slots.is_empty() && self.entries.len() < SMALL && surely_key {
            return Ok(0);
        }
        hash_key(key).ok_or_else(|| no_key(key))
    }

    #[inline]
    fn find_hashed(&self, key: &Owned, hash: u32) -> Option<usize> {
        if self.slots.is_empty() {
            return self.entries.iter().position(|entry| same_key(&entry.key, key));
        }
        self.probe(hash, |at| same_key(&self.entries[at].key, key))
    }

    #[inline]
    fn probe(&self, hash: u32, matches: impl Fn(usize) -> bool) -> Option<usize> {
        let mask = self.slots.len() - 1;
        let mut i = hash as usize & mask;
        loop {
            let slot = self.slots[i];
            if slot.entry == FREE {
                return None;
            }
            if slot.hash == hash && matches(slot.entry as usize) {
                return Some(slot.entry as usize);
            }
            i = (i + 1) & mask;
        }
    }

    fn next_live(&self, from: usize) -> Option<usize> {
        let rest = self.entries.get(from..)?;
        rest.iter().position(|entry| !entry.is_hole()).map(|i| from + i)
    }

    /// Adds an entry whose key is not there.
    fn append(&mut self, key: Owned, value: Owned, mut hash: u32) {
        if self.entries.len() == self.entries.capacity()
            || (self.slots.is_empty() && self.entries.len() == SMALL)
        {
            let hashed = !self.slots.is_empty();
            self.accounted(Self::grow);
            if !hashed && !self.slots.is_empty() {
                // Without slots the caller may not have hashed; with NaN ruled out it works.
                hash = hash_key(&key).unwrap_or(hash);
            }
        }
        if !self.slots.is_empty() {
            if (self.live + 1) * 4 > self.slots.len() * 3 {
                self.accounted(|map| map.rebuild(map.slots.len() * 2));
            }
            self.occupy(hash, self.entries.len());
        }
        self.entries.push(Entry { key, value });
        self.live += 1;
    }

    /// Makes room for another entry: by closing the holes when there are many.
    #[cold]
    fn grow(&mut self) {
        let holes = self.entries.len() - self.live;
        if holes > self.live {
            self.close_holes();
        }
        if self.entries.len() == self.entries.capacity() {
            assert!(self.entries.len() < FREE as usize / 2, "a map has fewer than 2^31 entries");
            self.entries.reserve_exact(self.entries.len().max(4));
        }
        if self.slots.is_empty() && self.entries.len() >= SMALL {
            self.rebuild(4 * SMALL);
        }
    }

    /// Moves the entries together. Their slots follow.
    fn close_holes(&mut self) {
        let mut places = Vec::with_capacity(self.entries.len());
        let mut live = 0;
        for entry in &self.entries {
            places.push(live);
            live += u32::from(!entry.is_hole());
        }
        for slot in &mut self.slots {
            if slot.entry != FREE {
                slot.entry = places[slot.entry as usize];
            }
        }
        self.entries.retain(|entry| !entry.is_hole());
        self.first = 0;
    }

    /// Makes a table of `size` slots (a power of two).
    fn rebuild(&mut self, size: usize) {
        let fresh = vec![Slot { hash: 0, entry: FREE }; size];
        let old = std::mem::replace(&mut self.slots, fresh);
        if old.is_empty() {
            for at in 0..self.entries.len() {
                let key = &self.entries[at].key;
                if key.tag() != tag::ABSENT
                    && let Some(hash) = hash_key(key)
                {
                    self.occupy(hash, at);
                }
            }
        }
        for slot in old {
            if slot.entry != FREE {
                self.occupy(slot.hash, slot.entry as usize);
            }
        }
    }

    fn occupy(&mut self, hash: u32, entry: usize) {
        let mask = self.slots.len() - 1;
        let mut i = hash as usize & mask;
        while self.slots[i].entry != FREE {
            i = (i + 1) & mask;
        }
        self.slots[i] = Slot { hash, entry: entry as u32 };
    }

    fn remove_at(&mut self, at: usize) -> (Owned, Owned) {
        if !self.slots.is_empty() {
            self.vacate(at);
        }
        let entry = &mut self.entries[at];
        let key = std::mem::replace(&mut entry.key, Owned::ABSENT);
        let value = entry.value.take();
        self.live -= 1;
        while self.entries.last().is_some_and(Entry::is_hole) {
            self.entries.pop();
        }
        if at == self.first {
            self.first = self.next_live(at).unwrap_or(self.entries.len());
        }
        self.first = self.first.min(self.entries.len());
        (key, value)
    }

    /// Frees the slot of an entry, and moves later ones of its run up, so that none becomes
    /// unreachable.
    fn vacate(&mut self, entry: usize) {
        let mask = self.slots.len() - 1;
        let hash = hash_key(&self.entries[entry].key).unwrap_or(0);
        let mut hole = hash as usize & mask;
        while self.slots[hole].entry as usize != entry {
            hole = (hole + 1) & mask;
        }
        let mut next = hole;
        loop {
            next = (next + 1) & mask;
            let slot = self.slots[next];
            if slot.entry == FREE {
                break;
            }
            let home = slot.hash as usize & mask;
            // It may move when its home is not behind the hole, going around.
            if (next.wrapping_sub(home) & mask) >= (next.wrapping_sub(hole) & mask) {
                self.slots[hole] = slot;
                hole = next;
            }
        }
        self.slots[hole].entry = FREE;
    }

    /// Does something that may change the size of the buffers, and accounts for it.
    fn accounted(&mut self, change: impl FnOnce(&mut Self)) {
        let before = self.buffer_bytes();
        change(self);
        rc::charge(self.buffer_bytes());
        rc::credit(before);
    }
}

impl Entry {
    #[inline(always)]
    fn is_hole(&self) -> bool {
        self.key.tag() == tag::ABSENT
    }
}

/// Why something has no hash.
#[cold]
fn no_key(key: &Owned) -> Owned {
    if key.as_float().is_some() {
        return error(Kind::Value, "nan cannot be a key");
    }
    let what = match key.as_record() {
        Some(record) => format!("a {} cannot be a key: the type", record.info().owner().name()),
        None => format!("this {} cannot be a key: a type in it", key.type_name()),
    };
    error(Kind::Type, format!("{what} has its own `==`, which keys are not compared by"))
}

/// Whether two keys are one. Neither is NaN.
#[inline(always)]
fn same_key(a: &Owned, b: &Owned) -> bool {
    if a.is_same(b) {
        return true;
    }
    match (a.tag(), b.tag()) {
        (tag::STR, tag::STR) => equal_texts(a, b),
        // Short strings are equal only when they are the same, and never to long ones.
        (a, b) if tag::is_string(a) || tag::is_string(b) => false,
        (tag::INT, tag::INT) => false,
        _ => equal_keys(a, b),
    }
}

#[inline(always)]
fn equal_texts(a: &Owned, b: &Owned) -> bool {
    match (a.view(), b.view()) {
        (View::Str(a), View::Str(b)) => a.is_same_text(b),
        _ => false,
    }
}

#[inline(never)]
fn equal_keys(a: &Owned, b: &Owned) -> bool {
    ops::equals(a, b)
}

impl Default for MapObject {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for MapObject {
    fn clone(&self) -> Self {
        let copy = Self {
            entries: self.entries.clone(),
            slots: self.slots.clone(),
            live: self.live,
            first: self.first,
        };
        rc::charge(copy.buffer_bytes());
        copy
    }
}

impl Drop for MapObject {
    fn drop(&mut self) {
        rc::credit(self.buffer_bytes());
        rc::work_on(self.buffer_bytes());
    }
}

impl fmt::Debug for MapObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
