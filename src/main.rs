//! The `mainspring` command.

#![allow(unreachable_pub)] // Nothing in a program can be reached from outside: `pub` is shorter.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
