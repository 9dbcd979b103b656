//! Values are copied only when two owners exist and one of them writes: proved by counting the
//! copies that a thread makes, not by a clock.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

/// What the bodies use.
const DECLARATIONS: &str = r"
import runtime
fn id(x) { x }
fn put(mut xs, x) { xs.push(x) }
fn put_two(mut a, mut b) { a.push(1); b.push(2) }
struct Box { items = []; fn push(mut self, x) { self.items.push(x) } }
enum Tree { Leaf(xs), Node(left, right) }
struct Point { x = 0; y = 0 }
struct Item { tags = []; n = 0; fn add(mut self, x) { self.tags.push(x) } }
struct Bag {
    items = []
    grid = [[0, 0], [0, 0]]
    fn new() {
        var bag = Bag()
        for i in 0..2 { bag.items.push(Item()); bag.items[i].tags.push(0); bag.grid[i][0] = i }
        bag
    }
    fn tag(mut self, i, x) { self.items[i].tags.push(x) }
    fn nested(mut self, i, x) { self.items[i].add(x) }
    fn set(mut self, i, j, v) { self.grid[i][j] = v }
    fn all(mut self, x) { for &item in self.items { item.add(x) } }
    fn hand(mut self, x) { put(&self.items[0].tags, x) }
}
";

/// How many copies the body of a function makes when it runs.
fn copies(body: &str) -> i64 {
    let vm = lisle::Vm::new().unwrap();
    let source = format!(
        "{DECLARATIONS}\n\
         fn f() {{\n{body}\n}}\n\
         let before = runtime.stats().copies\n\
         f()\n\
         runtime.stats().copies - before"
    );
    vm.eval(&source).unwrap()
}

#[test]
fn loops_that_change_what_they_own_copy_nothing() {
    for body in [
        "var xs = []\nfor i in 0..1000 { xs.push(i) }",
        "var xs = [1, 2, 3]\nfor i in 0..1000 { xs[i % 3] = i; xs[i % 3] += 1 }",
        "var m = [:]\nfor i in 0..1000 { m[i] = i; m.last_one = i; m[i] += 1 }",
        "var grid = []\nfor i in 0..10 { grid.push([0] * 10) }\n\
         for i in 0..10 { for j in 0..10 { grid[i][j] = i * j; grid[i][j] += 1 } }",
        // (A literal belongs to the code: appending to it copies it, once.)
        "var s = str(1)\nfor i in 0..1000 { s += \"x\"; s = s + \"y\" }",
        "var g = [:]\nfor i in 0..1000 { g[i % 7] ??= []; g[i % 7].push(i) }",
        "var a = [b: [c: [1, 2]]]\nfor i in 0..100 { a.b.c.push(i); a.b.c[0] = i; a[\"b\"].d = i }",
        "var q = [1, 2, 3]\nfor i in 0..1000 { q.push(q.pop_first()) }",
        "var xs = [3, 1, 2]\nfor i in 0..10 { xs = xs.sort(); xs = xs.reverse(); xs = xs + [i] }",
    ] {
        assert_eq!(copies(body), 0, "{body}");
    }
}

#[test]
fn the_last_use_hands_over() {
    for body in [
        // A local, a parameter, a result, an element of a literal.
        "var a = [1]\na.push(2)\nvar b = a\nb.push(3)\nvar c = id(b)\nc.push(4)\nvar d = [c]\nd[0].push(5)",
        // Both ways of a branch.
        "var a = [1]\na.push(2)\nvar b = if a.len() > 1 { a } else { [] }\nb.push(3)",
        // Round a loop.
        "var a = []\nfor i in 0..100 { var b = a; b.push(i); a = b }",
        // Through a channel and a thread's result.
        "let c = channel(1)\nvar a = [1]\na.push(2)\nc.send(a)\nvar b = c.recv()\nb.push(3)\n\
         var d = (spawn { [1, 2].map(|x| x) }).join()\nd.push(3)",
        // A value that a failed attempt gives back.
        "var a = [1]\na.push(2)\ntry { a.push(3); throw 1 } catch { a.push(4) }\na.push(5)",
    ] {
        assert_eq!(copies(body), 0, "{body}");
    }
}

