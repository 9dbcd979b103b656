//! Tests of values: by kind, and of what works across kinds.

mod access;
#[cfg(lisle_measure)]
mod beside_indexmap;
mod bytes;
mod cell;
mod deep;
mod format;
mod list;
mod map;
mod number;
mod ops;
mod record;
mod set;
mod text;
mod types;

use super::{MapObject, Owned};

/// A small deterministic generator (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// A list.
pub(crate) fn list<const N: usize>(items: [Owned; N]) -> Owned {
    Owned::list(items.into())
}

/// A map.
pub(crate) fn map<const N: usize>(entries: [(Owned, Owned); N]) -> Owned {
    let mut map = MapObject::new();
    for (key, value) in entries {
        map.insert(key, value).unwrap();
    }
    Owned::map(map)
}

pub(crate) fn int(n: i64) -> Owned {
    Owned::int(n)
}

pub(crate) fn float(x: f64) -> Owned {
    Owned::float(x)
}

pub(crate) fn str(text: &str) -> Owned {
    Owned::str(text)
}

/// Kind and message of an error.
pub(crate) fn shown(result: Result<Owned, Owned>) -> String {
    match result {
        Ok(value) => super::literal(&value),
        Err(e) => {
            let e = e.as_error().unwrap();
            format!("{}: {}", e.kind(), e.message())
        }
    }
}

/// Runs `test` on a native stack of 256 KiB.
pub(crate) fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(test).unwrap();
    thread.join().unwrap();
}
