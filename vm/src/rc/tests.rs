use std::sync::atomic::{AtomicI32, Ordering};

use super::check::{Census, walk};
use super::{Heap, Immortals, SharedHeap, Slice, free_dead, has_dead, live_objects};
use crate::value::tests::{Random, int, list, map, str};
use crate::value::{Handle, ListObject, MapObject, Owned, Shared, cut_literal, literal};

/// The count word of an object.
fn word(value: &Owned) -> &AtomicI32 {
    // SAFETY: the value keeps its object alive.
    unsafe { super::count(value.as_raw()) }
}

#[test]
fn local_counts() {
    let before = live_objects();
    let a = list([str("long text")]);
    assert!(a.is_unique());
    let b = a.clone();
    assert!(!a.is_unique());
    assert_eq!(word(&a).load(Ordering::Relaxed), 2);
    assert_eq!(walk(&[&a, &b], true), Ok(Census { local: 2, ..Census::default() }));
    drop(a);
    assert!(b.is_unique());
    drop(b);
    assert_eq!(live_objects(), before);
}

#[test]
fn sharing_marks_the_graph_once() {
    let inner = list([str("long text")]);
    let value = list([inner.clone(), inner, map([(str("a long key"), Owned::NIL)])]);
    let shared = Shared::new(value);
    let census = walk(&[shared.as_owned()], true).unwrap();
    assert_eq!(census, Census { shared: 5, ..Census::default() });
    // A local object may refer to shared ones; marking it stops at them.
    let outer = list([shared.to_owned()]);
    assert_eq!(walk(&[&outer], false).unwrap().local, 1);
    let outer = Shared::new(outer);
    assert_eq!(walk(&[outer.as_owned()], false).unwrap().shared, 6);
}

#[test]
fn a_sole_owner_takes_an_object_back() {
    let mut value = Shared::new(list([list([int(1)])])).into_owned();
    let before = value.as_raw().bits;
    value.list_mut().unwrap().push(int(2));
    assert_eq!(value.as_raw().bits, before);
    assert_eq!(walk(&[&value], true), Ok(Census { local: 1, shared: 1, immortal: 0 }));
    // With a second owner it is copied instead.
    let shared = Shared::new(value);
    let mut value = shared.to_owned();
    value.list_mut().unwrap().push(int(3));
    assert_eq!(literal(shared.as_owned()), "[[1], 2]");
    assert_eq!(literal(&value), "[[1], 2, 3]");
}

#[test]
fn immortals_are_not_counted_and_end_with_their_registry() {
    let before = live_objects();
    let handle = Owned::handle(Thing);
    let crossed = Shared::new(str("crossed before"));
    let mut registry = Immortals::default();
    let value = list([list([str("long text")]), handle.clone(), crossed.to_owned()]);
    // SAFETY: the registry outlives all copies.
    unsafe { super::make_immortal(value.as_raw(), &mut registry) };
    assert_eq!(registry.objects.len(), 3);
    let n = word(&value).load(Ordering::Relaxed);
    let copies: Vec<Owned> = (0..100).map(|_| value.clone()).collect();
    assert_eq!(word(&value).load(Ordering::Relaxed), n);
    let census = walk(&[&value, &handle, crossed.as_owned()], false).unwrap();
    assert_eq!(census, Census { local: 0, shared: 2, immortal: 3 });
    let mut changed = value.clone();
    changed.list_mut().unwrap().push(int(1));
    assert_eq!((value.as_list().unwrap().len(), changed.as_list().unwrap().len()), (3, 4));
    drop((copies, changed, value));
    drop(registry);
    drop((handle, crossed));
    assert_eq!(live_objects(), before);
}

struct Thing;

impl Handle for Thing {
    fn type_name(&self) -> &str {
        "thing"
    }
}

