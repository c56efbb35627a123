//! `serve --demo`: a simulated car that writes to the store.
//!
//! | key | value |
//! |---|---|
//! | `car/target_speed` | the desired speed in km/h; a gate rejects what the car cannot do |
//! | `car/speed` | the current speed in km/h |
//! | `car/location` | the current position |
//! | `car/positions` | the last positions, newest last |
//! | `car/engine` | revolutions per minute, gear and temperature |
//! | `car/event` | the last incident; expires after 2 s |

use std::f64::consts::TAU;
use std::time::Duration;

use mainspring::wire::Json;
use mainspring::{Action, Builder, Entry, Error, Gate, Refusal, Store, Value, Write};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::settings::Settings;
use crate::output::print_status;

const TARGET_SPEED: &str = "car/target_speed";
const POSITIONS: &str = "car/positions";

/// How often the car writes its state.
const PERIOD: Duration = Duration::from_millis(100);
/// Length of the list of positions.
const MAX_POSITIONS: usize = 20;
/// Updates between two positions in the list.
const POSITION_INTERVAL: u64 = 10;
/// Updates between two incidents, and the time to live of an incident.
const INCIDENT_INTERVAL: u64 = 50;
const INCIDENT_TTL: Duration = Duration::from_secs(2);

/// Limits of the car, in km/h and in km/h per second.
const TOP_SPEED: f64 = 130.0;
const ACCELERATION: f64 = 12.0;
const DECELERATION: f64 = 25.0;
/// The initial target speed.
const INITIAL_SPEED: f64 = 50.0;

/// The route is a circle: its centre in degrees, and its radius in metres.
const CENTRE: (f64, f64) = (52.5145, 13.3501);
const RADIUS: f64 = 800.0;
const METRES_A_DEGREE: f64 = 111_195.0;

/// The car before its store exists.
pub struct Demo {
    targets: mpsc::Receiver<f64>,
}

/// Add the gate of the target speed to the builder, if the demo is enabled.
pub fn gate(settings: &Settings, builder: Builder<Json>) -> (Builder<Json>, Option<Demo>) {
    if !settings.demo {
        return (builder, None);
    }
    let (requests, targets) = mpsc::channel(1); // a gate handles one write at a time
    (builder.gate(TARGET_SPEED, SpeedGate { requests }), Some(Demo { targets }))
}

impl Demo {
    /// Drive until the store ends.
    pub fn start(self, store: &Store<Json>) {
        let store = store.clone();
        tokio::spawn(async move {
            if let Err(error) = drive(Car::default(), &store, self.targets).await
                && error != Error::Closed
            {
                tracing::warn!(%error, "the car of the demo has stopped");
            }
        });
    }
}

/// Print commands to try.
pub fn print_instructions(settings: &Settings, url: &str) {
    if !settings.demo {
        return;
    }
    let url = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//127.0.0.1:");
    let is_default = url == "http://127.0.0.1:8080";
    let named = if is_default { String::new() } else { format!("--url {url} ") };
    print_status("A simulated car writes to car/*. Watch it, and set its speed:");
    print_status(format_args!("  open {url}/docs"));
    print_status(format_args!("  curl -N '{url}/watch?prefix=car/&from=snapshot'"));
    print_status(format_args!("  mainspring {named}watch --prefix car/"));
    print_status(format_args!("  mainspring {named}set --type json {TARGET_SPEED} 90"));
}

/// The gate of the target speed: validates a new speed and sends it to the car. Writes to other keys do not wait for
/// it.
struct SpeedGate {
    requests: mpsc::Sender<f64>,
}

impl Gate<Json> for SpeedGate {
    async fn admit(&mut self, write: &Write<Json>) -> Result<(), Refusal> {
        let (Action::Set(Value::Item(item)) | Action::Update(Value::Item(item))) = write.action()
        else {
            return Err(Refusal::new("expected a set or an update with a speed in km/h"));
        };
        // A JSON string that contains a number is accepted too.
        let text = item.as_text().unwrap_or_else(|| item.as_str().to_owned());
        let speed: f64 = text.trim().parse().map_err(|_| "expected a number, the speed in km/h")?;
        if !(0.0..=TOP_SPEED).contains(&speed) {
            return Err(format!("expected a speed of 0 to {TOP_SPEED} km/h").into());
        }
        self.requests.send(speed).await.map_err(|_| Refusal::new("the car has stopped"))
    }
}

