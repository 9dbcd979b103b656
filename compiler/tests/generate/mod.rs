//! Random programs that are right by construction: every name is known, every loop ends, nothing
//! but what is meant to throws. For tests of the compiler (does it verify?) and of the VM (does it
//! leak, does it do the same on one processor and on four?).

mod types;

/// A small generator of numbers (splitmix64), the same on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % n.max(1) as u64) as usize
    }
}

/// A program of the seed: prints what it computes.
pub(crate) fn program(seed: u64) -> String {
    let mut g = Generator {
        random: Random::new(seed),
        out: String::new(),
        scopes: vec![vec![]],
        depth: 0,
        places: Vec::new(),
    };
    g.types();
    g.line("fn id(x) { x }");
    g.line("fn pair(a, b = [a]) { [a, b] }");
    g.line("fn fails(x) { throw error(\"no\", data: x) }");
    g.line("fn put(mut p, x) { p = [p, x]; x }");
    g.line("fn swap(mut p, mut q) { let t = p; p = q; q = t }");
    g.line("fn put_and_fail(mut p, x) { p = [x]; put(&p[0], x); fails(x) }");
    for i in 0..g.random.below(3) {
        g.function(i);
    }
    g.line("fn main_part() {");
    g.body(6);
    g.line("}");
    g.line("print(try { main_part() } catch e { \"failed: {e}\" })");
    g.out
}

struct Name {
    name: String,
    mutable: bool,
}

struct Generator {
    random: Random,
    out: String,
    scopes: Vec<Vec<Name>>,
    depth: usize,
    /// Of each function `f0`, `f1`, ...: its first parameter is `mut`.
    places: Vec<bool>,
}

impl Generator {
    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn fresh(&mut self) -> String {
        let n: usize = self.scopes.iter().map(Vec::len).sum();
        format!("v{n}_{}", self.random.below(1000))
    }

    fn names(&self, mutable: bool) -> Vec<String> {
        let all = self.scopes.iter().flatten();
        all.filter(|n| !mutable || n.mutable).map(|n| n.name.clone()).collect()
    }

    fn pick(&mut self, mutable: bool) -> Option<String> {
        let names = self.names(mutable);
        (!names.is_empty()).then(|| names[self.random.below(names.len())].clone())
    }

    fn function(&mut self, i: usize) {
        let (place, head) =
            [(false, "(p, q = [p])"), (true, "(mut p, q = [p])")][self.random.below(2)];
        self.line(&format!("fn f{i}{head} {{"));
        let p = Name { name: "p".to_owned(), mutable: place };
        let q = Name { name: "q".to_owned(), mutable: false };
        let outer = std::mem::replace(&mut self.scopes, vec![vec![p, q]]);
        self.body(4);
        self.scopes = outer;
        self.line("}");
        // Known from here on: a function that called itself would never end.
        self.places.push(place);
    }

    /// Statements of a block, the last an expression.
    fn body(&mut self, most: usize) {
        self.scopes.push(Vec::new());
        self.depth += 1;
        for _ in 0..self.random.below(most) + 1 {
            self.statement();
        }
        let value = self.expr(2);
        self.line(&value);
        self.depth -= 1;
        self.scopes.pop();
    }

    /// Statements of a block whose value nobody wants.
    fn plain_body(&mut self, most: usize) {
        self.scopes.push(Vec::new());
        self.depth += 1;
        for _ in 0..self.random.below(most) + 1 {
            self.statement();
        }
        self.depth -= 1;
        self.scopes.pop();
    }