#[test]
fn counts_that_overflow_stick() {
    // Local.
    let inner = list([]);
    let value = list([inner]);
    word(&value).store(i32::MAX, Ordering::Relaxed);
    std::mem::forget(value.clone());
    assert_eq!(walk(&[&value], false), Ok(Census { local: 0, shared: 1, immortal: 1 }));
    for _ in 0..10 {
        drop(value.clone());
    }
    assert_eq!(word(&value).load(Ordering::Relaxed), super::IMMORTAL);
    // As if it had been shared with one reference left, so that nothing leaks.
    word(&value).store(-1, Ordering::Relaxed);
    // Shared.
    let shared = Shared::new(list([]));
    word(shared.as_owned()).store(super::STICKY + 1, Ordering::Relaxed);
    std::mem::forget(shared.clone());
    assert_eq!(walk(&[shared.as_owned()], false), Ok(Census { immortal: 1, ..Census::default() }));
    word(shared.as_owned()).store(-1, Ordering::Relaxed);
    // Sharing a count that is too large for a shared one.
    let value = list([]);
    word(&value).store(i32::MAX - 5, Ordering::Relaxed);
    let shared = Shared::new(value);
    assert_eq!(walk(&[shared.as_owned()], false), Ok(Census { immortal: 1, ..Census::default() }));
    word(shared.as_owned()).store(-1, Ordering::Relaxed);
}

#[test]
fn bytes_add_up() {
    let vm = SharedHeap::new(None);
    let heap = Heap::new(vm.clone(), None);
    let entered = heap.enter();
    let mut random = Random(9);
    let mut values: Vec<Owned> = Vec::new();
    for step in 0..if cfg!(miri) { 200 } else { 5000 } {
        let pick = random.below(values.len().max(1));
        match random.below(10) {
            0 => values.push(Owned::string("x".repeat(random.below(100)))),
            1 => values.push(Owned::list((0..random.below(20)).map(|i| int(i as i64)).collect())),
            2 => values.push(Owned::map(MapObject::with_capacity(random.below(10)))),
            3 if !values.is_empty() => values.push(values[pick].clone()),
            4 if !values.is_empty() => {
                let value = Shared::new(values.swap_remove(pick));
                values.push(value.into_owned());
            }
            5 | 6 if !values.is_empty() => {
                let value = &mut values[pick];
                if let Some(list) = value.list_mut() {
                    list.push(int(step));
                    if list.len() > 30 {
                        list.pop_first();
                        list.pop_first();
                    }
                } else if let Some(map) = value.map_mut() {
                    map.insert(int(random.below(50) as i64), str("value of an entry")).unwrap();
                    map.remove(&int(random.below(50) as i64));
                } else if let Some(text) = value.str_mut() {
                    text.push_str("more");
                }
            }
            7 if values.len() > 2 => {
                let inner = values.swap_remove(pick);
                values.push(list([inner]));
            }
            _ if !values.is_empty() => {
                values.swap_remove(pick);
            }
            _ => {}
        }
    }
    assert!(heap.bytes() > 0 && vm.bytes() > 0);
    drop(values);
    assert_eq!((heap.bytes(), vm.bytes()), (0, 0));
    drop(entered);
    drop(heap);
    assert_eq!(vm.total(), 0);
}

#[test]
fn limits_set_a_flag() {
    let vm = SharedHeap::new(Some(1 << 20));
    let heap = Heap::new(vm.clone(), Some(100_000));
    let entered = heap.enter();
    assert!(Heap::room(90_000) && !Heap::room(110_000));
    let small = Owned::string("x".repeat(50_000));
    assert!(!Heap::exceeded());
    let big = Owned::string("x".repeat(60_000));
    assert!(Heap::exceeded() && Heap::take_exceeded());
    drop(big);
    assert!(!Heap::take_exceeded());
    // The VM's limit, reached by many threads.
    let others: Vec<Heap> = (0..24).map(|_| Heap::new(vm.clone(), None)).collect();
    let mut held = Vec::new();
    for other in &others {
        let _entered = other.enter();
        held.push((other, Owned::string("x".repeat(60_000))));
    }
    assert!(others.iter().any(Heap::was_exceeded));
    assert!(!Heap::room(1 << 20));
    for (other, value) in held {
        let _entered = other.enter();
        drop(value);
    }
    drop(small);
    drop(entered);
    drop((heap, others));
    assert_eq!((vm.total(), vm.bytes()), (0, 0));
}

/// A slice of the thread whose heap this is.
fn slice_of(heap: &Heap) -> Slice<'_> {
    // SAFETY: the slice borrows the heap.
    unsafe { Slice::enter(heap) }
}

