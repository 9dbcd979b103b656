//! Patterns: the names they bind, and the instructions that decide whether a value fits.
//!
//! The names get their registers first; then the value is taken apart, and what is named goes
//! straight into those. A test that fails jumps; what was bound until then is dead there. Only what
//! a test or a name needs is ever read, and nothing of the value is kept beyond that.

use super::func::{LocalKind, Reg};
use super::{Code, Codegen};
use crate::ast::{Expr, Pattern, PatternKind, Rest};
use crate::bytecode::draft::Label;
use crate::bytecode::op::{FRAME, NUMBER, OPEN};
use crate::bytecode::{Constant, Op, Receiver, Word};
use crate::source::Span;

/// The names of a pattern with their registers.
#[derive(Debug)]
pub(super) struct Bound<'a> {
    pub(super) names: Vec<(&'a str, Span, Reg)>,
}

impl Bound<'_> {
    fn register(&self, name: &str) -> Option<Reg> {
        self.names.iter().find(|(n, ..)| *n == name).map(|(.., reg)| *reg)
    }
}

/// Visits the names that a pattern binds, with where they stand.
pub(super) fn names_in_pattern<'p>(pattern: &'p Pattern, visit: &mut impl FnMut(&'p str, Span)) {
    let mut one = |name: &'p str, span| {
        if name != "_" {
            visit(name, span);
        }
    };
    match &pattern.kind {
        PatternKind::Binding(name) => one(name, pattern.span),
        PatternKind::Is { name, .. } => one(name.name, name.span),
        PatternKind::List { items, rest } => {
            items.iter().for_each(|item| names_in_pattern(item, visit));
            names_in_rest(rest.as_deref(), visit);
        }
        PatternKind::Map { entries, rest } => {
            entries.iter().for_each(|(_, value)| names_in_pattern(value, visit));
            names_in_rest(rest.as_deref(), visit);
        }
        PatternKind::Constructor { args, .. } => {
            args.iter().copied().flatten().for_each(|arg| names_in_pattern(arg.pattern, visit));
        }
        // The others bind the same.
        PatternKind::Or(all) => {
            all.first().into_iter().for_each(|first| names_in_pattern(first, visit));
        }
        PatternKind::Literal(_) | PatternKind::Range { .. } | PatternKind::Error => {}
    }
}

fn names_in_rest<'p>(rest: Option<&'p Rest>, visit: &mut impl FnMut(&'p str, Span)) {
    if let Some(name) = rest.and_then(|rest| rest.name.as_ref())
        && name.name != "_"
    {
        visit(name.name, name.span);
    }
}

/// True when every value fits.
pub(super) fn fits_all(pattern: &Pattern) -> bool {
    match &pattern.kind {
        PatternKind::Binding(_) => true,
        PatternKind::Or(all) => all.iter().any(|one| fits_all(one)),
        _ => false,
    }
}

impl<'a> Codegen<'a> {
    /// Checks the names of a pattern and gives them registers. `whole` is a register that holds the
    /// value and nothing else writes: a name for the whole value needs no other.
    pub(super) fn bound_names(&mut self, pattern: &'a Pattern, whole: Option<Reg>) -> Bound<'a> {
        self.check_names(pattern);
        let mut names = Vec::new();
        names_in_pattern(pattern, &mut |name, span| names.push((name, span)));
        let is_whole = matches!(pattern.kind, PatternKind::Binding(_) | PatternKind::Is { .. });
        let names = names
            .into_iter()
            .map(|(name, span)| {
                let whole = whole.filter(|_| is_whole);
                (name, span, whole.unwrap_or_else(|| self.func().alloc()))
            })
            .collect();
        Bound { names }
    }

    /// Reports names that a pattern binds twice, and alternatives that bind different ones.
    fn check_names(&mut self, pattern: &'a Pattern) {
        let mut seen: Vec<(&str, Span)> = Vec::new();
        let mut twice = Vec::new();
        names_in_pattern(pattern, &mut |name, span| match seen.iter().find(|(n, _)| *n == name) {
            Some((_, first)) => twice.push((name, span, *first)),
            None => seen.push((name, span)),
        });
        for (name, span, first) in twice {
            let message = format!("this pattern binds `{name}` twice");
            let error = self.error(Code::DuplicateName, span, message);
            error.labels.push((first, "bound here already".to_owned()));
            error.help =
                Some("bind two names, and compare them in a guard: `if a == b`".to_owned());
        }
        self.check_alternatives(pattern);
    }

    fn check_alternatives(&mut self, pattern: &'a Pattern) {
        match &pattern.kind {
            PatternKind::List { items, .. } => {
                items.iter().for_each(|item| self.check_alternatives(item));
            }
            PatternKind::Map { entries, .. } => {
                entries.iter().for_each(|(_, value)| self.check_alternatives(value));
            }
            PatternKind::Constructor { args, .. } => {
                args.iter().copied().flatten().for_each(|arg| self.check_alternatives(arg.pattern));
            }
            PatternKind::Or(all) => {
                all.iter().for_each(|one| self.check_alternatives(one));
                let names = |one: &'a Pattern| {
                    let mut names = Vec::new();
                    names_in_pattern(one, &mut |name, span| names.push((name, span)));
                    names
                };
                let first = all.first().map(|first| names(first)).unwrap_or_default();
                for one in &all[1.min(all.len())..] {
                    let others = names(one);
                    let missing =
                        first.iter().find(|(n, _)| !others.iter().any(|(name, _)| name == n));
                    let added =
                        others.iter().find(|(n, _)| !first.iter().any(|(name, _)| name == n));
                    if let Some((name, span)) = missing.or(added) {
                        let message = format!("`{name}` is not bound by all alternatives");
                        self.error(Code::WrongPattern, *span, message).help = Some(
                            "alternatives bind the same names; write `_` for what is not needed"
                                .to_owned(),
                        );
                        return;
                    }
                }
            }
            _ => {}
        }
    }

