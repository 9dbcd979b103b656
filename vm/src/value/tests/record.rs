use super::types::{Types, equal_by, less_by};
use super::{int, list, map, shown, str};
use crate::rc::{Heap, SharedHeap, check, live_objects};
use crate::value::{
    MapObject, Operator, Owned, Shared, Step, compare, equals, field_get, field_set, hash, literal,
    slot_mut, try_equals, try_less,
};

#[test]
fn fields_are_read_written_and_copied_on_write() {
    let mut types = Types::default();
    let point = types.record("Point", &["x", "y"], &[]);
    let heap = Heap::new(SharedHeap::new(None), None);
    let entered = heap.enter();
    let mut a = Owned::record(point, vec![int(1), list([int(2)])]);
    field_set(&mut a, &str("x"), int(5)).unwrap();
    assert_eq!(heap.copies(), 0);
    let b = a.clone();
    let y = slot_mut(&mut a, Step::Field(&str("y"))).unwrap();
    y.list_mut().unwrap().push(int(3));
    // The record and the list.
    assert_eq!(heap.copies(), 2);
    assert_eq!(literal(&a), "Point(x: 5, y: [2, 3])");
    assert_eq!(literal(&b), "Point(x: 5, y: [2])");
    assert_eq!(shown(field_get(&a, &str("x"))), "5");
    assert_eq!(a.type_name(), "Point");
    check::walk(&[&a, &b], true).unwrap();
    // Sharing and taking it back copies nothing.
    drop(b);
    let mut a = Shared::new(a).into_owned();
    field_set(&mut a, &str("x"), int(6)).unwrap();
    assert_eq!(heap.copies(), 2);
    drop(a);
    drop(entered);
    assert_eq!((heap.bytes(), heap.vm().bytes()), (0, 0));
}

#[test]
fn unknown_fields_are_told() {
    let mut types = Types::default();
    let point = types.record("Point", &["width", "height"], &[]);
    let mut p = Owned::record(point, vec![int(1), int(2)]);
    assert_eq!(
        shown(field_get(&p, &str("widht"))),
        "name: Point has no field `widht`; did you mean `width`?"
    );
    let set = field_set(&mut p, &str("depth"), int(1));
    assert_eq!(shown(set.map(|()| Owned::NIL)), "name: Point has no field `depth`");
}

#[test]
fn enums_print_and_have_members() {
    let mut types = Types::default();
    let shape = types.choice("Shape", &[("Circle", &["r"]), ("Empty", &[])], &[]);
    let circle = shape.variant("Circle").unwrap().info;
    let value = Owned::record(circle, vec![str("a")]);
    assert_eq!(literal(&value), "Shape.Circle(r: \"a\")");
    assert_eq!(value.type_name(), "Shape");
    assert!(circle.is(shape) && circle.is(circle) && !shape.is(circle));
    let shape = shape.value().unwrap();
    assert_eq!(literal(&shape), "Shape");
    assert_eq!(shape.type_name(), "type");
    assert_eq!(shown(field_get(&shape, &str("Empty"))), "Shape.Empty");
    assert_eq!(shown(field_get(&shape, &str("Circle"))), "Shape.Circle");
    assert_eq!(
        shown(field_get(&shape, &str("Circel"))),
        "name: Shape has no variant or function `Circel`; did you mean `Circle`?"
    );
    let empty = field_get(&shape, &str("Empty")).unwrap();
    assert!(equals(&empty, &empty.clone()) && !equals(&empty, &value));
    let unit = types.record("Unit", &[], &[]);
    assert_eq!(literal(&Owned::record(unit, Vec::new())), "Unit()");
}

#[test]
fn records_without_operators_compare_by_fields_and_are_keys() {
    let mut types = Types::default();
    let point = types.record("Point", &["x", "y"], &[]);
    let other = types.record("Other", &["x", "y"], &[]);
    let make = |info, x, y| Owned::record(info, vec![int(x), Owned::float(y)]);
    let (a, b) = (make(point, 1, 2.0), Owned::record(point, vec![Owned::float(1.0), int(2)]));
    assert_eq!(try_equals(&a, &b), Some(true));
    assert_eq!(hash::hash_key(&a), hash::hash_key(&b));
    assert_eq!(try_equals(&a, &make(point, 1, 3.0)), Some(false));
    assert_eq!(try_equals(&a, &make(other, 1, 2.0)), Some(false));
    let mut m = MapObject::new();
    for i in 0..100 {
        m.insert(make(point, i, 0.5), int(i)).unwrap();
    }
    assert_eq!(m.get(&make(point, 77, 0.5)).and_then(Owned::as_int), Some(77));
    assert!(m.get(&make(other, 77, 0.5)).is_none());
    let wrong = try_less(&a, &b).unwrap_err();
    assert_eq!(
        shown(Err(wrong)),
        "type: cannot compare Point and Point; define `fn <(self, other)` in it"
    );
}

