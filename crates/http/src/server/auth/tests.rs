//! Every route with every kind of caller: the right that it requires, and what a rejected caller can learn.

use std::collections::BTreeSet;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use axum::http::{Request, Response, StatusCode};
use futures_util::StreamExt;
use mainspring::Store;
use mainspring::wire::Json;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::auth::{Access, Auth, AuthOptions, Keys, Role, fixtures};
use crate::protocol::{Operation, Tag};
use crate::server::app::App;
use crate::server::routes;

use RequiredRight::{Account, Admin, Login, Nothing, Read, ReadAll, Write, WriteAll};

/// The right that a route requires. Written by hand instead of derived from the table, so that the table is tested.
#[derive(Debug, Clone, Copy, PartialEq)]
enum RequiredRight {
    Nothing,
    Account,
    /// An account with a login, not an API token.
    Login,
    Read,
    Write,
    ReadAll,
    WriteAll,
    Admin,
}

/// `{key}` stands for the key, also in bodies.
const ROUTES: &[(&str, &str, &str, RequiredRight)] = &[
    ("POST", "/api/v1/set", r#"{"key":"{key}","value":1}"#, Write),
    ("GET", "/api/v1/{key}", "", Read),
    ("HEAD", "/api/v1/{key}", "", Read),
    ("PUT", "/api/v1/{key}", r#"{"value":1}"#, Write),
    ("PATCH", "/api/v1/{key}", r#"{"value":1}"#, Write),
    ("DELETE", "/api/v1/{key}", "", Write),
    ("POST", "/api/v1/{key}/push", r#"{"value":1}"#, Write),
    ("PATCH", "/api/v1/{key}/push", r#"{"value":1}"#, Write),
    ("POST", "/api/v1/{key}/pop", "", Write),
    ("PATCH", "/api/v1/{key}/pop", "", Write),
    ("POST", "/entry/trim?key={key}&keep=1", "", Write),
    ("GET", "/api/v1/{key}/range", "", Read),
    ("POST", "/api/v1/{key}/ttl", r#"{"ttl":"1h"}"#, Write),
    ("PATCH", "/api/v1/{key}/ttl", r#"{"ttl":"1h"}"#, Write),
    ("GET", "/keys?prefix={key}", "", Read),
    ("GET", "/keys?entries=true&prefix={key}", "", Read),
    ("POST", "/batch", r#"[{"command":"set","key":"{key}","value":1}]"#, Write),
    ("POST", "/batch?independent=true", r#"[{"command":"set","key":"{key}","value":1}]"#, Write),
    ("GET", "/watch?key={key}", "", Read),
    ("GET", "/watch?prefix={key}&from=snapshot", "", Read),
    ("GET", "/stats", "", ReadAll),
    ("GET", "/backup", "", Admin),
    ("HEAD", "/backup", "", Admin),
    ("POST", "/compact", "", Admin),
    ("DELETE", "/flush", "", WriteAll),
    ("GET", "/v1/{key}", "", Read),
    ("PUT", "/v1/{key}", "text", Write),
    ("DELETE", "/v1/{key}", "", Write),
    ("GET", "/openapi.json", "", Nothing),
    ("GET", "/api/v1/docs/swagger.yaml", "", Nothing),
    ("GET", "/docs", "", Nothing),
    ("GET", "/docs/{file}", "", Nothing),
    ("GET", "/api/v1/docs/swagger/{file}", "", Nothing),
    ("POST", "/auth/login", "{}", Nothing),
    ("POST", "/auth/refresh", "{}", Nothing),
    ("POST", "/auth/logout", "", Account),
    ("GET", "/auth/me", "", Account),
    ("POST", "/auth/password", r#"{"current":"x","new":"y"}"#, Login),
    ("POST", "/auth/register", r#"{"name":"new","password":"x","role":"reader"}"#, Admin),
    ("GET", "/auth/accounts", "", Admin),
    ("PUT", "/auth/accounts/{name}", r#"{"role":"reader"}"#, Admin),
    ("DELETE", "/auth/accounts/{name}", "", Admin),
    ("PUT", "/auth/accounts/{name}/password", r#"{"password":"x"}"#, Admin),
    ("POST", "/auth/tokens", "{}", Login),
    ("DELETE", "/auth/tokens/me/{id}", "", Login),
    ("DELETE", "/auth/tokens/{name}/{id}", "", Admin),
    ("POST", "/auth/keys", "", Admin),
];

impl RequiredRight {
    fn is_met(self, access: &Access, by_token: bool, key: &str) -> bool {
        let all = access.prefix.is_none();
        let of_key = access.prefix.as_deref().is_none_or(|prefix| key.starts_with(prefix));
        match self {
            Nothing | Account => true,
            Login => !by_token || access.role == Role::Admin,
            Read => of_key,
            Write => of_key && access.role >= Role::Writer,
            ReadAll => all,
            WriteAll => all && access.role >= Role::Writer,
            Admin => access.role == Role::Admin,
        }
    }
}

struct Server {
    router: Router,
    auth: Auth,
    store: Store<Json>,
}

impl Server {
    async fn start() -> Self {
        let accounts = Store::builder().spawn();
        let auth = Auth::new(accounts, Keys::in_memory().unwrap(), AuthOptions::default()).unwrap();
        let store = Store::builder().spawn();
        for key in ["car/speed", "plane/speed"] {
            store.set(key, Json::from("x")).await.unwrap();
        }
        let options =
            crate::server::ServerOptions { auth: Some(auth.clone()), ..Default::default() };
        let app = App::new(store.clone(), options, CancellationToken::new());
        Self { router: routes::routes(app.into()), auth, store }
    }

    async fn request(&self, method: &str, path: &str, body: &str, by: &str) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        if !by.is_empty() {
            request = request.header(AUTHORIZATION, by);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends a request to a route, about a key.
    async fn route(
        &self,
        (method, path, body, _): (&str, &str, &str, RequiredRight),
        key: &str,
        by: &str,
    ) -> Response<Body> {
        let encoded = if path.contains('?') { key.to_owned() } else { key.replace('/', "%2F") };
        let path = path.replace("{key}", &encoded).replace("{name}", "ada");
        let path = path.replace("{file}", "swagger-ui.css").replace("{id}", "x");
        self.request(method, &path, &body.replace("{key}", key), by).await
    }
}

/// Waits for the next part of a stream, which must arrive soon.
async fn within<R>(next: impl Future<Output = R>) -> R {
    tokio::time::timeout(std::time::Duration::from_secs(5), next).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

#[test]
fn list_has_every_route() {
    let pattern = |path: &str| {
        let path = path.split('?').next().unwrap();
        path.replace("/tokens/me/", "/tokens/{name}/")
    };
    let listed: BTreeSet<_> = ROUTES
        .iter()
        .filter(|(method, ..)| *method != "HEAD")
        .map(|(method, path, ..)| (pattern(path), (*method).to_owned()))
        .collect();
    // Each operation at its own path: the alias for the key `set` is like any other key.
    let routed: BTreeSet<_> = Operation::ALL
        .iter()
        .filter(|operation| !matches!(operation.tag(), Tag::Health | Tag::Metrics))
        .map(|operation| (operation.path().to_owned(), operation.method().to_string()))
        .collect();
    assert_eq!(listed, routed);
}

#[tokio::test]
async fn every_route_documents_its_required_right() {
    let server = Server::start().await;
    let described = text(server.request("GET", "/openapi.json", "", "").await).await;
    let described: Value = serde_json::from_str(&described).unwrap();
    for (method, path, _, required) in ROUTES {
        let path = path.split('?').next().unwrap().replace("/tokens/me/", "/tokens/{name}/");
        let operation = &described["paths"][&path][method.to_lowercase()];
        let words = match required {
            Nothing => {
                assert_eq!(operation["security"], json!([]), "{method} {path}");
                continue;
            }
            Account | Login => "Requires an account.",
            Read => "Requires the role `reader` for the keys.",
            Write => "Requires the role `writer` for the keys.",
            ReadAll => "Requires the role `reader` for all keys.",
            WriteAll => "Requires the role `writer` for all keys.",
            Admin if path.contains("/tokens/") => "Requires an account.",
            Admin => "Requires the role `admin`.",
        };
        assert_eq!(operation["security"], json!([{"bearer": []}]), "{method} {path}");
        if *method != "HEAD" {
            let description = operation["description"].as_str().unwrap_or_default();
            assert!(description.ends_with(words), "{method} {path}: {description:?}");
        }
        for status in ["401", "403"] {
            assert!(operation["responses"][status].is_object(), "{method} {path} {status}");
        }
    }
    assert_eq!(described["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}

#[tokio::test]
async fn every_route_accepts_exactly_the_callers_with_its_right() {
    let accesses = [
        Access::new(Role::Reader),
        Access::new(Role::Writer),
        Access::new(Role::Admin),
        Access::new(Role::Reader).within("car/"),
        Access::new(Role::Writer).within("car/"),
    ];
    for route in ROUTES.iter().copied() {
        for access in &accesses {
            for by_token in [false, true] {
                let server = Server::start().await;
                let name = if route.1.contains("/me/") { "me" } else { "other" };
                let login = fixtures::account(&server.auth, name, access.clone()).await;
                fixtures::account(&server.auth, "ada", Access::new(Role::Admin)).await;
                let token = match by_token {
                    true => server.auth.add_token(name, "", None, None).await.unwrap().token,
                    false => login,
                };
                let by = format!("Bearer {}", token.expose());
                let mut rejections = Vec::new();
                for key in ["car/speed", "car/none", "plane/speed", "plane/none"] {
                    let response = server.route(route, key, &by).await;
                    let status = response.status();
                    let is_met = route.3.is_met(access, by_token, key);
                    let what = format!("{route:?} {access:?} {key} {by_token}: {status}");
                    if status == StatusCode::UNAUTHORIZED && key != "car/speed" {
                        continue;
                    }
                    assert_ne!(status == StatusCode::FORBIDDEN, is_met, "{what}");
                    // These routes end logins, or require no account.
                    let ends = [
                        "/auth/logout",
                        "/auth/keys",
                        "/auth/password",
                        "/auth/login",
                        "/auth/refresh",
                    ];
                    let may_end = ends.contains(&route.1);
                    assert!(may_end || status != StatusCode::UNAUTHORIZED, "{what}");
                    if !is_met && route.0 != "HEAD" {
                        rejections.push(text(response).await);
                    }
                }
                rejections.dedup();
                assert!(rejections.len() <= 1, "{route:?} distinguishes keys: {rejections:?}");
            }
        }
    }
}

#[tokio::test]
async fn invalid_tokens_are_rejected_without_a_reason() {
    let server = Server::start().await;
    fixtures::account(&server.auth, "ada", Access::new(Role::Admin)).await;
    let invalid = fixtures::invalid_headers(&server.auth, "ada").await;
    for route in ROUTES.iter().copied().filter(|route| route.3 != Nothing) {
        let mut texts = BTreeSet::new();
        for (what, by) in &invalid {
            let response = server.route(route, "car/speed", by).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{route:?}: {what}");
            assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
            texts.insert(text(response).await);
        }
        assert_eq!(texts.len(), 1, "{route:?} distinguishes them: {texts:?}");
    }
    // Nothing has changed.
    assert_eq!(server.store.revision(), 2);
    assert!(server.auth.profile("ada").is_some() && server.auth.profile("new").is_none());
}

#[tokio::test]
async fn restricted_caller_sees_only_its_keys() {
    let server = Server::start().await;
    let token =
        fixtures::account(&server.auth, "ada", Access::new(Role::Reader).within("car/")).await;
    let by = format!("Bearer {}", token.expose());
    for query in ["", "?prefix=", "?prefix=c", "?prefix=car/"] {
        let page = text(server.request("GET", &format!("/keys{query}"), "", &by).await).await;
        assert!(page.starts_with(r#"{"keys":["car/speed"],"next":null"#), "{page}");
    }
    let watch = server.request("GET", "/watch?from=snapshot", "", &by).await;
    let mut stream = watch.into_body().into_data_stream();
    let mut received = String::new();
    while !received.contains("snapshot_end") {
        received
            .push_str(std::str::from_utf8(&within(stream.next()).await.unwrap().unwrap()).unwrap());
    }
    server.store.set("plane/speed", Json::from("y")).await.unwrap();
    server.store.set("car/speed", Json::from("z")).await.unwrap();
    server.store.clear().await.unwrap();
    while !received.contains("cleared") {
        received
            .push_str(std::str::from_utf8(&within(stream.next()).await.unwrap().unwrap()).unwrap());
    }
    assert!(!received.contains("plane") && !received.contains("count"), "{received}");
    assert!(received.contains(r#""value":"z""#), "{received}");
}

#[tokio::test]
async fn stream_ends_with_the_rights_of_its_caller() {
    let server = Server::start().await;
    let token = fixtures::account(&server.auth, "ada", Access::new(Role::Reader)).await;
    let by = format!("Bearer {}", token.expose());
    for end in ["logout", "access", "account"] {
        let token = fixtures::login(&server.auth, "ada").await;
        let mine = format!("Bearer {}", token.expose());
        let watch = server.request("GET", "/watch", "", &mine).await;
        assert_eq!(watch.status(), StatusCode::OK);
        let mut stream = watch.into_body().into_data_stream();
        match end {
            "logout" => drop(server.request("POST", "/auth/logout", "", &mine).await),
            "access" => {
                let less = Access::new(Role::Reader).within("car/");
                fixtures::account(&server.auth, "grace", Access::new(Role::Admin)).await;
                server.auth.set_access("ada", less).await.unwrap();
            }
            _ => server.auth.remove("ada").await.unwrap(),
        }
        // No later change is delivered.
        let mut received = String::new();
        while let Some(part) = within(stream.next()).await {
            received.push_str(std::str::from_utf8(&part.unwrap()).unwrap());
        }
        assert!(
            received.contains("event: end") && received.contains("unauthorized"),
            "{end}: {received}"
        );
    }
    assert_eq!(server.request("GET", "/auth/me", "", &by).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn login_refresh_and_reuse_over_http() {
    let server = Server::start().await;
    server
        .auth
        .register("ada", "wheels within wheels".into(), Access::new(Role::Admin))
        .await
        .unwrap();
    let login = r#"{"name":"ada","password":"wheels within wheels"}"#;
    let response = server.request("POST", "/auth/login", login, "").await;
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let tokens: Value = serde_json::from_str(&text(response).await).unwrap();
    let by = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let me = text(server.request("GET", "/auth/me", "", &by).await).await;
    assert!(me.contains(r#""name":"ada""#) && me.contains(r#""role":"admin""#), "{me}");
    let refresh = json!({"refresh_token": tokens["refresh_token"]}).to_string();
    assert_eq!(
        server.request("POST", "/auth/refresh", &refresh, "").await.status(),
        StatusCode::OK
    );
    let again = server.request("POST", "/auth/refresh", &refresh, "").await;
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(server.request("GET", "/auth/me", "", &by).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn errors_do_not_repeat_secrets() {
    let server = Server::start().await;
    for body in [
        r#"{"name":"ada","password":"hunter2secret""#,
        r#"{"name":"ada","password":{"x":"hunter2secret"}}"#,
        r#"{"name":"ada","passwort":"hunter2secret"}"#,
        r#""hunter2secret""#,
    ] {
        let response = server.request("POST", "/auth/login", body, "").await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let error = text(response).await;
        assert!(!error.contains("hunter2secret") && error.contains("line 1"), "{error}");
    }
}

#[tokio::test]
async fn account_routes_are_absent_without_accounts() {
    let store = Store::<Json>::builder().spawn();
    let router = crate::server::router(store);
    for (method, path, ..) in ROUTES.iter().filter(|(_, path, ..)| path.starts_with("/auth")) {
        let request = Request::builder().method(*method).uri(*path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{method} {path}");
    }
}

#[tokio::test]
async fn misspelled_prefix_is_rejected() {
    let server = Server::start().await;
    let token = fixtures::account(&server.auth, "ada", Access::new(Role::Admin)).await;
    let by = format!("Bearer {}", token.expose());
    let new = r#"{"name":"bob","password":"wheels within wheels","role":"writer","prefx":"car/"}"#;
    for (method, path, body) in [
        ("POST", "/auth/register", new),
        ("PUT", "/auth/accounts/ada", r#"{"role":"admin","Prefix":"car/"}"#),
        ("POST", "/auth/tokens", r#"{"access":{"role":"reader","prefx":"car/"}}"#),
    ] {
        let response = server.request(method, path, body, &by).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{method} {path}");
    }
}

#[tokio::test]
async fn api_token_sees_only_itself_and_cannot_log_out() {
    let server = Server::start().await;
    let login = fixtures::account(&server.auth, "ada", Access::new(Role::Admin)).await;
    let access = Some(Access::new(Role::Reader).within("car/"));
    let token = server.auth.add_token("ada", "dash", access, None).await.unwrap().token;
    server.auth.add_token("ada", "other", None, None).await.unwrap();
    let by = format!("Bearer {}", token.expose());
    let me = text(server.request("GET", "/auth/me", "", &by).await).await;
    assert!(me.contains(r#""role":"reader","prefix":"car/""#) && !me.contains("other"), "{me}");
    let out = server.request("POST", "/auth/logout", r#"{"all":true}"#, &by).await;
    assert_eq!(out.status(), StatusCode::BAD_REQUEST);
    let by = format!("Bearer {}", login.expose());
    assert_eq!(server.request("GET", "/auth/me", "", &by).await.status(), StatusCode::OK);
}
