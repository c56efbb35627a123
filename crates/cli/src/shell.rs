//! `mainspring completions` and `man`: what a shell and a reader of manuals want to know.

use std::fs;
use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use super::exit::Exit;
use super::output::tell;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print the completions for a shell
    #[command(
        after_help = "Example: mainspring completions bash > ~/.local/share/bash-completion/completions/mainspring"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual, or write a page for each command to a folder
    #[command(after_help = "Example: mainspring man | man -l -")]
    Man {
        /// The folder; it is made if it is not there [default: all of it to the standard output]
        dir: Option<PathBuf>,
    },
}

pub fn run(command: &Command) -> anyhow::Result<Exit> {
    let mut program = super::Args::command();
    match command {
        Command::Completions { shell } => {
            // Written at once: the generator panics if it cannot write.
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut program, "mainspring", &mut text);
            stdout().write_all(&text)?;
        }
        Command::Man { dir: None } => {
            program.build();
            let mut text = Vec::new();
            put(&program, &mut text)?;
            stdout().write_all(&text)?;
        }
        Command::Man { dir: Some(dir) } => {
            let cannot = || format!("cannot write to {}", dir.display());
            fs::create_dir_all(dir).with_context(cannot)?;
            clap_mangen::generate_to(program, dir).with_context(cannot)?;
            tell(format_args!("read it with: man -l {}/mainspring.1", dir.display()));
        }
    }
    Ok(Exit::Fine)
}

/// A page, and those of its commands.
fn put(command: &clap::Command, out: &mut Vec<u8>) -> std::io::Result<()> {
    Man::new(command.clone()).render(out)?;
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        put(command, out)?;
    }
    Ok(())
}
