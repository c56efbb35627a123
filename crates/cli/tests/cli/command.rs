//! How the program is run.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

/// The program, without anything of the environment that runs the tests.
pub(crate) fn mainspring(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainspring"));
    command.env_clear().args(args).stdin(Stdio::null());
    command
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn ended(output: Output) -> Ended {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ended {
        code: output.status.code().expect("it ended by itself"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

pub(crate) fn run(command: &mut Command) -> Ended {
    ended(command.output().expect("it runs"))
}

/// Run it with a text as its standard input.
pub(crate) fn run_with(command: &mut Command, input: &str) -> Ended {
    let mut child = piped(command.stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // Who has seen enough does not read to the end.
        let _ = stdin.write_all(input.as_bytes());
    });
    let ended = ended(child.wait_with_output().expect("it ends"));
    writer.join().expect("it writes");
    ended
}

pub(crate) fn piped(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
}
