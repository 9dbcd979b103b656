//! The instruction set: one table from which encoding, decoding, liveness, verification and the
//! disassembly follow.
//!
//! # Shape of an instruction
//!
//! 64 bits: `op: u8, flags: u8, a: u16, b: u16, c: u16`. Wide operands take the place of `b` and
//! `c` together (`i32`, `u32`). Some instructions are followed by extension words, of the same
//! size, that hold further operands ([`Word`](super::Word)).
//!
//! # Registers and ownership
//!
//! A register holds an owned value or is *dead*. The compiler knows at every instruction which
//! registers are owned; nothing at run time does. The letters of the operands say what an
//! instruction does with each register:
//!
//! - `w`: written; it was dead before.
//! - `r`: read, borrowed: it is owned before and after. With its *kill flag* set it is dead after
//!   the instruction **succeeded**: the instruction drops what it held, or reuses it (appending to
//!   a string in place). Only instructions marked `kills` take kill flags; their fast path is for
//!   numbers, where there is nothing to drop.
//! - `m`: consumed. It belongs to the instruction as soon as that starts: if it throws, it has
//!   dropped it.
//! - `x`: a place: read and changed, owned before and after, also after a throw.
//!
//! When `a` (written) and `b` (read) are one register, `b` has its kill flag, and the old value
//! survives a throw. An instruction that throws has written nothing.
//!
//! `k` is an index of the function's constants, `i` a signed 16-bit number, `n` a count, `j` a jump
//! in words relative to the *next* instruction, `s` the index of a constant string that names a
//! field, method or global.
//!
//! # Places of calls
//!
//! A call that hands over places (`&x`, or the receiver of a `mut self` method) moves them into the
//! callee's parameters and back when it ends, however it ends. The places are operands of the call
//! instruction: whoever pops the callee's frame finds them there, so nothing of it shows in the
//! caller's code.
//!
//! # Calls
//!
//! `CALL a b n`: the callee is borrowed from `b`; arguments stand in `a + FRAME ..` and are
//! consumed (they become the callee's first registers: the callee's base is `a + FRAME`); the
//! result arrives in `a`. The registers `a .. a + FRAME` are the frame link: dead before and
//! during the call, except that the result is written to `a`.
//!
//! # Paths
//!
//! A path instruction has `n` extension words after it (and after its other extension words),
//! one for each step: `Index(register)` or `Field(name)`. It walks from the root register without
//! counting; to change something it makes each level unique on the way down.

/// Number of registers between the result register of a call and the callee's base.
pub const FRAME: u16 = 2;

/// What an operand is. See the module's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operand {
    /// No operand.
    None,
    /// Register written.
    W,
    /// Register borrowed.
    R,
    /// Register consumed.
    M,
    /// Register changed in place.
    X,
    /// Constant index (16 bits).
    K,
    /// Constant index (32 bits, takes `b` and `c`).
    K32,
    /// Signed immediate (16 bits).
    I,
    /// Signed immediate (32 bits, takes `b` and `c`).
    I32,
    /// A count or an index.
    N,
    /// Jump offset in words (16 bits).
    J,
    /// Jump offset in words (32 bits, takes `b` and `c`).
    J32,
}

/// What an instruction does besides its operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effects {
    /// It may throw, or end the thread (also: be where a thread is cancelled).
    pub throws: bool,
    /// `r` operands take kill flags.
    pub kills: bool,
    /// Its result is never a heap object.
    pub scalar: bool,
    /// It never goes on with the next instruction.
    pub ends: bool,
    /// Its result is scalar when all its `r` operands are.
    pub arith: bool,
}

