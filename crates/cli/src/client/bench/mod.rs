//! `mainspring bench`: a load generator for a server.

mod load;
mod report;

use std::time::Duration;

use clap::ValueEnum;
use mainspring::wire::Json;
use mainspring_http::Client;

use super::failure::Failure;
use super::options::time;
use super::printer::Printer;
use crate::exit::Exit;
use crate::output::print_status;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Number of concurrent clients, each with its own connection
    #[arg(long, short, value_name = "N", default_value_t = 64, value_parser = number())]
    clients: u64,

    /// Duration [default: 10s, or unlimited with --requests]
    #[arg(long, short, value_name = "TIME", value_parser = time)]
    duration: Option<Duration>,

    /// Number of requests
    #[arg(long, short = 'n', value_name = "N", value_parser = number())]
    requests: Option<u64>,

    /// The requests: get, set, or mixed (nine reads for each write)
    #[arg(long, value_name = "MIX", value_enum, default_value_t)]
    mix: Mix,

    /// Number of keys
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = number())]
    keys: u64,

    /// Size of a value in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 100)]
    value_size: usize,

    /// Prefix of the keys
    #[arg(long, default_value = "bench/")]
    prefix: String,

    /// Do not remove the keys afterwards
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

pub async fn run(args: Args, client: &Client<Json>, printer: Printer) -> anyhow::Result<Exit> {
    let keys = load::KeySet::new(&args);
    // Fail early without a server, and if existing keys would be overwritten.
    if let Some(key) = client.keys(&args.prefix).limit(1).await?.items.first() {
        return Err(Failure::usage(format!(
            "keys with the prefix {:?} exist, such as {key:?}, and would be overwritten: choose another --prefix, or \
             remove them",
            args.prefix
        )));
    }
    let measurement = async {
        if args.mix != Mix::Set {
            keys.fill(client).await?;
        }
        Ok(load::run(&args, &keys, client).await)
    };
    let measurement = tokio::select! {
        measurement = measurement => measurement,
        _ = tokio::signal::ctrl_c() => Err(Failure::with_exit(Exit::Interrupted, "interrupted")),
    };
    if !args.keep {
        let removed = keys.remove(client).await;
        if let Err(error) = removed {
            print_status(format_args!(
                "cannot remove the keys with the prefix {:?}: {error}",
                args.prefix
            ));
        }
    }
    let measurement: load::Measurement = measurement?;
    report::print(&args, &measurement, printer)?;
    Ok(if measurement.errors.is_empty() { Exit::Success } else { Exit::Incomplete })
}
