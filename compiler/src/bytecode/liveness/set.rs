//! Sets of registers, as words of bits.
//!
//! The passes that use them are compiled for two lengths: almost all functions do with one word, which
//! is copied and compared like a number. What the longest set has room for is what a function may
//! have at all.

/// Words of a set for functions of at most 64 registers.
pub(crate) const SHORT: usize = 1;

/// Words of a set for all other functions.
pub(crate) const LONG: usize = 63;

/// A set of registers, the first 64 in the first word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Set<const N: usize>([u64; N]);

impl<const N: usize> Set<N> {
    pub(super) const EMPTY: Self = Self([0; N]);

    /// The registers below `end`.
    pub(super) fn below(end: u16) -> Self {
        (0..end).collect()
    }

    pub(crate) fn has(&self, r: u16) -> bool {
        self.0[usize::from(r / 64)] >> (r % 64) & 1 != 0
    }

    pub(crate) fn add(&mut self, r: u16) {
        self.0[usize::from(r / 64)] |= 1 << (r % 64);
    }

    pub(crate) fn remove(&mut self, r: u16) {
        self.0[usize::from(r / 64)] &= !(1 << (r % 64));
    }

    /// Adds those of the first registers whose bits are set.
    pub(super) fn add_first(&mut self, bits: u32) {
        self.0[0] |= u64::from(bits);
    }

    pub(super) fn join(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }

    #[must_use]
    pub(super) fn minus(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a &= !b);
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::EMPTY
    }

    /// The registers in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().zip((0..).step_by(64)).flat_map(|(&word, start)| {
            let mut bits = word;
            std::iter::from_fn(move || {
                (bits != 0).then(|| {
                    let bit = bits.trailing_zeros();
                    bits &= bits - 1;
                    start + bit as u16
                })
            })
        })
    }
}

impl<const N: usize> FromIterator<u16> for Set<N> {
    fn from_iter<I: IntoIterator<Item = u16>>(registers: I) -> Self {
        let mut set = Self::EMPTY;
        registers.into_iter().for_each(|r| set.add(r));
        set
    }
}