    fn declare(&mut self, mutable: bool) -> String {
        let name = self.fresh();
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(Name { name: name.clone(), mutable });
        }
        name
    }

    fn statement(&mut self) {
        let simple = self.depth > 5;
        match self.random.below(if simple { 6 } else { 25 }) {
            0 | 1 => {
                let value = self.expr(3);
                let mutable = self.random.below(3) > 0;
                let name = self.declare(mutable);
                self.line(&format!("{} {name} = {value}", if mutable { "var" } else { "let" }));
            }
            2 | 3 => {
                if let Some(name) = self.pick(true) {
                    let value = self.expr(3);
                    self.line(&format!("{name} = {value}"));
                }
            }
            4 => {
                if let Some(name) = self.pick(true) {
                    let value = self.expr(2);
                    self.line(&format!("{name} = [{name}, {value}]"));
                    self.line(&format!("{name}[0] = {name}"));
                }
            }
            5 => {
                if let Some(name) = self.pick(true) {
                    self.line(&format!("{name} = []"));
                    let value = self.expr(2);
                    self.line(&format!("{name}.push({value})"));
                    self.line(&format!("{name} += [{name}.len()]"));
                }
            }
            6 => {
                let cond = self.cond();
                self.line(&format!("if {cond} {{"));
                self.plain_body(3);
                if self.random.below(2) == 0 {
                    self.line("} else {");
                    self.plain_body(3);
                }
                self.line("}");
            }
            7 | 8 => {
                let name = self.fresh();
                let range = self.random.below(2) == 0;
                let list = if range { "0..3".to_owned() } else { format!("[{}, 1]", self.expr(1)) };
                self.line(&format!("for {name} in {list} {{"));
                self.scopes.push(vec![Name { name, mutable: false }]);
                self.plain_body(3);
                if self.random.below(3) == 0 {
                    let cond = self.cond();
                    let out = ["break", "continue", "return 7"][self.random.below(3)];
                    self.line(&format!("if {cond} {{ {out} }}"));
                }
                self.scopes.pop();
                self.line("}");
            }
            9 => {
                let name = self.declare(true);
                self.line(&format!("var {name} = 3"));
                self.line(&format!("var {name}w = 0"));
                self.line(&format!("while {name}w < 2 {{"));
                self.line(&format!("{name}w += 1"));
                self.plain_body(2);
                self.line("}");
            }
            10 | 11 => {
                self.line("try {");
                self.plain_body(3);
                if self.random.below(2) == 0 {
                    let value = self.expr(2);
                    self.line(&format!("fails({value})"));
                }
                self.line("} catch e {");
                self.scopes.push(vec![Name { name: "e".to_owned(), mutable: false }]);
                self.plain_body(2);
                self.scopes.pop();
                self.line("}");
            }
            12 => {
                let value = self.expr(2);
                self.line(&format!("defer id({value})"));
            }
            13 => {
                let value = self.expr(2);
                let name = self.declare(false);
                self.line(&format!("let {name} = |x| [x, {value}]"));
            }
            14 => {
                let value = self.expr(2);
                self.line(&format!("scope {{ spawn id({value})"));
                self.plain_body(2);
                self.line("}");
            }
            15 => {
                let value = self.expr(3);
                self.line(&format!("id({value})"));
            }
            16 => {
                if let Some(name) = self.pick(true) {
                    let value = self.expr(2);
                    self.line(&format!("put(&{name}, {value})"));
                    self.line(&format!("put(&{name}[0], put(&{name}[1], {value}))"));
                    self.line(&format!("swap(&{name}[0], &{name}[1])"));
                }
            }
            17 => {
                if let Some(name) = self.pick(true) {
                    let value = self.expr(2);
                    self.line(&format!("try {{ put_and_fail(&{name}, {value}) }} catch {{ 0 }}"));
                }
            }
            18 => {
                if let (Some(name), n @ 1..) = (self.pick(true), self.places.len()) {
                    let i = self.random.below(n);
                    let place = if self.places[i] { "&" } else { "" };
                    let value = self.expr(1);
                    self.line(&format!("try {{ f{i}({place}{name}, {value}) }} catch {{ 1 }}"));
                }
            }
            19..=21 => self.walk_in_place(),
            _ => self.taking_apart(),
        }
    }

    /// `for &x in` a variable, whose name its body does not use.
    fn walk_in_place(&mut self) {
        let Some(name) = self.pick(true) else { return };
        let value = self.expr(1);
        self.line(&format!("{name} = [1, [{value}]]"));
        let hidden = std::mem::take(&mut self.scopes);
        let x = self.fresh() + "x";
        self.scopes = hidden
            .iter()
            .map(|scope| {
                let others = scope.iter().filter(|n| n.name != name);
                others.map(|n| Name { name: n.name.clone(), mutable: n.mutable }).collect()
            })
            .collect();
        self.line(&format!("for &{x} in {name} {{"));
        self.scopes.push(vec![Name { name: x, mutable: true }]);
        self.plain_body(2);
        if self.random.below(3) == 0 {
            let cond = self.cond();
            let out = ["break", "continue", "return 8"][self.random.below(3)];
            self.line(&format!("if {cond} {{ {out} }}"));
        }
        self.line("}");
        self.scopes = hidden;
    }

    fn cond(&mut self) -> String {
        let (a, b) = (self.expr(1), self.expr(1));
        match self.random.below(4) {
            0 => format!("{a} == {b}"),
            1 => format!("not ({a} != {b})"),
            2 => format!("{a} is list and {b} is not nil"),
            _ => format!("{a} is int or {b} == 2"),
        }
    }

    fn expr(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.random.below(3) {
                0 => self.random.below(10).to_string(),
                1 => "\"s\"".to_owned(),
                _ => self.pick(false).unwrap_or_else(|| "nil".to_owned()),
            };
        }
        let a = self.expr(depth - 1);
        match self.random.below(18) {
            14.. => self.typed_expr(&a, depth),
            0 => format!("[{a}, {}]", self.expr(depth - 1)),
            1 => format!("[k: {a}, \"m\": {}]", self.expr(depth - 1)),
            2 => format!("\"<{{{a}}}>\""),
            3 => format!("id({a})"),
            4 => format!("pair({a})"),
            5 => format!("pair({a}, b: {})", self.expr(depth - 1)),
            6 => format!("(if {} {{ {a} }} else {{ {} }})", self.cond(), self.expr(depth - 1)),
            7 => format!("({a} ?? {})", self.expr(depth - 1)),
            8 => format!("({a} and {})", self.expr(depth - 1)),
            9 => format!("[...[{a}], {}][0]", self.expr(depth - 1)),
            10 => {
                format!("(try {{ fails({a}) }} catch e {{ [e.data, {}] }})", self.expr(depth - 1))
            }
            11 => format!("(|x| [x, {a}])({})", self.expr(depth - 1)),
            12 => format!("str({a})"),
            _ => format!("[{a}] + [{}]", self.expr(depth - 1)),
        }
    }
}
