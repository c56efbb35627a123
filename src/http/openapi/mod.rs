//! The description of the interface (OpenAPI 3.1), made from the handlers, and the texts that are served of it.

mod errors;
mod needs;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use axum::body::Bytes;
use serde_json::json;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Info, License, OpenApi, RefOr, Required, ServerBuilder};
use utoipa::{Modify, OpenApi as _};

use self::errors::Errors;
use self::needs::Needs;
use super::auth;
use super::routes::Described;

/// What the interface is, in the words of its description.
const ABOUT: &str = "A store: many handles, one owner, many watchers. \
    `/api/v1` speaks JSON, `/v1` plain text, `/watch` tells of every change as it comes.\n\n\
    Every change has a revision, one number for the whole store. A write answers it, an `ETag` names it, and a \
    watch resumes after it. Every error is `{\"code\", \"message\"}`; only `outcome_unknown`, `failed`, and an \
    `internal` without a `revision` leave open whether something was changed.";

/// The description, made when it is first asked for.
#[derive(Debug)]
pub(super) struct Description {
    version: String,
    /// Whether everybody is asked who they are.
    asks: bool,
    json: OnceLock<Bytes>,
    yaml: OnceLock<Bytes>,
}

impl Description {
    /// The description of an interface of this version.
    pub(super) fn new(version: &str, asks: bool) -> Self {
        Self { version: version.to_owned(), asks, json: OnceLock::new(), yaml: OnceLock::new() }
    }

    /// As JSON, to be served at the root.
    pub(super) fn json(&self) -> Bytes {
        let text = || {
            serde_json::to_vec(&describe(&self.version, self.asks, ".")).unwrap_or_default().into()
        };
        self.json.get_or_init(text).clone()
    }

    /// As YAML, to be served where document 002 has it.
    pub(super) fn yaml(&self) -> Bytes {
        let text =
            || describe(&self.version, self.asks, "../../..").to_yaml().unwrap_or_default().into();
        self.yaml.get_or_init(text).clone()
    }
}

/// `root` is where the routes begin, seen from the place of the description.
fn describe(version: &str, asks: bool, root: &str) -> OpenApi {
    let mut described = Described::openapi();
    if asks {
        described.merge(auth::Described::openapi());
    }
    #[cfg(feature = "file")]
    described.merge(super::backup::Described::openapi());
    let mut info = Info::new("Mainspring", version);
    info.description = Some(ABOUT.to_owned());
    info.license = Some(License::new("MIT OR Apache-2.0"));
    if let Some(license) = &mut info.license {
        license.identifier = Some("MIT OR Apache-2.0".to_owned());
    }
    described.info = info;
    described.servers = Some(vec![ServerBuilder::new().url(root).build()]);
    Needs { asks }.modify(&mut described);
    Errors.modify(&mut described);
    RequestIds.modify(&mut described);
    Heads.modify(&mut described);
    Set.modify(&mut described);
    NoBody.modify(&mut described);
    described
}

/// The operations of a path, by method.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, head, put, post, patch, delete, .. } = item;
    [
        ("get", get),
        ("head", head),
        ("put", put),
        ("post", post),
        ("patch", patch),
        ("delete", delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Every answer of a server has the id of its request.
struct RequestIds;

impl Modify for RequestIds {
    fn modify(&self, openapi: &mut OpenApi) {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let told =
            "The id of the request in the log of the server: that of the request, if it had one.";
        let id = HeaderBuilder::new().schema(Some(text)).description(Some(told));
        let id = id.example(Some(json!("d97169c5-3"))).build();
        for item in openapi.paths.paths.values_mut() {
            for (_, operation) in operations(item) {
                for response in operation.responses.responses.values_mut() {
                    if let RefOr::T(response) = response {
                        response.headers.insert("X-Request-Id".to_owned(), id.clone().into());
                    }
                }
            }
        }
    }
}

/// Every path that takes GET takes HEAD, and answers the same without its body.
struct Heads;

impl Modify for Heads {
    fn modify(&self, openapi: &mut OpenApi) {
        for item in openapi.paths.paths.values_mut() {
            let Some(get) = &item.get else { continue };
            let mut head = get.clone();
            head.operation_id = get.operation_id.as_ref().map(|id| format!("head_{id}"));
            head.summary = get.summary.as_ref().map(|summary| format!("{summary} (HEAD)"));
            head.description = Some("The answer to a GET, without its body.".to_owned());
            for response in head.responses.responses.values_mut() {
                if let RefOr::T(response) = response {
                    response.content.clear();
                    response.links.clear();
                }
            }
            item.head = Some(head);
        }
    }
}

/// `/api/v1/set` is also the entry of that name.
struct Set;

impl Modify for Set {
    fn modify(&self, openapi: &mut OpenApi) {
        let paths = &mut openapi.paths.paths;
        let Some(mut entry) = paths.get("/api/v1/{key}").cloned() else { return };
        for (_, operation) in operations(&mut entry) {
            operation.operation_id =
                operation.operation_id.as_ref().map(|id| format!("{id}_of_set"));
            operation.summary =
                operation.summary.as_ref().map(|text| format!("{text} (The key `set`.)"));
            let is_other = |parameter: &RefOr<Parameter>| match parameter {
                RefOr::T(parameter) => parameter.name != "key",
                RefOr::Ref(_) => true,
            };
            operation.parameters.iter_mut().for_each(|parameters| parameters.retain(is_other));
            for response in operation.responses.responses.values_mut() {
                if let RefOr::T(response) = response {
                    response.links.clear();
                }
            }
        }
        if let Some(set) = paths.get_mut("/api/v1/set") {
            set.merge_operations(entry);
        }
    }
}

/// An empty text is a text, and a request without a body has an empty one.
struct NoBody;

impl Modify for NoBody {
    fn modify(&self, openapi: &mut OpenApi) {
        let plain = openapi.paths.paths.get_mut("/v1/{key}").and_then(|item| item.put.as_mut());
        if let Some(RefOr::T(body)) = plain.and_then(|put| put.request_body.as_mut()) {
            body.required = Some(Required::False);
        }
    }
}
