//! The task that has the device to itself: it polls, and is the only writer of what is.

use std::path::PathBuf;

use mainspring::Store;
use tokio::sync::mpsc;

use crate::device::Device;
use crate::reading::{Reading, TARGET_SPEED};
use crate::tasks::{GRACE, Tasks};
use crate::wheel::{Wheel, Wish};

/// Start the store, its gate and the driver. Hands out the store when the car has been looked at for
/// the first time, so that whoever gets it finds something in it.
pub async fn fire_up(
    tasks: &mut Tasks,
    device: impl Device,
    journal: Option<PathBuf>,
) -> anyhow::Result<Store<Reading>> {
    let (wheel, wishes) = Wheel::new();
    let car = Store::builder()
        .gate(TARGET_SPEED, wheel)
        .cancel_with(tasks.token())
        .shutdown_deadline(GRACE / 2);
    let car = match journal {
        #[cfg(feature = "file")]
        Some(folder) => car.journal(mainspring::journal::FileJournal::open(folder)).spawn(),
        _ => car.spawn(),
    };
    let mut driver = Driver { device, wishes, car: car.clone(), told: Vec::new() };
    driver.tell().await?;
    tasks.start("driver", driver.drive());
    Ok(car)
}

struct Driver<D> {
    device: D,
    wishes: mpsc::Receiver<Wish>,
    car: Store<Reading>,
    /// What the store has been told last.
    told: Vec<Reading>,
}

impl<D: Device> Driver<D> {
    /// Until there is nothing more to see.
    async fn drive(mut self) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                more = self.device.wait() => if !more? {
                    return Ok(());
                },
                Some(wish) = self.wishes.recv() => self.pass_on(wish),
            }
            self.tell().await?;
        }
    }

    fn pass_on(&mut self, Wish { speed, answer }: Wish) {
        if !answer.is_closed() {
            // If the one who asked has just left, the car drives at the new speed all the same.
            let _ = answer.send(self.device.set_speed(speed));
        }
    }

    /// Tell the store what is new, as one batch, so that nobody sees a speed with the location of
    /// another moment. What has not changed is not told again: that would be a change, too.
    async fn tell(&mut self) -> mainspring::Result<()> {
        let seen = self.look();
        let news = seen.iter().filter(|reading| !self.told.contains(reading));
        let news: Vec<_> = news.copied().map(Reading::write).collect();
        if !news.is_empty() {
            self.car.batch(news).await.map_err(|failed| failed.error)?;
            self.told.retain(|old| seen.iter().all(|new| new.key() != old.key()));
            self.told.extend(seen);
        }
        Ok(())
    }

    /// While the car is away, all we know is that it is: speed and location stay as they were last.
    fn look(&self) -> Vec<Reading> {
        let device = &self.device;
        let mut seen = vec![Reading::Connected(device.is_connected())];
        if device.is_connected() {
            seen.push(Reading::Speed(device.get_speed()));
            seen.push(Reading::Location(device.get_location()));
        }
        seen.extend(device.get_date().map(Reading::Date));
        seen
    }
}
