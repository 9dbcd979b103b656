//! Parameters: their registers, names and defaults.

use super::func::LocalKind;
use super::pattern::names_in_pattern;
use super::{Code, Codegen, Dest};
use crate::ast::{Param, PatternKind};
use crate::bytecode::{MAX_PLACES, Op, Parameter};
use crate::source::Span;

/// The most parameters of a function.
const MAX_PARAMETERS: usize = 200;

impl<'a> Codegen<'a> {
    /// Declares parameters in the first registers, and fills in defaults.
    pub(super) fn parameters(&mut self, params: &'a [&'a Param]) {
        if let Some(param) = params.get(MAX_PARAMETERS) {
            let message = format!("a function takes {MAX_PARAMETERS} parameters at most");
            self.error(Code::TooLarge, param.span, message).help =
                Some("take a list or a map".to_owned());
            return;
        }
        let first = self.func().alloc_n(params.len() as u16);
        let mut known: Vec<(&str, Span)> = Vec::with_capacity(params.len());
        for (i, param) in params.iter().enumerate() {
            // A pattern's own names are checked when it is compiled.
            let before = known.len();
            names_in_pattern(param.pattern, &mut |name, span| known.push((name, span)));
            let (others, own) = known.split_at(before);
            for (name, span) in own.iter().filter(|(name, _)| others.iter().any(|o| o.0 == *name)) {
                let message = format!("two parameters are called `{name}`");
                self.error(Code::DuplicateName, *span, message);
            }
            let name: &str = match &param.pattern.kind {
                PatternKind::Binding(name) => name,
                _ => "_",
            };
            if param.mutable {
                self.check_mutable(param, i);
            }
            if name == "self" && (i > 0 || self.func().owner.is_none()) {
                let message = match self.func().owner {
                    Some(_) => "`self` is the first parameter of a method",
                    None => "`self` is a parameter of methods only",
                };
                self.error(Code::BadParameter, param.span, message);
            }
            if param.rest && i + 1 != params.len() {
                let message = "a `...` parameter comes last";
                self.error(Code::BadParameter, param.span, message);
            }
            self.func().parameters.push(Parameter {
                name: name.into(),
                optional: param.default.is_some(),
                rest: param.rest,
                mutable: param.mutable,
            });
        }
        for (i, param) in params.iter().enumerate() {
            let reg = first + i as u16;
            if let Some(default) = &param.default {
                let given = self.func().label();
                self.func().jump(Op::JumpIfGiven, reg, 0, given);
                self.eval(default, Dest::Into(reg));
                self.func().place(given);
            }
            match &param.pattern.kind {
                PatternKind::Binding(name) => {
                    let kind = if param.mutable { LocalKind::Var } else { LocalKind::Parameter };
                    self.func().declare(name, reg, kind);
                }
                _ => self.bind_pattern(param.pattern, reg, LocalKind::Bound),
            }
        }
    }

    /// What a `mut` parameter may not be.
    fn check_mutable(&mut self, param: &Param, position: usize) {
        let is_name = matches!(param.pattern.kind, PatternKind::Binding(_));
        let refused = if !is_name {
            Some("a `mut` parameter is one name: what is handed over goes back as a whole")
        } else if param.default.is_some() {
            Some("a `mut` parameter has no default: the call hands over a place for it")
        } else if param.rest {
            Some("a `...` parameter cannot be `mut`: its list is made for the call")
        } else if position >= MAX_PLACES {
            Some("only the first 32 parameters may be `mut`")
        } else {
            None
        };
        if let Some(message) = refused {
            self.error(Code::BadParameter, param.span, message);
        }
    }
}
