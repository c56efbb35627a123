//! `mainspring clear`.

use std::io::{IsTerminal, stderr, stdin, stdout};

use mainspring::wire::Json;
use mainspring::{Backend, Store};

use super::failure::Failure;
use super::printer::Printer;
use crate::exit::Exit;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
}

pub async fn run<B: Backend<Json>>(
    args: &Args,
    store: &Store<Json, B>,
    printer: Printer,
) -> anyhow::Result<Exit> {
    if !args.yes && !is_confirmed()? {
        return Err(Failure::with_exit(Exit::Failed, "nothing was removed"));
    }
    let count = store.clear().await?;
    if printer.json {
        printer.print_line(format_args!("{{\"cleared\":{count}}}"))?;
    } else if printer.terminal {
        printer.print_line(format_args!("removed {count} keys"))?;
    } else {
        printer.print_line(count)?;
    }
    Ok(Exit::Success)
}

/// Ask for confirmation on the terminal.
fn is_confirmed() -> anyhow::Result<bool> {
    if !stdin().is_terminal() || !(stdout().is_terminal() || stderr().is_terminal()) {
        return Err(Failure::usage(
            "this removes all keys, and there is no terminal to confirm it: add --yes".into(),
        ));
    }
    eprint!("Remove all keys of the store? [y/N] ");
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
