use super::{float, int, list, map, shown, str};
use crate::value::ops::{self, less_equal};
use crate::value::{Handle, Kind, Owned, RangeObject, equals, error, less};

type Binary = fn(&Owned, &Owned) -> Result<Owned, Owned>;

#[test]
fn arithmetic() {
    let cases: [(Binary, Owned, Owned, &str); 40] = [
        (ops::add, int(1), int(2), "3"),
        (ops::add, int(1), float(0.5), "1.5"),
        (ops::add, int(i64::MAX), int(1), "overflow: 9223372036854775807 + 1 does not fit 64 bits"),
        (ops::add, str("a"), str("b"), "\"ab\""),
        (ops::add, list([int(1)]), list([int(2)]), "[1, 2]"),
        (
            ops::add,
            int(1),
            str("x"),
            "type: cannot add int and string; to join text, use \"{x}\" or str(x)",
        ),
        (
            ops::add,
            list([]),
            int(1),
            "type: cannot add list and int; to append one element, use push",
        ),
        (
            ops::add,
            Owned::NIL,
            int(1),
            "type: cannot add nil and int; `x ?? 0` gives 0 when x is nil",
        ),
        (ops::add, Owned::bool(true), int(1), "type: cannot add bool and int"),
        (ops::sub, int(1), int(2), "-1"),
        (
            ops::sub,
            int(i64::MIN),
            int(1),
            "overflow: -9223372036854775808 - 1 does not fit 64 bits",
        ),
        (ops::sub, str("a"), str("b"), "type: cannot subtract string and string"),
        (ops::mul, int(6), int(7), "42"),
        (ops::mul, str("ab"), int(3), "\"ababab\""),
        (ops::mul, int(2), list([int(1), int(2)]), "[1, 2, 1, 2]"),
        (ops::mul, list([int(0)]), int(3), "[0, 0, 0]"),
        (ops::mul, str("ab"), int(-3), "\"\""),
        (ops::mul, int(1 << 62), int(2), "overflow: 4611686018427387904 * 2 does not fit 64 bits"),
        (ops::div, int(7), int(2), "3.5"),
        (ops::div, int(1), int(0), "divide: 1 / 0: division by zero"),
        (ops::div, float(1.0), int(0), "inf"),
        (ops::floor_div, int(-7), int(2), "-4"),
        (ops::floor_div, int(1), int(0), "divide: 1 // 0: division by zero"),
        (
            ops::floor_div,
            int(i64::MIN),
            int(-1),
            "overflow: -9223372036854775808 // -1 does not fit 64 bits",
        ),
        (ops::floor_div, float(-7.0), int(2), "-4.0"),
        (ops::rem, int(-7), int(2), "1"),
        (ops::rem, int(7), int(0), "divide: 7 % 0: division by zero"),
        (ops::rem, float(7.5), int(2), "1.5"),
        (ops::pow, int(2), int(10), "1024"),
        (ops::pow, int(2), int(-1), "0.5"),
        (ops::pow, int(0), int(-1), "divide: 0 ** -1, that is 1 / 0: division by zero"),
        (ops::pow, int(3), int(64), "overflow: 3 ** 64 does not fit 64 bits"),
        (ops::pow, float(2.0), float(0.5), "1.4142135623730951"),
        (ops::bit_and, int(12), int(10), "8"),
        (ops::bit_or, int(12), int(10), "14"),
        (ops::bit_xor, int(12), int(10), "6"),
        (ops::bit_xor, int(12), float(1.0), "type: cannot use ^ on int and float"),
        (ops::shl, int(1), int(64), "0"),
        (ops::shr, int(-1), int(100), "-1"),
        (ops::shr, int(1), int(-1), "value: cannot shift by -1: the count is negative"),
    ];
    for (op, a, b, expected) in cases {
        assert_eq!(shown(op(&a, &b)), expected, "{a:?} {b:?}");
    }
    assert_eq!(
        shown(ops::neg(&int(i64::MIN))),
        "overflow: -(-9223372036854775808) does not fit 64 bits"
    );
    assert_eq!(shown(ops::neg(&str("x"))), "type: cannot negate string");
    assert_eq!(shown(ops::bit_not(&int(0))), "-1");
}

#[test]
fn huge_results_are_errors() {
    for value in [str("x"), str("xy"), list([int(1)])] {
        let result = shown(ops::mul(&value, &int(i64::MAX)));
        assert!(result.starts_with("memory:"), "{result}");
    }
    assert_eq!(shown(ops::mul(&str(""), &int(i64::MAX))), "\"\"");
}

#[test]
fn joining_appends_in_place() {
    let mut text = str("a long enough text");
    text.str_mut().unwrap().push_str(&"x".repeat(1000));
    let object = text.as_raw().bits;
    for _ in 0..100 {
        ops::add_assign(&mut text, &str("yz")).unwrap();
    }
    assert_eq!((text.as_raw().bits, text.as_str().unwrap().len()), (object, 1218));
    let copy = text.clone();
    ops::add_assign(&mut text, &copy).unwrap();
    assert_eq!((copy.as_str().unwrap().len(), text.as_str().unwrap().len()), (1218, 2436));

    let mut items = list([int(1)]);
    let same = items.clone();
    ops::add_assign(&mut items, &same).unwrap();
    ops::add_assign(&mut items, &list([int(2)])).unwrap();
    assert_eq!(format!("{items:?}"), "[1, 1, 2]");
    assert!(ops::add_assign(&mut items, &int(1)).is_err());
    assert_eq!(format!("{items:?}"), "[1, 1, 2]");
}

struct Thing;

