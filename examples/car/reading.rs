//! The element type of the store: readings, each with its key.

use jiff::civil::DateTime;
use mainspring::{Event, Write};

/// The gated key.
pub const TARGET_SPEED: &str = "car/target_speed";

/// One value of the actual or the desired state of the car.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "file", derive(serde::Serialize, serde::Deserialize))]
pub enum Reading {
    Connected(bool),
    Speed(f64),
    Location(f64),
    /// The date of the other readings, if the device has a clock.
    Date(DateTime),
    /// The desired speed. All other readings are actual values.
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

    /// The write that stores the reading under its key.
    pub fn write(self) -> Write<Self> {
        Write::set(self.key(), self)
    }
}

/// The state of the car at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CarState {
    pub connected: bool,
    pub speed: Option<f64>,
    pub location: Option<f64>,
    pub date: Option<DateTime>,
}

impl CarState {
    /// Apply an event. The changes of a batch are of the same moment.
    pub fn apply(&mut self, event: &Event<Reading>) {
        match event {
            Event::Entry { entry, .. } => self.add(entry.value.elements()),
            event => event.changes().iter().for_each(|change| self.add(change.elements())),
        }
    }

    /// Whether the speed or the location has changed.
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
            Reading::TargetSpeed(_) => {} // desired, not actual
        }
    }
}
