//! The task that owns the device: it polls the device, and is the only writer of its actual state.

use std::path::PathBuf;

use mainspring::Store;
use tokio::sync::mpsc;

use crate::device::Device;
use crate::reading::{Reading, TARGET_SPEED};
use crate::speed_gate::{SpeedGate, SpeedRequest};
use crate::tasks::{GRACE, Tasks};

/// Start the store, its gate and the driver. The returned store contains the first readings.
pub async fn start(
    tasks: &mut Tasks,
    device: impl Device,
    journal: Option<PathBuf>,
) -> anyhow::Result<Store<Reading>> {
    let (gate, requests) = SpeedGate::new();
    let car = Store::builder()
        .gate(TARGET_SPEED, gate)
        .cancel_with(tasks.token())
        .shutdown_deadline(GRACE / 2);
    let car = match journal {
        #[cfg(feature = "file")]
        Some(directory) => car.journal(mainspring::journal::FileJournal::open(directory)).spawn(),
        _ => car.spawn(),
    };
    let mut driver = Driver { device, requests, car: car.clone(), published: Vec::new() };
    driver.publish().await?;
    tasks.start("driver", driver.drive());
    Ok(car)
}

struct Driver<D> {
    device: D,
    requests: mpsc::Receiver<SpeedRequest>,
    car: Store<Reading>,
    /// The last readings written to the store.
    published: Vec<Reading>,
}

impl<D: Device> Driver<D> {
    /// Run until the end of the data.
    async fn drive(mut self) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                more = self.device.wait() => if !more? {
                    return Ok(());
                },
                Some(request) = self.requests.recv() => self.forward(request),
            }
            self.publish().await?;
        }
    }

    fn forward(&mut self, SpeedRequest { speed, reply }: SpeedRequest) {
        if !reply.is_closed() {
            // The new speed applies even if the caller has disappeared in the meantime.
            let _ = reply.send(self.device.set_speed(speed));
        }
    }

    /// Write new readings as one batch, so that no reader sees a speed and a location of different moments. Unchanged
    /// readings are not written: each write is a change.
    async fn publish(&mut self) -> mainspring::Result<()> {
        let readings = self.read_device();
        let changed = readings.iter().filter(|reading| !self.published.contains(reading));
        let writes: Vec<_> = changed.copied().map(Reading::write).collect();
        if !writes.is_empty() {
            self.car.batch(writes).await.map_err(|failed| failed.error)?;
            self.published.retain(|old| readings.iter().all(|new| new.key() != old.key()));
            self.published.extend(readings);
        }
        Ok(())
    }

    /// Read the device. While the car is not connected, speed and location keep their last values in the store.
    fn read_device(&self) -> Vec<Reading> {
        let device = &self.device;
        let mut readings = vec![Reading::Connected(device.is_connected())];
        if device.is_connected() {
            readings.push(Reading::Speed(device.get_speed()));
            readings.push(Reading::Location(device.get_location()));
        }
        readings.extend(device.get_date().map(Reading::Date));
        readings
    }
}
