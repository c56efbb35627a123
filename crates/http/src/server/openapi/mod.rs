//! The OpenAPI document, generated from the table of operations.

mod errors;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use axum::body::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::protocol::{Content, Operation, Problem, Right, Schemas, Tag};

/// The description of the API.
const ABOUT: &str = "An in-memory key-value store with change streams. `/api/v1` uses JSON, `/v1` plain text, and \
    `/watch` streams changes as server-sent events.\n\n\
    Every change has a revision, a number that is unique in the store and grows by one with each change. A write returns \
    it, an `ETag` contains it, and a watch can resume after it. Every error is `{\"code\", \"message\"}`. Only after \
    `outcome_unknown`, `failed`, and an `internal` without a `revision` it is unknown whether something was changed.";

/// The document, generated on first use.
#[derive(Debug)]
pub(super) struct Description {
    version: String,
    with_accounts: bool,
    json: OnceLock<Bytes>,
    yaml: OnceLock<Bytes>,
}

impl Description {
    /// The document of the API with this version.
    pub(super) fn new(version: &str, with_accounts: bool) -> Self {
        let (json, yaml) = (OnceLock::new(), OnceLock::new());
        Self { version: version.to_owned(), with_accounts, json, yaml }
    }

    /// Returns the document as JSON, to serve at the root.
    pub(super) fn json(&self) -> Bytes {
        let document = || describe(&self.version, self.with_accounts, ".");
        let text = || serde_json::to_vec(&document()).unwrap_or_default().into();
        self.json.get_or_init(text).clone()
    }

    /// Returns the document as YAML, to serve at its older path.
    pub(super) fn yaml(&self) -> Bytes {
        let document = || describe(&self.version, self.with_accounts, "../../..");
        let text = || yaml_serde::to_string(&document()).unwrap_or_default().into();
        self.yaml.get_or_init(text).clone()
    }
}

/// The document, with its parts in the order of reading.
#[derive(Debug, Serialize)]
struct Document {
    openapi: &'static str,
    info: Value,
    servers: Value,
    paths: Map<String, Value>,
    components: Value,
    tags: Vec<Value>,
}

impl Tag {
    /// The name and the description of a group of operations; `None` if the group is not in the document.
    fn words(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Entries => ("entries", "Read, set, update, remove and expire entries."),
            Self::Lists => ("lists", "Push to, pop from, trim and read lists."),
            Self::Store => {
                ("store", "Operations on the store as a whole: pages, batches, watches.")
            }
            Self::Plain => ("plain", "Read and write plain text."),
            Self::Description => ("description", "The API description."),
            Self::Accounts => ("accounts", "Accounts, logins and tokens."),
            Self::Backup => ("backup", "Download a backup."),
            Self::Health | Self::Metrics => return None,
        })
    }
}

/// `root` is the URL of the routes, relative to the document.
fn describe(version: &str, with_accounts: bool, root: &str) -> Document {
    let mut schemas = Schemas::default();
    schemas.add::<Problem>();
    let (mut paths, mut tags) = (Map::new(), Vec::new());
    for operation in Operation::ALL {
        let is_served = operation.tag() != Tag::Accounts || with_accounts;
        let Some((tag, words)) = operation.tag().words().filter(|_| is_served) else { continue };
        if tags.iter().all(|other: &Value| other["name"] != tag) {
            tags.push(json!({"name": tag, "description": words}));
        }
        let described = operation_object(*operation, tag, with_accounts, &mut schemas);
        let method = operation.method().as_str().to_ascii_lowercase();
        for path in operation.paths() {
            let mut described = described.clone();
            if path != operation.path() {
                of_key_set(&mut described);
            }
            let item = &mut paths.entry(path).or_insert_with(|| json!({}));
            if method == "get" {
                item["head"] = head(&described);
            }
            item[&method] = described;
        }
    }
    let mut components = json!({"schemas": schemas.0});
    if with_accounts {
        let about = "The access token of a login, or an API token.";
        components["securitySchemes"] =
            json!({"bearer": {"type": "http", "scheme": "bearer", "description": about}});
    }
    let license = json!({"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"});
    Document {
        openapi: "3.1.0",
        info: json!({
            "title": "Mainspring", "description": ABOUT, "version": version, "license": license,
        }),
        servers: json!([{"url": root}]),
        paths,
        components,
        tags,
    }
}

