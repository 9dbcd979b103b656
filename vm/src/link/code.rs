//! Linked code: the words of a function, the steps of paths, and what a word remembers.
//!
//! # Words that change
//!
//! Code is written once, before anyone runs it, with two exceptions: a step that names a field, and
//! the cache word of a method call. Each remembers in *one word* what it met last, so that it reads
//! as a whole or not at all, whoever else runs the same code. They are loaded and stored as atomic
//! numbers, relaxed: what a word leads to (a slot number, a method) was there before any value of
//! that class could be, and is immutable.
//!
//! - A field: `c` is a class of records ([`rc::class`](crate::rc)), `flags` the slot of the field in
//!   records of that class. 0 is no class.
//! - A method: the address of what is called in the upper 48 bits, and the class that it was found
//!   for in the lower 16. The lowest bit of the address says that it is a native. 0 is nothing.
//!
//! Other words are read as they are: nobody writes to them. The last word of a call, in which a return
//! finds the result register, may be a step, so it is loaded like one.
//!
//! # Plain calls
//!
//! A call of a method has the flag [`PLAIN`] when no argument is named, spread or a place, a call with
//! places when moreover each place is a `var` itself, and no two are the same. So the loop knows how
//! arguments and parameters correspond, and where places come from and go to, without looking.

#![expect(unsafe_code, reason = "a word is a number of 64 bits")]

use std::sync::atomic::{AtomicU64, Ordering};

use lisle_compiler::bytecode::{Receiver, Step, Word};

use super::{Proto, scaled};
use crate::native::NativeDef;

/// A word of linked code.
#[repr(transparent)]
pub(crate) struct CodeWord(AtomicU64);

const _: () = assert!(size_of::<CodeWord>() == size_of::<Word>());

impl From<Word> for CodeWord {
    fn from(word: Word) -> Self {
        Self(AtomicU64::new(to_bits(word)))
    }
}

impl CodeWord {
    /// What it says.
    #[inline(always)]
    pub(crate) fn get(&self) -> Word {
        // SAFETY: every number is a word.
        unsafe { std::mem::transmute(self.0.load(Ordering::Relaxed)) }
    }

    /// Remembers where the field of a step stands in records of a class, when that can be said.
    pub(crate) fn remember_field(&self, class: u16, slot: usize) {
        let word = self.get();
        if let (STEP_FIELD, Ok(slot)) = (word.op, u8::try_from(slot)) {
            self.0.store(to_bits(Word { flags: slot, c: class, ..word }), Ordering::Relaxed);
        }
    }

    /// Nothing is remembered here yet.
    pub(crate) fn is_vacant(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// The method that is remembered for a class.
    #[inline(always)]
    pub(crate) fn method(&self, class: u16) -> Option<KnownMethod> {
        let bits = self.0.load(Ordering::Relaxed);
        (bits as u16 == class).then_some(KnownMethod(bits >> 16))
    }

    /// Remembers a method for a class, where its address has no more than 48 bits.
    pub(crate) fn remember_method(&self, class: u16, method: KnownMethod) {
        if method.0 >> 48 == 0 {
            self.0.store(method.0 << 16 | u64::from(class), Ordering::Relaxed);
        }
    }
}

fn to_bits(word: Word) -> u64 {
    // SAFETY: a word has 64 bits without gaps.
    unsafe { std::mem::transmute(word) }
}

/// A method that a call remembers. It lives as long as the VM.
#[derive(Clone, Copy)]
pub(crate) struct KnownMethod(u64);

impl KnownMethod {
    const NATIVE: u64 = 1;

    /// A function of a struct or enum that captures nothing.
    pub(crate) fn script(proto: *const Proto) -> Self {
        Self(proto.expose_provenance() as u64)
    }

    /// A native that lives as long as the VM.
    pub(crate) fn native(native: *const NativeDef) -> Self {
        Self(native.expose_provenance() as u64 | Self::NATIVE)
    }

