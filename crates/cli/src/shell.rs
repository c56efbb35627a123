//! `mainspring completions` and `man`: shell completions and manual pages.

use std::fs;
use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use super::exit::Exit;
use super::output::print_status;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print shell completions
    #[command(
        after_help = "Example: mainspring completions bash > ~/.local/share/bash-completion/completions/mainspring"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual, or write a page for each command to a directory
    #[command(after_help = "Example: mainspring man | man -l -")]
    Man {
        /// The directory, created if missing [default: print everything to the standard output]
        dir: Option<PathBuf>,
    },
}

pub fn run(command: &Command) -> anyhow::Result<Exit> {
    let mut program = super::Args::command();
    match command {
        Command::Completions { shell } => {
            // Into memory first: the generator panics if it cannot write.
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut program, "mainspring", &mut text);
            stdout().write_all(&text)?;
        }
        Command::Man { dir: None } => {
            program.build();
            let mut text = Vec::new();
            write_pages(&program, &mut text)?;
            stdout().write_all(&text)?;
        }
        Command::Man { dir: Some(dir) } => {
            let cannot = || format!("cannot write to {}", dir.display());
            fs::create_dir_all(dir).with_context(cannot)?;
            clap_mangen::generate_to(program, dir).with_context(cannot)?;
            print_status(format_args!("read it with: man -l {}/mainspring.1", dir.display()));
        }
    }
    Ok(Exit::Success)
}

/// Write the page of a command and those of its subcommands.
fn write_pages(command: &clap::Command, out: &mut Vec<u8>) -> std::io::Result<()> {
    Man::new(command.clone()).render(out)?;
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        write_pages(command, out)?;
    }
    Ok(())
}
