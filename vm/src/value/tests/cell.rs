#![expect(unsafe_code, reason = "looks into cells")]

use super::{int, list, on_small_stack, shown, str};
use crate::rc::{Heap, Immortals, SharedHeap, check, live_objects, make_immortal};
use crate::value::{
    CellDomain, Kind, Owned, Shared, Step, cell_access, equals, error, field_get, field_set, hash,
    index_get, last_cell, literal, path_get, slot_mut, vacant,
};

fn heap() -> Heap {
    Heap::new(SharedHeap::new(None), None)
}

fn set_value(cell: &mut Owned, value: Owned) {
    field_set(cell, &str("value"), value).unwrap();
}

fn in_use(cell: &Owned, line: u32) {
    // SAFETY: nothing else looks into the cell.
    unsafe { cell.as_cell().unwrap().content() }.unwrap().in_use = line;
}

#[test]
fn whoever_has_it_sees_the_change() {
    let before = live_objects();
    let heap = heap();
    let entered = heap.enter();
    let mut a = Owned::cell(int(1));
    let b = a.clone();
    set_value(&mut a, list([int(2)]));
    assert_eq!(shown(field_get(&b, &str("value"))), "[2]");
    let place = slot_mut(&mut a, Step::Field(&str("value"))).unwrap();
    place.list_mut().unwrap().push(int(3));
    assert_eq!(heap.copies(), 0);
    assert_eq!(literal(&list([b.clone()])), "[cell([2, 3])]");
    assert_eq!(a.type_name(), "cell");
    assert!(equals(&a, &b) && !equals(&a, &Owned::cell(int(1))));
    assert_eq!(hash::hash_key(&a), hash::hash_key(&b));
    check::walk(&[&a, &b], true).unwrap();
    drop((a, b));
    drop(entered);
    drop(heap);
    assert_eq!(live_objects(), before);
}

#[test]
fn other_fields_are_those_of_the_value() {
    let heap = heap();
    let _entered = heap.enter();
    let mut e = Owned::cell(Owned::cell(error(Kind::Value, "m")));
    assert_eq!(shown(field_get(&e, &str("message"))), "\"m\"");
    assert_eq!(shown(path_get(&e, [Step::Field(&str("trace"))])), "[]");
    assert_eq!(
        shown(path_get(&e, [Step::Field(&str("value")), Step::Field(&str("kind"))])),
        "\"value\""
    );
    assert_eq!(
        shown(field_set(&mut e, &str("data"), int(1)).map(|()| Owned::NIL)),
        "type: a cell has no field `data` to change: write `.value.data`"
    );
    assert_eq!(shown(index_get(&e, &int(0))), "type: cannot index a cell: write `.value[...]`");
    assert!(!vacant(&e, Step::Field(&str("value"))).unwrap());
    // Round in a circle there is nothing.
    let mut round = Owned::cell(Owned::NIL);
    let itself = round.clone();
    set_value(&mut round, itself);
    assert_eq!(shown(field_get(&round, &str("x"))), "name: cell has no field `x`");
}

