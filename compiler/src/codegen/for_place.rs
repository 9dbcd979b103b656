//! `for &x in xs`: the elements of a list, or the values of a map, each moved out of its place,
//! changed, and put back at the end of its turn, however that ends.

use std::rc::Rc;

use super::func::{Control, LocalKind, PlaceBack};
use super::place::{path_of, root_name};
use super::walk::names_in_block;
use super::{Code, Codegen, Dest};
use crate::ast::{Block, Expr, Pattern, PatternKind};
use crate::bytecode::Op;
use crate::source::Span;

impl<'a> Codegen<'a> {
    pub(super) fn for_places(
        &mut self,
        pattern: &'a Pattern,
        iterable: &'a Expr,
        body: &'a Block,
        dest: Dest,
    ) {
        let PatternKind::Binding(name) = &pattern.kind else {
            let message = "`for &` binds one name: a part of an element is no place of its own";
            self.error(Code::BadPattern, pattern.span, message).help =
                Some("name the element, and change its parts through that name".to_owned());
            return;
        };
        let (names, top) = (self.func().locals.len(), self.func().top);
        let Some((place, flags)) = self.changeable_place(iterable, "walk", || true, &mut None)
        else {
            return;
        };
        if flags == 0 {
            self.check_untouched(iterable, body);
        }
        let span = self.func().span_now;
        self.func().span_now = iterable.span;
        let steps = place.steps.len() as u16;
        // A loop over the range of the positions.
        let walk = self.func().alloc_n(3);
        let (position, element) = (self.func().alloc(), self.func().alloc());
        self.load_int(0, walk);
        let start = &place.steps;
        self.func().push_ext(Op::PlaceStart, walk + 1, place.root, steps, start);
        self.load_int(1, walk + 2);
        self.func().push(Op::RangeLoopStart, walk, 0, 0);
        let (next, exit) = (self.func().label(), self.func().label());
        self.func().place(next);
        self.func().jump(Op::RangeLoop, walk, 0, exit);
        self.func().push_ext(Op::PlaceTake, position, place.root, steps, &place.steps).word.flags =
            flags;
        self.func().span_now = span;
        self.func().declare(name, element, LocalKind::Var);
        let back = PlaceBack { position, root: place.root, steps: place.steps, flags };
        let region = self.func().region;
        self.func().controls.push(Control::Loop {
            next,
            exit,
            result: None,
            takes_value: false,
            region,
        });
        let back = Control::Place { back: Rc::new(back), region };
        self.guarded(back, Dest::Discard, |codegen, dest| codegen.block(body, dest));
        self.func().controls.pop();
        self.func().locals.truncate(names);
        self.func().span_now = span;
        self.func().jump(Op::JumpBack, 0, 0, next);
        self.func().top = top;
        self.func().place(exit);
        self.nil_to(dest);
    }

    /// Ends a turn.
    pub(super) fn put_place_back(&mut self, back: &PlaceBack) {
        let (count, steps) = (back.steps.len() as u16, &back.steps);
        let ins = self.func().push_ext(Op::PlaceBack, back.position, back.root, count, steps);
        ins.word.flags = back.flags;
    }

    /// Reports the names in the body that stand for what is being walked.
    fn check_untouched(&mut self, iterable: &'a Expr, body: &'a Block) {
        let Some(root) = root_name(path_of(iterable).0) else { return };
        let mut found: Option<Span> = None;
        names_in_block(body, &mut |name, span| {
            if name == root {
                found.get_or_insert(span);
            }
        });
        if let Some(span) = found {
            let message =
                format!("`{root}` cannot be used here: its elements are being walked in place");
            let error = self.error(Code::WalkedInPlace, span, message);
            error.labels.push((iterable.span, "walked by this `for &`".to_owned()));
            error.help = Some(
                "change the element through its own name; what else is needed, read before the loop"
                    .to_owned(),
            );
        }
    }
}