/// In how many slices a value is dropped; `watch` has each of the later ones free what it may.
fn slices_to_free(
    heap: &Heap,
    make: &dyn Fn() -> Owned,
    mut watch: impl FnMut(&dyn Fn() -> bool) -> bool,
) -> i64 {
    let slice = slice_of(heap);
    drop(make());
    drop(slice);
    let mut slices = 1;
    loop {
        let _slice = slice_of(heap);
        slices += 1;
        if watch(&|| free_dead(1000)) {
            return slices;
        }
    }
}

#[test]
fn a_slice_frees_so_much_at_once() {
    const N: i64 = 100_000;
    let before = live_objects();
    let wide = || Owned::list((0..N).map(|i| list([int(i)])).collect());
    let deep = || (0..N).fold(int(0), |inner, _| list([inner]));
    let keyed = || {
        let mut map = MapObject::new();
        (0..N).for_each(|i| drop(map.insert(int(i), list([int(i)])).unwrap()));
        Owned::map(map)
    };
    let text = |i: i64| Owned::string(format!("text number {i} is no short one"));
    let texts = || Owned::list((0..N).map(text).collect());
    let by_text = || {
        let mut map = MapObject::new();
        (0..N).for_each(|i| drop(map.insert(text(i), int(i)).unwrap()));
        Owned::map(map)
    };
    let makes: [&dyn Fn() -> Owned; 5] = [&wide, &deep, &keyed, &texts, &by_text];
    for make in makes {
        let vm = SharedHeap::new(None);
        let heap = Heap::new(vm.clone(), None);
        let slices = slices_to_free(&heap, make, |free| {
            let left = live_objects();
            let done = free();
            assert!(left - live_objects() <= 1100);
            done
        });
        assert!(slices > N / 1500, "{slices}");
        assert_eq!((live_objects(), heap.bytes()), (before, 0));
        // Who ends in between frees the rest.
        let slice = slice_of(&heap);
        drop(make());
        assert!(has_dead() && live_objects() > before);
        drop(slice);
        drop(heap);
        assert_eq!((live_objects(), vm.total()), (before, 0));
    }
    // Outside of slices there is no later.
    drop(wide());
    drop(Owned::string("x".repeat(100 << 20)));
    assert_eq!(live_objects(), before);
}

#[test]
fn pushing_and_setting_in_a_loop_copies_nothing() {
    let heap = Heap::new(SharedHeap::new(None), None);
    let _entered = heap.enter();
    let mut xs = list([]);
    let mut m = map([]);
    let mut text = str("long text");
    for i in 0..1000 {
        xs.list_mut().unwrap().push(int(i));
        m.map_mut().unwrap().insert(int(i), int(i)).unwrap();
        text.str_mut().unwrap().push_str("x");
    }
    assert_eq!(heap.copies(), 0);
    let other = xs.clone();
    xs.list_mut().unwrap().push(int(0));
    xs.list_mut().unwrap().push(int(0));
    assert_eq!(heap.copies(), 1);
    assert!(heap.copied_bytes() >= 8_000);
    drop(other);
}

#[test]
fn freed_objects_are_reported_as_work() {
    let heap = Heap::new(SharedHeap::new(None), None);
    let _entered = heap.enter();
    let xs = Owned::list((0..500).map(|_| list([])).collect());
    assert_eq!(Heap::take_work(), 0);
    drop(xs);
    // One for each object, and the sweep over the list's elements, but for the last few.
    let work = Heap::take_work();
    assert!((501 + 400 * 16 / 64..=501 + 500 * 16 / 64).contains(&work), "{work}");
    assert_eq!(Heap::take_work(), 0);
}

#[test]
fn lists_do_what_deques_do() {
    let mut random = Random(21);
    for _ in 0..if cfg!(miri) { 5 } else { 100 } {
        let mut list = ListObject::new();
        let mut model = std::collections::VecDeque::new();
        for step in 0..500 {
            match random.below(8) {
                0..=3 => {
                    list.push(int(step));
                    model.push_back(step);
                }
                4 | 5 => assert_eq!(list.pop_first().and_then(|v| v.as_int()), model.pop_front()),
                6 => assert_eq!(list.pop().and_then(|v| v.as_int()), model.pop_back()),
                _ if random.below(20) == 0 => {
                    list.insert(0, int(-1));
                    model.push_front(-1);
                }
                _ => {}
            }
            assert!(list.iter().map(|v| v.as_int().unwrap()).eq(model.iter().copied()));
        }
        assert_eq!(list.clone().len(), model.len());
    }
}

