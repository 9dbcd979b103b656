//! Turns `src/grammar.lalrpop` into the parser's tables. Nothing else happens here.

fn main() {
    lalrpop::Configuration::new()
        .use_cargo_dir_conventions()
        .emit_rerun_directives(true)
        .process()
        .expect("the grammar has no conflicts");
}
