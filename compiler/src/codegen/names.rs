//! Names: what each stands for, and the errors about those that stand for nothing.

pub(super) use crate::spelling::closest;

use super::func::{CaptureFrom, LocalKind, Reg};
use super::{Code, Codegen, Dest, Item};
use crate::bytecode::op::BORROWED;
use crate::bytecode::{Constant, GlobalKind, Op};
use crate::familiar;
use crate::source::Span;

/// What a name stands for at a place.
#[derive(Clone, Debug)]
pub(super) enum Resolved {
    Local { reg: Reg, kind: LocalKind },
    Item(Item),
    Builtin,
    Unknown,
}

impl<'a> Codegen<'a> {
    /// What `name` stands for here; captured values are noted in the functions between.
    pub(super) fn resolve(&mut self, name: &str) -> Resolved {
        for depth in (0..self.funcs.len()).rev() {
            let func = &self.funcs[depth];
            let found = match func.local(name) {
                Some(local) => Some((local.name, CaptureFrom::Register(local.reg), local.kind)),
                None if func.own_name == Some(name) => {
                    func.own_name.map(|name| (name, CaptureFrom::Itself, LocalKind::Let))
                }
                None => None,
            };
            if let Some((name, from, kind)) = found {
                return self.captured_from(name, depth, from, kind);
            }
            if func.is_item {
                break;
            }
        }
        if let Some((item, _)) = self.items.get(name) {
            return Resolved::Item(item.clone());
        }
        if self.environment.builtins.contains_key(name) {
            return Resolved::Builtin;
        }
        Resolved::Unknown
    }

    fn captured_from(
        &mut self,
        name: &'a str,
        depth: usize,
        from: CaptureFrom,
        kind: LocalKind,
    ) -> Resolved {
        let (mut reg, mut kind) = match from {
            CaptureFrom::Register(reg) => (reg, kind),
            CaptureFrom::Itself | CaptureFrom::Module(_) => {
                (self.funcs[depth].capture(name, CaptureFrom::Itself), LocalKind::Captured)
            }
        };
        for inner in depth + 1..self.funcs.len() {
            reg = self.funcs[inner].capture(name, CaptureFrom::Register(reg));
            kind = LocalKind::Captured;
        }
        Resolved::Local { reg, kind }
    }

    /// Reads a name into `dest`, or gives the register it lives in.
    pub(super) fn read_name(&mut self, name: &'a str, span: Span) -> Option<Reg> {
        match self.resolve(name) {
            Resolved::Local { reg, .. } => Some(reg),
            // In a session names are set anew.
            Resolved::Item(Item::Slot { slot, .. }) if !self.is_session => {
                let reg = self.func().capture(name, CaptureFrom::Module(slot));
                self.func().push(Op::GetGlobal, reg, slot, 0).word.flags = BORROWED;
                Some(reg)
            }
            Resolved::Item(item) => {
                let dest = self.func().alloc();
                self.read_item(&item, name, span, dest);
                Some(dest)
            }
            Resolved::Builtin => {
                let dest = self.func().alloc();
                let k = self.func().constant(Constant::Builtin(name.into()));
                self.func().push_wide(Op::LoadConst, dest, k);
                Some(dest)
            }
            Resolved::Unknown => {
                self.unknown_name(name, span);
                None
            }
        }
    }

    fn read_item(&mut self, item: &Item, name: &str, span: Span, dest: Reg) {
        match item {
            Item::Function { index, .. } => {
                let k = self.func().constant(Constant::Function(*index));
                self.func().push_wide(Op::LoadConst, dest, k);
            }
            Item::Slot { slot, .. } => {
                self.func().push(Op::GetGlobal, dest, *slot, 0);
            }
            Item::Member { module, name } => self.load_known_member(module, name, span, dest),
            Item::Broken => self.broken(Dest::Into(dest)),
            Item::Module(_) => {
                let message = format!("`{name}` is a module, not a value");
                let help = format!("name a member of it: `{name}.member`");
                self.error(Code::UnknownName, span, message).help = Some(help);
            }
            Item::Type(ty) => self.load_type(ty, dest),
            Item::TopVar | Item::SessionVar { .. } => {
                if self.funcs.iter().any(|f| f.is_item) {
                    self.top_level_var(name, span);
                } else {
                    self.unknown_name(name, span);
                }
            }
        }
    }

