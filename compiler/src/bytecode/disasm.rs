//! The listing of a unit: for people who read bytecode, and for snapshot tests.

use std::fmt::Write;

use super::effects::{extension_len, jump_offset};
use super::op::{Op, Operand};
use super::unit::{Function, Unit, Word};

/// The listing of all functions of a unit.
pub fn disassemble(unit: &Unit) -> String {
    let mut out = String::new();
    for (i, function) in unit.functions.iter().enumerate() {
        let _ = writeln!(
            out,
            "function {i} {}: {} parameters, {} registers, {} captures",
            function.name,
            function.parameters.len(),
            function.registers,
            function.captures
        );
        list_function(function, &mut out);
    }
    out
}

fn list_function(function: &Function, out: &mut String) {
    let mut pc = 0;
    while pc < function.code.len() {
        let words = &function.code[pc..];
        let Some((op, ext)) = Op::from_code(words[0].op).zip(extension_len(words)) else {
            let _ = writeln!(out, "{pc:5}  ?");
            return;
        };
        let live: Vec<String> =
            function.live.owned(pc as u32).iter().map(ToString::to_string).collect();
        let text = instruction(op, words[0], pc + 1 + ext);
        let _ = write!(out, "{pc:5}  {text:40} ; {{{}}}", live.join(" "));
        for word in &words[1..=ext] {
            let _ = write!(out, " [{} {} {} {} {}]", word.op, word.flags, word.a, word.b, word.c);
        }
        out.push('\n');
        pc += 1 + ext;
    }
    for h in &function.handlers {
        let kind = if h.cleanup { "cleanup" } else { "catch" };
        let _ =
            writeln!(out, "       {kind} {}..{} -> {} r{}", h.start, h.end, h.target, h.register);
    }
}

fn instruction(op: Op, word: Word, next: usize) -> String {
    let mut text = op.name().to_owned();
    for (operand, value) in op.operands().into_iter().zip([word.a, word.b, word.c]) {
        let _ = match operand {
            Operand::None => Ok(()),
            Operand::W | Operand::R | Operand::M | Operand::X => write!(text, " r{value}"),
            Operand::K => write!(text, " k{value}"),
            Operand::K32 => write!(text, " k{}", word.wide_u32()),
            Operand::I => write!(text, " {}", value as i16),
            Operand::I32 => write!(text, " {}", word.wide_i32()),
            Operand::N => write!(text, " {value}"),
            Operand::J | Operand::J32 => {
                write!(text, " -> {}", next as i64 + i64::from(jump_offset(op, word).unwrap_or(0)))
            }
        };
    }
    if word.flags != 0 {
        let _ = write!(text, " /{:x}", word.flags);
    }
    text
}
