//! Structs, enums and patterns in random programs.

use super::{Generator, Name};

impl Generator {
    pub(super) fn types(&mut self) {
        self.line("struct P {");
        self.line("a; b = [a]");
        self.line("fn of(x) { P(x) }");
        self.line("fn both(self) { [self.a, self.b] }");
        self.line("fn turn(mut self) { let t = self.a; self.a = self.b; self.b = t; self }");
        self.line("fn set(mut self, x) { self = P(x, self) }");
        self.line("}");
        self.line("enum E {");
        self.line("A(x), B(x, y = [x]), C");
        self.line("fn first(self) { match self { E.A(x) | E.B(x, _) => x, E.C => nil } }");
        self.line("fn later(self) { || [self] }");
        self.line("}");
        self.line("struct Q {");
        self.line("v");
        self.line("fn +(self, o) { Q([self.v, o]) }");
        self.line("fn ==(self, o) { [self.v].len() == [o].len() and type(self.v) == type(o.v) }");
        self.line("fn <(self, o) { if self.v is int { o.v is string } else { fails(self.v) } }");
        self.line("fn [](self, i) { [self.v, i] }");
        self.line("fn str(self) { \"Q{[self.v].len()}\" }");
        self.line("fn neg(self) { Q([self]) }");
        self.line(
            "fn next(mut self) { if self.v is not nil { let v = self.v; self.v = nil; [v] } }",
        );
        self.line("}");
        self.sites();
    }