    /// Makes the names of a pattern known.
    pub(super) fn declare_bound(&mut self, bound: &Bound<'a>, kind: LocalKind) {
        for (name, _, reg) in &bound.names {
            self.func().declare(name, *reg, kind);
        }
    }

    /// Takes the value in a register apart where it has to fit: throws when it does not.
    pub(super) fn bind_pattern(&mut self, pattern: &'a Pattern, value: Reg, kind: LocalKind) {
        let bound = self.bound_names(pattern, None);
        self.take_apart(pattern, value, &bound);
        self.declare_bound(&bound, kind);
    }

    pub(super) fn take_apart(&mut self, pattern: &'a Pattern, value: Reg, bound: &Bound<'a>) {
        let fail = self.func().label();
        let top = self.func().top;
        self.test(pattern, value, bound, fail);
        self.func().top = top;
        if !fits_all(pattern) {
            self.func().mismatch(fail, value, pattern.span);
        }
    }

    /// Jumps to `fail` when the value in a register does not fit; else goes on, with the names bound.
    pub(super) fn test(
        &mut self,
        pattern: &'a Pattern,
        value: Reg,
        bound: &Bound<'a>,
        fail: Label,
    ) {
        let span = std::mem::replace(&mut self.func().span_now, pattern.span);
        let top = self.func().top;
        match &pattern.kind {
            PatternKind::Binding(name) => self.bind(name, value, bound),
            PatternKind::Is { name, ty } => {
                let holds = self.func().alloc();
                if self.type_test(ty, value, holds) {
                    self.func().jump(Op::JumpIfNot, holds, 0, fail);
                }
                self.bind(name.name, value, bound);
            }
            PatternKind::Literal(literal) => self.test_literal(literal, value, fail),
            PatternKind::Range { start, end, inclusive } => {
                self.test_range(start, end, *inclusive, value, fail);
            }
            PatternKind::List { items, rest } => {
                self.test_list(items, rest.as_deref(), value, bound, fail);
            }
            PatternKind::Map { entries, rest } => {
                self.test_map(entries, rest.as_deref(), value, bound, fail);
            }
            PatternKind::Constructor { path, args, rest } => {
                let args = args.as_deref();
                self.test_constructor(path, (args, *rest, pattern.span), value, bound, fail);
            }
            PatternKind::Or(all) => {
                let fits = self.func().label();
                for (i, one) in all.iter().enumerate() {
                    if i + 1 == all.len() {
                        self.test(one, value, bound, fail);
                    } else {
                        let next = self.func().label();
                        self.test(one, value, bound, next);
                        self.func().jump(Op::Jump, 0, 0, fits);
                        self.func().place(next);
                    }
                }
                self.func().place(fits);
            }
            PatternKind::Error => {}
        }
        self.func().top = top;
        self.func().span_now = span;
    }

    fn bind(&mut self, name: &str, value: Reg, bound: &Bound<'a>) {
        if let Some(reg) = bound.register(name).filter(|reg| *reg != value) {
            self.func().push(Op::Copy, reg, value, 0);
        }
    }

    /// A part of a value, which `read` gets into a register: a part that is only named goes straight
    /// where its name lives.
    pub(super) fn test_part(
        &mut self,
        pattern: &'a Pattern,
        bound: &Bound<'a>,
        fail: Label,
        read: impl FnOnce(&mut Self, Reg),
    ) {
        let top = self.func().top;
        let span = std::mem::replace(&mut self.func().span_now, pattern.span);
        match &pattern.kind {
            PatternKind::Binding(name) => {
                if let Some(reg) = bound.register(name) {
                    read(self, reg);
                }
            }
            _ => {
                let reg = self.func().alloc();
                read(self, reg);
                self.test(pattern, reg, bound, fail);
            }
        }
        self.func().span_now = span;
        self.func().top = top;
    }

