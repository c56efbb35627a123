//! A simulated car.

use std::ops::Range;
use std::time::Duration;

use tokio::time::Interval;

use crate::clock::Clock;
use crate::device::Device;

/// The polling interval.
const POLL: Duration = Duration::from_millis(250);

/// The car periodically passes a tunnel, in which it is not reachable. Deterministic, so that all drives are alike: the
/// speed request at 15 seconds is rejected.
const PERIOD: f64 = 20.0;
const TUNNEL: Range<f64> = 11.5..15.5;

/// The highest speed.
const TOP_SPEED: f64 = 130.0;

/// A car that accepts all valid speeds and is unreachable in the tunnel.
#[derive(Debug)]
pub struct SimulatedCar {
    clock: Clock,
    polls: Interval,
    speed: f64,
    location: f64,
}

impl SimulatedCar {
    pub fn new(clock: &Clock) -> Self {
        Self { clock: clock.clone(), polls: clock.every(POLL), speed: 0.0, location: 0.0 }
    }
}

impl Device for SimulatedCar {
    async fn wait(&mut self) -> anyhow::Result<bool> {
        self.polls.tick().await;
        Ok(true)
    }

    fn is_connected(&self) -> bool {
        !TUNNEL.contains(&(self.clock.elapsed().as_secs_f64() % PERIOD))
    }

    fn get_speed(&self) -> f64 {
        self.speed
    }

    /// Each new speed moves the car by two, as in the earlier program whose log the tests compare.
    fn set_speed(&mut self, speed: f64) -> Result<(), String> {
        if !self.is_connected() {
            return Err(String::from("the car is not connected"));
        }
        if !(0.0..=TOP_SPEED).contains(&speed) {
            return Err(format!("expected a speed of 0 to {TOP_SPEED}"));
        }
        self.speed = speed;
        self.location += 2.0;
        Ok(())
    }

    fn get_location(&self) -> f64 {
        self.location
    }
}
