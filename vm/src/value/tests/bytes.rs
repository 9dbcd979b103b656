use super::{int, list, shown, str};
use crate::rc::{Heap, SharedHeap};
use crate::value::{
    MapObject, Owned, RangeObject, Step, compare, equals, hash, index_get, index_set, literal, ops,
    slice, slot, slot_mut,
};

fn bytes(bytes: &[u8]) -> Owned {
    Owned::bytes(bytes.to_vec())
}

#[test]
fn elements_are_ints_from_0_to_255() {
    let mut b = bytes(&[1, 2, 255]);
    let copy = b.clone();
    assert_eq!(literal(&b), "bytes([1, 2, 255])");
    assert_eq!(literal(&bytes(&[])), "bytes([])");
    assert_eq!(shown(index_get(&b, &int(-1))), "255");
    assert_eq!(
        shown(index_get(&b, &int(3))),
        "index: index 3 is out of range: the byte sequence has 3 elements"
    );
    let mut set =
        |key: Owned, value: Owned| shown(index_set(&mut b, &key, value).map(|()| Owned::NIL));
    assert_eq!(set(int(0), int(7)), "nil");
    assert_eq!(set(int(0), int(256)), "value: 256 is no byte: bytes are ints from 0 to 255");
    assert_eq!(set(int(0), int(-1)), "value: -1 is no byte: bytes are ints from 0 to 255");
    assert_eq!(set(int(0), str("a")), "type: bytes are ints from 0 to 255, not string");
    assert!(set(int(3), int(1)).starts_with("index: "));
    assert_eq!(set(str("x"), int(1)), "type: cannot index bytes with string");
    assert_eq!(
        (literal(&b), literal(&copy)),
        ("bytes([7, 2, 255])".into(), "bytes([1, 2, 255])".into())
    );
    assert!(slot(&b, Step::Index(&int(0))).is_err());
    assert!(shown(slot_mut(&mut b, Step::Index(&int(0))).cloned()).contains("is no place"));
}

#[test]
fn they_are_sliced_joined_repeated_and_compared() {
    let b = bytes(b"abcde");
    let cut = |start: i64, end: i64| slice(&b, Some(&int(start)), Some(&int(end)), false).unwrap();
    assert!(equals(&cut(1, -1), &bytes(b"bcd")));
    assert!(equals(&cut(3, 1), &bytes(b"")));
    let range = Owned::range(RangeObject::new(4, 0, -2, true).unwrap());
    assert!(equals(&index_get(&b, &range).unwrap(), &bytes(b"eca")));
    assert!(equals(&ops::add(&bytes(b"ab"), &bytes(b"c")).unwrap(), &bytes(b"abc")));
    let mut grown = bytes(b"ab");
    ops::add_assign(&mut grown, &bytes(b"cd")).unwrap();
    assert!(equals(&grown, &bytes(b"abcd")));
    assert!(equals(&ops::mul(&int(2), &bytes(b"ab")).unwrap(), &bytes(b"abab")));
    assert!(ops::add(&bytes(b"ab"), &list([int(1)])).is_err());
    assert!(compare(&bytes(b"ab"), &bytes(b"b")).unwrap() == Some(std::cmp::Ordering::Less));
    assert!(compare(&bytes(b"ab"), &str("b")).is_err());
    let has = |item: Owned| ops::contains(&b, &item);
    assert!(has(int(97)).unwrap() && !has(int(1)).unwrap() && !has(int(300)).unwrap());
    assert!(
        has(bytes(b"cde")).unwrap() && !has(bytes(b"ced")).unwrap() && has(bytes(b"")).unwrap()
    );
    assert!(has(str("a")).is_err());
    let mut m = MapObject::new();
    m.insert(b.clone(), int(1)).unwrap();
    assert!(m.get(&bytes(b"abcde")).is_some() && m.get(&str("abcde")).is_none());
    assert_eq!(hash::hash_key(&b), hash::hash_key(&bytes(b"abcde")));
}

#[test]
fn both_ends_are_taken_off_and_all_is_accounted_for() {
    let heap = Heap::new(SharedHeap::new(None), None);
    let entered = heap.enter();
    let mut b = bytes(&[]);
    let body = b.bytes_mut().unwrap();
    for i in 0..1000 {
        body.push(i as u8);
    }
    for i in 0..990 {
        assert_eq!(body.pop_first(), Some(i as u8));
    }
    assert_eq!((body.pop(), body.len()), (Some(231), 9));
    body.push(5);
    body.with_vec(|bytes| bytes.truncate(2));
    assert_eq!(
        (body.pop(), body.pop(), body.pop(), body.pop_first()),
        (Some(223), Some(222), None, None)
    );
    assert!(heap.bytes() > 0);
    drop(b);
    drop(entered);
    assert_eq!((heap.bytes(), heap.vm().bytes()), (0, 0));
}
