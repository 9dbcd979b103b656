use super::{int, list, shown, str};
use crate::value::{MapObject, Owned, SetObject, equals, hash, index_get, literal, ops};

fn set<const N: usize>(elements: [Owned; N]) -> Owned {
    let mut set = SetObject::new();
    for element in elements {
        set.insert(element).unwrap();
    }
    Owned::set(set)
}

#[test]
fn elements_keep_their_order() {
    let mut s = set([int(3), int(1), str("x"), int(3)]);
    assert_eq!(literal(&s), "set([3, 1, \"x\"])");
    assert_eq!(literal(&set([])), "set([])");
    let copy = s.clone();
    let inner = s.set_mut().unwrap();
    assert!(inner.remove(&int(3)) && !inner.remove(&int(3)));
    assert!(!inner.insert(Owned::float(1.0)).unwrap());
    assert!(inner.insert(int(3)).unwrap());
    assert_eq!(literal(&s), "set([1, \"x\", 3])");
    assert_eq!(literal(&copy), "set([3, 1, \"x\"])");
    let inner = s.set_mut().unwrap();
    assert_eq!(inner.first().and_then(Owned::as_int), Some(1));
    assert_eq!(inner.last().and_then(Owned::as_int), Some(3));
    assert_eq!(inner.pop_first().and_then(|element| element.as_int()), Some(1));
    assert_eq!(inner.pop().and_then(|element| element.as_int()), Some(3));
    assert_eq!((inner.len(), inner.is_empty(), s.type_name()), (1, false, "set"));
}

#[test]
fn sets_are_equal_whatever_their_order() {
    let (a, b) = (set([int(1), str("x"), set([int(2)])]), set([set([int(2)]), int(1), str("x")]));
    assert!(equals(&a, &b));
    assert_eq!(hash::hash_key(&a), hash::hash_key(&b));
    assert!(!equals(&a, &set([int(1), str("x"), set([int(3)])])));
    assert!(!equals(&a, &set([int(1), str("x")])));
    assert!(!equals(&set([int(1)]), &list([int(1)])));
    let mut m = MapObject::new();
    m.insert(a, int(1)).unwrap();
    assert_eq!(m.get(&b).and_then(Owned::as_int), Some(1));
}

#[test]
fn elements_are_looked_for_by_content() {
    let s = set([list([int(1)]), Owned::NIL]);
    assert!(ops::contains(&s, &list([int(1)])).unwrap());
    assert!(!ops::contains(&s, &int(1)).unwrap());
    assert_eq!(
        shown(index_get(&s, &int(0))),
        "type: cannot index a set: it has no places; `in` finds an element"
    );
    let nan = SetObject::new().insert(Owned::float(f64::NAN)).unwrap_err();
    assert_eq!(shown(Err(nan)), "value: nan cannot be a key");
}

#[test]
fn the_first_is_taken_off_in_constant_time() {
    let n = if cfg!(miri) { 100 } else { 200_000 };
    let mut s = SetObject::with_capacity(8);
    for i in 0..n {
        s.insert(int(i)).unwrap();
    }
    for i in 0..n {
        assert_eq!(s.pop_first().and_then(|element| element.as_int()), Some(i));
        if i % 3 == 0 {
            s.insert(int(n + i)).unwrap();
        }
    }
    assert_eq!(s.first().and_then(Owned::as_int), Some(n));
}