    fn test_list(
        &mut self,
        items: &'a [&'a Pattern],
        rest: Option<&'a Rest>,
        value: Reg,
        bound: &Bound<'a>,
        fail: Label,
    ) {
        let Some(count) = self.count_parts(items.len(), items.first().copied()) else { return };
        let holds = self.func().alloc();
        self.func().push(Op::MatchList, holds, value, count).word.flags =
            if rest.is_some() { OPEN } else { 0 };
        self.func().jump(Op::JumpIfNot, holds, 0, fail);
        let before = rest.map_or(items.len(), |rest| rest.position);
        for (i, item) in items.iter().enumerate() {
            // What stands after the rest is counted from the end.
            let at = if i < before { i as i64 } else { i as i64 - items.len() as i64 };
            self.test_part(item, bound, fail, |c, part| {
                let index = c.func().alloc();
                c.load_int(at, index);
                c.func().push(Op::GetIndex, part, value, index);
            });
        }
        let name = rest.and_then(|rest| rest.name.as_ref());
        if let Some(reg) = name.and_then(|name| bound.register(name.name)) {
            let after = items.len() - before;
            let first = self.func().alloc_n(2);
            self.load_int(before as i64, first);
            if after == 0 {
                self.func().push(Op::LoadNil, first + 1, 0, 0);
            } else {
                self.load_int(-(after as i64), first + 1);
            }
            self.func().push(Op::Slice, reg, value, first);
        }
    }

    fn test_map(
        &mut self,
        entries: &'a [(&'a Expr<'a>, &'a Pattern<'a>)],
        rest: Option<&'a Rest>,
        value: Reg,
        bound: &Bound<'a>,
        fail: Label,
    ) {
        let first = entries.first().map(|(_, pattern)| *pattern);
        let Some(count) = self.count_parts(entries.len(), first) else { return };
        let mut keys: Vec<Constant> = Vec::with_capacity(entries.len());
        for (key, _) in entries {
            let Some(constant) = self.pattern_constant(key) else { return };
            if keys.contains(&constant) {
                self.error(Code::WrongPattern, key.span, "this pattern has this key twice");
            }
            keys.push(constant);
        }
        let holds = self.func().alloc();
        self.func().push(Op::MatchMap, holds, value, count).word.flags =
            if rest.is_some() { OPEN } else { 0 };
        self.func().jump(Op::JumpIfNot, holds, 0, fail);
        for (constant, (key, pattern)) in keys.iter().zip(entries) {
            let top = self.func().top;
            let at = self.func().alloc();
            self.load_key(constant.clone(), at);
            // A key whose value is nil is there all the same.
            self.func().span_now = key.span;
            self.func().push(Op::In, holds, at, value);
            self.func().jump(Op::JumpIfNot, holds, 0, fail);
            self.test_part(pattern, bound, fail, |c, part| {
                c.func().push(Op::GetIndex, part, value, at);
            });
            self.func().top = top;
        }
        let name = rest.and_then(|rest| rest.name.as_ref());
        if let Some(reg) = name.and_then(|name| bound.register(name.name)) {
            self.func().push(Op::Copy, reg, value, 0);
            for key in keys {
                self.remove_key(reg, key);
            }
        }
    }

    fn load_key(&mut self, key: Constant, dest: Reg) {
        let is_number = !matches!(key, Constant::Str(_));
        let k = self.func().constant(key);
        self.func().push_wide(Op::LoadConst, dest, k).word.flags =
            if is_number { NUMBER } else { 0 };
    }

    /// `map.remove(key)`, for the rest of a map.
    fn remove_key(&mut self, map: Reg, key: Constant) {
        let top = self.func().top;
        let base = self.func().alloc_n(FRAME + 2);
        self.load_key(key, base + FRAME + 1);
        let method = self.func().string("remove");
        let receiver = Word::receiver(Receiver::Var, map, 0, 0);
        let ext = [receiver, Word::cache(), Word::names(method, None)];
        self.func().push_ext(Op::CallMethod, base, 0, 1, &ext);
        self.func().top = top;
    }

    /// The number of parts of a pattern, as an operand.
    fn count_parts(&mut self, count: usize, first: Option<&Pattern>) -> Option<u16> {
        const MOST: usize = 1000;
        if count > MOST {
            let span = first.map_or_else(Span::default, |p| p.span);
            let message = format!("a pattern has {MOST} parts at most");
            self.error(Code::TooLarge, span, message);
            return None;
        }
        Some(count as u16)
    }
}
