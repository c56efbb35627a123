//! Servers that alternate under the same load, and the report.

use std::time::Duration;

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use peers::measure::{Figures, Sample, SideResult, median, turns};
use peers::report::{Better, Row};
use peers::settings::Settings;
use tempfile::TempDir;

use crate::contenders::{Contender, RequestKind};
use crate::process::{Placement, Server};
use crate::wrk::{self, Part};

/// The results of a side in all rounds.
pub(crate) struct Side {
    contender: Contender,
    measured: SideResult,
    parts: Vec<Part>,
    /// In bytes, at the end.
    resident: u64,
}

impl Side {
    fn median(&self, of: impl Fn(&Part) -> f64) -> f64 {
        median(self.parts.iter().map(of))
    }

    fn figures(&self) -> Figures {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        self.measured
            .figures()
            .with("p50_us", self.median(|part| micros(part.p50)))
            .with("p99_us", self.median(|part| micros(part.p99)))
            .with("load", self.median(|part| part.load))
    }
}

/// Running servers.
pub(crate) struct Run {
    placement: Placement,
    servers: Vec<(Contender, Server)>,
    scripts: TempDir,
}

impl Run {
    pub(crate) fn start(placement: Placement, contenders: &[Contender]) -> Result<Self> {
        let lengths = lengths(placement)?;
        let start = |contender: &Contender| Ok((*contender, contender.start(placement, lengths)?));
        let servers = contenders.iter().map(start).collect::<Result<_>>()?;
        Ok(Self { placement, servers, scripts: tempfile::tempdir()? })
    }

    /// Measure all servers that support this request, alternating. The first is the bare handler.
    pub(crate) fn measure(&self, settings: &Settings, what: RequestKind) -> Result<Vec<Side>> {
        let mut selected = Vec::new();
        for (contender, server) in &self.servers {
            if let Some(request) = contender.request(what) {
                let script = self.scripts.path().join(format!("{}.lua", selected.len()));
                wrk::write_script(&script, &request.to(server))?;
                selected.push((*contender, server, script));
            }
        }
        let mut parts = vec![Vec::new(); selected.len()];
        for (counts, side) in turns(settings.rounds, selected.len()) {
            let (_, server, script) = &selected[side];
            let part = wrk::drive(self.placement, server, script, settings.part)?;
            if counts {
                parts[side].push(part);
            }
        }
        let side = |((contender, server, _), parts): ((Contender, &Server, _), Vec<Part>)| {
            let samples = parts.iter().map(|part| part.sample).collect();
            let measured = SideResult::new(contender.name(), samples);
            Ok(Side { contender, measured, parts, resident: server.resident()? })
        };
        selected.into_iter().zip(parts).map(side).collect()
    }
}

/// The lengths of the responses of `mainspring`, for the constants.
fn lengths(placement: Placement) -> Result<[usize; 3]> {
    let ours = Contender::Mainspring;
    let server = ours.start(placement, [0; 3])?;
    let [row, done] =
        [RequestKind::GetJson, RequestKind::PutJson].map(|what| ours.length(&server, what));
    Ok([row?, done?, ours.length(&server, RequestKind::GetText)?])
}

/// The ratios of `mainspring` to the other servers, the bare handler first.
pub(crate) fn rows(placement: Placement, what: RequestKind, sides: &[Side]) -> Vec<Row> {
    let Some(ours) = sides.iter().find(|side| side.contender == Contender::Mainspring) else {
        return Vec::new();
    };
    let rate = Sample::per_second;
    let name = |other: &Side| {
        format!("{}{}, of {}", what.name(), placement.words(), other.contender.name())
    };
    let others = sides.iter().filter(|side| side.contender != Contender::Mainspring);
    others
        .map(|other| {
            if other.contender == Contender::WithAuthentication {
                let name =
                    format!("{}{}, with a token, of without", what.name(), placement.words());
                let row = Row::at_least(0.9, name, other.measured.ratio(&ours.measured, rate));
                return row.figures([other.figures(), ours.figures()]);
            }
            let ratio = ours.measured.ratio(&other.measured, rate);
            let row = match other.contender {
                Contender::Bare if placement == Placement::Separate => {
                    Row::at_least(0.9, name(other), ratio).recorded()
                }
                Contender::Bare => Row::at_least(0.9, name(other), ratio),
                Contender::Beside | Contender::Journaled | Contender::Nginx => {
                    Row::without_goal(Better::More, name(other), ratio)
                }
                _ => Row::at_least(1.0, name(other), ratio),
            };
            row.figures([ours.figures(), other.figures()])
        })
        .collect()
}

/// All servers, and their ratio to the bare handler.
pub(crate) fn table(sides: &[Side], markdown: bool) -> String {
    let mut table = Table::new();
    let preset = if markdown { presets::ASCII_MARKDOWN } else { presets::UTF8_FULL_CONDENSED };
    table.load_style(preset).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "who",
        "requests/s",
        "of bare",
        "p50",
        "p99",
        "CPU per request",
        "resident",
        "load",
    ]);
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    for side in sides {
        table.add_row([
            side.contender.name().to_owned(),
            format!("{:.0}", side.measured.median(Sample::per_second)),
            format!("{:.2}", side.measured.ratio(&sides[0].measured, Sample::per_second)),
            format!("{:.2} ms", side.median(|part| millis(part.p50))),
            format!("{:.2} ms", side.median(|part| millis(part.p99))),
            format!("{:.1} us", side.measured.median(Sample::cpu_cost) * 1e6),
            format!("{:.1} MiB", side.resident as f64 / f64::from(1 << 20)),
            format!("{:.2}", side.median(|part| part.load)),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}
