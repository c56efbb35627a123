//! `mainspring clear`.

use std::io::{IsTerminal, stderr, stdin, stdout};

use mainspring::wire::Json;
use mainspring::{Backend, Store};

use super::failure::Failure;
use super::screen::Screen;
use crate::exit::Exit;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do it without asking
    #[arg(long, short)]
    yes: bool,
}

pub async fn run<B: Backend<Json>>(
    args: &Args,
    store: &Store<Json, B>,
    screen: Screen,
) -> anyhow::Result<Exit> {
    if !args.yes && !is_confirmed()? {
        return Err(Failure::error(Exit::Failed, "nothing was removed"));
    }
    let count = store.clear().await?;
    if screen.json {
        screen.say(format_args!("{{\"cleared\":{count}}}"))?;
    } else if screen.terminal {
        screen.say(format_args!("removed {count} keys"))?;
    } else {
        screen.say(count)?;
    }
    Ok(Exit::Fine)
}

/// Ask whoever is there.
fn is_confirmed() -> anyhow::Result<bool> {
    if !stdin().is_terminal() || !(stdout().is_terminal() || stderr().is_terminal()) {
        return Err(Failure::misused(
            "this removes every key, and there is nobody to ask: add --yes to do it".into(),
        ));
    }
    eprint!("Remove every key of the store? [y/N] ");
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
