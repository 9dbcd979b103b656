//! Nothing recurses: values nest to any depth.

use super::types::{Types, equal_by, less_by};
use super::{Random, int, list, map, on_small_stack, str};
use crate::rc::{Heap, SharedHeap, check, live_objects};
use crate::value::{
    Handle, MapObject, Operator, Owned, SetObject, Shared, compare, equals, hash, literal,
};

const DEEP: usize = if cfg!(miri) { 300 } else { 1_000_000 };

fn nested(depth: usize, wrap: fn(Owned) -> Owned) -> Owned {
    let mut value = list([]);
    for _ in 0..depth {
        value = wrap(value);
    }
    value
}

const WRAPS: [fn(Owned) -> Owned; 5] = [
    |inner| list([inner]),
    |inner| list([inner, int(1)]),
    |inner| list([int(1), inner]),
    |inner| map([(str("k"), inner)]),
    |inner| {
        let mut e = crate::value::ErrorObject::new(str("k"), str("m"), inner);
        e.also = vec![Owned::NIL];
        Owned::error(e)
    },
];

#[test]
fn deep_values_drop() {
    on_small_stack(|| {
        for wrap in WRAPS {
            drop(nested(DEEP, wrap));
        }
        assert_eq!(live_objects(), 0);
    });
}

#[test]
fn deep_values_print_compare_and_hash() {
    on_small_stack(|| {
        for (i, wrap) in WRAPS.into_iter().enumerate() {
            let (a, b) = (nested(DEEP, wrap), nested(DEEP, wrap));
            assert!(equals(&a, &b));
            assert!(!equals(&a, &nested(DEEP - 1, wrap)));
            if i < 3 {
                assert_eq!(compare(&a, &b).unwrap(), Some(std::cmp::Ordering::Equal));
            }
            assert_eq!(hash::hash_key(&a), hash::hash_key(&b));
            let text = literal(&a);
            assert!(text.len() > 2 * DEEP && (text.ends_with(']') || text.ends_with(')')));
            let mut keyed = MapObject::new();
            keyed.insert(a, int(1)).unwrap();
            assert_eq!(keyed.get(&b).and_then(Owned::as_int), Some(1));
        }
    });
}

#[test]
fn deep_sets_print_compare_hash_and_cross() {
    on_small_stack(|| {
        // Where no type has its own `==`, an element is not looked through when it is inserted.
        let heap = Heap::new(SharedHeap::new(None), None);
        let entered = heap.enter();
        let wrap = |inner| {
            let mut set = SetObject::new();
            set.insert(inner).unwrap();
            Owned::set(set)
        };
        let (a, b) = (nested(DEEP, wrap), nested(DEEP, wrap));
        assert!(equals(&a, &b) && !equals(&a, &nested(DEEP - 1, wrap)));
        assert_eq!(hash::hash_key(&a), hash::hash_key(&b));
        assert_eq!(literal(&a).len(), DEEP * "set([])".len() + 2);
        drop(b);
        let a = Shared::crossing(a).unwrap().into_owned();
        assert_eq!(check::walk(&[&a], true).unwrap().shared, DEEP + 1);
        drop(a);
        drop(entered);
        assert_eq!((live_objects(), heap.bytes(), heap.vm().bytes()), (0, 0, 0));
    });
}

#[test]
fn deep_records_print_compare_hash_and_cross() {
    on_small_stack(|| {
        let mut types = Types::default();
        let info = types.record("R", &["a", "b"], &[Operator::Lt]);
        let chain = |leaf: &Owned| {
            let mut value = leaf.clone();
            for _ in 0..DEEP {
                value = Owned::record(info, vec![int(1), value]);
            }
            value
        };
        let (a, b) = (chain(&int(5)), chain(&int(5)));
        assert!(equals(&a, &b) && !equals(&a, &chain(&int(6))));
        assert_eq!(hash::hash_key(&a), hash::hash_key(&b));
        assert_eq!(literal(&a).len(), DEEP * "R(a: 1, b: )".len() + 1);
        assert!(MapObject::new().insert(a.clone(), int(1)).is_ok());
        // Asked at the end of a long way, in lists for `<` as well.
        let own = types.record("Own", &["x"], &[Operator::Eq, Operator::Lt]);
        let leaf = |n| Owned::record(own, vec![int(n)]);
        assert_eq!(equal_by(&chain(&leaf(1)), &chain(&leaf(2)), |_, _| true), (true, 1));
        let deep = |leaf: Owned| (0..DEEP).fold(leaf, |value, _| list([int(1), value]));
        let answer = |name: &str, _: &Owned, _: &Owned| name == "<";
        assert!(less_by(&deep(leaf(1)), &deep(leaf(2)), answer).unwrap());
        drop(b);
        let a = Shared::crossing(a).unwrap();
        std::thread::scope(|scope| {
            let there = std::thread::Builder::new().stack_size(256 * 1024);
            there.spawn_scoped(scope, move || drop(a.into_owned())).unwrap();
        });
    });
}

