//! Arguments that are places, `&x`: what may stand there, and which may stand side by side.

use super::func::Reg;
use super::names::Resolved;
use super::place::{PathStep, Place, path_of, root_name, slots_of};
use super::{Code, Codegen};
use crate::Signature;
use crate::ast::{Arg, ArgKind, Expr, ExprKind};
use crate::bytecode::{MAX_PLACES, Word};

/// A place among the arguments of a call.
#[derive(Debug)]
pub(super) struct PlaceArgument {
    /// Which argument it is.
    argument: u16,
    place: Place,
}

/// The words of a call instruction for its places.
pub(super) fn place_words(places: &[PlaceArgument]) -> impl Iterator<Item = Word> {
    places.iter().flat_map(|PlaceArgument { argument, place }| {
        let steps = place.steps.len() as u8;
        let root = Word::place_root(place.kind, place.root, steps, *argument);
        std::iter::once(root).chain(place.steps.iter().copied())
    })
}

impl<'a> Codegen<'a> {
    /// Registers for the parts of the places among arguments. A call borrows them, so they lie below
    /// its frame, though the arguments before them are evaluated first.
    pub(super) fn place_slots(&mut self, args: &[Arg]) -> Option<Reg> {
        let places = args.iter().filter(|a| a.kind == ArgKind::Place);
        let count: u16 = places.map(|a| slots_of(a.value)).sum();
        (count > 0).then(|| self.func().alloc_n(count))
    }

    /// The place of argument number `argument`. Its indexes are evaluated into the registers from
    /// `slots` on, also those that are variables: another place of the call may be the variable.
    pub(super) fn place_argument(
        &mut self,
        arg: &'a Arg,
        argument: u16,
        slots: &mut Option<Reg>,
    ) -> Option<PlaceArgument> {
        let refused = if arg.name.is_some() {
            Some("an `&` argument is given by position, not by name")
        } else if usize::from(argument) >= MAX_PLACES {
            Some("only the first 32 arguments may be places")
        } else {
            None
        };
        if let Some(message) = refused {
            self.error(Code::BadPlace, arg.value.span, message);
            return None;
        }
        let (place, _) = self.changeable_place(arg.value, "hand over", || true, slots)?;
        Some(PlaceArgument { argument, place })
    }

    /// Reports places of one call that are, or lie inside, one another. `receiver` is that of a
    /// method call.
    pub(super) fn check_overlaps(&mut self, receiver: Option<&'a Expr>, args: &'a [Arg]) {
        let handed = args.iter().filter(|a| a.kind == ArgKind::Place).map(|a| a.value);
        let all: Vec<&'a Expr> = receiver.into_iter().chain(handed).collect();
        for (i, &second) in all.iter().enumerate() {
            for &first in &all[..i] {
                if self.overlap(first, second) {
                    let message = "this place is handed over twice: it overlaps another one";
                    let error = self.error(Code::BadPlace, second.span, message);
                    error.labels.push((first.span, "the other one".to_owned()));
                    error.help = Some(
                        "hand over parts that differ (`&a.x, &a.y`), or a copy in a `var`"
                            .to_owned(),
                    );
                    return;
                }
            }
        }
    }

    fn overlap(&mut self, a: &Expr, b: &Expr) -> bool {
        let ((root_a, steps_a), (root_b, steps_b)) = (path_of(a), path_of(b));
        let (Some(name_a), Some(name_b)) = (root_name(root_a), root_name(root_b)) else {
            return false;
        };
        let local = |resolved| match resolved {
            Resolved::Local { reg, .. } => Some(reg),
            _ => None,
        };
        let (a, b) = (local(self.resolve(name_a)), local(self.resolve(name_b)));
        a.is_some() && a == b && !steps_a.iter().zip(&steps_b).any(|(a, b)| may_part(*a, *b))
    }

    /// Reports `&` where the parameter is not `mut`, and the other way round.
    pub(super) fn check_places(&mut self, name: &str, signature: &Signature, args: &[Arg]) {
        for (i, arg) in args.iter().enumerate() {
            let position = match &arg.name {
                None => Some(i),
                Some(name) => signature.position(name.name),
            };
            let known = position.and_then(|i| signature.parameters.get(i));
            let mutable = known.is_some_and(|parameter| parameter.mutable);
            let parameter = known.map_or("", |parameter| &parameter.name);
            if mutable && arg.kind == ArgKind::Value {
                let message =
                    format!("`{name}` changes its parameter `{parameter}`: say so with `&`");
                let is_place = root_name(path_of(arg.value).0).is_some();
                self.error(Code::BadPlace, arg.value.span, message).help = Some(if is_place {
                    "write `&` before this argument".to_owned()
                } else {
                    "put the value into a `var` and hand that over: `&name`".to_owned()
                });
            } else if !mutable && arg.kind == ArgKind::Place {
                let message = match parameter {
                    "" => format!("`{name}` does not change this argument: take the `&` away"),
                    _ => format!("`{name}` does not change its parameter `{parameter}`"),
                };
                self.error(Code::BadPlace, arg.value.span, message).help =
                    Some("take the `&` away, or declare the parameter `mut`".to_owned());
            }
        }
    }
}

/// True when two steps from the same value may lead to different parts of it. Where only the
/// values of indices can tell, the call finds out.
fn may_part(a: PathStep<'_>, b: PathStep<'_>) -> bool {
    match (a, b) {
        (PathStep::Field(a), PathStep::Field(b)) => a.name != b.name,
        (PathStep::Index(a), PathStep::Index(b)) => match (&a.kind, &b.kind) {
            (ExprKind::Int(a), ExprKind::Int(b)) => a != b,
            (ExprKind::Str(a), ExprKind::Str(b)) => a != b,
            (ExprKind::Name(a), ExprKind::Name(b)) => a != b,
            _ => true,
        },
        (PathStep::Field(_), PathStep::Index(_)) | (PathStep::Index(_), PathStep::Field(_)) => true,
    }
}
