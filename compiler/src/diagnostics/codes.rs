//! The registry of diagnostics: one row for each kind.
//!
//! E01xx are found while reading the text, E02xx in the program it says, W0xxx are warnings. A code
//! is never used for something else later on.

macro_rules! codes {
    ($($variant:ident $text:literal $explanation:literal;)*) => {
        /// The kind of a diagnostic.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $explanation] $variant,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code as people quote it.
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// What the code is about, in a line.
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$variant => $explanation,)* }
            }
        }
    };
}

codes! {
    Syntax "E0100" "The text does not follow the grammar.";
    UnexpectedEnd "E0101" "The text ends in the middle of something.";
    UnclosedBracket "E0102" "A bracket is opened and never closed.";
    UnmatchedBracket "E0103" "A closing bracket closes nothing, or the wrong bracket.";
    UnclosedString "E0104" "A string is not closed, on its line if it is not a triple-quoted one.";
    BadInterpolation "E0105" "The braces in a string hold no expression, or their format is wrong.";
    BadEscape "E0106" "There is no such escape in a string.";
    BadNumber "E0107" "A number is malformed or out of range.";
    BadCharacter "E0108" "The language has no such character.";
    ForeignSyntax "E0109" "Another language's spelling of something that is spelled differently here.";
    TooDeep "E0110" "Expressions and blocks nest too deeply.";
    KeywordAsName "E0111" "A keyword stands where a name is wanted.";
    NameCase "E0112" "The case of a name's first letter says what it is: types and variants upper, all else lower.";
    NotAPlace "E0113" "What is assigned to is no variable, field or element.";
    AssignmentAsValue "E0114" "An assignment has no value and stands where a value is wanted.";
    ChainedComparison "E0115" "Comparisons and ranges do not chain.";
    MixedLiteral "E0116" "A list and a map are mixed in one pair of brackets.";
    BadKey "E0117" "The key of a map or the name of an argument is no name.";
    BadSpawn "E0118" "`spawn` takes one call or a block.";
    OperatorPlace "E0119" "An operator stands where it cannot without parentheses.";
    BadPattern "E0120" "A pattern is malformed.";
    EmptyStatement "E0121" "A `;` ends nothing.";
    SourceTooLong "E0122" "The source text is too long.";
    UnknownName "E0200" "A name is not known here.";
    UsedBeforeDefinition "E0201" "A local is used above the line that defines it.";
    DuplicateName "E0202" "A module, or a list of parameters, has a name twice.";
    NotAssignable "E0203" "What is changed cannot be changed.";
    TopLevelVar "E0204" "A function names a variable of the top-level code.";
    WrongArguments "E0205" "A call does not fit the parameters of its function.";
    NoEffect "E0206" "The value of an expression is thrown away, and it does nothing else.";
    MisplacedJump "E0207" "`return`, `break` or `continue` stands where there is nothing to leave.";
    UnknownModule "E0208" "There is no such module, or no such member of it.";
    BadSelect "E0209" "The arms of a `select` do not fit.";
    TooLarge "E0210" "A function is larger than the machine allows.";
    MisplacedDeclaration "E0212" "A declaration stands where it cannot.";
    BadParameter "E0213" "A parameter is declared in a way that cannot work.";
    IntegerRange "E0214" "An integer literal does not fit 64 bits.";
    WrongPattern "E0220" "A pattern can never match, or its names or fields do not fit.";
    WalkedInPlace "E0221" "What `for &` walks is named inside the loop.";
    BadPlace "E0222" "A place cannot be handed over with `&`.";
    UnknownType "E0223" "There is no such struct, enum or variant.";
    WrongMember "E0224" "A type has no such field or function, or it is used in the wrong way.";
    BadType "E0225" "A struct or enum is declared in a way that cannot work.";
    BadModuleName "E0223" "A file module has no name that a program could use.";
    TooMany "E0215" "There are more errors than are shown.";
    LooksContinued "W0100" "A line looks like the continuation of the one above, and is not.";
    MissingVariant "W0120" "A `match` leaves out a variant of the enum whose variants it names.";
    UnusedVariable "W0101" "A local variable is never read.";
    UnusedImport "W0102" "An import is never used.";
    Unreachable "W0103" "Code stands where nothing gets to.";
    ShadowedBuiltin "W0104" "A name hides a built-in function.";
    EmptyBlock "W0106" "An empty block stands where a value is wanted.";
    DiscardedValue "W0105" "The value of a call that does nothing else is thrown away.";
}
