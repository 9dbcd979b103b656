//! Hashes of values, for the keys of maps.
//!
//! Equal values have equal hashes: a float that equals an int hashes as that int, a map's hash
//! does not depend on its order. The function is keyed with random numbers of the process, so that
//! nobody can prepare keys that collide, and nothing that a script can see depends on it.
//!
//! Multiply-and-fold over 64-bit words (the construction of wyhash), 32 bits kept.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use super::compare::is_long;
use super::number::exact_int;
use super::text::{self, SHORT_MAX, short_bytes};
use super::{Operator, Owned, View};
use crate::rc;

struct Seed {
    text: u64,
    word: u64,
    fold: u64,
}

fn seed() -> &'static Seed {
    static SEED: OnceLock<Seed> = OnceLock::new();
    SEED.get_or_init(|| {
        let random = |n: u8| RandomState::new().hash_one(n);
        Seed { text: random(0), word: random(1), fold: random(2) | 1 }
    })
}

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// 32 bits of a hash; never 0, which strings keep for "not known".
#[inline(always)]
fn narrow(hash: u64) -> u32 {
    let narrow = (hash ^ (hash >> 32)) as u32;
    if narrow == 0 { 1 } else { narrow }
}

/// The hash of a text.
pub(crate) fn hash_bytes(bytes: &[u8]) -> u32 {
    let seed = seed();
    let word = |at: usize| match bytes[at..].first_chunk::<8>() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => 0,
    };
    let n = bytes.len();
    if n <= SHORT_MAX {
        return hash_short(u64::from_ne_bytes(short_bytes(bytes)), n);
    }
    let mut hash = seed.text;
    let mut at = 0;
    while n - at > 16 {
        hash = fold(word(at) ^ seed.fold, word(at + 8) ^ hash);
        at += 16;
    }
    let (a, b) = if n - at > 8 { (word(at), word(n - 8)) } else { (0, word(n - 8)) };
    hash_end(seed, a, b ^ hash, n)
}

/// The hash of a text of `n` bytes, at most eight, with zeros behind them.
#[inline(always)]
pub(super) fn hash_short(bytes: u64, n: usize) -> u32 {
    let seed = seed();
    hash_end(seed, bytes, seed.text, n)
}

/// The length last: before the multiplication it could be made up for by other bytes.
#[inline(always)]
fn hash_end(seed: &Seed, a: u64, b: u64, n: usize) -> u32 {
    narrow(fold(fold(a ^ seed.word, b) ^ n as u64, seed.fold))
}

fn hash_word(kind: u64, word: u64) -> u64 {
    let seed = seed();
    fold(fold(word ^ seed.word, kind ^ seed.text), seed.fold)
}

/// The hash of a value as a key; `None` for NaN and for what holds a record whose type has its own
/// `==`, which a hash cannot follow.
#[inline]
pub(crate) fn hash_key(value: &Owned) -> Option<u32> {
    match value.view() {
        View::Str(_) => Some(text::hash_of(value)),
        View::Float(x) if x.is_nan() => None,
        _ => hash_leaf(value).or_else(|| hash_deep(value)).map(narrow),
    }
}

const NIL: u64 = 1;
const BOOL: u64 = 2;
const NUMBER: u64 = 3;
const FLOAT: u64 = 4;
const TEXT: u64 = 5;
const RANGE: u64 = 6;
const IDENTITY: u64 = 7;
const LIST: u64 = 8;
const MAP: u64 = 9;
const ERROR: u64 = 10;
const BYTES: u64 = 11;
const SET: u64 = 12;

/// The hash of a value that holds no others.
fn hash_leaf(value: &Owned) -> Option<u64> {
    Some(match value.view() {
        View::Absent | View::Nil => hash_word(NIL, 0),
        View::Bool(b) => hash_word(BOOL, u64::from(b)),
        View::Int(n) => hash_word(NUMBER, n.cast_unsigned()),
        View::Float(x) => match exact_int(x) {
            Some(n) => hash_word(NUMBER, n.cast_unsigned()),
            None => hash_word(FLOAT, x.to_bits()),
        },
        View::Str(_) => hash_word(TEXT, u64::from(text::hash_of(value))),
        View::Range(range) => {
            let (len, start, step) = range.key();
            let ends = hash_word(start.cast_unsigned(), step.cast_unsigned());
            hash_word(RANGE, ends ^ len as u64)
        }
        // Equal functions have the same code; the captures are left to the comparison.
        View::Function(function) => hash_word(IDENTITY, function.code().addr() as u64),
        View::Native(native) => {
            hash_word(IDENTITY, std::sync::Arc::as_ptr(native.code()).addr() as u64)
        }
        View::Error(e) => {
            let text = |value: &Owned| value.as_str().map_or(0, |s| hash_bytes(s.as_bytes()));
            hash_word(ERROR, u64::from(text(&e.message)) ^ u64::from(text(&e.kind)) << 32)
        }
        View::Channel(handle) | View::Thread(handle) | View::Handle(handle) => {
            let identity = handle.get().identity().map(|address| address as u64);
            hash_word(IDENTITY, identity.unwrap_or(value.as_raw().bits))
        }
        View::Bytes(bytes) => {
            rc::work_on(bytes.len());
            hash_word(BYTES, u64::from(hash_bytes(bytes)))
        }
        View::Type(object) => hash_word(IDENTITY, object.info().as_ptr().addr() as u64),
        View::Cell(_) => hash_word(IDENTITY, value.as_raw().bits),
        // As `hash_deep` does it, which has the lists whose elements may hold others.
        View::List(list) if list.is_packed() => {
            rc::work_on(list.element_bytes());
            let hash = list.iter().filter_map(|item| hash_leaf(&item)).fold(0, hash_word);
            hash_word(LIST, hash)
        }
        View::List(_) | View::Map(_) | View::Set(_) | View::Record(_) => return None,
    })
}