#[test]
fn the_last_cell_of_a_path_is_found() {
    let heap = heap();
    let _entered = heap.enter();
    let (value, next, new, zero) = (str("value"), str("next"), str("new"), int(0));
    let inner = Owned::cell(list([int(1)]));
    let m = super::map([(next.clone(), inner.clone())]);
    let node = Owned::cell(m);
    let find = |steps: &[Step<'_>]| last_cell(&node, steps).unwrap();
    let (f, i) = (Step::Field, Step::Index);
    let (cell, steps) = find(&[f(&next), f(&value), i(&zero)]).unwrap();
    assert!(equals(&cell, &inner) && steps == 2);
    let (cell, steps) = find(&[f(&value), f(&next), f(&value)]).unwrap();
    assert!(equals(&cell, &inner) && steps == 3);
    let (cell, steps) = find(&[f(&value), f(&new)]).unwrap();
    assert!(equals(&cell, &node) && steps == 1);
    assert!(find(&[f(&next), i(&zero)]).is_none());
}

#[test]
fn in_use_it_cannot_be_touched() {
    let heap = heap();
    let _entered = heap.enter();
    let mut c = Owned::cell(int(1));
    in_use(&c, 7);
    let text = "value: the cell is in use since line 7: a call has its value to change it";
    assert_eq!(shown(field_get(&c, &str("value"))), text);
    assert_eq!(shown(field_set(&mut c, &str("value"), int(2)).map(|()| Owned::NIL)), text);
    assert_eq!(literal(&c), "cell(...)");
    assert!(equals(&c, &c.clone()));
    in_use(&c, 0);
    assert_eq!(shown(field_get(&c, &str("value"))), "1");
}

#[test]
fn circles_print_and_are_freed_at_the_end() {
    let before = live_objects();
    let heap = heap();
    let entered = heap.enter();
    let mut a = Owned::cell(Owned::NIL);
    let b = Owned::cell(list([a.clone(), int(1)]));
    set_value(&mut a, list([b.clone(), str("x")]));
    assert_eq!(literal(&a), "cell([cell([cell(...), 1]), \"x\"])");
    // Twice, but not inside itself.
    let plain = Owned::cell(int(5));
    assert_eq!(literal(&list([plain.clone(), plain])), "[cell(5), cell(5)]");
    drop((a, b));
    assert!(live_objects() > before);
    heap.end_cells();
    assert_eq!(live_objects(), before);
    drop(entered);
    assert_eq!((heap.bytes(), heap.vm().bytes()), (0, 0));
}

#[test]
fn a_heap_that_goes_ends_its_cells() {
    let before = live_objects();
    let vm = SharedHeap::new(None);
    let heap = Heap::new(vm.clone(), None);
    let entered = heap.enter();
    let mut a = Owned::cell(Owned::NIL);
    let itself = a.clone();
    set_value(&mut a, itself);
    drop(entered);
    let kept = a.clone();
    drop(a);
    drop(heap);
    assert_eq!(literal(&kept), "cell(...)");
    let last = Heap::new(vm.clone(), None);
    let entered = last.enter();
    drop(kept);
    drop(entered);
    assert_eq!((live_objects(), vm.bytes()), (before, 0));
}

#[test]
fn a_cell_stays_in_its_thread() {
    let heap = heap();
    let _entered = heap.enter();
    assert!(Shared::crossing(list([int(1)])).is_ok());
    let c = Owned::cell(int(1));
    let text = "type: a cell cannot go to another thread: it works only in the one that made it; \
                for a value that several threads change, use `sync.mutex`";
    let refused = |value: Owned| shown(Shared::crossing(value).map(Shared::into_owned));
    assert_eq!(refused(c.clone()), text);
    let deep = list([int(1), super::map([(str("k"), list([c.clone()]))])]);
    assert_eq!(refused(deep.clone()), text);
    assert_eq!(refused(list([int(1), str("x")])), "[1, \"x\"]");
    // Also out of what is not local any more.
    let shared = Shared::new(deep);
    assert_eq!(refused(list([shared.to_owned()])), text);
    let mut registry = Immortals::default();
    let immortal = list([c.clone()]);
    // SAFETY: the registry outlives the value.
    unsafe { make_immortal(immortal.as_raw(), &mut registry) };
    assert_eq!(refused(immortal.clone()), text);
    drop(immortal);
    drop(shared);
    // Elsewhere it is of no use, and goes when it is next convenient.
    let elsewhere = Shared::new(c);
    std::thread::spawn(move || {
        let heap = Heap::new(SharedHeap::new(None), None);
        let _entered = heap.enter();
        let mut c = elsewhere.into_owned();
        let own = Owned::cell(int(2));
        assert!(shown(field_get(&c, &str("value"))).starts_with("type: a cell works only in"));
        let set = field_set(&mut c, &str("value"), int(3)).map(|()| Owned::NIL);
        assert!(shown(set).contains("`sync.mutex`"));
        assert_eq!(literal(&c), "cell(...)");
        assert!(equals(&c, &c.clone()) && !equals(&c, &own));
    })
    .join()
    .unwrap();
    drop(registry);
    drop(Owned::cell(int(3)));
}

#[test]
fn a_sessions_cells_outlive_its_texts() {
    let before = live_objects();
    let vm = SharedHeap::new(None);
    let domain = CellDomain::new();
    let mut kept = None;
    for i in 0..3 {
        let heap = Heap::new(vm.clone(), None);
        heap.lend_cells(&domain);
        let entered = heap.enter();
        let cell = kept.get_or_insert_with(|| Owned::cell(list([])));
        // SAFETY: nothing else looks into the cell.
        let content = unsafe { cell_access(cell.as_cell().unwrap()) }.unwrap();
        content.value.list_mut().unwrap().push(int(i));
        if i == 2 {
            assert_eq!(literal(cell), "cell([0, 1, 2])");
            let itself = cell.clone();
            set_value(cell, itself);
        }
        // Who has them keeps them; another gets none.
        let other = Heap::new(vm.clone(), None);
        other.lend_cells(&domain);
        assert!(!other.cells_are_lent() && heap.cells_are_lent());
        heap.end_cells();
        drop(entered);
    }
    drop(kept);
    assert!(live_objects() > before);
    Heap::end_session(&vm, &domain);
    assert_eq!((live_objects(), vm.total()), (before, 0));
}

#[test]
fn a_session_that_ends_first_leaves_the_end_to_its_text() {
    let before = live_objects();
    let vm = SharedHeap::new(None);
    let domain = CellDomain::new();
    let heap = Heap::new(vm.clone(), None);
    heap.lend_cells(&domain);
    let entered = heap.enter();
    let mut c = Owned::cell(Owned::NIL);
    let itself = c.clone();
    set_value(&mut c, itself);
    Heap::end_session(&vm, &domain);
    assert_eq!(literal(&c), "cell(cell(...))");
    drop(c);
    heap.end_cells();
    assert_eq!(live_objects(), before);
    drop(entered);
}

#[test]
fn chains_of_cells_nest_to_any_depth() {
    const DEEP: usize = if cfg!(miri) { 300 } else { 1_000_000 };
    on_small_stack(|| {
        let heap = heap();
        let entered = heap.enter();
        let mut value = super::map([(str("k"), int(7))]);
        for i in 0..DEEP {
            value = Owned::cell(if i == 0 { value } else { list([value]) });
        }
        assert!(literal(&value).ends_with("])])"));
        assert!(!equals(&value, &Owned::cell(Owned::NIL)));
        assert!(Shared::crossing(list([value.clone()])).is_err());
        drop(value);
        assert_eq!(live_objects(), 0);
        let mut value = super::map([(str("k"), int(7))]);
        for _ in 0..DEEP {
            value = Owned::cell(value);
        }
        assert_eq!(shown(field_get(&value, &str("k"))), "7");
        drop(entered);
        // In another heap: all of them are orphans, and end with the domain.
        drop(value);
        drop(heap);
        assert_eq!(live_objects(), 0);
    });
}
