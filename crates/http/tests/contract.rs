//! The contract suite, run over a client that sends its commands to a server over a socket.

use std::net::Ipv4Addr;

use mainspring::Builder;
use mainspring_http::client::Remote;
use mainspring_http::{Client, server};
use mainspring_testing::contract;
use mainspring_testing::contract::{Fixture, TestStore};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

struct RemoteStore;

impl Fixture for RemoteStore {
    type Backend = Remote;

    /// Each request may use a connection of its own, so concurrent commands have no order.
    const IS_ORDERED: bool = false;

    async fn start(builder: Builder<String>) -> TestStore<Remote> {
        let store = builder.spawn();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // The server ends with the runtime of the test.
        let never = CancellationToken::new();
        tokio::spawn(server::serve(
            listener,
            store.clone(),
            server::ServerOptions::default(),
            never,
        ));
        TestStore::remote(Client::connect(&url).unwrap().into(), store)
    }
}

contract!(remote, RemoteStore);