async fn drive(
    mut car: Car,
    store: &Store<Json>,
    mut targets: mpsc::Receiver<f64>,
) -> mainspring::Result<()> {
    store.ready().await?;
    let begin = [Write::set(POSITIONS, Value::List(Vec::new())).no_ttl()];
    store.batch(begin).await.map_err(|failed| failed.error)?;
    // Keep the target speed of before a restart. The write passes the gate, which waits for the loop below, so it runs
    // in a task of its own.
    let target = store.get(TARGET_SPEED).await?;
    let target = target.and_then(Entry::into_item).unwrap_or_else(|| number(INITIAL_SPEED));
    let writer = store.clone();
    tokio::spawn(async move { writer.set(TARGET_SPEED, target).no_ttl().await });

    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut positions = 0;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            Some(speed) = targets.recv() => {
                car.target = speed;
                continue;
            }
        }
        car.advance(PERIOD.as_secs_f64());
        let mut writes = car.writes();
        if car.updates.is_multiple_of(POSITION_INTERVAL) {
            writes.push(Write::push(POSITIONS, car.location()));
            positions += 1;
            if positions > MAX_POSITIONS {
                writes.push(Write::pop_front(POSITIONS));
                positions -= 1;
            }
        }
        match store.batch(writes).await.map_err(|failed| failed.error) {
            Ok(_) => {}
            Err(error @ (Error::Closed | Error::Failed(_))) => return Err(error),
            // A client has removed or replaced the list, or the store is full: start a new list.
            Err(error) => {
                tracing::debug!(%error, "the demo recreates its list");
                positions = 0;
                let list = Write::set(POSITIONS, Value::List(Vec::new())).no_ttl();
                if let Err(Error::Closed) = store.write(list).await {
                    return Err(Error::Closed);
                }
            }
        }
    }
}

/// A simple model of a car: speed, position, gear and temperature.
struct Car {
    target: f64,
    speed: f64,
    metres: f64,
    temperature: f64,
    updates: u64,
}

impl Default for Car {
    /// A cold, parked car.
    fn default() -> Self {
        Self { target: INITIAL_SPEED, speed: 0.0, metres: 0.0, temperature: 20.0, updates: 0 }
    }
}

impl Car {
    /// Advance the simulation.
    fn advance(&mut self, seconds: f64) {
        self.updates += 1;
        // Hills: the speed is never exactly the target.
        let slope = if self.target > 0.0 { (self.metres / 150.0).sin() } else { 0.0 };
        let target = (self.target + slope).max(0.0);
        let step = (target - self.speed).clamp(-DECELERATION * seconds, ACCELERATION * seconds);
        self.speed += step;
        self.metres += self.speed / 3.6 * seconds;
        let warmth = 85.0 + self.speed / 10.0;
        self.temperature += (warmth - self.temperature) * seconds / 30.0;
    }

    fn gear(&self) -> u8 {
        match self.speed {
            speed if speed < 1.0 => 0,
            speed if speed < 20.0 => 1,
            speed if speed < 40.0 => 2,
            speed if speed < 60.0 => 3,
            speed if speed < 90.0 => 4,
            _ => 5,
        }
    }

    fn rpm(&self) -> f64 {
        let per_kmh = [0.0, 140.0, 80.0, 55.0, 40.0, 32.0][usize::from(self.gear())];
        (self.speed * per_kmh).max(800.0)
    }

    fn location(&self) -> Json {
        let angle = self.metres / RADIUS % TAU;
        let (north, east) = (RADIUS * angle.sin(), RADIUS * angle.cos());
        let latitude = CENTRE.0 + north / METRES_A_DEGREE;
        let longitude = CENTRE.1 + east / (METRES_A_DEGREE * CENTRE.0.to_radians().cos());
        json(&format!("{{\"latitude\":{latitude:.6},\"longitude\":{longitude:.6}}}"))
    }

    /// The writes of one update, applied as a batch.
    fn writes(&self) -> Vec<Write<Json>> {
        let engine = format!(
            "{{\"rpm\":{:.0},\"gear\":{},\"temperature\":{:.1}}}",
            self.rpm(),
            self.gear(),
            self.temperature
        );
        let mut writes = vec![
            Write::set("car/speed", number(self.speed)).no_ttl(),
            Write::set("car/location", self.location()).no_ttl(),
            Write::set("car/engine", json(&engine)).no_ttl(),
        ];
        if self.updates % INCIDENT_INTERVAL == 1 {
            let incidents = ["pothole", "green light", "pedestrian", "speed camera"];
            let nth = usize::try_from(self.updates / INCIDENT_INTERVAL).unwrap_or_default()
                % incidents.len();
            writes.push(Write::set("car/event", Json::text(incidents[nth])).ttl(INCIDENT_TTL));
        }
        writes
    }
}

fn number(number: f64) -> Json {
    json(&format!("{number:.1}"))
}

/// Texts of this module are valid JSON.
fn json(text: &str) -> Json {
    text.parse().unwrap_or_else(|_| Json::text(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn car_reaches_its_target_speed() {
        let mut car = Car { target: 90.0, ..Car::default() };
        (0..200).for_each(|_| car.advance(0.1));
        assert!((88.5..=91.5).contains(&car.speed), "{}", car.speed);
        car.target = 0.0;
        (0..100).for_each(|_| car.advance(0.1));
        assert_eq!((car.speed, car.gear()), (0.0, 0));
    }

    #[tokio::test]
    async fn gate_rejects_invalid_speeds() {
        let (requests, mut targets) = mpsc::channel(1);
        let mut gate = SpeedGate { requests };
        for (value, speed) in
            [("90", Some(90.0)), ("\"90\"", Some(90.0)), ("131", None), ("true", None)]
        {
            let admitted = gate.admit(&Write::set(TARGET_SPEED, json(value))).await;
            assert_eq!(admitted.is_ok(), speed.is_some(), "{value}");
            assert_eq!(targets.try_recv().ok(), speed, "{value}");
        }
        assert!(gate.admit(&Write::remove(TARGET_SPEED)).await.is_err());
    }
}
