use super::{Random, float, int, list, map, str};
use crate::value::{MapObject, Owned, equals, hash, literal};

/// A map as a plain vector.
#[derive(Default)]
struct Model(Vec<(Owned, Owned)>);

impl Model {
    fn position(&self, key: &Owned) -> Option<usize> {
        self.0.iter().position(|(k, _)| equals(k, key))
    }
}

fn same(a: Option<&Owned>, b: Option<&Owned>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => equals(a, b),
        (None, None) => true,
        _ => false,
    }
}

#[test]
fn maps_do_what_a_vector_does() {
    let mut random = Random(42);
    for round in 0..if cfg!(miri) { 6 } else { 120 } {
        let mut map = MapObject::new();
        let mut model = Model::default();
        let keys = [4, 20, 300, 2000][round % 4];
        let steps = if cfg!(miri) { 100 } else { 3000 };
        for step in 0..steps {
            let n = random.below(keys) as i64;
            let key = match random.below(4) {
                0 => int(n),
                1 => float(n as f64 / 2.0),
                2 => str(&format!("key {n}")),
                _ => list([int(n % 7), str("x")]),
            };
            let removing = (step / (steps / 4)) % 2 == 1;
            match random.below(if removing { 16 } else { 10 }) {
                0..=5 => {
                    let old = map.insert(key.clone(), int(step as i64)).unwrap();
                    match model.position(&key) {
                        Some(at) => {
                            let was = std::mem::replace(&mut model.0[at].1, int(step as i64));
                            assert!(same(old.as_ref(), Some(&was)));
                        }
                        None => {
                            assert!(old.is_none());
                            model.0.push((key, int(step as i64)));
                        }
                    }
                }
                6 => {
                    let at = model.position(&key);
                    assert!(same(map.get(&key), at.map(|at| &model.0[at].1)));
                    if let Some(text) = key.as_str() {
                        assert!(same(map.get_str(text), at.map(|at| &model.0[at].1)));
                    }
                }
                7 => {
                    let first = map.pop_first();
                    let expected = (!model.0.is_empty()).then(|| model.0.remove(0));
                    assert!(same(first.as_ref().map(|e| &e.0), expected.as_ref().map(|e| &e.0)));
                }
                8 => {
                    let last = map.pop();
                    let expected = model.0.pop();
                    assert!(same(last.as_ref().map(|e| &e.0), expected.as_ref().map(|e| &e.0)));
                }
                _ => {
                    let removed = map.remove(&key);
                    let expected = model.position(&key).map(|at| model.0.remove(at).1);
                    assert!(same(removed.as_ref(), expected.as_ref()));
                }
            }
            assert_eq!(map.len(), model.0.len());
            if step % 97 == 0 {
                check(&map, &model);
            }
        }
        check(&map, &model);
        check(&map.clone(), &model);
    }
}

fn check(map: &MapObject, model: &Model) {
    assert!(
        map.iter()
            .map(|(k, v)| (literal(k), literal(v)))
            .eq(model.0.iter().map(|(k, v)| (literal(k), literal(v))))
    );
    let mut at = 0;
    for (key, value) in &model.0 {
        let (found, k, v) = map.next_from(at).unwrap();
        assert!(equals(k, key) && equals(v, value));
        assert_eq!(map.find(key), Some(found));
        at = found + 1;
    }
    assert!(map.next_from(at).is_none());
    assert!(same(map.last().map(|e| e.0), model.0.last().map(|e| &e.0)));
}

#[test]
fn equal_ints_and_floats_are_one_key() {
    let mut map = MapObject::new();
    for i in 0..20 {
        map.insert(int(i), int(i)).unwrap();
    }
    map.insert(float(3.0), str("three")).unwrap();
    map.insert(float(-0.0), str("zero")).unwrap();
    assert_eq!(map.len(), 20);
    assert_eq!(map.get(&int(3)).and_then(Owned::as_str), Some("three"));
    assert_eq!(map.get(&int(0)).and_then(Owned::as_str), Some("zero"));
    // 2^53 + 1 is no float.
    map.insert(int((1 << 53) + 1), Owned::NIL).unwrap();
    assert!(map.get(&float((1u64 << 53) as f64)).is_none());
}

#[test]
fn nan_is_no_key() {
    let mut map = MapObject::new();
    assert!(map.insert(float(f64::NAN), Owned::NIL).is_err());
    assert!(map.get(&float(f64::NAN)).is_none());
    assert!(map.is_empty());
}

#[test]
fn maps_are_equal_in_any_order() {
    let a = map([(str("x"), int(1)), (str("y"), list([int(2)]))]);
    let b = map([(str("y"), list([float(2.0)])), (str("x"), int(1))]);
    assert!(equals(&a, &b));
    assert_eq!(hash::hash_key(&a), hash::hash_key(&b));
    let c = map([(str("y"), list([int(2)])), (str("z"), int(1))]);
    assert!(!equals(&a, &c));
    // Big ones, with slots, and maps as keys.
    let big = |rev: bool| {
        let mut map = MapObject::new();
        for i in 0..100 {
            let i = if rev { 99 - i } else { i };
            let key = super::map([(int(i), str("v")), (str("k"), int(i))]);
            map.insert(key, int(i)).unwrap();
        }
        Owned::map(map)
    };
    assert!(equals(&big(false), &big(true)));
    assert_eq!(hash::hash_key(&big(false)), hash::hash_key(&big(true)));
}

#[test]
fn a_queue_of_map_entries_stays_small() {
    let mut map = MapObject::new();
    for i in 0..if cfg!(miri) { 200 } else { 100_000 } {
        map.insert(int(i), int(i)).unwrap();
        if i >= 10 {
            assert_eq!(map.pop_first().and_then(|e| e.0.as_int()), Some(i - 10));
        }
    }
    assert_eq!(map.len(), 10);
    assert!(crate::rc::Body::buffer_bytes(&map) < 4096);
}

#[test]
fn hashes_of_text_spread() {
    // Texts that differ in one place, of all short lengths, must differ in their hashes.
    let mut seen = std::collections::HashSet::new();
    for len in 0..70 {
        let text = vec![b'a'; len];
        assert!(seen.insert(hash::hash_bytes(&text)));
        for at in 0..len {
            let mut text = text.clone();
            text[at] = b'b';
            assert!(seen.insert(hash::hash_bytes(&text)), "{len} {at}");
        }
    }
}
