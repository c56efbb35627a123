//! The gate of the target speed, which forwards requests to the driver and returns its replies.

use mainspring::{Action, Gate, Refusal, Value, Write};
use tokio::sync::{mpsc, oneshot};

use crate::reading::Reading;

/// A requested speed, and the channel for the reply of the car.
#[derive(Debug)]
pub struct SpeedRequest {
    pub speed: f64,
    pub reply: oneshot::Sender<Result<(), String>>,
}

/// Only the driver uses the device, so the gate has a channel to the driver. A gate is a task, so writes to other keys
/// do not wait for it.
#[derive(Debug)]
pub struct SpeedGate {
    driver: mpsc::Sender<SpeedRequest>,
}

impl SpeedGate {
    /// Create the gate and the receiver for the driver.
    pub fn new() -> (Self, mpsc::Receiver<SpeedRequest>) {
        let (driver, requests) = mpsc::channel(1); // a gate handles one write at a time
        (Self { driver }, requests)
    }

    /// Send a request, and wait for the reply. `None` if the driver has ended.
    async fn request(&self, speed: f64) -> Option<Result<(), String>> {
        let (reply, response) = oneshot::channel();
        self.driver.send(SpeedRequest { speed, reply }).await.ok()?;
        response.await.ok()
    }
}

impl Gate<Reading> for SpeedGate {
    async fn admit(&mut self, write: &Write<Reading>) -> Result<(), Refusal> {
        let Action::Set(Value::Item(Reading::TargetSpeed(speed))) = write.action() else {
            return Err(Refusal::new("expected a set with a target speed"));
        };
        match self.request(*speed).await {
            Some(response) => response.map_err(Refusal::new),
            None => Err(Refusal::new("the driver has stopped")),
        }
    }
}
