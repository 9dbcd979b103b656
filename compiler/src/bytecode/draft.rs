//! The code of a function before ownership is settled and it is assembled: instructions with labels
//! for jumps and regions for handlers.
//!
//! The extension words of all instructions stand in one vector, so that an instruction is plain data.

use std::ops::Range;

use super::effects::Decoded;
use super::op::Op;
use super::unit::Word;
use crate::source::Span;

/// A place in the code that jumps name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Label(pub(crate) u32);

/// A stretch of code with a handler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    pub(crate) handler: Label,
    pub(crate) register: u16,
    pub(crate) cleanup: bool,
    pub(crate) parent: Option<u32>,
}

/// A walk that lends its elements to the body of its loop: see [`Op::IterNext`].
#[derive(Clone, Debug)]
pub(crate) struct Loan {
    /// The walk's first register.
    pub(crate) walk: u16,
    /// The instructions of the body. No other ones read the elements.
    pub(crate) body: Range<usize>,
}

impl Loan {
    /// The registers of what is lent.
    pub(crate) fn elements(&self) -> [u16; 2] {
        [self.walk + 3, self.walk + 4]
    }
}

/// A stretch of a draft's extension words.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Words {
    start: u32,
    len: u32,
}

impl Words {
    /// Appends `ext` to the words of a draft.
    pub(crate) fn append(words: &mut Vec<Word>, ext: &[Word]) -> Self {
        let start = words.len() as u32;
        words.extend_from_slice(ext);
        Self { start, len: ext.len() as u32 }
    }

    /// How many they are.
    pub(crate) fn len(self) -> usize {
        self.len as usize
    }

    /// Where they stand.
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..(self.start + self.len) as usize
    }
}

/// An instruction before assembly: its jump is a label.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ins {
    pub(crate) op: Op,
    pub(crate) word: Word,
    pub(crate) ext: Words,
    pub(crate) target: Option<Label>,
    pub(crate) span: Span,
    pub(crate) region: Option<u32>,
}

impl Ins {
    /// An instruction without extension words, jump or handler.
    pub(crate) fn plain(word: Word, op: Op, span: Span) -> Self {
        Self { op, word, ext: Words::default(), target: None, span, region: None }
    }

    /// The instruction as it will stand in the code; `words` are the draft's.
    pub(crate) fn decoded<'w>(&self, words: &'w [Word]) -> Decoded<'w> {
        Decoded { op: self.op, word: self.word, ext: &words[self.ext.range()] }
    }
}

/// The code of one function before assembly.
#[derive(Default, Debug)]
pub(crate) struct Draft {
    pub(crate) code: Vec<Ins>,
    /// The extension words of all instructions.
    pub(crate) words: Vec<Word>,
    /// Where each label stands: an index of `code`.
    pub(crate) labels: Vec<usize>,
    pub(crate) regions: Vec<Region>,
    pub(crate) registers: u16,
    pub(crate) parameters: u16,
    /// The parameters that are `mut`: bit `i` for parameter `i`.
    pub(crate) places: u32,
    /// Registers that borrow from the closure: never copied from by moving, never dropped.
    pub(crate) borrowed: Vec<u16>,
    /// The loops whose elements are lent, an inner one before those around it.
    pub(crate) loans: Vec<Loan>,
}

impl Draft {
    /// The code begins so much further down than the labels say.
    pub(crate) fn place_labels(&mut self, offset: usize) {
        for Loan { body, .. } in &mut self.loans {
            *body = body.start + offset..body.end + offset;
        }
        for at in &mut self.labels {
            // A label that was never placed is never jumped to.
            *at = if *at == usize::MAX { 0 } else { *at + offset };
        }
    }

    /// Forgets the code, and keeps the room for that of another function.
    pub(crate) fn clear(&mut self) {
        let Self { code, words, labels, regions, borrowed, loans, .. } = self;
        code.clear();
        words.clear();
        labels.clear();
        regions.clear();
        borrowed.clear();
        loans.clear();
        (self.registers, self.parameters, self.places) = (0, 0, 0);
    }
}
