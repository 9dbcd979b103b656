//! Maps beside `IndexMap`, whose keys and values are as wide as ours: what an operation on a million
//! entries costs. `benches/maps` runs this.
//!
//! Both hash with random numbers of the process, both keep the order of insertion, and both get keys
//! that were made before. What is looked up is another object than what was inserted. Where a key is
//! removed, `IndexMap` moves its last entry there (`swap_remove`): its way to keep the order takes the
//! time of all that stand behind.

#![expect(clippy::print_stdout, reason = "it prints what was measured")]

use std::hint::black_box;
use std::rc::Rc;
use std::time::Instant;

use indexmap::IndexMap;

use super::{Random, int};
use crate::rc::{Heap, SharedHeap};
use crate::value::{MapObject, Owned, View};

const ENTRIES: usize = 1_000_000;
/// Rounds, in which both take turns.
const ROUNDS: usize = 7;
const OPERATIONS: [&str; 5] = ["insert", "look up", "look up in vain", "walk", "remove"];

/// A key or value in two words.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Word {
    Int(i64),
    /// Behind one word.
    Text(Rc<Box<str>>),
}

const _: () = assert!(size_of::<Word>() == size_of::<Owned>());

/// A map that is measured.
trait Measured: Default {
    type Key;

    fn insert(&mut self, key: &Self::Key, value: i64);
    fn find(&self, key: &Self::Key) -> Option<i64>;
    fn sum(&self) -> i64;
    fn remove(&mut self, key: &Self::Key) -> bool;
}

impl Measured for IndexMap<Word, Word> {
    type Key = Word;

    fn insert(&mut self, key: &Word, value: i64) {
        self.insert(key.clone(), Word::Int(value));
    }

    fn find(&self, key: &Word) -> Option<i64> {
        self.get(key).map(number)
    }

    fn sum(&self) -> i64 {
        self.values().map(number).sum()
    }

    fn remove(&mut self, key: &Word) -> bool {
        self.swap_remove(key).is_some()
    }
}

fn number(word: &Word) -> i64 {
    if let Word::Int(n) = word { *n } else { 0 }
}

impl Measured for MapObject {
    type Key = Owned;

    fn insert(&mut self, key: &Owned, value: i64) {
        self.insert(key.clone(), int(value)).unwrap();
    }

    fn find(&self, key: &Owned) -> Option<i64> {
        self.get(key).and_then(Owned::as_int)
    }

    fn sum(&self) -> i64 {
        self.iter().map(|(_, value)| if let View::Int(n) = value.view() { n } else { 0 }).sum()
    }

    fn remove(&mut self, key: &Owned) -> bool {
        self.remove(key).is_some()
    }
}

/// The nanoseconds of each operation, by entry.
fn measure<M: Measured>(keys: &[M::Key], same: &[M::Key], others: &[M::Key]) -> [f64; 5] {
    let mut map = M::default();
    let mut times = [0.0; 5];
    let mut timed = |at: usize, run: &mut dyn FnMut(&mut M) -> usize| {
        let start = Instant::now();
        assert_eq!(black_box(run(&mut map)), ENTRIES);
        times[at] = start.elapsed().as_nanos() as f64 / ENTRIES as f64;
    };
    timed(0, &mut |map| {
        keys.iter().zip(0..).for_each(|(key, i)| map.insert(key, i));
        keys.len()
    });
    timed(1, &mut |map| same.iter().filter(|key| map.find(key).is_some()).count());
    timed(2, &mut |map| others.iter().filter(|key| map.find(key).is_none()).count());
    timed(3, &mut |map| {
        assert_eq!(map.sum() as usize, ENTRIES * (ENTRIES - 1) / 2);
        ENTRIES
    });
    timed(4, &mut |map| same.iter().filter(|key| map.remove(key)).count());
    times
}

fn shuffled<T>(mut keys: Vec<T>) -> Vec<T> {
    let mut random = Random(7);
    for i in (1..keys.len()).rev() {
        keys.swap(i, random.below(i + 1));
    }
    keys
}

/// Measures both with keys that both sides make of a number.
fn beside(what: &str, theirs: impl Fn(usize) -> Word, ours: impl Fn(usize) -> Owned) {
    let (some, rest) = (0..ENTRIES, ENTRIES..2 * ENTRIES);
    let keys: Vec<Word> = some.clone().map(&theirs).collect();
    let same = shuffled(some.clone().map(&theirs).collect());
    let others: Vec<Word> = rest.clone().map(&theirs).collect();
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        // Texts remember their hashes, so each round has new ones.
        let keys_of_ours: Vec<Owned> = some.clone().map(&ours).collect();
        let same_of_ours = shuffled(some.clone().map(&ours).collect());
        let others_of_ours: Vec<Owned> = rest.clone().map(&ours).collect();
        rounds.push((
            measure::<IndexMap<Word, Word>>(&keys, &same, &others),
            measure::<MapObject>(&keys_of_ours, &same_of_ours, &others_of_ours),
        ));
    }
    for (at, operation) in OPERATIONS.iter().enumerate() {
        let theirs = median(rounds.iter().map(|(theirs, _)| theirs[at]).collect());
        let ours = median(rounds.iter().map(|(_, ours)| ours[at]).collect());
        let ratio = median(rounds.iter().map(|(theirs, ours)| ours[at] / theirs[at]).collect());
        println!("| {what}, {operation} | {ours:.1} ns | {theirs:.1} ns | {ratio:.2} |");
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[test]
fn maps_beside_indexmap() {
    let heap = Heap::new(SharedHeap::new(None), None);
    let _entered = heap.enter();
    let text = |n: usize| Word::Text(Rc::new(format!("key number {n}").into()));
    let short = |n: usize| Word::Text(Rc::new(n.to_string().into()));
    println!("| keys, operation | Lisle | IndexMap | ratio |\n|---|---|---|---|");
    beside("ints", |n| Word::Int(n as i64), |n| int(n as i64));
    beside("ints at random", |n| Word::Int(scattered(n)), |n| int(scattered(n)));
    beside("texts of up to 7 bytes", short, |n| Owned::string(n.to_string()));
    beside("texts of up to 18 bytes", text, |n| Owned::string(format!("key number {n}")));
}

/// A different number for each.
fn scattered(n: usize) -> i64 {
    Random(n as u64).next().cast_signed()
}