#[test]
fn deep_values_cross_threads() {
    on_small_stack(|| {
        for wrap in WRAPS {
            let value = Shared::new(nested(DEEP, wrap));
            let there = std::thread::Builder::new().stack_size(256 * 1024).spawn(move || {
                let value = value.into_owned();
                assert!(check::walk(&[&value], false).unwrap().local == 0);
                drop(value);
            });
            there.unwrap().join().unwrap();
        }
    });
}

/// A handle that holds a value, which may hold a handle, ...
struct Holder(#[expect(dead_code, reason = "only dropped")] Shared);

impl Handle for Holder {
    fn type_name(&self) -> &str {
        "holder"
    }
}

#[test]
fn chains_of_handles_drop() {
    on_small_stack(|| {
        let mut value = Owned::NIL;
        for _ in 0..DEEP {
            value = Owned::handle(Holder(Shared::new(list([value]))));
        }
        drop(value);
        assert_eq!(live_objects(), 0);
    });
}

#[test]
fn values_that_occur_over_and_over_take_no_exponential_time() {
    let diamond = |depth| {
        let mut value = list([int(1)]);
        for i in 0..depth {
            value = if i % 3 == 0 {
                map([(str("a"), value.clone()), (str("b"), value)])
            } else {
                list([value.clone(), value])
            };
        }
        value
    };
    let lists = |depth| {
        let mut value = list([int(1)]);
        for _ in 0..depth {
            value = list([value.clone(), value]);
        }
        value
    };
    let (a, b) = (diamond(200), diamond(200));
    assert!(equals(&a, &b));
    assert_eq!(hash::hash_key(&a), hash::hash_key(&b));
    assert_eq!(compare(&lists(200), &lists(200)).unwrap(), Some(std::cmp::Ordering::Equal));
    assert_eq!(crate::value::cut_literal(&a).len(), 83);
    drop(Shared::new(a));
}

#[test]
fn what_is_long_is_gone_over_once_however_often_it_occurs() {
    const TIMES: usize = 10_000;
    let heap = Heap::new(SharedHeap::new(None), None);
    let _entered = heap.enter();
    let makes: [fn() -> Owned; 4] = [
        || Owned::list(vec![int(7); TIMES]),
        || Owned::list(vec![Owned::float(0.5); TIMES]),
        || Owned::list(vec![Owned::bool(true); TIMES]),
        || Owned::bytes(vec![7; TIMES]),
    ];
    for make in makes {
        let many = || Owned::list(vec![make(); TIMES]);
        let (xs, ys) = (many(), many());
        let work = |of: &str, run: &dyn Fn() -> bool| {
            Heap::take_work();
            assert!(run(), "{of}");
            let work = Heap::take_work() as usize;
            assert!(work < 10 * TIMES, "{of}: {work}");
        };
        work("equals", &|| equals(&xs, &ys));
        work("hash", &|| hash::hash_key(&xs) == hash::hash_key(&ys));
        if xs.as_list().is_some_and(|list| list.get(0).is_some_and(|x| x.as_list().is_some())) {
            work("compare", &|| compare(&xs, &ys).unwrap() == Some(std::cmp::Ordering::Equal));
        }
    }
}

#[test]
fn random_graphs_compare_as_their_copies() {
    let mut random = Random(11);
    for _ in 0..if cfg!(miri) { 10 } else { 300 } {
        let mut build = Random(random.next());
        let mut again = Random(build.0);
        let (a, b) = (graph(&mut build, 4), graph(&mut again, 4));
        assert_eq!(literal(&a), literal(&b));
        assert!(equals(&a, &b), "{a:?}");
        assert_eq!(hash::hash_key(&a), hash::hash_key(&b));
        let other = graph(&mut build, 4);
        // Printing the same is being the same here: there are no NaNs and no floats like ints.
        assert_eq!(equals(&a, &other), literal(&a) == literal(&other));
    }
}

fn graph(random: &mut Random, depth: usize) -> Owned {
    match random.below(if depth == 0 { 4 } else { 8 }) {
        0 => Owned::NIL,
        1 => int(random.below(3) as i64),
        2 => str(["", "a", "b"][random.below(3)]),
        3 => Owned::bool(random.below(2) == 0),
        4..=6 => Owned::list((0..random.below(4)).map(|_| graph(random, depth - 1)).collect()),
        _ => {
            let mut map = MapObject::new();
            for _ in 0..random.below(4) {
                let key = graph(random, depth - 1);
                map.insert(key, graph(random, depth - 1)).unwrap();
            }
            Owned::map(map)
        }
    }
}
