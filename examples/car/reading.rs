//! What the store holds: readings, which know their keys.

use jiff::civil::DateTime;
use mainspring::{Event, Write};

/// The key that has a gate in front of it.
pub const TARGET_SPEED: &str = "car/target_speed";

/// One thing that is known about the car, or wanted of it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "file", derive(serde::Serialize, serde::Deserialize))]
pub enum Reading {
    Connected(bool),
    Speed(f64),
    Location(f64),
    /// The date of the others, if the car has told it.
    Date(DateTime),
    /// What somebody wants. Everything else is what is.
    TargetSpeed(f64),
}

impl Reading {
    pub fn key(self) -> &'static str {
        match self {
            Self::Connected(_) => "car/connected",
            Self::Speed(_) => "car/speed",
            Self::Location(_) => "car/location",
            Self::Date(_) => "car/date",
            Self::TargetSpeed(_) => TARGET_SPEED,
        }
    }

    /// The write that puts it into its place.
    pub fn write(self) -> Write<Self> {
        Write::set(self.key(), self)
    }
}

/// All that is known about the car at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Picture {
    pub connected: bool,
    pub speed: Option<f64>,
    pub location: Option<f64>,
    pub date: Option<DateTime>,
}

impl Picture {
    /// Bring the picture up to date. A batch is one moment, however much is in it.
    pub fn follow(&mut self, event: &Event<Reading>) {
        match event {
            Event::Entry { entry, .. } => self.add(entry.value.elements()),
            event => event.changes().iter().for_each(|change| self.add(change.elements())),
        }
    }

    /// Whether the speed or the location is another.
    pub fn has_moved_since(&self, before: &Self) -> bool {
        (self.speed, self.location) != (before.speed, before.location)
    }

    pub fn add(&mut self, readings: &[Reading]) {
        readings.iter().for_each(|reading| self.add_one(*reading));
    }

    fn add_one(&mut self, reading: Reading) {
        match reading {
            Reading::Connected(connected) => self.connected = connected,
            Reading::Speed(speed) => self.speed = Some(speed),
            Reading::Location(location) => self.location = Some(location),
            Reading::Date(date) => self.date = Some(date),
            Reading::TargetSpeed(_) => {} // a wish is nothing that is known about the car
        }
    }
}
