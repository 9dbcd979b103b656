//! Parameters: their registers, names and defaults.

use super::func::LocalKind;
use super::{Code, Codegen, Dest};
use crate::ast::{Param, PatternKind};
use crate::bytecode::{Op, Parameter};

/// The most parameters of a function.
const MAX_PARAMETERS: usize = 200;

impl<'a> Codegen<'a> {
    /// Declares parameters in the first registers, and fills in defaults.
    pub(super) fn parameters(&mut self, params: &'a [Param]) {
        if let Some(param) = params.get(MAX_PARAMETERS) {
            let message = format!("a function takes {MAX_PARAMETERS} parameters at most");
            self.error(Code::TooLarge, param.span, message).help =
                Some("take a list or a map".to_owned());
            return;
        }
        let first = self.func().alloc_n(params.len() as u16);
        for (i, param) in params.iter().enumerate() {
            let PatternKind::Binding(name) = &param.pattern.kind else {
                self.not_supported(param.span, "patterns as parameters");
                continue;
            };
            if param.mutable {
                self.not_supported(param.span, "`mut` parameters");
            }
            if &**name == "self" {
                let message = "`self` is a parameter of methods only";
                self.error(Code::BadParameter, param.span, message);
            }
            if param.rest && i + 1 != params.len() {
                let message = "a `...` parameter comes last";
                self.error(Code::BadParameter, param.span, message);
            }
            if &**name != "_" && self.func().parameters.iter().any(|p| p.name == *name) {
                let message = format!("two parameters are called `{name}`");
                self.error(Code::DuplicateName, param.span, message);
            }
            self.func().parameters.push(Parameter {
                name: name.clone(),
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
            if let PatternKind::Binding(name) = &param.pattern.kind {
                self.func().declare(name, reg, LocalKind::Parameter);
            }
        }
    }
}
