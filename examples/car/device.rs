//! The library of a made-up manufacturer of cars, as far as we use it.

use jiff::civil::DateTime;

/// A car, as its manufacturer lets us see it.
///
/// It is not made to be shared: one task has it, and everybody else asks the store.
pub trait Device: Send + 'static {
    /// Wait until it is worth looking again. `false`: it never will be.
    ///
    /// Dropping the future loses nothing: a wish may come in between.
    fn wait(&mut self) -> impl Future<Output = anyhow::Result<bool>> + Send;

    /// Whether the car can be reached. While it cannot, the other answers are worth nothing.
    fn is_connected(&self) -> bool;

    /// How fast it goes.
    fn get_speed(&self) -> f64;

    /// Ask for another speed. The car may refuse, and says why.
    fn set_speed(&mut self, speed: f64) -> Result<(), String>;

    /// How far it has come.
    fn get_location(&self) -> f64;

    /// The date of all this, if the car has a calendar of its own.
    fn get_date(&self) -> Option<DateTime> {
        None
    }
}
