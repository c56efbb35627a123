//! `mainspring journal import`.

use std::fs::File;
use std::io::stdin;
use std::path::PathBuf;

use anyhow::Context;
use mainspring::journal::file::tools::{Format, import};

use crate::exit::Exit;
use crate::output::{is_standard, say, say_json, tell};
use crate::progress::Bar;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder of the new journal
    dir: PathBuf,

    /// The file to read; - is the standard input
    #[arg(default_value = "-")]
    input: PathBuf,

    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut bar = Bar::new("importing");
    let mut show = |progress| bar.show(progress);
    let done = if is_standard(&args.input) {
        import(stdin().lock(), &args.dir, &mut show)?
    } else {
        let cannot = || format!("cannot open {}", args.input.display());
        import(File::open(&args.input).with_context(cannot)?, &args.dir, &mut show)?
    };
    drop(bar);
    if args.json {
        say_json(&done)?;
    } else {
        let what = match done.format {
            Format::Export => "an export",
            Format::CommandLog => "a log of commands",
            _ => "an object of keys",
        };
        say(format!("{} entries from {what}, at revision {}", done.entries, done.revision))?;
    }
    let Some(torn) = &done.torn else { return Ok(Exit::Fine) };
    tell(format_args!("line {} is not complete, and was left out: {}", torn.line, torn.text));
    Ok(Exit::Incomplete)
}
