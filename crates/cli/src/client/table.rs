//! Aligned columns, for terminals.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Row, Table};

use super::screen::Screen;

/// The blanks between two columns.
const GAP: u16 = 2;
/// Nobody has a terminal that is narrower than this.
const NARROWEST: u16 = 20;

/// A table without lines: a header, and rows of one line each, as wide as the terminal at most.
pub struct Rows {
    table: Table,
    color: bool,
}

/// How a cell looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Plain,
    Name,
    Number,
    Dim,
    Bad,
}

impl Rows {
    /// With a header, unless it is empty.
    pub fn new(screen: Screen, header: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(NOTHING);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_truncation_indicator("…");
        if screen.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_width(width());
        if !header.is_empty() {
            let cell = |name: &&str| {
                let cell = Cell::new(name);
                if screen.color { cell.add_attribute(Attribute::Dim) } else { cell }
            };
            table.set_header(header.iter().map(cell).collect::<Vec<_>>());
        }
        Self { table, color: screen.color }
    }

    pub fn add(&mut self, cells: impl IntoIterator<Item = (String, Look)>) {
        let cell = |(text, look): (String, Look)| {
            let cell = Cell::new(text);
            let cell =
                if look == Look::Number { cell.set_alignment(CellAlignment::Right) } else { cell };
            match look {
                _ if !self.color => cell,
                Look::Plain | Look::Number => cell,
                Look::Name => cell.fg(Color::Cyan),
                Look::Dim => cell.add_attribute(Attribute::Dim),
                Look::Bad => cell.fg(Color::Red),
            }
        };
        let mut row = Row::from(cells.into_iter().map(cell).collect::<Vec<_>>());
        row.max_height(1);
        self.table.add_row(row);
    }

    /// Its lines, without the blanks at their ends.
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

/// Of the terminal, as it says; where it says nothing that could be, as most have it.
fn width() -> u16 {
    Table::new().width().filter(|width| *width >= NARROWEST).unwrap_or(80)
}
