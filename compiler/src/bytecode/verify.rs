//! The verifier: the last word on whether code is safe to run with unchecked registers.
//!
//! It trusts nothing of the compiler's tables. It checks that every operand is in range, every
//! jump and handler lands on an instruction, and, by walking all paths, that **no instruction reads
//! a register that some path leaves dead, and none consumes one twice**, that none consumes or
//! changes what is borrowed, and that none reads what a walk has lent when the walk is no more as it
//! was. An error means a mistake in the compiler or a damaged file, never a mistake of the user.

use super::effects::{Access, Decoded, extension_len, jump_offset, places, visit_registers};
use super::op::{BORROWED, KILL_A, KILL_B, KILL_C, Op, Operand, READ_ROOT};
use super::unit::{
    Arm, Constant, Function, Handler, MAX_PLACES, METHOD_WORDS, Receiver, Step, TypeBody, Unit,
    Word,
};

/// What is wrong with a unit, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyError {
    /// The function's number.
    pub function: usize,
    /// The word.
    pub pc: usize,
    /// What is wrong.
    pub message: String,
}

impl std::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "function {}, word {}: {}", self.function, self.pc, self.message)
    }
}

impl std::error::Error for VerifyError {}

/// Checks a whole unit.
///
/// # Errors
/// The first thing found wrong.
pub fn verify(unit: &Unit) -> Result<(), VerifyError> {
    for (i, function) in unit.functions.iter().enumerate() {
        Verifier { unit, function, starts: Vec::new() }
            .run()
            .map_err(|(pc, message)| VerifyError { function: i, pc, message })?;
    }
    Ok(())
}

type Check = Result<(), (usize, String)>;

struct Verifier<'a> {
    unit: &'a Unit,
    function: &'a Function,
    /// Where instructions start.
    starts: Vec<bool>,
}

/// What a register holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Held {
    /// Nothing, on some path.
    Nothing,
    /// A value that is the register's own.
    Owned,
    /// One that the closure or the module keeps.
    Borrowed,
    /// One that is kept by the walk that starts at this register.
    Lent(u16),
}

/// What the registers hold (`None`: not reached yet).
type State = Option<Vec<Held>>;

