//! The gate in front of the target speed: it takes the wish to the driver, and the answer back.

use mainspring::{Action, Gate, Refusal, Value, Write};
use tokio::sync::{mpsc, oneshot};

use crate::reading::Reading;

/// A speed that somebody wants, and where they wait for the car's answer.
#[derive(Debug)]
pub struct Wish {
    pub speed: f64,
    pub answer: oneshot::Sender<Result<(), String>>,
}

/// Only the driver may touch the device, so the gate holds nothing but a line to the driver. Waiting
/// there keeps nobody else waiting: a gate is a task of its own.
#[derive(Debug)]
pub struct Wheel {
    driver: mpsc::Sender<Wish>,
}

impl Wheel {
    /// The gate, and the driver's end of the line.
    pub fn new() -> (Self, mpsc::Receiver<Wish>) {
        let (driver, wishes) = mpsc::channel(1); // the gate is asked about one write after another
        (Self { driver }, wishes)
    }

    /// `None` if there is no driver any more.
    async fn ask(&self, speed: f64) -> Option<Result<(), String>> {
        let (answer, answered) = oneshot::channel();
        self.driver.send(Wish { speed, answer }).await.ok()?;
        answered.await.ok()
    }
}

impl Gate<Reading> for Wheel {
    async fn admit(&mut self, write: &Write<Reading>) -> Result<(), Refusal> {
        let Action::Set(Value::Item(Reading::TargetSpeed(speed))) = write.action() else {
            return Err(Refusal::new("set it to a target speed"));
        };
        match self.ask(*speed).await {
            Some(verdict) => verdict.map_err(Refusal::new),
            None => Err(Refusal::new("nobody is driving")),
        }
    }
}
