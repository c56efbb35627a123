//! Journals that delay, fail, or record calls.
//!
//! An [`Interceptor`] implements only the calls that it changes; [`InterceptedJournal`] forwards all others to the
//! journal that it wraps.

mod delay;
mod fail;
mod intercept;
mod replay;

pub use self::delay::{BlockedOpen, SlowAppends};
pub use self::fail::{FULL, FailingClose, FailingOpen, InjectedErrors, full_error};
pub use self::intercept::{InterceptedJournal, Interceptor};
pub use self::replay::ReplayJournal;
