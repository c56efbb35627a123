//! A store in a server, and a client that talks to it over a socket.

use std::net::Ipv4Addr;

use mainspring::client::Remote;
use mainspring::{Client, Store, http};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::{Backend, Options};
use crate::backends::{Held, apply};
use crate::pace::Pace;

pub(crate) struct Served;

impl Backend for Served {
    type Handle = Held<Store<String, Remote>>;

    /// Each has a connection of its own.
    const IS_ORDERED: bool = false;

    async fn start(options: Options) -> Self::Handle {
        let store = apply(&options, Store::builder()).spawn();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let options = http::Options::default();
        // It ends with the runtime of the test.
        let never = CancellationToken::new();
        tokio::spawn(http::serve(listener, store.clone(), options, never));
        let client = Client::connect(&url).unwrap();
        Held { store: client, id: store.id(), pace: Pace::Real(store) }
    }
}