fn operation_object(
    operation: Operation,
    tag: &str,
    with_accounts: bool,
    schemas: &mut Schemas,
) -> Value {
    let described = operation.description();
    let (summary, mut details) = (described.summary(), described.details());
    let right = right_words(operation.right()).filter(|_| with_accounts);
    if let Some(right) = right {
        details = format!("{details}\n\nRequires {right}.").trim_start().to_owned();
    }
    let response = described.response;
    let mut success =
        json!({"description": response.description, "headers": headers(response.headers)});
    if !response.content.is_empty() {
        success["content"] = content(response.content, schemas);
    }
    let mut object = json!({
        "operationId": operation.id(),
        "summary": summary,
        "description": details,
        "tags": [tag],
        "responses": {response.status.to_string(): success},
    });
    if !described.parameters.is_empty() {
        object["parameters"] = described.parameters.into();
    }
    if let Some(body) = described.body {
        // An empty text is a valid value, and an absent body is read as an empty one.
        let is_required = operation != Operation::RawPut;
        object["requestBody"] =
            json!({"content": content([body], schemas), "required": is_required});
    }
    if with_accounts {
        object["security"] = if right.is_some() { json!([{"bearer": []}]) } else { json!([]) };
    }
    match operation {
        Operation::Get => {
            object["responses"]["304"] = json!({
                "description": "`If-None-Match` has the `ETag` of the entry.",
                "headers": headers(&["ETag"]),
            });
        }
        Operation::Set => object["responses"]["200"]["links"] = links("$request.body#/key"),
        Operation::Put => object["responses"]["200"]["links"] = links("$request.path.key"),
        _ => {}
    }
    errors::add(&mut object["responses"], operation, described.errors, right.is_some());
    if let Some(responses) = object["responses"].as_object_mut() {
        let id = headers(&["X-Request-Id"])["X-Request-Id"].take();
        responses
            .values_mut()
            .for_each(|response| response["headers"]["X-Request-Id"] = id.clone());
    }
    object
}

/// The description of a right.
fn right_words(right: Right) -> Option<&'static str> {
    Some(match right {
        Right::None => return None,
        Right::Account => "an account",
        Right::Read => "the role `reader` for the keys",
        Right::Write => "the role `writer` for the keys",
        Right::ReadAll => "the role `reader` for all keys",
        Right::WriteAll => "the role `writer` for all keys",
        Right::Admin => "the role `admin`",
    })
}

fn content(content: impl IntoIterator<Item = Content>, schemas: &mut Schemas) -> Value {
    let of_media = |Content { media, schema, example }: Content| {
        (media.to_owned(), json!({"schema": schema(schemas), "example": example}))
    };
    content.into_iter().map(of_media).collect::<Map<_, _>>().into()
}

/// Headers of responses, by name.
fn headers(names: &[&str]) -> Value {
    let mut all = json!({
        "Allow": {"description": "The methods that the path supports.", "example": "GET,HEAD"},
        "Cache-Control": {"description": "`no-store`."},
        "Content-Disposition": {"description": "A file name for the backup."},
        "ETag": {"description": "The store id and the revision of the entry, for `If-Match` and `If-None-Match`."},
        "Mainspring-Cleared": {"description": "The number of removed keys.", "schema": {"type": "integer", "format": "int64", "minimum": 0}},
        "Mainspring-Resume": {"description": "The position after which the stream begins. Absent if it begins with a snapshot."},
        "Mainspring-Store": {"description": "The id of the store."},
        "Retry-After": {"description": "The number of seconds to wait before the next attempt.", "example": "1"},
        "WWW-Authenticate": {"description": "The authentication scheme.", "example": "Bearer"},
        "X-Content-Type-Options": {"description": "`nosniff`: the body is plain text and must not be interpreted as another type."},
        "X-Request-Id": {"description": "The id of the request in the log of the server; the id that the request had, if any.", "example": "d97169c5-3"},
    });
    let describe = |name: &&str| {
        let mut header = all[*name].take();
        if header["schema"].is_null() {
            header["schema"] = json!({"type": "string"});
        }
        ((*name).to_owned(), header)
    };
    names.iter().map(describe).collect::<Map<_, _>>().into()
}

/// Links to further operations on a key that was set. `key` is the expression for the key.
fn links(key: &str) -> Value {
    json!({
        "get": {"operationId": "get", "parameters": {"key": key}, "description": "Read the entry."},
        "remove": {"operationId": "remove", "parameters": {"key": key}, "description": "Remove the entry."},
    })
}

/// Converts to the operation at `/api/v1/set`, for the entry whose key is `set`.
fn of_key_set(operation: &mut Value) {
    operation["operationId"] = format!("{}_of_set", text(&operation["operationId"])).into();
    operation["summary"] = format!("{} (The key `set`.)", text(&operation["summary"])).into();
    if let Some(parameters) = operation["parameters"].as_array_mut() {
        parameters.retain(|parameter| parameter["name"] != "key");
    }
    without(operation, &["links"]);
}

/// The HEAD operation of a path that supports GET: the same responses without bodies.
fn head(get: &Value) -> Value {
    let mut head = get.clone();
    head["operationId"] = format!("head_{}", text(&get["operationId"])).into();
    head["summary"] = format!("{} (HEAD)", text(&get["summary"])).into();
    head["description"] = "The headers of the response to a GET, without the body.".into();
    without(&mut head, &["content", "links"]);
    head
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Removes members of all responses.
fn without(operation: &mut Value, members: &[&str]) {
    let responses = operation["responses"].as_object_mut().into_iter().flatten();
    for response in responses.filter_map(|(_, response)| response.as_object_mut()) {
        members.iter().for_each(|member| drop(response.remove(*member)));
    }
}
