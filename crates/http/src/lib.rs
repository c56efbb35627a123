//! A [Mainspring](mainspring) store over HTTP: a client, routes for a service, and a server.
//!
//! [`Client<T>`](Client) has the methods, options and errors of [`mainspring::Store`], for a store in a server. Code
//! that is generic over [`mainspring::Backend`] works with both. [`server::router`] adds the routes of a store to an
//! axum service, and [`server::serve`] is a complete server with limits, metrics, TLS and the accounts of [`auth`].
//!
//! ```
//! # #[cfg(all(feature = "client", feature = "server"))]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use mainspring::{Backend, Store};
//! use mainspring_http::{Client, server};
//! use tokio::net::TcpListener;
//! use tokio_util::sync::CancellationToken;
//!
//! /// Works with a store in this process and with a store in a server.
//! async fn park<B: Backend<f64>>(car: &Store<f64, B>) -> mainspring::Result<()> {
//!     car.set("car/speed", 0.0).await?;
//!     Ok(())
//! }
//!
//! let car = Store::<f64>::builder().spawn();
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let client = Client::<f64>::connect(&format!("http://{}", listener.local_addr()?))?;
//!
//! let stop = CancellationToken::new();
//! let serving = server::serve(listener, car.clone(), server::ServerOptions::default(), stop.clone());
//! let driving = async {
//!     park(&car).await?;
//!     park(&client).await?;
//!     assert_eq!(client.get("car/speed").await?.unwrap().revision, 2);
//!     stop.cancel();
//!     Ok::<_, mainspring::Error>(())
//! };
//! let (_, drove) = tokio::join!(serving, driving);
//! drove?;
//! # Ok(()) }
//! # #[cfg(not(all(feature = "client", feature = "server")))]
//! # fn main() {}
//! ```
//!
//! # Features
//!
//! | feature | contents |
//! |---|---|
//! | `client` | [`Client`] and [`client`] |
//! | `server` | [`server`], and the accounts of [`auth`] |
//! | `tls` | encryption of the client and of the server |
//!
//! The routes and bodies are described in `docs/http.md`, and by each server at `/docs` and `/openapi.json`.

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

#[cfg(any(feature = "server", feature = "client"))]
pub mod auth;
#[cfg(feature = "client")]
pub mod client;
#[cfg(any(feature = "server", feature = "client"))]
#[cfg_attr(
    not(all(feature = "server", feature = "client")),
    allow(dead_code, unused_imports, reason = "the client reads what the server writes")
)]
mod protocol;
#[cfg(feature = "server")]
pub mod server;

#[cfg(feature = "client")]
pub use self::client::Client;
#[cfg(any(feature = "server", feature = "client"))]
pub use self::protocol::read_write;

/// The code of the README, run with the other documented examples.
#[cfg(all(doctest, feature = "client"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
