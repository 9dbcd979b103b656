use super::{int, list, map, shown, str};
use crate::rc::{Heap, SharedHeap};
use crate::value::{
    Kind, Owned, RangeObject, Step, error, field_get, field_set, index_get, index_set, path_get,
    slice, slot_mut, vacant,
};

fn range(start: i64, end: i64, step: i64, inclusive: bool) -> Owned {
    Owned::range(RangeObject::new(start, end, step, inclusive).unwrap())
}

#[test]
fn indices() {
    let xs = list([int(10), int(20), int(30)]);
    let text = str("héllo");
    let m = map([(str("k"), int(1)), (int(2), str("two"))]);
    for (container, key, expected) in [
        (&xs, int(0), "10"),
        (&xs, int(-1), "30"),
        (&xs, int(3), "index: index 3 is out of range: the list has 3 elements"),
        (&xs, int(-4), "index: index -4 is out of range: the list has 3 elements"),
        (
            &xs,
            int(i64::MIN),
            "index: index -9223372036854775808 is out of range: the list has 3 elements",
        ),
        (&xs, str("x"), "type: cannot index list with string"),
        (&text, int(1), "\"é\""),
        (&text, int(-1), "\"o\""),
        (&text, int(5), "index: index 5 is out of range: the string has 5 elements"),
        (&m, str("k"), "1"),
        (&m, int(2), "\"two\""),
        (&m, str("x"), "key: no key \"x\" in the map"),
        (&range(0, 10, 2, false), int(-1), "8"),
        (
            &range(0, 10, 2, false),
            int(5),
            "index: index 5 is out of range: the range has 5 elements",
        ),
        (&Owned::NIL, int(0), "type: cannot index nil"),
        (&int(5), int(0), "type: cannot index int"),
        (&xs, range(1, 3, 1, false), "[20, 30]"),
        (&xs, range(-1, -3, -1, true), "[30, 20, 10]"),
        (&xs, range(0, 100, 2, false), "[10, 30]"),
        (&text, range(4, 0, -2, true), "\"olh\""),
    ] {
        assert_eq!(shown(index_get(container, &key)), expected);
    }
}

#[test]
fn slices_are_clipped() {
    let xs = list([int(0), int(1), int(2), int(3)]);
    let cut = |container: &Owned, start: Option<i64>, end: Option<i64>, inclusive| {
        let (start, end) = (start.map(Owned::int), end.map(Owned::int));
        shown(slice(container, start.as_ref(), end.as_ref(), inclusive))
    };
    assert_eq!(cut(&xs, Some(1), Some(3), false), "[1, 2]");
    assert_eq!(cut(&xs, Some(1), Some(3), true), "[1, 2, 3]");
    assert_eq!(cut(&xs, Some(1), None, false), "[1, 2, 3]");
    assert_eq!(cut(&xs, None, Some(-1), false), "[0, 1, 2]");
    assert_eq!(cut(&xs, None, Some(-1), true), "[0, 1, 2, 3]");
    assert_eq!(cut(&xs, Some(-2), None, false), "[2, 3]");
    assert_eq!(cut(&xs, Some(-100), Some(100), false), "[0, 1, 2, 3]");
    assert_eq!(cut(&xs, Some(3), Some(1), false), "[]");
    assert_eq!(cut(&xs, Some(i64::MIN), Some(i64::MAX), true), "[0, 1, 2, 3]");
    assert_eq!(cut(&str("héllo"), Some(1), Some(-1), false), "\"éll\"");
    assert_eq!(cut(&range(0, 10, 3, true), Some(1), Some(3), false), "3..=6 by 3");
    assert_eq!(cut(&range(0, 10, 3, true), Some(3), Some(3), false), "9..9 by 3");
    assert_eq!(cut(&Owned::NIL, None, None, false), "type: cannot slice nil");
    assert_eq!(cut(&map([]), None, None, false), "type: cannot slice map");
    let bad = slice(&xs, Some(&str("x")), None, false);
    assert_eq!(shown(bad), "type: the end of a slice must be an int, not string");
}