#[test]
fn a_queue_stays_small_and_fast() {
    let mut queue = ListObject::new();
    for i in 0..if cfg!(miri) { 500 } else { 1_000_000 } {
        queue.push(int(i));
        if i >= 100 {
            queue.pop_first();
        }
    }
    assert!(super::Body::buffer_bytes(&queue) < 16 * 1024);
}

#[test]
fn a_large_buffer_is_given_back_in_parts() {
    const BYTES: usize = 20 * super::LARGE_BUFFER;
    let numbers = || Owned::list(vec![int(0); BYTES / 8]);
    let nothing = || Owned::list(vec![Owned::NIL; BYTES / 16]);
    // What was taken off the front is a part of the buffer, too.
    let queue = |mut list: Owned| {
        list.list_mut().unwrap().pop_first();
        list
    };
    let makes: [&dyn Fn() -> Owned; 6] = [
        &|| Owned::string("x".repeat(BYTES)),
        &|| Owned::bytes(vec![0; BYTES]),
        &numbers,
        &nothing,
        &|| queue(numbers()),
        &|| queue(nothing()),
    ];
    for make in makes {
        let heap = Heap::new(SharedHeap::new(None), None);
        let slices = slices_to_free(&heap, make, |free| {
            let left = heap.bytes();
            let done = free();
            assert!(left - heap.bytes() < 2 * super::LARGE_BUFFER as u64);
            done
        });
        assert!(slices > 18, "{slices}");
        assert_eq!(heap.bytes(), 0);
    }
}

/// Random values are made, shared, taken back, changed, handed to other threads and dropped on
/// several threads at once; all invariants hold all the time and nothing is left.
#[test]
fn random_graphs_on_several_threads() {
    let vm = SharedHeap::new(None);
    let (threads, steps) = if cfg!(miri) { (2, 60) } else { (4, 4000) };
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..threads).map(|_| std::sync::mpsc::channel::<Shared>()).unzip();
    let run = |(id, inbox): (usize, std::sync::mpsc::Receiver<Shared>)| {
        let (vm, senders) = (vm.clone(), senders.clone());
        std::thread::spawn(move || {
            let heap = Heap::new(vm, None);
            let entered = heap.enter();
            let mut random = Random(id as u64);
            let mut values: Vec<Owned> = Vec::new();
            for step in 0..steps {
                values.extend(inbox.try_iter().map(Shared::into_owned));
                let pick = random.below(values.len().max(1));
                match random.below(12) {
                    0 => values.push(Owned::string(format!("text number {step}"))),
                    1 => values.push(Owned::list(values.iter().take(3).cloned().collect())),
                    2 => {
                        values.push(map([(str("k"), values.first().cloned().unwrap_or_default())]))
                    }
                    3 if !values.is_empty() => values.push(values[pick].clone()),
                    4 | 5 if !values.is_empty() => {
                        let inner = values.first().cloned().unwrap_or_default();
                        if let Some(list) = values[pick].list_mut() {
                            list.push(inner);
                        } else if let Some(map) = values[pick].map_mut() {
                            map.insert(int(random.below(5) as i64), inner).unwrap();
                        } else if let Some(text) = values[pick].str_mut() {
                            text.push_str("!");
                        }
                    }
                    6 | 7 if !values.is_empty() => {
                        let value = Shared::new(values[pick].clone());
                        senders[random.below(threads)].send(value).ok();
                    }
                    8 if !values.is_empty() => {
                        let text = cut_literal(&values[pick]);
                        assert_eq!(text, cut_literal(&values[pick].clone()));
                    }
                    _ if !values.is_empty() => {
                        values.swap_remove(pick);
                    }
                    _ => {}
                }
                if values.len() > 12 {
                    values.truncate(6);
                }
                if step % 50 == 0 {
                    let roots: Vec<&Owned> = values.iter().collect();
                    walk(&roots, true).unwrap();
                }
            }
            drop(values);
            drop(senders);
            // Until all others are gone.
            inbox.iter().for_each(drop);
            drop(entered);
            live_objects()
        })
    };
    let handles: Vec<_> = receivers.into_iter().enumerate().map(run).collect();
    drop(senders);
    let live: i64 = handles.into_iter().map(|handle| handle.join().unwrap()).sum();
    assert_eq!(live, 0);
    assert_eq!((vm.bytes(), vm.total()), (0, 0));
}