/// A container whose hash is being computed.
struct Frame<'a> {
    value: &'a Owned,
    next: usize,
    hash: u64,
    /// The hash of the key whose value comes next.
    key: Option<u64>,
}

/// How many containers are hashed before their hashes are remembered: one value that occurs in a
/// graph over and over must not cost exponential time. (Those of long texts, bytes and packed lists
/// are from the start.)
const PATIENCE: usize = 4096;

/// The hash of a container, without recursion; `None` when a record in it has its own `==`.
fn hash_deep(value: &Owned) -> Option<u64> {
    let mut frames = vec![begin(value)?];
    let mut known: HashMap<u64, u64> = HashMap::new();
    let mut ended = 0;
    let mut steps = rc::Steps::new();
    loop {
        steps.turn();
        let Some(frame) = frames.last_mut() else { unreachable!("returns with the last frame") };
        let child = match frame.value.view() {
            View::List(list) => list.values().and_then(|values| values.get(frame.next)),
            View::Record(record) => record.fields().get(frame.next),
            View::Set(set) => set.next_from(frame.next).map(|(at, element)| {
                frame.next = at;
                element
            }),
            View::Map(map) => match (frame.key, map.next_from(frame.next)) {
                (None, Some((at, key, _))) => {
                    frame.next = at;
                    Some(key)
                }
                (Some(_), Some((_, _, value))) => Some(value),
                (_, None) => None,
            },
            _ => None,
        };
        let hash = match child {
            Some(child) if is_long(child) => match known.entry(child.as_raw().bits) {
                Entry::Occupied(hash) => *hash.get(),
                Entry::Vacant(place) => *place.insert(hash_leaf(child)?),
            },
            Some(child) => match hash_leaf(child) {
                Some(hash) => hash,
                None => match known.get(&child.as_raw().bits) {
                    Some(hash) => *hash,
                    None => {
                        frames.push(begin(child)?);
                        continue;
                    }
                },
            },
            None => {
                let hash = end(frame);
                ended += 1;
                if ended > PATIENCE && !frame.value.occurs_once() {
                    known.insert(frame.value.as_raw().bits, hash);
                }
                frames.pop();
                if frames.is_empty() {
                    return Some(hash);
                }
                hash
            }
        };
        let Some(frame) = frames.last_mut() else { unreachable!("returned with the last frame") };
        frame.add(hash);
    }
}

/// Begins a container; `None` for a record whose type has its own `==`.
fn begin(value: &Owned) -> Option<Frame<'_>> {
    let own = value.as_record().and_then(|record| record.info().operator(Operator::Eq));
    own.is_none().then_some(Frame { value, next: 0, hash: 0, key: None })
}

/// The hash of a container whose parts have all been added.
fn end(frame: &Frame<'_>) -> u64 {
    let kind = match frame.value.view() {
        View::List(_) => LIST,
        View::Set(_) => SET,
        View::Record(record) => record.type_ref().as_ptr().addr() as u64,
        _ => MAP,
    };
    hash_word(kind, frame.hash)
}

impl Frame<'_> {
    /// Adds the hash of the next part.
    fn add(&mut self, hash: u64) {
        match self.value.view() {
            // A sum, because the order of elements and entries does not matter.
            View::Set(_) => self.hash = self.hash.wrapping_add(hash_word(SET, hash)),
            View::Map(_) => match self.key.take() {
                Some(key) => self.hash = self.hash.wrapping_add(hash_word(key, hash)),
                None => {
                    self.key = Some(hash);
                    return;
                }
            },
            _ => self.hash = hash_word(self.hash, hash),
        }
        self.next += 1;
    }
}
