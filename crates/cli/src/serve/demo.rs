//! `serve --demo`: a simulated car, so that there is something alive to look at.
//!
//! | key | what it is |
//! |---|---|
//! | `car/target_speed` | what is wanted, in km/h; a gate asks the car, which refuses what it cannot do |
//! | `car/speed` | how fast it goes, in km/h |
//! | `car/location` | where it is |
//! | `car/positions` | where it was last, newest last |
//! | `car/engine` | turns a minute, gear and temperature |
//! | `car/event` | what has just happened; gone after 2 s |

use std::f64::consts::TAU;
use std::time::Duration;

use mainspring::wire::Json;
use mainspring::{Action, Builder, Entry, Error, Gate, Refusal, Store, Value, Write};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::settings::Settings;
use crate::output::tell;

const TARGET_SPEED: &str = "car/target_speed";
const POSITIONS: &str = "car/positions";

/// How often the car says how it is.
const PERIOD: Duration = Duration::from_millis(100);
/// How many positions are kept.
const KEPT: usize = 20;
/// How many updates there are from one position that is kept to the next.
const APART: u64 = 10;
/// How often something happens, in updates, and how long it is of interest.
const HAPPENS: u64 = 50;
const OF_INTEREST: Duration = Duration::from_secs(2);

/// What the car can do, in km/h, and in km/h each second.
const TOP_SPEED: f64 = 130.0;
const ACCELERATION: f64 = 12.0;
const BRAKES: f64 = 25.0;
/// As fast as it goes if nobody wants anything else.
const CRUISE: f64 = 50.0;

/// The course is a circle around this place, of so many metres.
const CENTRE: (f64, f64) = (52.5145, 13.3501);
const RADIUS: f64 = 800.0;
const METRES_A_DEGREE: f64 = 111_195.0;

/// A car that waits for its store.
pub struct Demo {
    wanted: mpsc::Receiver<f64>,
}

/// Put the gate in front of the target speed, if the settings ask for a car.
pub fn gate(settings: &Settings, builder: Builder<Json>) -> (Builder<Json>, Option<Demo>) {
    if !settings.demo {
        return (builder, None);
    }
    let (wishes, wanted) = mpsc::channel(1); // the gate is asked about one write after another
    (builder.gate(TARGET_SPEED, Pedals { wishes }), Some(Demo { wanted }))
}

impl Demo {
    /// Drive from now on, until the store ends.
    pub fn start(self, store: &Store<Json>) {
        let store = store.clone();
        tokio::spawn(async move {
            if let Err(error) = drive(Car::default(), &store, self.wanted).await
                && error != Error::Closed
            {
                tracing::warn!(%error, "the car of the demo has stopped");
            }
        });
    }
}

/// What to try, for whoever has started it.
pub fn greet(settings: &Settings, url: &str) {
    if !settings.demo {
        return;
    }
    let url = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//127.0.0.1:");
    let is_default = url == "http://127.0.0.1:8080";
    let named = if is_default { String::new() } else { format!("--url {url} ") };
    tell("A car drives into car/*. Look at it, and tell it how fast to go:");
    tell(format_args!("  open {url}/docs"));
    tell(format_args!("  curl -N '{url}/watch?prefix=car/&from=snapshot'"));
    tell(format_args!("  mainspring {named}watch --prefix car/"));
    tell(format_args!("  mainspring {named}set --type json {TARGET_SPEED} 90"));
}

/// The gate in front of the target speed: the car is asked, and everybody else need not wait.
struct Pedals {
    wishes: mpsc::Sender<f64>,
}

impl Gate<Json> for Pedals {
    async fn admit(&mut self, write: &Write<Json>) -> Result<(), Refusal> {
        let (Action::Set(Value::Item(wish)) | Action::Update(Value::Item(wish))) = write.action()
        else {
            return Err(Refusal::new("set it to a speed in km/h"));
        };
        // A text with a number in it will do.
        let wish = wish.as_text().unwrap_or_else(|| wish.as_str().to_owned());
        let speed: f64 = wish.trim().parse().map_err(|_| "the speed is a number, in km/h")?;
        if !(0.0..=TOP_SPEED).contains(&speed) {
            return Err(format!("the car drives at 0 to {TOP_SPEED} km/h").into());
        }
        self.wishes.send(speed).await.map_err(|_| Refusal::new("nobody is driving"))
    }
}

