//! What people read: Swagger UI with its assets in the binary, the OpenAPI document, and a page for every problem code.

use std::future::{Ready, ready};

use actix_web::http::header::{CONTENT_TYPE, LOCATION};
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::error::{Code, Problem};
use crate::http::State;

/// Adds the pages. They are not operations of the API and stand in no document.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/", web::get().to(|| redirect("/docs/")))
        .route("/docs", web::get().to(|| redirect("/docs/")))
        .route("/openapi/v1.json", web::get().to(document))
        .route("/problems/{code}", web::get().to(problem))
        .service(
            SwaggerUi::new("/docs/{_:.*}").config(
                Config::new(["/openapi/v1.json"])
                    .persist_authorization(true)
                    .try_it_out_enabled(true)
                    .display_request_duration(true)
                    .filter(true)
                    .doc_expansion("none"),
            ),
        );
}

fn redirect(to: &'static str) -> Ready<HttpResponse> {
    ready(HttpResponse::Found().insert_header((LOCATION, to)).finish())
}

async fn document(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/json")).body(state.document().to_vec())
}

async fn problem(code: web::Path<String>) -> Result<HttpResponse, Problem> {
    let code = Code::ALL.iter().find(|known| known.as_str() == *code).ok_or(Problem::new(Code::NotFound))?;
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{code}</title><h1>{title}</h1>\
         <p lang=\"it\"><em>{titolo}</em></p><p><code>{code}</code>, HTTP status {status}</p><p>{explanation}</p>\n",
        code = code.as_str(),
        title = escape(code.title()),
        titolo = escape(code.titolo()),
        status = code.status(),
        explanation = escape(code.explanation()),
    );
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/html; charset=utf-8")).body(page))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
