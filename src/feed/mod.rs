//! The change stream: the publisher, the history, the watchers, and the subscriptions that read them.
//!
//! The owner publishes a turn with one broadcast message, whatever the number of subscribers. The broadcast channel is
//! short, and the history behind it is shared by all subscriptions, so a slow subscriber costs no memory of its own
//! and never delays the owner.

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
pub(crate) use self::watcher::{Watcher, WatcherItem};