async fn drive(
    mut car: Car,
    store: &Store<Json>,
    mut wanted: mpsc::Receiver<f64>,
) -> mainspring::Result<()> {
    store.ready().await?;
    let begin = [Write::set(POSITIONS, Value::List(Vec::new())).no_ttl()];
    store.batch(begin).await.map_err(|failed| failed.error)?;
    // What was wanted before a restart is wanted still. The gate lets it in as everybody's wish, so somebody has to
    // listen meanwhile.
    let wish = store.get(TARGET_SPEED).await?;
    let wish = wish.and_then(Entry::into_item).unwrap_or_else(|| number(CRUISE));
    let wishing = store.clone();
    tokio::spawn(async move { wishing.set(TARGET_SPEED, wish).no_ttl().await });

    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut kept = 0;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            Some(speed) = wanted.recv() => {
                car.target = speed;
                continue;
            }
        }
        car.go(PERIOD.as_secs_f64());
        let mut news = car.news();
        if car.updates.is_multiple_of(APART) {
            news.push(Write::push(POSITIONS, car.location()));
            kept += 1;
            if kept > KEPT {
                news.push(Write::pop_front(POSITIONS));
                kept -= 1;
            }
        }
        match store.batch(news).await.map_err(|failed| failed.error) {
            Ok(_) => {}
            Err(error @ (Error::Closed | Error::Failed(_))) => return Err(error),
            // Somebody has removed or replaced the list, or the store is full: the car goes on.
            Err(error) => {
                tracing::debug!(%error, "the demo starts its list again");
                kept = 0;
                let again = Write::set(POSITIONS, Value::List(Vec::new())).no_ttl();
                if let Err(Error::Closed) = store.write(again).await {
                    return Err(Error::Closed);
                }
            }
        }
    }
}

/// Not a good car, but it accelerates, brakes, changes gears and gets warm.
struct Car {
    target: f64,
    speed: f64,
    metres: f64,
    temperature: f64,
    updates: u64,
}

impl Default for Car {
    /// Cold, and not moving yet.
    fn default() -> Self {
        Self { target: CRUISE, speed: 0.0, metres: 0.0, temperature: 20.0, updates: 0 }
    }
}

impl Car {
    /// Drive for so many seconds.
    fn go(&mut self, seconds: f64) {
        self.updates += 1;
        // A road has its ups and downs, so it is never exactly as fast as is wanted.
        let slope = if self.target > 0.0 { (self.metres / 150.0).sin() } else { 0.0 };
        let wanted = (self.target + slope).max(0.0);
        let step = (wanted - self.speed).clamp(-BRAKES * seconds, ACCELERATION * seconds);
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

    /// All that is new, to be told as of one moment.
    fn news(&self) -> Vec<Write<Json>> {
        let engine = format!(
            "{{\"rpm\":{:.0},\"gear\":{},\"temperature\":{:.1}}}",
            self.rpm(),
            self.gear(),
            self.temperature
        );
        let mut news = vec![
            Write::set("car/speed", number(self.speed)).no_ttl(),
            Write::set("car/location", self.location()).no_ttl(),
            Write::set("car/engine", json(&engine)).no_ttl(),
        ];
        if self.updates % HAPPENS == 1 {
            let what = ["a bird", "a green light", "a friend, who waves", "a smell of coffee"];
            let nth = usize::try_from(self.updates / HAPPENS).unwrap_or_default() % what.len();
            news.push(Write::set("car/event", Json::text(what[nth])).ttl(OF_INTEREST));
        }
        news
    }
}

fn number(number: f64) -> Json {
    json(&format!("{number:.1}"))
}

/// What is written here can be read.
fn json(text: &str) -> Json {
    text.parse().unwrap_or_else(|_| Json::text(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_drives_as_fast_as_is_wanted() {
        let mut car = Car { target: 90.0, ..Car::default() };
        (0..200).for_each(|_| car.go(0.1));
        assert!((88.5..=91.5).contains(&car.speed), "{}", car.speed);
        car.target = 0.0;
        (0..100).for_each(|_| car.go(0.1));
        assert_eq!((car.speed, car.gear()), (0.0, 0));
    }

    #[tokio::test]
    async fn the_car_refuses_what_it_cannot_do() {
        let (wishes, mut wanted) = mpsc::channel(1);
        let mut pedals = Pedals { wishes };
        for (wish, speed) in
            [("90", Some(90.0)), ("\"90\"", Some(90.0)), ("131", None), ("true", None)]
        {
            let admitted = pedals.admit(&Write::set(TARGET_SPEED, json(wish))).await;
            assert_eq!(admitted.is_ok(), speed.is_some(), "{wish}");
            assert_eq!(wanted.try_recv().ok(), speed, "{wish}");
        }
        assert!(pedals.admit(&Write::remove(TARGET_SPEED)).await.is_err());
    }
}
