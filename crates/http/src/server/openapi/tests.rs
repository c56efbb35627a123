//! The document describes exactly the routes.

use std::collections::BTreeSet;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use mainspring::Store;
use mainspring::wire::Json;
use serde_json::Value;
use tower::ServiceExt;

use super::describe;
use crate::protocol::{Operation, Tag};

fn described() -> BTreeSet<(String, String)> {
    let openapi = describe("1", false, ".");
    let methods = |item: &Value| item.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    openapi
        .paths
        .iter()
        .flat_map(|(path, item)| methods(item).into_iter().map(|method| (path.clone(), method)))
        .collect()
}

#[test]
fn document_has_exactly_the_routes() {
    let mut routes = BTreeSet::new();
    for operation in Operation::ALL {
        let is_absent = matches!(operation.tag(), Tag::Accounts | Tag::Health | Tag::Metrics);
        for path in operation.paths().filter(|_| !is_absent) {
            let method = operation.method().as_str().to_lowercase();
            if method == "get" {
                routes.insert((path.to_owned(), "head".to_owned()));
            }
            routes.insert((path.to_owned(), method));
        }
    }
    assert_eq!(described(), routes);
}

#[tokio::test]
async fn described_routes_exist() {
    let router = crate::server::router(Store::<Json>::builder().spawn());
    for (path, method) in described() {
        let uri = path.replace("{key}", "k").replace("{file}", "swagger-ui.css");
        let request = Request::builder().method(&*method.to_uppercase()).uri(&uri);
        let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_ne!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {uri}");
        if response.status() == StatusCode::NOT_FOUND && method != "head" {
            let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            assert!(!body.starts_with(b"{\"code\":\"not_found\""), "{method} {uri}");
        }
    }
}

#[test]
fn everything_has_a_description_and_an_example() {
    let openapi = serde_json::to_value(describe("1.2.3", false, ".")).unwrap();
    assert_eq!(
        (&openapi["openapi"], &openapi["info"]["version"]),
        (&"3.1.0".into(), &"1.2.3".into())
    );
    let mut ids = BTreeSet::new();
    for (path, item) in openapi["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{place}");
            assert!(
                operation["summary"].is_string() && operation["tags"][0].is_string(),
                "{place}"
            );
            assert!(operation["description"].is_string(), "{place} has no description");
            assert!(
                !operation.as_object().unwrap().keys().any(|name| name.starts_with("x-")),
                "{place}"
            );
            let has_example =
                |content: &Value| content.get("example").or(content.get("examples")).is_some();
            let responses = operation["responses"].as_object().unwrap();
            for (status, response) in responses {
                assert!(
                    response["description"].as_str().is_some_and(|words| !words.is_empty()),
                    "{place}"
                );
                for (kind, content) in response["content"].as_object().into_iter().flatten() {
                    assert!(has_example(content), "{place}: {status} {kind} has no example");
                }
            }
            for content in operation["requestBody"]["content"].as_object().into_iter().flatten() {
                assert!(has_example(content.1), "{place}: the body has no example");
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{place}: {parameter}");
                assert!(has_example(parameter), "{place}: {parameter} has no example");
            }
        }
    }
    let schemas = openapi["components"]["schemas"].as_object().unwrap();
    let text = openapi.to_string();
    for name in
        text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next())
    {
        assert!(schemas.contains_key(name), "{name} is not described");
    }
}