#[test]
fn own_equality_is_asked() {
    let mut types = Types::default();
    let id = types.record("Id", &["id", "note"], &[Operator::Eq]);
    let make = |n: i64, note: &str| Owned::record(id, vec![int(n), str(note)]);
    let by_id = |a: &Owned, b: &Owned| {
        equals(&field_get(a, &str("id")).unwrap(), &field_get(b, &str("id")).unwrap())
    };
    let (a, b) = (make(1, "a"), make(1, "b"));
    assert_eq!(try_equals(&a, &b), None);
    assert_eq!(equal_by(&a, &b, by_id), (true, 1));
    assert_eq!(equal_by(&a, &make(2, "a"), by_id), (false, 1));
    // Inside of everything, one after the other, until one is false.
    let nest = |ids: [i64; 3]| {
        let [x, y, z] = ids.map(|n| make(n, &format!("{ids:?}")));
        list([int(0), x, map([(str("k"), list([y])), (str("l"), int(1))]), z, int(3)])
    };
    assert_eq!(equal_by(&nest([1, 2, 3]), &nest([1, 2, 3]), by_id), (true, 3));
    assert_eq!(equal_by(&nest([1, 2, 3]), &nest([1, 5, 3]), by_id), (false, 2));
    assert_eq!(try_equals(&nest([1, 2, 3]), &nest([1, 2, 3])), None);
    // What differs before is found without asking.
    assert_eq!(try_equals(&list([int(1), a.clone()]), &list([int(2), b.clone()])), Some(false));
    // Types that differ are never asked.
    let plain = types.record("Plain", &["id", "note"], &[]);
    assert_eq!(try_equals(&a, &Owned::record(plain, vec![int(1), str("a")])), Some(false));
    assert_eq!(try_equals(&a, &int(1)), Some(false));
}

#[test]
fn the_equality_of_an_enum_is_asked_for_all_variants() {
    let mut types = Types::default();
    let e = types.choice("E", &[("A", &["n"]), ("B", &["n", "m"])], &[Operator::Eq]);
    let a = Owned::record(e.variant("A").unwrap().info, vec![int(1)]);
    let b = Owned::record(e.variant("B").unwrap().info, vec![int(1), int(2)]);
    assert_eq!(equal_by(&a, &b, |_, _| true), (true, 1));
    assert!(!equals(&a, &b));
}

#[test]
fn records_with_own_equality_are_no_keys() {
    let mut types = Types::default();
    let id = types.record("Id", &["id"], &[Operator::Eq]);
    let record = Owned::record(id, vec![int(1)]);
    let mut m = MapObject::new();
    let error = m.insert(record.clone(), int(1)).unwrap_err();
    assert_eq!(
        shown(Err(error)),
        "type: a Id cannot be a key: the type has its own `==`, which keys are not compared by"
    );
    let error = m.insert(list([record.clone()]), int(1)).unwrap_err();
    assert!(shown(Err(error)).starts_with("type: this list cannot be a key: a type in it"));
    assert!(m.get(&record).is_none());
}

#[test]
fn own_order_is_asked() {
    let mut types = Types::default();
    let lt = types.record("V", &["n"], &[Operator::Lt]);
    let both = types.record("W", &["n"], &[Operator::Lt, Operator::Eq]);
    let n = |value: &Owned| value.as_record().unwrap().fields()[0].as_int().unwrap();
    let by_n = |name: &str, a: &Owned, b: &Owned| match name {
        "==" => n(a) == n(b),
        _ => n(a) < n(b),
    };
    for info in [lt, both] {
        let make = |n| Owned::record(info, vec![int(n)]);
        let less = |a: &Owned, b: &Owned| less_by(a, b, by_n).unwrap();
        assert_eq!(try_less(&make(1), &make(2)).unwrap(), None);
        assert!(less(&make(1), &make(2)) && !less(&make(2), &make(1)) && !less(&make(1), &make(1)));
        let row = |x, y, z| list([int(x), make(y), list([make(z)])]);
        assert!(less(&row(1, 2, 3), &row(1, 2, 4)));
        assert!(less(&row(1, 2, 3), &row(1, 3, 0)));
        assert!(!less(&row(1, 2, 3), &row(1, 2, 3)));
        assert!(less(&row(0, 2, 3), &row(1, 0, 0)));
        assert!(less(&list([make(1)]), &list([make(1), int(0)])));
        assert!(!less(&list([make(1), int(0)]), &list([make(1)])));
        assert!(shown(compare(&make(1), &make(2)).map(|_| Owned::NIL)).starts_with("type: "));
        assert!(less_by(&list([make(1), str("x")]), &list([make(1), int(1)]), by_n).is_err());
    }
}

#[test]
fn freeing_frees_the_fields() {
    std::thread::spawn(|| {
        let mut types = Types::default();
        let wide: Vec<String> = (0..40).map(|i| format!("f{i}")).collect();
        let names: Vec<&str> = wide.iter().map(|name| &**name).collect();
        let info = types.record("Wide", &names, &[]);
        let before = live_objects();
        let fields = || (0..40).map(|i| list([int(i)])).collect();
        let a = Owned::record(info, fields());
        let mut b = a.clone();
        b.record_mut().unwrap().fields_mut()[3] = Owned::NIL;
        let crossed = Shared::new(a);
        drop(crossed);
        drop(b);
        assert_eq!(live_objects(), before);
        drop(types);
        assert_eq!(live_objects(), 0);
    })
    .join()
    .unwrap();
}

#[test]
fn objects_are_small() {
    let mut types = Types::default();
    let point = types.record("Point", &["x", "y"], &[]);
    let heap = Heap::new(SharedHeap::new(None), None);
    let _entered = heap.enter();
    let bytes = |make: &dyn Fn() -> Owned| {
        let before = heap.bytes();
        let value = make();
        let bytes = heap.bytes() - before;
        drop(value);
        bytes
    };
    assert_eq!(bytes(&|| Owned::record(point, vec![int(1), int(2)])), 56);
    assert!(bytes(&|| map([])) <= 96);
    let empty = bytes(&|| list([]));
    assert_eq!(bytes(&|| list([const { Owned::NIL }; 100])) - empty, 16 * 100);
    assert_eq!(bytes(&|| list([const { Owned::int(0) }; 100])) - empty, 8 * 100);
    assert_eq!(bytes(&|| str("8 bytes!")), 0);
}
