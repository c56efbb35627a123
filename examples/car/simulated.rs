//! A car that is not there.

use std::ops::Range;
use std::time::Duration;

use tokio::time::Interval;

use crate::clock::Clock;
use crate::device::Device;

/// How often it is worth asking.
const POLL: Duration = Duration::from_millis(250);

/// Every so often the car drives through a tunnel, in which it cannot be reached. By the clock rather
/// than by chance, so that everybody sees the same drive: the wish of the 15th second is refused.
const ROUND: f64 = 20.0;
const TUNNEL: Range<f64> = 11.5..15.5;

/// What the engine can do.
const TOP_SPEED: f64 = 130.0;

/// Does as it is told, and is away at times.
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
        !TUNNEL.contains(&(self.clock.elapsed().as_secs_f64() % ROUND))
    }

    fn get_speed(&self) -> f64 {
        self.speed
    }

    /// The car of document 004 was observed to move on by two with each new speed, and to stand
    /// still in between. So does this one: its log can be compared with the observed one.
    fn set_speed(&mut self, speed: f64) -> Result<(), String> {
        if !self.is_connected() {
            return Err(String::from("the car is not connected"));
        }
        if !(0.0..=TOP_SPEED).contains(&speed) {
            return Err(format!("the car drives at 0 to {TOP_SPEED}"));
        }
        self.speed = speed;
        self.location += 2.0;
        Ok(())
    }

    fn get_location(&self) -> f64 {
        self.location
    }
}