/// Calls the macro `$m` with the whole table.
///
/// Row: doc, `name VARIANT (a b c) ext=extension words before the path; flags`.
#[macro_export]
macro_rules! for_each_op {
    ($m:ident) => {
        $m! {
            /// A handler starts: unwinding has put the error into `a`. Nothing is left to do.
            landing Landing (W None None) 0 [];
            /// `a = b`; a copy is counted.
            copy Copy (W R None) 0 [];
            /// `a = b`, which becomes dead. Also drops nothing: `a` was dead.
            mov Move (W M None) 0 [];
            /// `a = nil`
            load_nil LoadNil (W None None) 0 [scalar];
            /// `a = true` when `b` is 1, else `false`.
            load_bool LoadBool (W N None) 0 [scalar];
            /// `a = integer`
            load_int LoadInt (W I32 None) 0 [scalar];
            /// `a = constant`, which is immortal: never counted. With `flags & NUMBER` it is a
            /// number.
            load_const LoadConst (W K32 None) 0 [];
            /// Drops what `a` holds.
            drop Drop (M None None) 0 [];
            /// `a = ` the value of module slot `b`; throws `name` when it has not been set.
            /// The name of slot `b` is in the unit's table. With `flags & BORROWED` it is borrowed
            /// from the module, which never gives it up: never dropped or moved.
            get_global GetGlobal (W N None) 0 [throws];
            /// Sets module slot `b` to `a`; the value is shared from then on.
            set_global SetGlobal (M N None) 0 [];
            /// `a = ` the value of a `let` of another module, which constant `b` names
            /// ([`Constant::Foreign`](super::Constant::Foreign)); throws `name` when it has not
            /// been set.
            get_foreign GetForeign (W K None) 0 [throws];
            /// Runs the module that constant `a` names (a string), unless that was done; waits
            /// while another thread does it.
            import Import (None K None) 0 [throws];
            /// REPL: moves the value of module slot `b` out, to be changed by this line.
            take_global TakeGlobal (W N None) 0 [throws];
            /// `a = ` captured value `b`, borrowed from the closure: never dropped or moved.
            get_capture GetCapture (W N None) 0 [];
            /// `a = ` a closure of function `b` of the unit that consumes `n` captures from the
            /// registers from `c` on; `n` is in the function.
            closure Closure (W N N) 0 [];
            /// `a = ` the closure that is running (a local function that calls itself), borrowed
            /// from the caller: never dropped or moved.
            get_self_fn GetSelfFn (W None None) 0 [];

            /// `a = b + c`; strings and lists are joined, in place when `b` is killed and unique.
            add Add (W R R) 0 [throws kills arith];
            /// `a = b - c`
            sub Sub (W R R) 0 [throws kills arith];
            /// `a = b * c`
            mul Mul (W R R) 0 [throws kills arith];
            /// `a = b / c`, always a float.
            div Div (W R R) 0 [throws kills arith];
            /// `a = b // c`
            floor_div FloorDiv (W R R) 0 [throws kills arith];
            /// `a = b % c`
            rem Rem (W R R) 0 [throws kills arith];
            /// `a = b ** c`
            pow Pow (W R R) 0 [throws kills arith];
            /// `a = b & c`
            bit_and BitAnd (W R R) 0 [throws kills arith];
            /// `a = b | c`
            bit_or BitOr (W R R) 0 [throws kills arith];
            /// `a = b ^ c`
            bit_xor BitXor (W R R) 0 [throws kills arith];
            /// `a = b << c`
            shl Shl (W R R) 0 [throws kills arith];
            /// `a = b >> c`
            shr Shr (W R R) 0 [throws kills arith];
            /// `a = b + immediate`
            add_imm AddImm (W R I) 0 [throws kills arith];
            /// `a = b - immediate`
            sub_imm SubImm (W R I) 0 [throws kills arith];
            /// `a = b * immediate`
            mul_imm MulImm (W R I) 0 [throws kills arith];
            /// `a = b // immediate`
            floor_div_imm FloorDivImm (W R I) 0 [throws kills arith];
            /// `a = b % immediate`
            rem_imm RemImm (W R I) 0 [throws kills arith];
            /// `a = b + constant` (a number)
            add_const AddConst (W R K) 0 [throws kills arith];
            /// `a = b - constant` (a number)
            sub_const SubConst (W R K) 0 [throws kills arith];
            /// `a = b * constant` (a number)
            mul_const MulConst (W R K) 0 [throws kills arith];
            /// `a = b / constant` (a number)
            div_const DivConst (W R K) 0 [throws kills arith];
            /// `a = b % constant` (a number)
            rem_const RemConst (W R K) 0 [throws kills arith];
            /// `a = -b`
            neg Neg (W R None) 0 [throws kills arith];
            /// `a = ~b`
            bit_not BitNot (W R None) 0 [throws kills arith];
            /// `a = not b`
            not Not (W R None) 0 [kills scalar];
            /// `a = b == c`
            eq Eq (W R R) 0 [throws kills scalar];
            /// `a = b != c`
            ne Ne (W R R) 0 [throws kills scalar];
            /// `a = b < c`
            lt Lt (W R R) 0 [throws kills scalar];
            /// `a = b <= c`
            le Le (W R R) 0 [throws kills scalar];
            /// `a = b in c`
            contains In (W R R) 0 [throws kills scalar];
            /// `a = b is T`; constant `c` names the built-in type, as `type(v)` spells it.
            is_type IsType (W R K) 0 [kills scalar];
            /// `a = b is T`, where `c` holds the type: a struct, an enum, or one of its variants.
            is_record IsRecord (W R R) 0 [throws scalar];
            /// `a = ` the type of variant `c` (a name) of the enum type in `b`.
            get_variant GetVariant (W R K) 0 [throws];
            /// `a = b` is a list of exactly `c` elements; of at least as many with `flags & OPEN`.
            match_list MatchList (W R N) 0 [scalar];
            /// `a = b` is a map of exactly `c` entries; of at least as many with `flags & OPEN`.
            match_map MatchMap (W R N) 0 [scalar];

            /// Jumps.
            jump Jump (None J32 None) 0 [ends];
            /// Jumps back: takes fuel, and is where a thread is preempted or cancelled.
            jump_back JumpBack (None J32 None) 0 [throws ends];
            /// Jumps when `a` is neither nil nor false.
            jump_if JumpIf (R J32 None) 0 [kills];
            /// Jumps when `a` is nil or false.
            jump_if_not JumpIfNot (R J32 None) 0 [kills];
            /// Jumps when `a` is nil.
            jump_if_nil JumpIfNil (R J32 None) 0 [kills];
            /// Jumps when `a` is not nil.
            jump_if_some JumpIfSome (R J32 None) 0 [kills];
            /// Jumps when parameter `a` was given; else it is dead.
            jump_if_given JumpIfGiven (R J32 None) 0 [];
            /// Jumps when `a < b`.
            jump_lt JumpLt (R R J) 0 [throws kills];
            /// Jumps when `a <= b`.
            jump_le JumpLe (R R J) 0 [throws kills];
            /// Jumps when not `a < b`.
            jump_not_lt JumpNotLt (R R J) 0 [throws kills];
            /// Jumps when not `a <= b`.
            jump_not_le JumpNotLe (R R J) 0 [throws kills];
            /// Jumps when `a == b`.
            jump_eq JumpEq (R R J) 0 [throws kills];
            /// Jumps when `a != b`.
            jump_ne JumpNe (R R J) 0 [throws kills];
            /// Jumps when `a < immediate`.
            jump_lt_imm JumpLtImm (R I J) 0 [throws kills];
            /// Jumps when `a <= immediate`.
            jump_le_imm JumpLeImm (R I J) 0 [throws kills];
            /// Jumps when `a > immediate`.
            jump_gt_imm JumpGtImm (R I J) 0 [throws kills];
            /// Jumps when `a >= immediate`.
            jump_ge_imm JumpGeImm (R I J) 0 [throws kills];
            /// Jumps when not `a < immediate`.
            jump_not_lt_imm JumpNotLtImm (R I J) 0 [throws kills];
            /// Jumps when not `a <= immediate`.
            jump_not_le_imm JumpNotLeImm (R I J) 0 [throws kills];
            /// Jumps when not `a > immediate`.
            jump_not_gt_imm JumpNotGtImm (R I J) 0 [throws kills];
            /// Jumps when not `a >= immediate`.
            jump_not_ge_imm JumpNotGeImm (R I J) 0 [throws kills];
            /// Jumps when `a == immediate`.
            jump_eq_imm JumpEqImm (R I J) 0 [kills];
            /// Jumps when `a != immediate`.
            jump_ne_imm JumpNeImm (R I J) 0 [kills];
            /// Jumps when `a == constant`.
            jump_eq_const JumpEqConst (R K J) 0 [kills];
            /// Jumps when `a != constant`.
            jump_ne_const JumpNeConst (R K J) 0 [kills];

            /// Starts a loop over a range given by its parts: `a` first, `a+1` end, `a+2` step,
            /// all three checked to be ints. `flags & INCLUSIVE`. Leaves `a` = first − step,
            /// `a+1` = number of turns, `a+2` = step. Throws `type`, or `value` for step 0.
            range_loop_start RangeLoopStart (X None None) 0 [throws];
            /// When turns (`a+1`) are left: takes one, adds the step to `a`, copies it to `a+3`
            /// and goes on; else jumps.
            range_loop RangeLoop (X J32 None) 0 [];
            /// Starts a loop over anything: consumes the collection in `a` into the walk
            /// `a .. a+3`. Throws `type` when it cannot be walked.
            iter_start IterStart (X None None) 0 [throws];
            /// The next element to `a+3`, or key/index and element to `a+3` and `a+4` when
            /// `flags & PAIR`; at the end it jumps. May park (channels) or block (files).
            ///
            /// With `flags & BORROWED` the elements are *lent*: not counted, never dropped or moved.
            /// They are kept by the walk: by the collection in `a`, which nothing can change as long as it is there,
            /// since whoever changes a value that has two owners changes a copy; and where the walk
            /// makes its elements (channels, handles, structs), by `a+1`, which owns the last one
            /// until the next turn. So who reads a lent register needs `a` and `a+1`, and before each
            /// such read both are owned.
            iter_next IterNext (X J32 None) 0 [throws];

            /// `a = ` a list of the `c` values from register `b` on, consumed.
            new_list NewList (W N N) 0 [];
            /// Appends the consumed `b` to the list being built in `a`.
            list_append ListAppend (X M None) 0 [];
            /// `a = ` a map of the `c` pairs (key, value) from register `b` on, consumed.
            new_map NewMap (W N N) 0 [throws];
            /// `a = ` a value of the struct or variant that constant `b` names, with the `c` fields
            /// that stand from the register in `a` of the extension word on; they are consumed.
            new_record NewRecord (W K N) 1 [];
            /// Spreads the consumed map `b` into the map being built in `a`.
            map_extend MapExtend (X M None) 0 [throws];
            /// Inserts key `b`, value `c`, both consumed, into the map being built in `a`.
            map_insert MapInsert (X M M) 0 [throws];
            /// `a = ` a range from `b` to `b+1` by `b+2` (consumed). `flags & INCLUSIVE`.
            new_range NewRange (W N None) 0 [throws];
            /// `a = ` the texts of the `c` values from `b` on, joined; they are consumed.
            concat Concat (W N N) 0 [throws];
            /// `a = ` the text of `b` in the format that constant `c` spells.
            format Format (W R K) 0 [throws kills];

            /// `a = b[c]`
            get_index GetIndex (W R R) 0 [throws];
            /// `a = b.name`; the extension word is the step.
            get_field GetField (W R None) 1 [throws];
            /// `a = b.name`, or nil when `b` has no such key (`?.` on a map).
            get_field_opt GetFieldOpt (W R K) 0 [throws];
            /// `a = b[c .. c+1]`, consumed; an end that is nil is left out.
            /// `flags & INCLUSIVE`.
            slice Slice (W R N) 0 [throws];
            /// `a = ` what the path of `n` = `c` steps from `b` leads to.
            get_path GetPath (W R N) 0 [throws];
            /// `a[b] = c`, consumed.
            set_index SetIndex (X R M) 0 [throws];
            /// `a.name = c`, consumed; the extension word is the step.
            set_field SetField (X None M) 1 [throws];
            /// Sets the end of the path of `c` steps from `a` to the consumed `b`.
            set_path SetPath (X M N) 0 [throws];
            /// `place op= b` (consumed) at the end of the path of `c` steps from `a`; the operator
            /// is in the extension word.
            update_path UpdatePath (X M N) 1 [throws];
            /// Starts a walk over places, `for &x in`: `a = ` the number of elements of the list
            /// (or entries of the map) at the end of the path of `c` steps from `b`. Throws `type`
            /// when it is neither.
            place_start PlaceStart (W R N) 0 [throws scalar];
            /// Moves element `a` (a position) of the list or map at the end of the path of `c`
            /// steps from the place `b` out to `a + 1`.
            place_take PlaceTake (R X N) 0 [throws];
            /// Puts the consumed `a + 1` back as element `a`, where `PlaceTake` took it from.
            place_back PlaceBack (R X N) 0 [];
            /// `b = ` the end of the path of `c` steps from `a` is nil or its last key missing.
            path_vacant PathVacant (R W N) 0 [throws scalar];

            /// Calls `b` with `c` arguments.
            call Call (W R N) 0 [throws];
            /// Calls constant `b` (a function of the unit or of a module) with `c` arguments.
            call_const CallConst (W K N) 0 [throws];
            /// Calls with `c` argument registers, of which the last ones are named: the extension
            /// word ([`Word::names`](super::Word::names)) has the list of names. With
            /// `flags & SPREAD` the first register holds a list of all positional arguments.
            call_with CallWith (W R N) 1 [throws];
            /// Calls a method with `c` arguments, which stand from `a + FRAME + 1` on
            /// (`a + FRAME` is kept for the receiver). Extension words: 1: the receiver's root
            /// register (borrowed, dead after success with `KILL_B`; a place when it is a
            /// variable), the number of path steps and [`Receiver`](super::Receiver); 2: kept for
            /// the VM; 3: the method's name and the names of named arguments; then the path. `flags & SPREAD` as
            /// for `CallWith`.
            call_method CallMethod (W None N) 3 [throws];
            /// As `CallWith`, with places among the arguments: extension word 1 as there, word 2 is
            /// [`Word::places`](super::Word::places), then follows each place in the order of its
            /// argument: a word [`Word::place_root`](super::Word::place_root) and its path. The
            /// registers of those arguments are dead before and after; what they stand for is
            /// moved out of its place for the time of the call, and back however that ends.
            call_places CallPlaces (W R N) 2 [throws];
            /// Returns the consumed `a` from a function with `mut` parameters, which are consumed
            /// with it and go back to where they came from: the wide operand of the extension word has a
            /// bit for each.
            ret_places RetPlaces (M None None) 1 [ends];
            /// Returns the consumed `a`.
            ret Ret (M None None) 0 [ends];
            /// Returns nil.
            ret_nil RetNil (None None None) 0 [ends];
            /// Starts a user thread that calls `b` with `c` arguments, laid out as for a call;
            /// `a = ` its handle.
            spawn Spawn (W R N) 0 [throws kills];

            /// Throws the consumed `a`.
            throw Throw (M None None) 0 [throws ends];
            /// Throws the error that value `a` fits nothing: no arm of a `match`, or with `b` = 1 not
            /// the one pattern there is.
            match_error MatchError (R N None) 0 [throws ends];
            /// Goes on unwinding with the consumed error `a`, as a cleanup handler's end.
            rethrow Rethrow (M None None) 0 [throws ends];
            /// Joins the consumed error `b`, thrown by a defer, to the error `a` that is already
            /// unwinding.
            also Also (X M None) 0 [];
            /// A cleanup handler starts: cancellation is held back until `ShieldEnd`.
            shield Shield (None None None) 0 [];
            /// A cleanup handler ends.
            shield_end ShieldEnd (None None None) 0 [];
            /// Opens a scope for threads.
            scope_enter ScopeEnter (None None None) 0 [throws];
            /// Waits for the threads of the innermost scope and closes it; throws the first
            /// failure.
            scope_leave ScopeLeave (None None None) 0 [throws];
            /// The body threw the error in `a`: cancels the threads of the innermost scope, waits
            /// for them, closes it, and leaves in `a` the error to go on with.
            scope_abort ScopeAbort (X None None) 0 [throws];
            /// Waits for the first of `c` arms: one extension word each
            /// ([`Arm`](super::Arm)). `a = ` the number of the arm, `a+1 = ` what it received.
            /// The arms' registers are consumed.
            select Select (W N N) 0 [throws];
        }
    };
}

