//! Servers in child processes of this program: a handler that returns a constant, and one map behind one lock, the
//! design of the earlier Go server.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, RwLock};

use anyhow::Result;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// Serve until the process is killed.
#[derive(Debug, clap::Args)]
pub(crate) struct Own {
    #[arg(value_enum)]
    what: RequestKind,
    #[arg(long)]
    port: u16,
    /// Lengths of the constant responses: of a read as JSON, of a write as JSON, of a read as text
    #[arg(long, num_args = 3, default_values_t = [0, 0, 0])]
    lengths: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
pub(crate) enum RequestKind {
    Bare,
    Map,
}

impl Own {
    pub(crate) fn run(&self) -> Result<()> {
        // One worker per core, like `mainspring serve`.
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let app = match self.what {
                RequestKind::Bare => bare(&self.lengths),
                RequestKind::Map => map(),
            };
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
            Ok(axum::serve(listener, app).await?)
        })
    }
}

/// Constant responses: written bodies are read and dropped.
fn bare(lengths: &[usize]) -> Router {
    let constant = |n: usize| Bytes::from("v".repeat(lengths[n]));
    let (row, done, text) = (constant(0), constant(1), constant(2));
    let put = move |body: Bytes| async move {
        drop(body);
        done
    };
    let put_text = |body: Bytes| async move {
        drop(body);
        StatusCode::CREATED
    };
    Router::new()
        .route("/json", get(move || async { row }).put(put))
        .route("/text", get(move || async { text }).put(put_text))
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
enum Value {
    String(String),
    Slice(Vec<String>),
}

/// An entry of the earlier Go server.
#[derive(Clone, Debug, Serialize)]
struct Item {
    key: String,
    kind: &'static str,
    value: Value,
    ttl: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Command {
    value: Value,
}

#[derive(Default)]
struct Maps {
    items: RwLock<HashMap<String, Item>>,
    texts: RwLock<HashMap<String, String>>,
}

fn map() -> Router {
    Router::new()
        .route("/api/v1/{key}", get(read).put(write))
        .route("/v1/{key}", get(read_text).put(write_text))
        .with_state(Arc::new(Maps::default()))
}

async fn read(
    State(maps): State<Arc<Maps>>,
    Path(key): Path<String>,
) -> Result<Json<Item>, StatusCode> {
    let items = maps.items.read().expect("the lock is not poisoned");
    items.get(&key).cloned().map(Json).ok_or(StatusCode::NOT_FOUND)
}

#[derive(Serialize)]
struct Done {
    message: &'static str,
}

async fn write(
    State(maps): State<Arc<Maps>>,
    Path(key): Path<String>,
    Json(Command { value }): Json<Command>,
) -> Json<Done> {
    let kind = if let Value::String(_) = value { "string" } else { "string_slice" };
    let (now, mut items) =
        (Timestamp::now(), maps.items.write().expect("the lock is not poisoned"));
    let created_at = items.get(&key).map_or(now, |item| item.created_at);
    let item = Item { key: key.clone(), kind, value, ttl: None, created_at, updated_at: now };
    items.insert(key, item);
    Json(Done { message: "ok" })
}

async fn read_text(
    State(maps): State<Arc<Maps>>,
    Path(key): Path<String>,
) -> Result<String, StatusCode> {
    let texts = maps.texts.read().expect("the lock is not poisoned");
    texts.get(&key).cloned().ok_or(StatusCode::NOT_FOUND)
}

async fn write_text(
    State(maps): State<Arc<Maps>>,
    Path(key): Path<String>,
    body: String,
) -> StatusCode {
    maps.texts.write().expect("the lock is not poisoned").insert(key, body);
    StatusCode::CREATED
}
