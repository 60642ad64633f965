//! The program: parses and exits.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(gonogo::commands::main(std::env::args_os()).code())
}
