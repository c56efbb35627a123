//! The OpenAPI document, made from the table of operations.

mod errors;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use axum::body::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::protocol::{Content, Operation, Problem, Right, Schemas, Tag};

/// The description of the whole interface.
const ABOUT: &str = "A store: many handles, one owner, many watchers. \
    `/api/v1` speaks JSON, `/v1` plain text, `/watch` tells of every change as it comes.\n\n\
    Every change has a revision, one number for the whole store. A write answers it, an `ETag` names it, and a \
    watch resumes after it. Every error is `{\"code\", \"message\"}`; only `outcome_unknown`, `failed`, and an \
    `internal` without a `revision` leave open whether something was changed.";

/// The document, made on its first use.
#[derive(Debug)]
pub(super) struct Description {
    version: String,
    with_accounts: bool,
    json: OnceLock<Bytes>,
    yaml: OnceLock<Bytes>,
}

impl Description {
    /// The document of an interface of this version.
    pub(super) fn new(version: &str, with_accounts: bool) -> Self {
        let (json, yaml) = (OnceLock::new(), OnceLock::new());
        Self { version: version.to_owned(), with_accounts, json, yaml }
    }

    /// As JSON, to be served at the root.
    pub(super) fn json(&self) -> Bytes {
        let document = || describe(&self.version, self.with_accounts, ".");
        let text = || serde_json::to_vec(&document()).unwrap_or_default().into();
        self.json.get_or_init(text).clone()
    }

    /// As YAML, to be served at its older path.
    pub(super) fn yaml(&self) -> Bytes {
        let document = || describe(&self.version, self.with_accounts, "../../..");
        let text = || yaml_serde::to_string(&document()).unwrap_or_default().into();
        self.yaml.get_or_init(text).clone()
    }
}

/// The parts of the document, in the order in which they are read.
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
    /// The name and the description of a group of operations; `None` if it is not described.
    fn words(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Entries => ("entries", "What a key holds: read, set, update, remove, expire."),
            Self::Lists => ("lists", "Lists of elements: push, pop, read a part."),
            Self::Store => ("store", "The store as a whole: pages, batches, changes as they come."),
            Self::Plain => ("plain", "Texts without JSON around them."),
            Self::Description => ("description", "This description."),
            Self::Accounts => ("accounts", "Who may do what: accounts, logins, tokens."),
            Self::Backup => ("backup", "Everything in one file."),
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
        if tags.iter().all(|known: &Value| known["name"] != tag) {
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
        details = format!("{details}\n\nNeeds {right}.").trim_start().to_owned();
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
        // An empty text is a text, and a request without a body has an empty one.
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
        responses.values_mut().for_each(|answer| answer["headers"]["X-Request-Id"] = id.clone());
    }
    object
}

/// How the description says which right an operation needs.
fn right_words(right: Right) -> Option<&'static str> {
    Some(match right {
        Right::None => return None,
        Right::Account => "an account",
        Right::Read => "`reader`, of these keys",
        Right::Write => "`writer`, of these keys",
        Right::ReadAll => "`reader`, of all keys",
        Right::WriteAll => "`writer`, of all keys",
        Right::Admin => "`admin`",
    })
}

fn content(content: impl IntoIterator<Item = Content>, schemas: &mut Schemas) -> Value {
    let of_media = |Content { media, schema, example }: Content| {
        (media.to_owned(), json!({"schema": schema(schemas), "example": example}))
    };
    content.into_iter().map(of_media).collect::<Map<_, _>>().into()
}

/// Headers of answers, by name.
fn headers(names: &[&str]) -> Value {
    let mut all = json!({
        "Allow": {"description": "The methods that the path takes.", "example": "GET,HEAD"},
        "Cache-Control": {"description": "`no-store`."},
        "Content-Disposition": {"description": "A name for the file."},
        "ETag": {"description": "The store and the revision of the entry: for `If-Match` and `If-None-Match`."},
        "Mainspring-Cleared": {"description": "How many keys were removed.", "schema": {"type": "integer", "format": "int64", "minimum": 0}},
        "Mainspring-Resume": {"description": "The position after which the stream begins. Absent from a snapshot."},
        "Mainspring-Store": {"description": "The id of the store."},
        "Retry-After": {"description": "After how many seconds to try again.", "example": "1"},
        "WWW-Authenticate": {"description": "How to authenticate.", "example": "Bearer"},
        "X-Content-Type-ServerOptions": {"description": "`nosniff`: it is text, whatever it looks like."},
        "X-Request-Id": {"description": "The id of the request in the log of the server: that of the request, if it had one.", "example": "d97169c5-3"},
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

/// What to do next with a key that was set; `key` is where a request has it.
fn links(key: &str) -> Value {
    json!({
        "get": {"operationId": "get", "parameters": {"key": key}, "description": "Read it."},
        "remove": {"operationId": "remove", "parameters": {"key": key}, "description": "Remove it."},
    })
}

/// The same operation at `/api/v1/set`, for the entry whose key is `set`.
fn of_key_set(operation: &mut Value) {
    operation["operationId"] = format!("{}_of_set", text(&operation["operationId"])).into();
    operation["summary"] = format!("{} (The key `set`.)", text(&operation["summary"])).into();
    if let Some(parameters) = operation["parameters"].as_array_mut() {
        parameters.retain(|parameter| parameter["name"] != "key");
    }
    without(operation, &["links"]);
}

/// The HEAD of a path that takes GET: the same answers without their bodies.
fn head(get: &Value) -> Value {
    let mut head = get.clone();
    head["operationId"] = format!("head_{}", text(&get["operationId"])).into();
    head["summary"] = format!("{} (HEAD)", text(&get["summary"])).into();
    head["description"] = "The answer to a GET, without its body.".into();
    without(&mut head, &["content", "links"]);
    head
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Remove members of all responses.
fn without(operation: &mut Value, members: &[&str]) {
    let responses = operation["responses"].as_object_mut().into_iter().flatten();
    for response in responses.filter_map(|(_, response)| response.as_object_mut()) {
        members.iter().for_each(|member| drop(response.remove(*member)));
    }
}