impl Handle for Thing {
    fn type_name(&self) -> &str {
        "thing"
    }
}

#[test]
fn equality() {
    let nan = || float(f64::NAN);
    let range = |a, b, s, i| Owned::range(RangeObject::new(a, b, s, i).unwrap());
    let thing = Owned::handle(Thing);
    let values = [
        Owned::NIL,
        Owned::bool(false),
        Owned::bool(true),
        int(0),
        int(1),
        float(0.5),
        str(""),
        str("a"),
        list([]),
        list([int(1)]),
        map([]),
        map([(str("a"), int(1))]),
        range(0, 3, 1, false),
        range(0, 3, 2, false),
        error(Kind::Value, "x"),
        error(Kind::Type, "x"),
        thing.clone(),
        Owned::handle(Thing),
    ];
    for (i, a) in values.iter().enumerate() {
        for (j, b) in values.iter().enumerate() {
            assert_eq!(equals(a, b), i == j, "{a:?} {b:?}");
        }
    }
    assert!(equals(&int(1), &float(1.0)));
    assert!(!equals(&int((1 << 53) + 1), &float((1u64 << 53) as f64)));
    assert!(!equals(&nan(), &nan()));
    let with_nan = list([nan()]);
    assert!(!equals(&with_nan, &with_nan));
    assert!(equals(&range(0, 3, 1, false), &range(0, 2, 1, true)));
    assert!(equals(&range(5, 0, 1, false), &range(1, 0, 2, true)));
    assert!(equals(&thing, &thing.clone()));
    assert!(equals(&error(Kind::Value, "x"), &error(Kind::Value, "x")));
}

#[test]
fn ordering() {
    let lt = |a: Owned, b: Owned| less(&a, &b).map(Owned::bool);
    assert_eq!(shown(lt(int(1), float(1.5))), "true");
    assert_eq!(shown(lt(str("a"), str("B"))), "false");
    assert_eq!(shown(lt(str("Z"), str("é"))), "true");
    assert_eq!(shown(lt(list([int(1), int(2)]), list([int(1), int(3)]))), "true");
    assert_eq!(shown(lt(list([int(1)]), list([int(1), int(0)]))), "true");
    assert_eq!(shown(lt(list([]), list([]))), "false");
    // Elements without an order are fine while they are equal.
    assert_eq!(shown(lt(list([Owned::NIL, int(1)]), list([Owned::NIL, int(2)]))), "true");
    assert_eq!(
        shown(lt(list([int(1), list([str("a"), int(9)])]), list([int(1), list([str("b")])]))),
        "true"
    );
    assert_eq!(shown(lt(list([Owned::NIL]), list([int(1)]))), "type: cannot compare nil and int");
    assert_eq!(shown(lt(Owned::NIL, Owned::NIL)), "type: cannot compare nil and nil");
    assert_eq!(shown(lt(int(1), str("a"))), "type: cannot compare int and string");
    let nan = float(f64::NAN);
    assert!(!less(&nan, &int(1)).unwrap() && !less(&int(1), &nan).unwrap());
    // `a <= b` is `not (b < a)`.
    assert!(less_equal(&nan, &int(1)).unwrap());
    assert!(less_equal(&int(1), &int(1)).unwrap() && !less_equal(&int(2), &int(1)).unwrap());
}

#[test]
fn containing() {
    let has =
        |container: &Owned, item: Owned| shown(ops::contains(container, &item).map(Owned::bool));
    assert_eq!(has(&str("hello"), str("ell")), "true");
    assert_eq!(has(&str("hello"), int(1)), "type: cannot look for int in a string");
    assert_eq!(has(&list([int(1), list([])]), list([])), "true");
    assert_eq!(has(&list([int(1)]), float(1.0)), "true");
    assert_eq!(has(&map([(str("k"), int(1))]), str("k")), "true");
    assert_eq!(has(&map([(str("k"), int(1))]), int(1)), "false");
    let range = Owned::range(RangeObject::new(10, 0, -3, true).unwrap());
    assert_eq!(has(&range, int(7)), "true");
    assert_eq!(has(&range, int(8)), "false");
    assert_eq!(has(&range, float(4.0)), "true");
    assert_eq!(has(&range, str("x")), "false");
    assert_eq!(has(&int(1), int(1)), "type: cannot look for int in int");
}

#[test]
fn ranges() {
    let range = |a, b, s, i| RangeObject::new(a, b, s, i).unwrap();
    let numbers = |a, b, s, i| range(a, b, s, i).iter().collect::<Vec<_>>();
    assert_eq!(numbers(0, 3, 1, false), [0, 1, 2]);
    assert_eq!(numbers(0, 3, 1, true), [0, 1, 2, 3]);
    assert_eq!(numbers(5, 0, -1, true), [5, 4, 3, 2, 1, 0]);
    assert_eq!(numbers(5, 0, -2, false), [5, 3, 1]);
    assert_eq!(numbers(10, 0, 1, false), []);
    assert_eq!(numbers(0, 10, -1, true), []);
    assert_eq!(numbers(0, 10, 3, true), [0, 3, 6, 9]);
    assert_eq!(numbers(0, 9, 3, false), [0, 3, 6]);
    assert_eq!(numbers(4, 4, 1, true), [4]);
    let all = range(i64::MIN, i64::MAX, 1, true);
    assert_eq!(all.len(), 1 << 64);
    assert_eq!(all.last(), Some(i64::MAX));
    assert_eq!(all.index_of(0), Some(1 << 63));
    assert_eq!(range(i64::MAX, i64::MIN, i64::MIN, true).len(), 2);
    assert!(RangeObject::new(0, 1, 0, false).is_none());
}
