//! Tables with aligned columns, for terminals.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Row, Table};

use super::printer::Printer;

/// Spaces between two columns.
const GAP: u16 = 2;
/// A smaller reported width is not plausible.
const MIN_WIDTH: u16 = 20;

/// A table without borders: a header and rows of one line each, at most as wide as the terminal.
pub struct Rows {
    table: Table,
    color: bool,
}

/// The style of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellStyle {
    Plain,
    Name,
    Number,
    Dim,
    Bad,
}

impl Rows {
    /// Create a table. An empty header is omitted.
    pub fn new(printer: Printer, header: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(NOTHING);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_truncation_indicator("…");
        if printer.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_width(width());
        if !header.is_empty() {
            let cell = |name: &&str| {
                let cell = Cell::new(name);
                if printer.color { cell.add_attribute(Attribute::Dim) } else { cell }
            };
            table.set_header(header.iter().map(cell).collect::<Vec<_>>());
        }
        Self { table, color: printer.color }
    }

    pub fn add(&mut self, cells: impl IntoIterator<Item = (String, CellStyle)>) {
        let cell = |(text, style): (String, CellStyle)| {
            let cell = Cell::new(text);
            let cell = if style == CellStyle::Number {
                cell.set_alignment(CellAlignment::Right)
            } else {
                cell
            };
            match style {
                _ if !self.color => cell,
                CellStyle::Plain | CellStyle::Number => cell,
                CellStyle::Name => cell.fg(Color::Cyan),
                CellStyle::Dim => cell.add_attribute(Attribute::Dim),
                CellStyle::Bad => cell.fg(Color::Red),
            }
        };
        let mut row = Row::from(cells.into_iter().map(cell).collect::<Vec<_>>());
        row.max_height(1);
        self.table.add_row(row);
    }

    /// Format the table without trailing spaces.
    pub fn text(&mut self) -> String {
        let last = self.table.column_count().saturating_sub(1);
        for (index, column) in self.table.column_iter_mut().enumerate() {
            column.set_padding((0, if index == last { 0 } else { GAP }));
        }
        let lines: Vec<String> =
            self.table.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n")
    }
}

/// The width of the terminal, or 80 if it is unknown.
fn width() -> u16 {
    Table::new().width().filter(|width| *width >= MIN_WIDTH).unwrap_or(80)
}
