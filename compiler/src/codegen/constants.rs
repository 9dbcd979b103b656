//! The constants of a function: each once, found again by what it is.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::bytecode::Constant;

/// The constants of a function by index.
#[derive(Default, Debug)]
pub(super) struct Constants {
    all: Vec<Constant>,
    /// The index of each, by the hash of its key.
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

/// What makes a constant itself: floats count by their bits.
#[derive(PartialEq, Eq, Hash)]
enum Key<'k> {
    Int(i64),
    Float(u64),
    Str(&'k str),
    Names(&'k [Box<str>]),
    Function(u32),
    Type(u32),
    Variant(u32, u32),
    UnitVariant(u32, u32),
    Foreign(&'k str, &'k str),
    Builtin(&'k str),
    Member(&'k str, &'k str),
}

fn key(constant: &Constant) -> Key<'_> {
    match constant {
        Constant::Int(i) => Key::Int(*i),
        Constant::Float(f) => Key::Float(f.to_bits()),
        Constant::Str(s) => Key::Str(s),
        Constant::Names(n) => Key::Names(n),
        Constant::Function(f) => Key::Function(*f),
        Constant::Type(t) => Key::Type(*t),
        Constant::Variant { ty, variant } => Key::Variant(*ty, *variant),
        Constant::UnitVariant { ty, variant } => Key::UnitVariant(*ty, *variant),
        Constant::Foreign { module, name } => Key::Foreign(module, name),
        Constant::Builtin(n) => Key::Builtin(n),
        Constant::Member { module, name } => Key::Member(module, name),
    }
}

impl Constants {
    /// The index of a constant, which is added if it is new.
    pub(super) fn index(&mut self, constant: Constant) -> u32 {
        match self.find(&key(&constant)) {
            Some(index) => index,
            None => self.add(constant),
        }
    }

    /// The index of a string.
    pub(super) fn string(&mut self, text: &str) -> u32 {
        match self.find(&Key::Str(text)) {
            Some(index) => index,
            None => self.add(Constant::Str(text.into())),
        }
    }

    /// The constants, which are taken out.
    pub(super) fn take(&mut self) -> Vec<Constant> {
        self.index.clear();
        let mut all = std::mem::take(&mut self.all);
        all.shrink_to_fit();
        all
    }

    fn find(&self, wanted: &Key<'_>) -> Option<u32> {
        let is_wanted = |index: &u32| key(&self.all[*index as usize]) == *wanted;
        self.index.find(self.hasher.hash_one(wanted), is_wanted).copied()
    }

    fn add(&mut self, constant: Constant) -> u32 {
        let index = self.all.len() as u32;
        let hash = self.hasher.hash_one(key(&constant));
        self.all.push(constant);
        let (all, hasher) = (&self.all, &self.hasher);
        self.index.insert_unique(hash, index, |i| hasher.hash_one(key(&all[*i as usize])));
        index
    }
}
