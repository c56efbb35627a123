//! `mainspring batch`.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use mainspring::wire::Json;
use mainspring::{Backend, Error, Store, Write, Written};
use mainspring_http::read_write;
use serde_json::value::RawValue;

use super::failure::{Failure, reason};
use super::failure_counts::FailureCounts;
use super::printer::Printer;
use super::table::{CellStyle, Rows};
use super::values::standard_input;
use super::write;
use crate::exit::Exit;
use crate::output::{is_standard, print_status};

pub const ABOUT: &str = "\
Apply several writes atomically

The input is lines of JSON or one JSON array. Each object has a `command` (set, update, remove, push, push_front, pop, \
pop_front, expire, persist), a `key`, and the members of the command (`value`, `ttl`, `if_absent`, `if_present`, \
`if_revision`):

  {\"command\":\"set\",\"key\":\"user/1\",\"value\":\"ada\",\"if_absent\":true}
  {\"command\":\"push\",\"key\":\"users\",\"value\":\"1\"}

Prints a line for each write, in order: the revision, and for a pop the element. If a write fails, its line number is \
reported and no write is applied.";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The input file; - is the standard input
    #[arg(default_value = "-")]
    input: PathBuf,

    /// Apply each write independently; a rejected write does not affect the others
    #[arg(long)]
    independent: bool,
}

pub async fn run<B: Backend<Json>>(
    args: Args,
    store: &Store<Json, B>,
    printer: Printer,
) -> anyhow::Result<Exit> {
    let input = if is_standard(&args.input) {
        standard_input()?
    } else {
        let cannot = || format!("cannot read {}", args.input.display());
        fs::read_to_string(&args.input).with_context(cannot)?
    };
    let (positions, writes): (Vec<String>, Vec<_>) = read(&input)?.into_iter().unzip();
    let keys: Vec<_> = writes.iter().map(|write: &Write<Json>| write.key().clone()).collect();
    if writes.is_empty() {
        return Ok(Exit::Success);
    }
    if args.independent {
        let done = store.write_many(writes).await?;
        print(printer, &keys, &done)?;
        let mut failures = FailureCounts::default();
        for (position, result) in positions.iter().zip(&done) {
            if let Err(error) = result {
                failures.add(error);
                print_status(format_args!("{position}: {}", reason(error)));
            }
        }
        return Ok(failures.exit());
    }
    let done = store.batch(writes).await.map_err(|failed| {
        let position = positions.get(failed.index);
        let position = position.map_or(String::new(), |position| format!("{position}: "));
        Failure::of_batch(failed, &keys, &position)
    })?;
    let done: Vec<_> = done.into_iter().map(Ok).collect();
    print(printer, &keys, &done)?;
    Ok(Exit::Success)
}

/// Parse the writes, each with its position in the input.
fn read(input: &str) -> anyhow::Result<Vec<(String, Write<Json>)>> {
    let is_array = input.trim_start().starts_with('[');
    let texts: Vec<(String, &str)> = if is_array {
        let texts: Vec<&RawValue> = serde_json::from_str(input)
            .map_err(|error| Failure::usage(format!("the input is not a JSON array: {error}")))?;
        texts.iter().enumerate().map(|(n, text)| (format!("write {}", n + 1), text.get())).collect()
    } else {
        let lines = input.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines.map(|(n, line)| (format!("line {}", n + 1), line)).collect()
    };
    let read = |(position, text): (String, &str)| match read_write(text) {
        Ok(write) => Ok((position, write)),
        Err(error) => Err(Failure::usage(format!("{position}: {error}; nothing was done"))),
    };
    texts.into_iter().map(read).collect()
}

fn print(
    printer: Printer,
    keys: &[mainspring::Key],
    done: &[Result<Written<Json>, Error>],
) -> anyhow::Result<()> {
    if printer.terminal && !printer.json {
        let mut rows = Rows::new(printer, &["KEY", "REVISION", "RESULT"]);
        for (key, result) in keys.iter().zip(done) {
            let (revision, (text, style)) = match result {
                Ok(written) => {
                    (written.revision.to_string(), (result_of(written, printer), CellStyle::Plain))
                }
                Err(error) => {
                    ("-".into(), (printer.text(&reason(error)).into_owned(), CellStyle::Bad))
                }
            };
            let key = printer.text(key).into_owned();
            rows.add([(key, CellStyle::Name), (revision, CellStyle::Number), (text, style)]);
        }
        printer.print_line(rows.text())?;
        return Ok(());
    }
    for result in done {
        match result {
            Ok(written) if printer.json => printer.print_line(write::line(written))?,
            Ok(Written { revision, popped: Some(popped), .. }) => {
                printer
                    .print_line(format_args!("{revision}\t{}", super::printer::plain(popped)))?;
            }
            Ok(written) => printer.print_line(written.revision)?,
            Err(error) if printer.json => {
                printer.print_line(serde_json::json!({ "error": reason(error) }))?;
            }
            Err(_) => printer.print_line("-")?,
        }
    }
    Ok(())
}

fn result_of(written: &Written<Json>, printer: Printer) -> String {
    match &written.popped {
        Some(popped) => printer.text(&super::printer::plain(popped)).into_owned(),
        None if written.length > 0 => format!("list of {}", written.length),
        None => "done".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_arrays_parse_to_the_same_writes() {
        let lines =
            "\n{\"command\":\"remove\",\"key\":\"a\"}\n\n{\"command\":\"pop\",\"key\":\"b\"}\n";
        let array =
            " [{\"command\":\"remove\",\"key\":\"a\"},\n{\"command\":\"pop\",\"key\":\"b\"}] ";
        let writes =
            |input| read(input).unwrap().into_iter().map(|(_, write)| write).collect::<Vec<_>>();
        assert_eq!(writes(lines), [Write::remove("a"), Write::pop("b")]);
        assert_eq!(writes(array), writes(lines));
        assert_eq!(read(lines).unwrap()[1].0, "line 4");
        let error =
            read("{\"command\":\"remove\",\"key\":\"a\"}\n{\"command\":\"jump\",\"key\":\"a\"}");
        assert!(error.unwrap_err().to_string().starts_with("line 2: unknown command \"jump\""));
        assert!(read("").unwrap().is_empty());
    }
}