impl Verifier<'_> {
    fn run(&mut self) -> Check {
        let code = &self.function.code;
        if self.function.parameters.len() > self.function.registers as usize {
            return Err((0, "more parameters than registers".to_owned()));
        }
        self.starts = vec![false; code.len() + 1];
        let mut pc = 0;
        while pc < code.len() {
            self.starts[pc] = true;
            let ext = extension_len(&code[pc..]).ok_or((pc, "not an instruction".to_owned()))?;
            pc += 1 + ext;
        }
        let mut pc = 0;
        while pc < code.len() {
            pc = self.operands(pc)?;
        }
        for handler in &self.function.handlers {
            let target = handler.target as usize;
            if !self.starts.get(target).copied().unwrap_or(false)
                || handler.register >= self.function.registers
            {
                return Err((target, "a handler leads nowhere".to_owned()));
            }
        }
        self.ownership()
    }

    fn decoded(&self, pc: usize) -> Option<Decoded<'_>> {
        let code = &self.function.code;
        let ext = extension_len(&code[pc..])?;
        let op = Op::from_code(code[pc].op)?;
        Some(Decoded { op, word: code[pc], ext: &code[pc + 1..pc + 1 + ext] })
    }

    /// Checks the operands of the instruction at `pc`; gives where the next one starts.
    fn operands(&self, pc: usize) -> Result<usize, (usize, String)> {
        let bad = |what: &str| Err((pc, what.to_owned()));
        let Some(ins) = self.decoded(pc) else { return bad("not an instruction") };
        let (op, word) = (ins.op, ins.word);
        for (operand, value) in op.operands().into_iter().zip([word.a, word.b, word.c]) {
            let constant = match operand {
                Operand::K => usize::from(value),
                Operand::K32 => word.wide_u32() as usize,
                _ => continue,
            };
            if constant >= self.function.constants.len() {
                return bad("no such constant");
            }
        }
        for word in path_steps(ins) {
            if let Step::Field(name) = word.step()
                && !matches!(self.constant(name), Some(Constant::Str(_)))
            {
                return bad("a field has no name");
            }
        }
        for (root, _) in places(ins) {
            if Receiver::from_code(root.op).is_none() {
                return bad("unknown kind of place");
            }
            if root.c >= word.c.min(MAX_PLACES as u16) {
                return bad("a place stands for no argument");
            }
        }
        // Who puts a place back finds it by its indexes, so no other place may be one of them; and
        // the callee runs meanwhile.
        let whole = |r: u16| places(ins).any(|(root, path)| path.is_empty() && root.b == r);
        let moved = path_steps(ins).any(|w| matches!(w.step(), Step::Index(r) if whole(r)));
        if moved || (op == Op::CallPlaces && whole(word.b)) {
            return bad("a place is handed over that the call itself needs");
        }
        match op {
            Op::GetPath | Op::SetPath | Op::UpdatePath if word.c == 0 => {
                return bad("a path has no steps");
            }
            Op::CallMethod if Receiver::from_code(ins.ext[0].op).is_none() => {
                return bad("unknown kind of receiver");
            }
            Op::Select if ins.ext.iter().any(|arm| Arm::from_code(arm.op).is_none()) => {
                return bad("unknown kind of arm");
            }
            Op::Closure if word.b as usize >= self.unit.functions.len() => {
                return bad("no such function");
            }
            Op::GetGlobal | Op::SetGlobal | Op::TakeGlobal
                if word.b as usize >= self.unit.globals.len() =>
            {
                return bad("no such module slot");
            }
            Op::Import if !matches!(self.constant(word.b.into()), Some(Constant::Str(_))) => {
                return bad("an import names no module");
            }
            Op::GetForeign
                if !matches!(self.constant(word.b.into()), Some(Constant::Foreign { .. })) =>
            {
                return bad("a foreign name is none");
            }
            Op::GetCapture if word.b >= self.function.captures => return bad("no such capture"),
            Op::Ret | Op::RetNil if self.function.places() != 0 => {
                return bad("`mut` parameters are not returned");
            }
            Op::RetPlaces if ins.ext[0].wide_u32() != self.function.places() => {
                return bad("other `mut` parameters are returned than there are");
            }
            Op::NewRecord if self.fields_of(word.b) != Some(word.c as usize) => {
                return bad("a value of a type has other fields than the type");
            }
            _ => {}
        }
        let mut highest = 0;
        visit_registers(ins, |f| self.captures(f), |r, _| highest = highest.max(r));
        if highest >= self.function.registers && highest > 0 {
            return bad("register out of range");
        }
        let next = pc + 1 + ins.ext.len();
        if let Some(offset) = jump_offset(op, word) {
            let target = next as i64 + i64::from(offset);
            let lands = usize::try_from(target).ok().and_then(|t| self.starts.get(t)).copied()
                == Some(true);
            if !lands {
                return bad("a jump leads nowhere");
            }
        }
        if next >= self.function.code.len() && !op.effects().ends {
            return bad("the code has no end");
        }
        Ok(next)
    }

    /// How many fields the struct or variant has that a constant names.
    fn fields_of(&self, constant: u16) -> Option<usize> {
        let (ty, wanted) = match *self.constant(constant.into())? {
            Constant::Type(ty) => (ty, None),
            Constant::Variant { ty, variant } => (ty, Some(variant)),
            _ => return None,
        };
        match (&self.unit.types.get(ty as usize)?.body, wanted) {
            (TypeBody::Struct { fields, .. }, None) => Some(fields.len()),
            (TypeBody::Enum(variants), Some(i)) => Some(variants.get(i as usize)?.fields.len()),
            (TypeBody::Struct { .. }, Some(_)) | (TypeBody::Enum(_), None) => None,
        }
    }

    fn constant(&self, index: u32) -> Option<&Constant> {
        self.function.constants.get(index as usize)
    }

    fn captures(&self, function: u16) -> u16 {
        self.unit.functions.get(function as usize).map_or(0, |f| f.captures)
    }

    /// Walks all paths.
    fn ownership(&self) -> Check {
        let n = self.function.code.len();
        if n == 0 {
            return Ok(());
        }
        let registers = self.function.registers as usize;
        let mut states: Vec<State> = vec![None; n + 1];
        let mut entry = vec![Held::Nothing; registers];
        entry[..self.function.parameters.len()].fill(Held::Owned);
        states[0] = Some(entry);
        let mut todo = vec![0];
        while let Some(pc) = todo.pop() {
            let (Some(ins), Some(before)) = (self.decoded(pc), states[pc].clone()) else {
                continue;
            };
            let (after_throw, next, jump) = self.step(pc, ins, before)?;
            let mut flow = |target: usize, state: Vec<Held>| {
                let both = |(a, b): (&Held, &Held)| if a == b { *a } else { Held::Nothing };
                let joined = match &states[target] {
                    None => state,
                    Some(known) => known.iter().zip(&state).map(both).collect(),
                };
                if states[target].as_ref() != Some(&joined) {
                    states[target] = Some(joined);
                    todo.push(target);
                }
            };
            if ins.op.effects().throws {
                for handler in self.handlers_at(pc) {
                    let mut state = after_throw.clone();
                    write(&mut state, handler.register, Held::Nothing);
                    flow(handler.target as usize, state);
                }
            }
            let at = pc + 1 + ins.ext.len();
            if let Some(offset) = jump_offset(ins.op, ins.word) {
                flow((at as i64 + i64::from(offset)) as usize, jump);
            }
            if !ins.op.effects().ends {
                flow(at, next);
            }
        }
        Ok(())
    }

    /// Where a throw at `pc` may go: to the first handler that covers it, and when that is none
    /// for what cannot be caught, also to the first cleanup.
    fn handlers_at(&self, pc: usize) -> impl Iterator<Item = &Handler> {
        let covers = move |h: &&Handler| (h.start as usize..h.end as usize).contains(&pc);
        let mut all = self.function.handlers.iter().filter(covers);
        let first = all.next();
        let cleanup = match first {
            Some(handler) if !handler.cleanup => all.find(|h| h.cleanup),
            _ => None,
        };
        first.into_iter().chain(cleanup)
    }

    /// What is held after a throw, on going on, and on jumping.
    fn step(
        &self,
        pc: usize,
        ins: Decoded<'_>,
        before: Vec<Held>,
    ) -> Result<(Vec<Held>, Vec<Held>, Vec<Held>), (usize, String)> {
        let mut held = before;
        let mut wrong = None;
        visit_registers(
            ins,
            |f| self.captures(f),
            |r, access| {
                let is = held[r as usize];
                let fits = match access {
                    Access::Read => is != Held::Nothing,
                    Access::Place if only_reads(ins, r) => is != Held::Nothing,
                    Access::Place | Access::Take => is == Held::Owned,
                    Access::Write | Access::WriteOnNext | Access::LendOnNext => true,
                };
                if !fits {
                    wrong = Some(r);
                }
                if access == Access::Take {
                    write(&mut held, r, Held::Nothing);
                }
            },
        );
        if let Some(r) = wrong {
            return Err((pc, format!("register {r} is dead here, or not the instruction's")));
        }
        let thrown = held.clone();
        if ins.op.effects().throws {
            let is_owned = |r: u16| thrown[r as usize] == Held::Owned;
            // Whoever leaves the frame finds the `mut` parameters there, and drops the rest.
            let places = self.function.places();
            let mut lost = (0..MAX_PLACES as u16).filter(|i| places >> i & 1 != 0);
            if let Some(r) = lost.find(|r| !is_owned(*r)) {
                return Err((pc, format!("`mut` parameter {r} is dead here")));
            }
            if let Some(r) = self.function.live.owned(pc as u32).iter().find(|r| !is_owned(**r)) {
                return Err((pc, format!("register {r} is not owned here")));
            }
        }
        for register in killed(ins) {
            if held[register as usize] != Held::Owned {
                return Err((pc, format!("register {register} is killed, but not owned")));
            }
            write(&mut held, register, Held::Nothing);
        }
        let mut jump = held.clone();
        let is_borrowed = match ins.op {
            Op::GetCapture | Op::GetSelfFn => true,
            Op::GetGlobal => ins.word.flags & BORROWED != 0,
            _ => false,
        };
        let written = if is_borrowed { Held::Borrowed } else { Held::Owned };
        if ins.op == Op::IterNext {
            // What was lent in the turn before.
            write(&mut held, ins.word.a, Held::Owned);
            write(&mut jump, ins.word.a, Held::Owned);
        }
        visit_registers(
            ins,
            |f| self.captures(f),
            |r, access| match access {
                Access::Write => {
                    write(&mut held, r, written);
                    write(&mut jump, r, written);
                }
                Access::WriteOnNext => write(&mut held, r, written),
                Access::LendOnNext => write(&mut held, r, Held::Lent(ins.word.a)),
                Access::Read | Access::Place | Access::Take => {}
            },
        );
        if ins.op == Op::JumpIfGiven {
            write(&mut held, ins.word.a, Held::Nothing);
        }
        Ok((thrown, held, jump))
    }
}

