//! The change stream: what the owner publishes, what is kept of it, and who reads it.

mod history;
mod hub;
mod lag;
mod publisher;
mod status;
mod subscription;
mod watcher;

pub(crate) use self::history::{History, Turn};
pub(crate) use self::hub::Hub;
pub(crate) use self::lag::{Lag, Mark};
pub use self::publisher::ListenerGuard;
pub(crate) use self::publisher::{Listeners, Publisher};
pub(crate) use self::status::Status;
pub(crate) use self::subscription::{LiveSource, StartPoint};
pub use self::subscription::{Subscription, SubscriptionSource};
pub(crate) use self::watcher::{News, Watcher};
