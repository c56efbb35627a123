//! The interface of a fictitious car library.

use jiff::civil::DateTime;

/// The interface to a car.
///
/// A device cannot be shared: one task owns it, and all other tasks use the store.
pub trait Device: Send + 'static {
    /// Wait for new data. Returns `false` at the end of the data.
    ///
    /// # Cancel safety
    ///
    /// Must be cancel safe: the driver drops the future to handle a speed request.
    fn wait(&mut self) -> impl Future<Output = anyhow::Result<bool>> + Send;

    /// Whether the car is reachable. If not, the other values are meaningless.
    fn is_connected(&self) -> bool;

    /// The current speed.
    fn get_speed(&self) -> f64;

    /// Request another speed. An error contains the reason of the rejection.
    fn set_speed(&mut self, speed: f64) -> Result<(), String>;

    /// The distance driven.
    fn get_location(&self) -> f64;

    /// The date of these values, if the device has a clock.
    fn get_date(&self) -> Option<DateTime> {
        None
    }
}
