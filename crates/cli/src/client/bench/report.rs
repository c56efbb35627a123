//! The report of a run: throughput, percentiles, and a histogram of the latencies.

use std::time::Duration;

use clap::ValueEnum;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use super::load::Measurement;
use super::{Args, Mix};
use crate::client::printer::{Printer, Style};

const PERCENTILES: [(&str, f64); 6] = [
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];

/// The longest bar, in characters.
const WIDTH: usize = 40;

pub fn print(args: &Args, measurement: &Measurement, printer: Printer) -> anyhow::Result<()> {
    let text = if printer.json {
        json(args, measurement).to_string()
    } else {
        text(args, measurement, printer)
    };
    Ok(printer.print_line(text)?)
}

fn name(mix: Mix) -> String {
    mix.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn rate(measurement: &Measurement) -> f64 {
    measurement.latencies.len() as f64 / measurement.elapsed.as_secs_f64().max(1e-9)
}

fn json(args: &Args, measurement: &Measurement) -> Value {
    let Measurement { latencies, errors, elapsed } = measurement;
    let micros = |nanos: u64| nanos as f64 / 1_000.0;
    let mut times: Map<String, Value> = PERCENTILES
        .iter()
        .map(|(name, at)| ((*name).to_owned(), micros(latencies.value_at_quantile(*at)).into()))
        .collect();
    times.insert("min".into(), micros(latencies.min()).into());
    times.insert("mean".into(), (latencies.mean() / 1_000.0).into());
    times.insert("max".into(), micros(latencies.max()).into());
    json!({
        "mix": name(args.mix),
        "clients": args.clients,
        "keys": args.keys,
        "value_size": args.value_size,
        "seconds": elapsed.as_secs_f64(),
        "requests": latencies.len(),
        "requests_per_second": rate(measurement),
        "latency_us": times,
        "errors": errors,
    })
}

fn text(args: &Args, measurement: &Measurement, printer: Printer) -> String {
    let Measurement { latencies, errors, elapsed } = measurement;
    let mut lines = vec![
        format!(
            "{} clients, {}, {} keys, values of {} bytes",
            args.clients,
            name(args.mix),
            args.keys,
            args.value_size
        ),
        format!(
            "{} requests in {:.2} s: {}",
            latencies.len(),
            elapsed.as_secs_f64(),
            printer.paint(Style::Bold, format_args!("{:.0} per second", rate(measurement)))
        ),
        String::new(),
    ];
    if !latencies.is_empty() {
        let at = |(name, at): (&'static str, f64)| (name, latencies.value_at_quantile(at));
        let times = [("min", latencies.min())];
        let times = times
            .into_iter()
            .chain(PERCENTILES.into_iter().map(at))
            .chain([("max", latencies.max())]);
        lines.extend(times.map(|(name, nanos)| {
            format!(
                "{}  {:>10}",
                printer.paint(Style::Dim, format_args!("{name:<6}")),
                short(nanos)
            )
        }));
        lines.push(String::new());
        lines.extend(draw_histogram(latencies, printer));
    }
    for (error, count) in errors {
        lines.push(
            printer.paint(Style::Bad, format_args!("{count} failed: {}", printer.text(error))),
        );
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.join("\n")
}

fn short(nanos: u64) -> String {
    format!("{:.3?}", Duration::from_nanos(nanos)).replace(".000", "")
}

/// Draw a histogram. Each step is 1.5 times as long as the previous one.
fn draw_histogram(latencies: &Histogram<u64>, printer: Printer) -> Vec<String> {
    // Stop at p99.99: outliers would add many empty steps.
    let (low, high) = (latencies.min().max(1_000), latencies.value_at_quantile(0.9999));
    let mut steps = Vec::new();
    let mut from = 0;
    let mut to = low.next_power_of_two();
    loop {
        let is_last = to >= high;
        let end = if is_last { u64::MAX } else { to };
        steps.push((to, is_last, latencies.count_between(from, end.saturating_sub(1))));
        if is_last {
            break;
        }
        from = to;
        to += to / 2;
    }
    let most = steps.iter().map(|(_, _, count)| *count).max().unwrap_or(1).max(1);
    let total = latencies.len().max(1) as f64;
    let line = |(to, is_last, count): (u64, bool, u64)| {
        let name = if is_last {
            "longer".to_owned()
        } else {
            format!("< {:.1?}", Duration::from_nanos(to))
        };
        let bar = printer.paint(Style::Marked, bar(count, most));
        format!("{name:>11} {:>5.1}% {bar}", 100.0 * count as f64 / total).trim_end().to_owned()
    };
    steps.into_iter().map(line).collect()
}

/// Draw a bar in eighths of a character. A count above zero is always visible.
fn bar(count: u64, most: u64) -> String {
    let eighths = (count as f64 / most as f64 * (WIDTH * 8) as f64).ceil() as usize;
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    "█".repeat(eighths / 8) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bar_is_proportional_and_visible_above_zero() {
        assert_eq!(bar(0, 10), "");
        assert_eq!(bar(1, 1_000_000), "▏");
        assert_eq!(bar(10, 10), "█".repeat(WIDTH));
        assert_eq!(bar(1, 2), "█".repeat(WIDTH / 2));
    }

    #[test]
    fn each_latency_is_in_one_bar() {
        let mut latencies = Histogram::new_with_bounds(1_000, 60_000_000_000, 3).unwrap();
        for nanos in 1..10_000_u64 {
            latencies.record(nanos * 7_919).unwrap();
        }
        let printer = Printer { json: false, terminal: false, color: false };
        let shares = draw_histogram(&latencies, printer).into_iter().map(|line| {
            let (_, share) = line.split_at(12);
            share.split('%').next().unwrap().trim().parse::<f64>().unwrap()
        });
        let sum: f64 = shares.sum();
        assert!((99.0..=101.0).contains(&sum), "{sum}");
    }
}