#[test]
fn fields() {
    let m = map([(str("k"), int(1))]);
    assert_eq!(shown(field_get(&m, &str("k"))), "1");
    assert_eq!(shown(field_get(&m, &str("x"))), "key: no key \"x\" in the map");
    assert_eq!(shown(field_get(&int(1), &str("x"))), "name: int has no field `x`");
    let mut e = error(Kind::Value, "bad");
    assert_eq!(shown(field_get(&e, &str("message"))), "\"bad\"");
    assert_eq!(shown(field_get(&e, &str("kind"))), "\"value\"");
    assert_eq!(shown(field_get(&e, &str("trace"))), "[]");
    assert_eq!(shown(field_get(&e, &str("x"))), "name: error has no field `x`");
    field_set(&mut e, &str("data"), int(5)).unwrap();
    assert_eq!(shown(field_get(&e, &str("data"))), "5");
    assert!(field_set(&mut e, &str("trace"), int(5)).is_err());
    let mut m = m;
    field_set(&mut m, &str("new"), int(2)).unwrap();
    assert_eq!(format!("{m:?}"), "[\"k\": 1, \"new\": 2]");
}

#[test]
fn places_change_one_variable_only() {
    let mut a = list([list([int(1)]), map([(str("k"), list([int(2)]))])]);
    let b = a.clone();
    let (zero, one, k) = (int(0), int(1), str("k"));
    let place = slot_mut(&mut a, Step::Index(&one)).unwrap();
    let place = slot_mut(place, Step::Field(&k)).unwrap();
    *slot_mut(place, Step::Index(&zero)).unwrap() = str("changed");
    assert_eq!(format!("{a:?}"), r#"[[1], ["k": ["changed"]]]"#);
    assert_eq!(format!("{b:?}"), r#"[[1], ["k": [2]]]"#);
    let path = [Step::Index(&one), Step::Field(&k), Step::Index(&zero), Step::Index(&zero)];
    assert_eq!(shown(path_get(&a, path)), "\"c\"");
    assert!(vacant(&a, Step::Index(&zero)).is_ok_and(|vacant| !vacant));
    assert!(vacant(&map([]), Step::Field(&k)).unwrap());
    assert!(vacant(&list([Owned::NIL]), Step::Index(&zero)).unwrap());
    assert!(vacant(&list([]), Step::Index(&zero)).is_err());
}

#[test]
fn paths_do_not_create() {
    let mut m = map([]);
    let k = str("k");
    assert!(slot_mut(&mut m, Step::Field(&k)).is_err());
    index_set(&mut m, &k, int(1)).unwrap();
    assert_eq!(format!("{m:?}"), "[\"k\": 1]");
    let nan = Owned::float(f64::NAN);
    assert_eq!(
        shown(index_set(&mut m, &nan, int(1)).map(|()| Owned::NIL)),
        "value: nan cannot be a key"
    );
    let mut text = str("abc");
    let set = index_set(&mut text, &int(0), str("x"));
    assert!(shown(set.map(|()| Owned::NIL)).starts_with("type: a string cannot be changed"));
    let mut xs = list([]);
    assert!(index_set(&mut xs, &int(0), int(1)).is_err());
}

#[test]
fn a_sole_owner_never_copies() {
    let heap = Heap::new(SharedHeap::new(None), None);
    let entered = heap.enter();
    let mut grid = Owned::list((0..10).map(|_| Owned::list(vec![int(0); 10])).collect());
    // `[0] * 10` rows: each row a list of its own here.
    for i in 0..10 {
        for j in 0..10 {
            let (i, j) = (int(i), int(j));
            let row = slot_mut(&mut grid, Step::Index(&i)).unwrap();
            index_set(row, &j, int(1)).unwrap();
        }
    }
    assert_eq!(heap.copies(), 0);
    // Sharing makes it atomic, but with one owner still in place: level by level.
    let mut grid = crate::value::Shared::new(grid).into_owned();
    for i in 0..10 {
        let row = slot_mut(&mut grid, Step::Index(&int(i))).unwrap();
        row.list_mut().unwrap().push(int(2));
    }
    assert_eq!(heap.copies(), 0);
    let other = grid.clone();
    let row = slot_mut(&mut grid, Step::Index(&int(0))).unwrap();
    row.list_mut().unwrap().push(int(3));
    // The outer list and one row.
    assert_eq!(heap.copies(), 2);
    drop((grid, other));
    drop(entered);
    assert_eq!((heap.bytes(), heap.vm().bytes()), (0, 0));
}
