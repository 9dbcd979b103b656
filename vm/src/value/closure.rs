//! Functions of scripts: a piece of code and the values it captured.

#![expect(unsafe_code, reason = "captures are laid out for the interpreter")]

use std::fmt;

use super::{Owned, Raw, tag};
use crate::rc::Body;

/// What every piece of code starts with: the interpreter's own description of a function is
/// `#[repr(C)]` and has this as its first field.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Code {
    /// The function's name: `main`, `area`, `lambda`.
    pub name: Box<str>,
}

/// The body of a script function.
#[repr(C)]
pub(crate) struct Closure {
    code: *const Code,
    captures: Box<[Owned]>,
}

// SAFETY: script functions have a tag of their own.
unsafe impl Body for Closure {
    const TAG: u64 = tag::FUNCTION;

    fn buffer_bytes(&self) -> usize {
        size_of_val(&*self.captures)
    }

    fn children(&self, visit: &mut dyn FnMut(&Owned)) {
        self.captures.iter().for_each(visit);
    }
}

impl Closure {
    /// A function that runs `code` with these captured values.
    ///
    /// # Safety
    /// `code` outlives every value that refers to the closure, and is immutable.
    pub(crate) unsafe fn new(code: *const Code, captures: Box<[Owned]>) -> Self {
        crate::rc::charge(size_of_val(&*captures));
        Self { code, captures }
    }

    /// The code.
    #[inline(always)]
    pub(crate) fn code(&self) -> *const Code {
        self.code
    }

    /// The name of the function.
    pub(crate) fn name(&self) -> &str {
        // SAFETY: the code outlives the closure, by the promise to `new`.
        unsafe { &(*self.code).name }
    }

    /// What it captured.
    pub(crate) fn captures(&self) -> &[Owned] {
        &self.captures
    }

    /// Where the captures stand, for the interpreter.
    #[inline(always)]
    pub(crate) fn captures_ptr(&self) -> *const Raw {
        self.captures.as_ptr().cast()
    }
}

impl Drop for Closure {
    fn drop(&mut self) {
        crate::rc::credit(size_of_val(&*self.captures));
    }
}

impl fmt::Debug for Closure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<fn {}>", self.name())
    }
}