/// Register `r` holds something else from now on, and so what a walk there has lent is gone.
fn write(state: &mut [Held], r: u16, new: Held) {
    let first = usize::from(r);
    // A walk keeps what it lends in its first two registers, and lends it in those that follow.
    for held in state.iter_mut().skip(first + 2).take(3) {
        if matches!(*held, Held::Lent(walk) if r == walk || r == walk + 1) {
            *held = Held::Nothing;
        }
    }
    state[first] = new;
}

/// The instruction changes nothing that is in the place at register `r`, but in cells behind it.
fn only_reads(ins: Decoded<'_>, r: u16) -> bool {
    let is_var = |code: u8| Receiver::from_code(code) == Some(Receiver::Var);
    let receives = |root: &Word| ins.op == Op::CallMethod && root.a == r && is_var(root.op);
    match ins.op {
        Op::CallMethod | Op::CallPlaces => {
            !ins.ext.first().is_some_and(receives)
                && places(ins).all(|(root, _)| root.b != r || !is_var(root.op))
        }
        _ => ins.word.flags & READ_ROOT != 0,
    }
}

/// The registers that kill flags name.
fn killed(ins: Decoded<'_>) -> Vec<u16> {
    let flags = ins.word.flags;
    if ins.op == Op::CallMethod {
        return if flags & KILL_B != 0 { vec![ins.ext[0].a] } else { Vec::new() };
    }
    if !ins.op.effects().kills {
        return Vec::new();
    }
    let [a, b, c] = ins.op.operands();
    [(a, KILL_A, ins.word.a), (b, KILL_B, ins.word.b), (c, KILL_C, ins.word.c)]
        .into_iter()
        .filter(|(operand, flag, _)| *operand == Operand::R && flags & flag != 0)
        .map(|(_, _, register)| register)
        .collect()
}

/// The path steps of an instruction.
fn path_steps<'a>(ins: Decoded<'a>) -> impl Iterator<Item = Word> + 'a {
    let own: &[Word] = match ins.op {
        Op::CallMethod => &ins.ext[METHOD_WORDS..METHOD_WORDS + usize::from(ins.ext[0].flags)],
        Op::UpdatePath => &ins.ext[1..],
        Op::GetField
        | Op::SetField
        | Op::GetPath
        | Op::SetPath
        | Op::PathVacant
        | Op::PlaceStart
        | Op::PlaceTake
        | Op::PlaceBack => ins.ext,
        _ => &[],
    };
    own.iter().copied().chain(places(ins).flat_map(|(_, path)| path.iter().copied()))
}

const _: () = assert!(size_of::<Word>() == 8);
