//! `mainspring journal import`.

use std::fs::File;
use std::io::stdin;
use std::path::PathBuf;

use anyhow::Context;
use mainspring::journal::file::tools::{Format, import};

use crate::exit::Exit;
use crate::output::{is_standard, print_json, print_line, print_status};
use crate::progress::Bar;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the new journal
    dir: PathBuf,

    /// The file to read; - is the standard input
    #[arg(default_value = "-")]
    input: PathBuf,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut bar = Bar::new("importing");
    let mut show = |progress| bar.show(progress);
    let report = if is_standard(&args.input) {
        import(stdin().lock(), &args.dir, &mut show)?
    } else {
        let context = || format!("cannot open {}", args.input.display());
        import(File::open(&args.input).with_context(context)?, &args.dir, &mut show)?
    };
    drop(bar);
    if args.json {
        print_json(&report)?;
    } else {
        let source = match report.format {
            Format::Export => "an export",
            Format::CommandLog => "a log of commands",
            _ => "an object with keys",
        };
        print_line(format!(
            "{} entries from {source}, at revision {}",
            report.entries, report.revision
        ))?;
    }
    let Some(torn) = &report.torn else { return Ok(Exit::Success) };
    print_status(format_args!("line {} is incomplete and was skipped: {}", torn.line, torn.text));
    Ok(Exit::Incomplete)
}
