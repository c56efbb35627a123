//! Runs the program.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

/// The program with an empty environment.
pub(crate) fn mainspring(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainspring"));
    command.env_clear().args(args).stdin(Stdio::null());
    command
}

/// Exit code and output of a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RunOutput {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn run_output(output: Output) -> RunOutput {
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    RunOutput {
        code: output.status.code().expect("not ended by a signal"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

pub(crate) fn run(command: &mut Command) -> RunOutput {
    run_output(command.output().expect("the program runs"))
}

/// Run a command with a text as its standard input.
pub(crate) fn run_with(command: &mut Command, input: &str) -> RunOutput {
    let mut child = piped(command.stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().expect("stdio is piped");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // The command may exit before it has read everything.
        let _ = stdin.write_all(input.as_bytes());
    });
    let result = run_output(child.wait_with_output().expect("the process ends"));
    writer.join().expect("the writer does not panic");
    result
}

pub(crate) fn piped(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs")
}
