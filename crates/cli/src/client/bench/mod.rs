//! `mainspring bench`: a load generator.

mod load;
mod report;

use std::time::Duration;

use clap::ValueEnum;
use mainspring::wire::Json;
use mainspring_http::Client;

use super::failure::Failure;
use super::options::time;
use super::screen::Screen;
use crate::exit::Exit;
use crate::output::tell;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Clients that ask at the same time, each on a connection of its own
    #[arg(long, short, value_name = "N", default_value_t = 64, value_parser = number())]
    clients: u64,

    /// How long to go on [default: 10s, unless --requests is given]
    #[arg(long, short, value_name = "TIME", value_parser = time)]
    duration: Option<Duration>,

    /// How many requests to do
    #[arg(long, short = 'n', value_name = "N", value_parser = number())]
    requests: Option<u64>,

    /// What to ask: mixed is nine reads for each write
    #[arg(long, value_name = "MIX", value_enum, default_value_t)]
    mix: Mix,

    /// How many keys
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = number())]
    keys: u64,

    /// The length of a value in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 100)]
    value_size: usize,

    /// What the keys begin with
    #[arg(long, default_value = "bench/")]
    prefix: String,

    /// Leave the keys there
    #[arg(long)]
    keep: bool,
}

fn number() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Mix {
    Get,
    Set,
    #[default]
    Mixed,
}

pub async fn run(args: Args, client: &Client<Json>, screen: Screen) -> anyhow::Result<Exit> {
    let keys = load::Keys::new(&args);
    // Fails where there is no server, and where somebody else's keys would be overwritten.
    if let Some(key) = client.keys(&args.prefix).limit(1).await?.items.first() {
        return Err(Failure::misused(format!(
            "there are keys that begin with {:?}, such as {key:?}, and they would be overwritten: choose another \
             --prefix, or remove them",
            args.prefix
        )));
    }
    let measured = async {
        if args.mix != Mix::Set {
            keys.fill(client).await?;
        }
        Ok(load::run(&args, &keys, client).await)
    };
    let measured = tokio::select! {
        measured = measured => measured,
        _ = tokio::signal::ctrl_c() => Err(Failure::error(Exit::Interrupted, "interrupted")),
    };
    if !args.keep {
        let removed = keys.remove(client).await;
        if let Err(error) = removed {
            tell(format_args!(
                "the keys that begin with {:?} are still there: {error}",
                args.prefix
            ));
        }
    }
    let measured: load::Measured = measured?;
    report::print(&args, &measured, screen)?;
    Ok(if measured.errors.is_empty() { Exit::Fine } else { Exit::Incomplete })
}
