//! Lists do what vectors do, however they are packed.

use super::{Random, float, int, list, str};
use crate::rc::{Body, Heap, SharedHeap, check};
use crate::value::{
    Elements, Item, ListObject, Owned, Packing, equals, hash, literal, order::try_less,
};

/// A value of one of the kinds that make a list packed, or seldom of another one.
fn value(random: &mut Random, kind: usize) -> Owned {
    match if random.below(12) == 0 { random.below(5) } else { kind } {
        0 => int(random.below(100) as i64 - 50),
        1 => float(random.below(100) as f64 / 4.0),
        2 => Owned::bool(random.below(2) == 0),
        3 => str("a text of more than eight bytes"),
        _ => list([int(1), str("two")]),
    }
}

fn agree(list: &ListObject, model: &[Owned]) {
    assert_eq!(list.len(), model.len());
    assert!(list.iter().zip(model).all(|(a, b)| a.tag() == b.tag() && equals(&a, b)));
    let packed = |packing| model.iter().all(|value| Packing::of(value.as_raw()) == packing);
    match list.elements() {
        Elements::Values(values) => assert_eq!(values.len(), model.len()),
        Elements::Ints(_) => assert!(packed(Packing::Ints)),
        Elements::Floats(_) => assert!(packed(Packing::Floats)),
        Elements::Bools(_) => assert!(packed(Packing::Bools)),
    }
}

/// One change of both; the result of it is the same.
fn change(random: &mut Random, list: &mut ListObject, model: &mut Vec<Owned>, kind: usize) {
    let at = random.below(model.len().max(1));
    let new = value(random, kind);
    match random.below(18) {
        0..=4 => {
            list.push(new.clone());
            model.push(new);
        }
        5 => assert_eq!(literal(&list.pop().into()), literal(&model.pop().into())),
        6 | 7 => {
            let first = (!model.is_empty()).then(|| model.remove(0));
            assert_eq!(literal(&list.pop_first().into()), literal(&first.into()));
        }
        8 => {
            let at = random.below(model.len() + 1);
            list.insert(at, new.clone());
            model.insert(at, new);
        }
        9 => {
            list.reverse();
            model.reverse();
        }
        10 => {
            let more: ListObject = (0..random.below(4)).map(|_| value(random, kind)).collect();
            list.append(&more).unwrap();
            model.extend(more.iter().map(Item::to_owned));
        }
        11 => {
            let end = at + random.below(model.len() - at.min(model.len()) + 1);
            let at = at.min(end);
            if end <= model.len() {
                agree(&list.part(at..end).unwrap(), &model[at..end]);
            }
        }
        12 if model.len() < 10 => {
            let times = random.below(4);
            let expected: Vec<Owned> =
                std::iter::repeat_n(&*model, times).flatten().cloned().collect();
            agree(&list.repeated(times).unwrap(), &expected);
        }
        _ if model.is_empty() => {}
        13 => {
            assert_eq!(literal(&list.remove(at)), literal(&model.remove(at)));
        }
        14 => {
            let other = random.below(model.len());
            list.swap(at, other);
            model.swap(at, other);
        }
        15 if random.below(20) == 0 => {
            assert_eq!(literal(list.place(at)), literal(&model[at]));
            *list.place(at) = new.clone();
            model[at] = new;
        }
        16 => {
            let lent = list.lend(at);
            assert_eq!(literal(&lent), literal(&model[at]));
            list.set(at, lent);
        }
        17 if random.below(4) == 0 => {
            let mut copy = list.empty_like().unwrap();
            (0..list.len()).for_each(|at| copy.push(list.lend(at)));
            *list = copy;
        }
        _ => {
            list.set(at, new.clone());
            model[at] = new;
        }
    }
}

#[test]
fn lists_do_what_vectors_do() {
    let heap = Heap::new(SharedHeap::new(None), None);
    let entered = heap.enter();
    let before = heap.bytes();
    let mut random = Random(5);
    for round in 0..if cfg!(miri) { 8 } else { 400 } {
        let (mut list, mut model) = (ListObject::new(), Vec::new());
        for _ in 0..200 {
            change(&mut random, &mut list, &mut model, round % 5);
            agree(&list, &model);
        }
        agree(&list.clone(), &model);
        check::walk(&[&Owned::from(list.clone())], false).unwrap();
        assert!(list.take_values().iter().zip(&model).all(|(a, b)| equals(a, b)));
        assert!(list.is_empty());
    }
    assert_eq!(heap.bytes(), before, "all that was charged is credited");
    drop(entered);
}

#[test]
fn packed_elements_take_what_they_are() {
    let bytes = |value: Owned| {
        let list: ListObject = (0..1000).map(|_| value.clone()).collect();
        assert_eq!(list.element_bytes(), list.buffer_bytes());
        list.element_bytes() / 1000
    };
    assert_eq!(bytes(int(1)), 8);
    assert_eq!(bytes(float(1.0)), 8);
    assert_eq!(bytes(Owned::bool(true)), 1);
    assert_eq!(bytes(Owned::NIL), 16);
}

/// Packed or not: nobody sees it.
#[test]
fn packing_is_not_seen() {
    let mut random = Random(9);
    for _ in 0..if cfg!(miri) { 50 } else { 5000 } {
        let kind = random.below(3);
        let make = |random: &mut Random| -> ListObject {
            (0..random.below(4)).map(|_| value(random, kind)).collect()
        };
        let (a, b) = (make(&mut random), make(&mut random));
        let unpacked = |list: &ListObject| {
            let mut copy = list.clone();
            if !copy.is_empty() {
                copy.place(0);
            }
            Owned::from(copy)
        };
        let ways = [Owned::from(a.clone()), unpacked(&a)];
        let others = [Owned::from(b.clone()), unpacked(&b)];
        let shown: Vec<String> = ways.iter().map(literal).collect();
        assert_eq!(shown[0], shown[1]);
        assert_eq!(hash::hash_key(&ways[0]), hash::hash_key(&ways[1]));
        let answers: Vec<String> = ways
            .iter()
            .flat_map(|a| others.iter().map(move |b| (a, b)))
            .map(|(a, b)| format!("{} {:?}", equals(a, b), try_less(a, b)))
            .collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{shown:?}: {answers:?}");
    }
}