    /// The function of a type, if it is one.
    #[inline(always)]
    pub(crate) fn as_script(self) -> Option<*const Proto> {
        let address = std::ptr::with_exposed_provenance(self.0 as usize);
        (self.0 & Self::NATIVE == 0).then_some(address)
    }

    /// The native, if it is one.
    #[inline(always)]
    pub(crate) fn as_native(self) -> Option<*const NativeDef> {
        let address = std::ptr::with_exposed_provenance((self.0 & !Self::NATIVE) as usize);
        (self.0 & Self::NATIVE != 0).then_some(address)
    }
}

/// Flag of `CallMethod` and `CallPlaces`: see the module's text.
pub(crate) const PLAIN: u8 = 64;

/// The `op` of a step that is an index; its register is in `b`.
pub(crate) const STEP_INDEX: u8 = 0;
/// The `op` of a step that names a field, in `b`, and remembers a class.
pub(crate) const STEP_FIELD: u8 = 1;
/// The `op` of a step that names a field in `b` and `c`.
const STEP_FIELD_WIDE: u8 = 2;

/// A step of a path in linked code.
#[derive(Clone, Copy)]
pub(crate) enum LinkedStep {
    /// The index is in this register, in bytes from the base.
    Index(u16),
    /// The key is this constant.
    Field(u32),
}

/// Reads a step of a path in linked code.
#[inline(always)]
pub(crate) fn step(word: Word) -> LinkedStep {
    match word.op {
        STEP_INDEX => LinkedStep::Index(word.b),
        STEP_FIELD => LinkedStep::Field(word.b.into()),
        _ => LinkedStep::Field(word.wide_u32()),
    }
}

/// Links the steps of a path; `result` is the result register of the call whose path it is.
pub(super) fn steps(words: &mut [Word], result: u16) -> Result<(), String> {
    for word in words {
        *word = match word.step() {
            Step::Index(register) => {
                Word { op: STEP_INDEX, flags: 0, a: result, b: scaled(register)?, c: 0 }
            }
            Step::Field(name) => match u16::try_from(name) {
                Ok(name) => Word { op: STEP_FIELD, flags: 0, a: result, b: name, c: 0 },
                Err(_) => Word { op: STEP_FIELD_WIDE, a: result, ..*word },
            },
        };
    }
    Ok(())
}

/// Links the places among the arguments of a call whose result register is `result`: of each the
/// root and the path.
pub(super) fn places(mut words: &mut [Word], result: u16) -> Result<(), String> {
    while let Some((root, rest)) = words.split_first_mut() {
        (root.a, root.b) = (result, scaled(root.b)?);
        let (path, rest) = rest.split_at_mut(usize::from(root.flags));
        steps(path, result)?;
        words = rest;
    }
    Ok(())
}

/// Are these linked places distinct variables, with nothing behind them?
pub(super) fn are_plain_places(words: &[Word]) -> bool {
    let is_variable = |root: &Word| root.flags == 0 && root.op == Receiver::Var as u8;
    let is_first = |(i, root): (usize, &Word)| words[..i].iter().all(|other| other.b != root.b);
    words.iter().all(is_variable) && words.iter().enumerate().all(is_first)
}

/// Checks the registers of the indices of a linked path.
pub(super) fn path_below<E>(path: &[Word], below: impl Fn(u16) -> Result<(), E>) -> Result<(), E> {
    path.iter().try_for_each(|word| match step(*word) {
        LinkedStep::Index(register) => below(register),
        LinkedStep::Field(_) => Ok(()),
    })
}

/// Checks the registers of linked places.
pub(super) fn borrowed_below<E>(
    mut words: &[Word],
    below: impl Fn(u16) -> Result<(), E>,
) -> Result<(), E> {
    while let Some((root, rest)) = words.split_first() {
        below(root.b)?;
        let (path, rest) = rest.split_at(usize::from(root.flags));
        path_below(path, &below)?;
        words = rest;
    }
    Ok(())
}