    /// Functions that meet values of all types in one place, and have most of them fail there.
    fn sites(&mut self) {
        self.line("struct R {");
        self.line("b; a; c = 0");
        self.line("fn both(self) { [self.b] }");
        self.line("fn turn(mut self) { self.c += 1; self.a = self.b; fails(self.c) }");
        self.line("fn down(mut self, n) { if n > 0 { self.c += n; self.down(n - 1) }; self.c }");
        self.line(
            "fn give(mut self, mut x) { let t = self.a; self.a = x; x = t; self.c = 1; [t] }",
        );
        self.line("fn lose(mut self, mut x) { x = [self.a]; self.a = x; fails(x) }");
        self.line("}");
        let tries = |parts: &[&str]| {
            let one = |part: &&str| format!("try {{ {part} }} catch e {{ e.kind }}");
            parts.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        let reads = tries(&[
            "x.both()",
            "x.a",
            "x.a.b",
            "x[0]",
            "x.len()",
            "x.get(0)",
            "x.get(0, x)",
            "x.a.both()",
            "x[1].len()",
            "str(x).len()",
            "min(x, 3)",
            "max(2.5, x)",
            "2 * x",
            "x - 1.5",
            "if x <= 4.0 { 1 } else { 2 }",
            "x % 1000000",
        ]);
        self.line(&format!("fn look(x) {{ [{reads}] }}"));
        let changes = tries(&[
            "x.turn()",
            "x.down(3)",
            "x.push(v)",
            "x.swap(0, 1)",
            "x.pop()",
            "x.a = v",
            "x.a.b = v",
            "x.a[0] = v",
            "x.a.push(v)",
            "x[0].turn()",
            "x[1].push(v)",
            "x.value.push(v)",
            "x.give(&v)",
            "x.lose(&v)",
            "x.c += 1",
            "x.a.c += 1.5",
            "x[0] += 1",
            "{ for &y in x.a { y = [y] } }",
            "{ for &y in x { y.a = 1 } }",
        ]);
        self.line(&format!("fn change(mut x, w) {{ var v = w; [{changes}, v] }}"));
    }

    /// A statement that takes a value apart.
    pub(super) fn taking_apart(&mut self) {
        let value = self.expr(2);
        match self.random.below(8) {
            6 | 7 => self.changing(),
            0 => {
                let (a, b) = (self.fresh() + "a", self.fresh() + "b");
                self.line(&format!("var [{a}, ...{b}] = [{value}, 1, [2]]"));
                if let Some(scope) = self.scopes.last_mut() {
                    scope.extend([a, b].map(|name| Name { name, mutable: true }));
                }
            }
            1 => {
                let mutable = self.random.below(2) == 0;
                let name = self.fresh() + "p";
                let word = if mutable { "var" } else { "let" };
                self.line(&format!("{word} P(_, {name}) = P(1, {value})"));
                if let Some(scope) = self.scopes.last_mut() {
                    scope.push(Name { name, mutable });
                }
            }
            2 => {
                if let Some(name) = self.pick(true) {
                    // Nothing here makes the value grow with every turn of a loop.
                    self.line(&format!("{name} = P(1)"));
                    self.line(&format!("{name}.a = [{value}]"));
                    self.line(&format!("{name}.turn()"));
                    self.line(&format!("{name}.set({name}.both().len())"));
                }
            }
            3 => {
                let (a, b) = (self.fresh() + "a", self.fresh() + "b");
                self.line(&format!("for {a}, [{b}, _] in [[{value}, 1], [2, 3]] {{"));
                self.inside(&[a, b]);
                self.line("}");
            }
            4 => {
                let name = self.fresh() + "i";
                self.line(&format!("if let [{name}, ...] | P({name}, ...) = {value} {{"));
                self.inside(&[name]);
                self.line("}");
            }
            _ => {
                let value = match (self.random.below(2), self.pick(false)) {
                    (0, Some(name)) => name,
                    _ => value,
                };
                let (a, b) = (self.fresh() + "m", self.fresh() + "n");
                self.line(&format!("match {value} {{"));
                self.line(&format!("[{a}, ...{b}] => {{"));
                self.inside(&[a.clone(), b.clone()]);
                let cond = self.cond();
                self.line(&format!("}}\nP({a}, {b}) | E.B({a}, {b}) if {cond} => {{"));
                self.inside(&[a.clone(), b.clone()]);
                self.line(&format!("}}\n[k: {a}, ...{b}] => {{"));
                self.inside(&[a.clone(), b]);
                self.line(&format!("}}\n{a} is int if {a} != 3 => {{"));
                self.inside(&[a]);
                self.line("}\nnil | 0..=2 | \"s\" => 1\n_ => 2\n}");
            }
        }
    }

    /// A statement that changes a variable in many ways. What is left of it is small: nothing here
    /// makes it grow with every turn of a loop.
    fn changing(&mut self) {
        let Some(name) = self.pick(true) else { return };
        let (a, b) = (self.expr(1), self.expr(1));
        let value = match self.random.below(8) {
            0 => format!("[P({a}), [{b}]]"),
            1 => format!("R({b}, [{a}, 1])"),
            2 => format!("P(P({b}), {a})"),
            3 => format!("[R({a}, {b}), {b}]"),
            4 => format!("cell([{a}])"),
            5 => format!("[cell(P({a})), R({b}, cell([{a}]))]"),
            6 => format!("R([2.5, {a}], P({b}, [1]))"),
            _ => a,
        };
        self.line(&format!("{name} = {value}"));
        let kept = self.random.below(2) == 0;
        if kept {
            self.line(&format!("let kept = [{name}, {name}]"));
        }
        let v = self.expr(1);
        self.line(&format!("look({name})"));
        self.line(&format!("print(change(&{name}, {v}).len(), str({name}).len())"));
        if kept {
            self.line("print(str(kept).len())");
        }
        self.line(&format!("{name} = [str(look({name})).len()]"));
    }

    fn inside(&mut self, names: &[String]) {
        let names = names.iter().map(|name| Name { name: name.clone(), mutable: false });
        self.scopes.push(names.collect());
        self.plain_body(2);
        self.scopes.pop();
    }

    /// An expression with types in it, around `a`.
    pub(super) fn typed_expr(&mut self, a: &str, depth: usize) -> String {
        let b = self.expr(depth - 1);
        match self.random.below(20) {
            9 => format!("(Q({a}) + {b}).v"),
            10 => format!("(Q({a}) == Q({b}))"),
            11 => format!("[Q({b}), [Q({a})], Q({a})].index_of(Q({a}))"),
            12 => format!("\"{{Q({a})}}{{Q({b})}}\""),
            13 => format!("Q({a})[{b}]"),
            14 => format!("(-Q({a})).v"),
            15 => format!("(try {{ Q({a}) < Q({b}) }} catch e {{ [e.data] }})"),
            16 => format!("(try {{ [Q({a}), Q({b}), Q(1)].sort() }} catch e {{ [e.data] }})"),
            17 => format!("({{ let c = cell([{a}]); c.push({b}); put(&c.value[0], 1); c.value }})"),
            18 => format!("({{ var n = []; for x in Q({a}) {{ n += [x, {b}] }}; n }})"),
            19 => format!(
                "[set([1, \"s\", [2]]).len(), bytes(\"ab\") + bytes(2), Q([{a}]) != Q({b})]"
            ),
            0 => format!("P({a}, 1)"),
            1 => format!("P(b: {a}, a: {b})"),
            2 => format!("P.of({a}).both()"),
            3 => format!("E.B({a}, {b})"),
            4 => format!("E.A({a}).first()"),
            5 => format!("[E.C, E.B(y: {a}, x: {b}).later()()]"),
            6 => format!("[{a}].map(E.A)"),
            7 => format!("(|[x, ...r]| [r, x])([{a}, {b}])"),
            _ => format!(
                "(match {a} {{ [x] => x, [x, ...r] => [r, x], P(x, y) => [y, x], \
                 E.A(x) | E.B(_, x) => [x], x is string => x, x => [x, {b}] }})"
            ),
        }
    }
}