#[test]
fn what_is_taken_apart_is_handed_over() {
    for body in [
        // Fields are places, and so is what a method changes.
        "var b = Box()\nfor i in 0..100 { b.push(i); b.items[0] = i; b.items.push(i) }",
        // Once everything that is named has been read, the whole is let go.
        "var b = Box()\nb.push(1)\nlet Box(items) = b\nvar xs = items\nxs.push(2)",
        "var b = Box()\nb.push(1)\nfor i in 0..100 { match b { Box(items) => { var xs = items; xs.push(2); b = Box(xs) } } }",
        "var a = [[1], [2]]\na[0].push(1)\na[1].push(1)\nlet [b, ...] = a\nvar c = b\nc.push(3)",
        "var a = [x: [1]]\na.x.push(1)\nif let [x: x, ...] = a { var b = x; b.push(3) }",
        "var xs = [1]\nxs.push(1)\nvar t = Tree.Node(Tree.Leaf(xs), 1)\nxs = []\n\
         match t { Tree.Node(Tree.Leaf(ys), _) => { var zs = ys; zs.push(1); id(zs) }, _ => nil }",
        "var xs = [1]\nxs.push(1)\nlet f = |[a, b]| { var c = a; c.push(1); c }\nf([xs, 1])",
        // An arm that was tried and not taken keeps nothing.
        "var xs = [1]\nxs.push(1)\nmatch [xs, 2] { [a, 1] => a, [a, n] if n > 2 => a, [a, _] => { var b = a; b.push(1); b } }",
    ] {
        assert_eq!(copies(body), 0, "{body}");
    }
}

#[test]
fn places_that_are_handed_over_are_changed_where_they_are() {
    for body in [
        "var b = Bag.new()\nfor i in 0..100 { b.tag(i % 2, i) }",
        "var b = Bag.new()\nfor i in 0..100 { b.nested(i % 2, i) }",
        "var b = Bag.new()\nfor i in 0..100 { b.set(i % 2, 1, i); b.grid[1][i % 2] = i }",
        "var b = Bag.new()\nfor i in 0..100 { b.all(i) }",
        "var b = Bag.new()\nfor i in 0..100 { b.hand(i); put(&b.items[1].tags, i) }",
        "var b = Bag.new()\nfor i in 0..100 { put_two(&b.items[0].tags, &b.items[1].tags) }",
        // A throw gives them back as well.
        "var b = Bag.new()\n\
         for i in 0..50 { try { put(&b.items[0].tags, i); b.nested(9, 1) } catch { b.nested(0, i) } }",
        "var xs = []\nfor i in 0..9 { xs.push([i, i]) }\nfor i in 0..9 { for &x in xs { x.push(i) } }",
        "var m = [:]\nfor i in 0..9 { m[i] = [i, i] }\nfor i in 0..9 { for &x in m { x.push(i) } }",
        "var p = Point(1, 2)\nfor i in 0..100 { p.x += 1; p.y = p.x }",
        "var ps = [Point(1, 2), Point(3, 4)]\nfor i in 0..100 { ps[i % 2].x += i }",
        "let c = cell([0, 1])\nfor i in 0..100 { c.value.push(i); c.push(i); put(&c.value, i) }",
        "let c = cell(Item())\nc.value.tags = [id(1)]\nfor i in 0..100 { c.add(i); c.value.n += 1 }",
        "var s = set([1])\nfor i in 0..100 { s.insert(i % 10); s.remove(i % 3) }",
        "var b = bytes(10)\nfor i in 0..100 { b[i % 10] = i; b.push(i) }",
    ] {
        assert_eq!(copies(body), 0, "{body}");
    }
}

#[test]
fn a_second_owner_costs_one_copy() {
    for (body, expected) in [
        ("var a = [1]\na.push(2)\nlet b = a\na.push(3)\na.push(4)\nid(b)", 1),
        ("var a = [1]\na.push(2)\nlet f = || a\na.push(3)\na.push(4)\nid(f)", 1),
        ("var g = [[1], [2]]\ng[0].push(1)\nlet h = g\ng[0].push(2)\ng[0].push(3)\nid(h)", 2),
        ("var a = [1, 2]\na.push(3)\nfor x in a { a.push(x) }", 1),
        ("var a = [1]\na.push(2)\ntry { var b = a; b.push(3); throw b } catch { }\nid(a)", 1),
    ] {
        assert_eq!(copies(body), expected, "{body}");
    }
}
