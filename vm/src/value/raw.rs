//! A value as registers and containers hold it: two words, `Copy`, uncounted.
//!
//! Whoever holds a `Raw` knows from elsewhere (live maps, the container it is in) whether it owns
//! a count. Only the interpreter, `rc` and this module do; everyone else has an
//! [`Owned`](super::Owned).

use super::tag;

/// A value without ownership.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw {
    /// What it is: one of the constants of [`tag`].
    pub tag: u64,
    /// The integer, the bits of the float, or the address of the object.
    pub bits: u64,
}

const _: () = assert!(size_of::<Raw>() == 16 && align_of::<Raw>() == 8);

impl Raw {
    /// `nil`
    pub(crate) const NIL: Self = Self { tag: tag::NIL, bits: 0 };
    /// An argument that was left out.
    pub(crate) const ABSENT: Self = Self { tag: tag::ABSENT, bits: 0 };

    /// An integer.
    #[inline(always)]
    pub(crate) const fn int(n: i64) -> Self {
        Self { tag: tag::INT, bits: n.cast_unsigned() }
    }

    /// A float.
    #[inline(always)]
    pub(crate) const fn float(x: f64) -> Self {
        Self { tag: tag::FLOAT, bits: x.to_bits() }
    }

    /// A bool.
    #[inline(always)]
    pub(crate) const fn bool(b: bool) -> Self {
        Self { tag: tag::FALSE + b as u64, bits: 0 }
    }

    /// True when the payload is the address of a counted object.
    #[inline(always)]
    pub(crate) const fn is_heap(self) -> bool {
        self.tag >= tag::HEAP
    }

    /// True for everything but `nil` and `false`.
    #[inline(always)]
    pub(crate) const fn truthy(self) -> bool {
        self.tag >= tag::TRUE
    }

    /// The payload as an integer.
    #[inline(always)]
    pub(crate) const fn as_i64(self) -> i64 {
        self.bits.cast_signed()
    }

    /// The payload as a float.
    #[inline(always)]
    pub(crate) const fn as_f64(self) -> f64 {
        f64::from_bits(self.bits)
    }

    /// The payload as the address of an object of body type `T`, header included.
    #[inline(always)]
    pub(crate) fn pointer<T>(self) -> *mut T {
        debug_assert!(self.is_heap());
        std::ptr::with_exposed_provenance_mut(self.bits as usize)
    }

    /// A value that refers to an object.
    #[inline(always)]
    pub(crate) fn object<T>(tag: u64, pointer: *mut T) -> Self {
        Self { tag, bits: pointer.expose_provenance() as u64 }
    }

    /// The same tag and the same payload: identity for objects, sameness for everything inline.
    #[inline(always)]
    pub(crate) const fn same(self, other: Self) -> bool {
        self.tag == other.tag && self.bits == other.bits
    }
}
