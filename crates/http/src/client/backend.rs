//! The backend of a client: one or several requests for each command.

use std::pin::Pin;

use mainspring::Backend;
use mainspring::internal::Command;
use mainspring::internal::CommandResult;
use mainspring::internal::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Remote;

impl<T> Backend<T> for Remote
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    type Call<'a> = Pin<Box<dyn Future<Output = CommandResult<T>> + Send + 'a>>;

    fn send(&self, command: Command<T>) -> Self::Call<'_> {
        Box::pin(async move {
            Ok(match command {
                Command::Read { key, query } => return self.query(&key, query).await,
                Command::Scan(scan) if scan.entries => Response::Entries(self.entries(scan).await?),
                Command::Scan(scan) => Response::Keys(self.keys(scan).await?),
                Command::Subscribe(subscribe) => {
                    Response::Subscription(self.subscribe(subscribe).await?)
                }
                Command::Write(write) => Response::Written(self.write(&write).await?),
                Command::Many(writes) => Response::Many(self.write_many(&writes).await?),
                Command::Batch(writes) => Response::Batch(self.batch(&writes).await),
                Command::Clear => Response::Cleared(self.clear().await?),
                Command::Compact => Response::Compacted(self.compact().await?),
            })
        })
    }
}
