//! `mainspring batch`.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use mainspring::wire::Json;
use mainspring::{Backend, Error, Store, Write, Written};
use mainspring_http::read_write;
use serde_json::value::RawValue;

use super::failure::{Failure, reason};
use super::screen::Screen;
use super::table::{Look, Rows};
use super::tally::Tally;
use super::values::standard_input;
use super::write;
use crate::exit::Exit;
use crate::output::{is_standard, tell};

pub const ABOUT: &str = "\
Do several writes, all or nothing, with nothing of others in between.

They are lines of JSON, or one list of JSON: objects with a `command` (set, update, remove, push, push_front, pop, \
pop_front, expire, persist), a `key`, and what belongs to it (`value`, `ttl`, `if_absent`, `if_present`, \
`if_revision`):

  {\"command\":\"set\",\"key\":\"user/1\",\"value\":\"ada\",\"if_absent\":true}
  {\"command\":\"push\",\"key\":\"users\",\"value\":\"1\"}

Prints a line for each write, in their order: the revision, and of a pop the element. A write that fails is named by \
its place, and nothing of the batch was done.";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file to read; - is the standard input
    #[arg(default_value = "-")]
    input: PathBuf,

    /// Do each write for itself; what is refused does not keep the others from being done
    #[arg(long)]
    independent: bool,
}

pub async fn run<B: Backend<Json>>(
    args: Args,
    store: &Store<Json, B>,
    screen: Screen,
) -> anyhow::Result<Exit> {
    let input = if is_standard(&args.input) {
        standard_input()?
    } else {
        let cannot = || format!("cannot read {}", args.input.display());
        fs::read_to_string(&args.input).with_context(cannot)?
    };
    let (places, writes): (Vec<String>, Vec<_>) = read(&input)?.into_iter().unzip();
    let keys: Vec<_> = writes.iter().map(|write: &Write<Json>| write.key().clone()).collect();
    if writes.is_empty() {
        return Ok(Exit::Fine);
    }
    if args.independent {
        let done = store.write_many(writes).await?;
        print(screen, &keys, &done)?;
        let mut tally = Tally::default();
        for (place, result) in places.iter().zip(&done) {
            if let Err(error) = result {
                tally.add(error);
                tell(format_args!("{place}: {}", reason(error)));
            }
        }
        return Ok(tally.exit());
    }
    let done = store.batch(writes).await.map_err(|failed| {
        let place = places.get(failed.index).map_or(String::new(), |place| format!("{place}: "));
        Failure::of_batch(failed, &keys, &place)
    })?;
    let done: Vec<_> = done.into_iter().map(Ok).collect();
    print(screen, &keys, &done)?;
    Ok(Exit::Fine)
}

/// The writes, each with where it stands.
fn read(input: &str) -> anyhow::Result<Vec<(String, Write<Json>)>> {
    let is_array = input.trim_start().starts_with('[');
    let texts: Vec<(String, &str)> = if is_array {
        let texts: Vec<&RawValue> = serde_json::from_str(input)
            .map_err(|error| Failure::misused(format!("the input is no list of JSON: {error}")))?;
        texts.iter().enumerate().map(|(n, text)| (format!("write {}", n + 1), text.get())).collect()
    } else {
        let lines = input.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines.map(|(n, line)| (format!("line {}", n + 1), line)).collect()
    };
    let read = |(place, text): (String, &str)| match read_write(text) {
        Ok(write) => Ok((place, write)),
        Err(error) => Err(Failure::misused(format!("{place}: {error}; nothing was done"))),
    };
    texts.into_iter().map(read).collect()
}

fn print(
    screen: Screen,
    keys: &[mainspring::Key],
    done: &[Result<Written<Json>, Error>],
) -> anyhow::Result<()> {
    if screen.terminal && !screen.json {
        let mut rows = Rows::new(screen, &["KEY", "REVISION", "RESULT"]);
        for (key, result) in keys.iter().zip(done) {
            let (revision, (text, look)) = match result {
                Ok(written) => {
                    (written.revision.to_string(), (result_of(written, screen), Look::Plain))
                }
                Err(error) => ("-".into(), (screen.text(&reason(error)).into_owned(), Look::Bad)),
            };
            let key = screen.text(key).into_owned();
            rows.add([(key, Look::Name), (revision, Look::Number), (text, look)]);
        }
        screen.say(rows.text())?;
        return Ok(());
    }
    for result in done {
        match result {
            Ok(written) if screen.json => screen.say(write::line(written))?,
            Ok(Written { revision, popped: Some(popped), .. }) => {
                screen.say(format_args!("{revision}\t{}", super::screen::plain(popped)))?;
            }
            Ok(written) => screen.say(written.revision)?,
            Err(error) if screen.json => {
                screen.say(serde_json::json!({ "error": reason(error) }))?;
            }
            Err(_) => screen.say("-")?,
        }
    }
    Ok(())
}

fn result_of(written: &Written<Json>, screen: Screen) -> String {
    match &written.popped {
        Some(popped) => screen.text(&super::screen::plain(popped)).into_owned(),
        None if written.length > 0 => format!("list of {}", written.length),
        None => "done".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_lists_are_read() {
        let lines =
            "\n{\"command\":\"remove\",\"key\":\"a\"}\n\n{\"command\":\"pop\",\"key\":\"b\"}\n";
        let list =
            " [{\"command\":\"remove\",\"key\":\"a\"},\n{\"command\":\"pop\",\"key\":\"b\"}] ";
        let writes =
            |input| read(input).unwrap().into_iter().map(|(_, write)| write).collect::<Vec<_>>();
        assert_eq!(writes(lines), [Write::remove("a"), Write::pop("b")]);
        assert_eq!(writes(list), writes(lines));
        assert_eq!(read(lines).unwrap()[1].0, "line 4");
        let wrong =
            read("{\"command\":\"remove\",\"key\":\"a\"}\n{\"command\":\"jump\",\"key\":\"a\"}");
        assert!(wrong.unwrap_err().to_string().starts_with("line 2: unknown command \"jump\""));
        assert!(read("").unwrap().is_empty());
    }
}
