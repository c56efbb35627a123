//! The distance driven, computed from positions.

/// A position on earth, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    pub latitude: f64,
    pub longitude: f64,
}

/// The mean radius of the earth in metres, R1 of the IUGG.
const EARTH: f64 = 6_371_008.8;

impl Position {
    /// The great-circle distance to another position in metres, by the haversine formula: R. W. Sinnott,
    /// "Virtues of the Haversine", Sky and Telescope 68 (1984), p. 159. Unlike the law of cosines it
    /// is accurate for the few metres between two fixes.
    fn distance(self, other: Self) -> f64 {
        let (here, there) = (self.latitude.to_radians(), other.latitude.to_radians());
        let (up, over) = (there - here, (other.longitude - self.longitude).to_radians());
        let a = (up / 2.0).sin().powi(2) + here.cos() * there.cos() * (over / 2.0).sin().powi(2);
        2.0 * EARTH * a.sqrt().min(1.0).asin()
    }
}

/// The distance driven, in metres.
#[derive(Debug, Default)]
pub struct Odometer {
    metres: f64,
    last: Option<Position>,
}

impl Odometer {
    /// Move to a position, and count the distance.
    pub fn drive_to(&mut self, position: Position) {
        self.metres += self.last.map_or(0.0, |last| last.distance(position));
        self.last = Some(position);
    }

    /// Move to a position without counting the distance.
    pub fn start_at(&mut self, position: Position) {
        self.last = Some(position);
    }

    pub fn metres(&self) -> f64 {
        self.metres
    }
}