    /// A function names a variable of the top-level code.
    pub(super) fn top_level_var(&mut self, name: &str, span: Span) {
        let message =
            format!("`{name}` is a variable of the top-level code; functions cannot see it");
        let help = format!(
            "pass it as a parameter, make it a `let`, or share it between threads as \
             `let {name} = sync.mutex(...)`"
        );
        let declared = self.items.get(name).map(|(_, span)| *span);
        let error = self.error(Code::TopLevelVar, span, message);
        error.help = Some(help);
        if let Some(declared) = declared.filter(|s| *s != Span::default()) {
            error.labels.push((declared, "declared here".to_owned()));
        }
    }

    pub(super) fn unknown_name(&mut self, name: &str, span: Span) {
        if name == "self" {
            self.no_self(span);
            return;
        }
        let later = self.funcs.iter().rev().find_map(|f| {
            f.later.iter().find(|(n, s)| *n == name && s.start > span.start).map(|(_, s)| *s)
        });
        if let Some(later) = later {
            let in_function = self.funcs.len() > 1;
            let error = self.error(
                Code::UsedBeforeDefinition,
                span,
                format!("`{name}` is used before it is defined"),
            );
            error.labels.push((later, "defined here".to_owned()));
            if in_function {
                error.help = Some(
                    "move the definition up; functions that call each other belong at the top \
                     level"
                        .to_owned(),
                );
            }
            return;
        }
        if let Some((Item::TopVar, declared)) = self.items.get(name) {
            let declared = *declared;
            let message = format!("`{name}` is used before it is defined");
            let error = self.error(Code::UsedBeforeDefinition, span, message);
            error.labels.push((declared, "defined here".to_owned()));
            return;
        }
        let mut known = self.known_names();
        known.retain(|known| *known != name);
        let close = closest(name, known.iter().copied()).map(str::to_owned);
        let is_module = self.environment.modules.contains_key(name);
        let sibling = self.sibling(name);
        let member = familiar::member(name, &self.environment.modules);
        let (message, help) = if name == "_" {
            ("`_` binds nothing, so it has no value".to_owned(), Some("give it a name".to_owned()))
        } else {
            let help = sibling
                .or_else(|| {
                    is_module.then(|| format!("add `import {name}` at the top of the file"))
                })
                .or_else(|| familiar::exactly(name))
                .or_else(|| close.map(|close| format!("did you mean `{close}`?")))
                .or(member)
                .or_else(|| familiar::help(name));
            (format!("unknown name `{name}`"), help)
        };
        self.error(Code::UnknownName, span, message).help = help;
    }

    /// `self` where there is none.
    fn no_self(&mut self, span: Span) {
        let owner = self.funcs.iter().rev().find(|f| f.is_item).and_then(|f| f.owner);
        let (message, help) = match owner {
            Some(_) => (
                "this function is called on the type: it has no `self`",
                Some("a method takes `self` as its first parameter".to_owned()),
            ),
            None => ("`self` is known in methods only", None),
        };
        self.error(Code::UnknownName, span, message).help = help;
    }

    fn known_names(&self) -> Vec<&'a str> {
        let mut names: Vec<&'a str> = Vec::new();
        for func in self.funcs.iter().rev() {
            names.extend(func.locals.iter().map(|l| l.name));
            if func.is_item {
                break;
            }
        }
        names.extend(self.items.keys());
        names.extend(self.environment.builtins.keys().map(|name| &**name));
        names.sort();
        names
    }

    /// Why the module-level name `name` cannot be assigned to.
    pub(super) fn item_is_constant(&self, name: &str) -> &'static str {
        match self.items.get(name) {
            Some((Item::Function { .. }, _)) => "a function",
            Some((Item::Slot { slot, .. }, _)) => match self.globals[*slot as usize].kind {
                GlobalKind::Fn => "a function",
                GlobalKind::Type => "a type",
                GlobalKind::Let | GlobalKind::Var => "a `let`",
            },
            Some((Item::Type(_), _)) => "a type",
            Some((Item::Module(_) | Item::Member { .. } | Item::Broken, _)) => "imported",
            Some((Item::TopVar | Item::SessionVar { .. }, _)) | None => "built in",
        }
    }
}