macro_rules! define {
    ($($(#[$doc:meta])* $name:ident $variant:ident ($a:ident $b:ident $c:ident) $ext:literal [$($flag:ident)*];)*) => {
        /// An operation.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Op { $($(#[$doc])* $variant),* }

        impl Op {
            /// All operations in order of their codes.
            pub const ALL: &'static [Op] = &[$(Op::$variant),*];

            /// Its name in listings.
            pub fn name(self) -> &'static str {
                match self { $(Op::$variant => stringify!($name)),* }
            }

            /// Its operands `a`, `b`, `c`.
            pub fn operands(self) -> [Operand; 3] {
                const OPERANDS: &[[Operand; 3]] =
                    &[$([Operand::$a, Operand::$b, Operand::$c]),*];
                OPERANDS[self as usize]
            }

            /// The number of extension words, without those of a path or of arms.
            pub fn fixed_extension(self) -> usize {
                match self { $(Op::$variant => $ext),* }
            }

            /// What it does besides its operands.
            pub fn effects(self) -> Effects {
                const EFFECTS: &[Effects] = &[$(Effects { $($flag: true,)* ..NO_EFFECTS }),*];
                EFFECTS[self as usize]
            }
        }
    };
}

const NO_EFFECTS: Effects =
    Effects { throws: false, kills: false, scalar: false, ends: false, arith: false };

for_each_op!(define);

/// Flag: operand `a` is dead after success (`kills` instructions that read `a`).
pub const KILL_A: u8 = 1;
/// Flag: operand `b` is dead after success.
pub const KILL_B: u8 = 2;
/// Flag: operand `c` is dead after success.
pub const KILL_C: u8 = 4;
/// Flag of ranges and slices: the end belongs to them.
pub const INCLUSIVE: u8 = 8;
/// Flag of `AddImm`, `MulImm`, `AddConst` and `MulConst`: the immediate or constant is the left operand.
pub const SWAPPED: u8 = 8;
/// Flag of comparisons with an immediate: it is a float.
pub const FLOAT: u8 = 8;
/// Flag of `LoadConst`: the constant is a number, or as good as one: what is loaded need not be
/// dropped.
pub const NUMBER: u8 = 64;
/// Flag of `GetGlobal` and `IterNext`: what is read is not counted.
pub const BORROWED: u8 = 64;
/// Flag of `IterNext`: two names are bound.
pub const PAIR: u8 = 16;
/// Flag of `MatchList` and `MatchMap`: more are fine.
pub const OPEN: u8 = 8;
/// Flag of path instructions that change something: the root may not be changed, so a cell must
/// stand on the way.
pub const READ_ROOT: u8 = 128;
/// Flag of calls: the first argument register holds a list of all positional arguments.
pub const SPREAD: u8 = 32;

impl Op {
    /// The operation with this code, if there is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(code as usize).copied()
    }
}
