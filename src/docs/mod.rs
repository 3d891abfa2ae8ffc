//! What people read: Swagger UI with its assets in the binary, the OpenAPI document, and a page for every problem code.

use std::future::{Ready, ready};
use std::sync::{Arc, LazyLock};

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY};
use actix_web::{HttpResponse, HttpResponseBuilder, web};
use utoipa_swagger_ui::{Config, serve};

use crate::error::{Code, Problem};
use crate::http::State;

/// Adds the pages. They are not operations of the API and stand in no document.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/", web::get().to(|| redirect("/docs/")))
        .route("/docs", web::get().to(|| redirect("/docs/")))
        .route("/docs/", web::get().to(index))
        .route("/docs/{file}", web::get().to(asset))
        .route("/openapi/{name}.json", web::get().to(document))
        .route("/problems/{code}", web::get().to(problem));
}

fn redirect(to: &'static str) -> Ready<HttpResponse> {
    ready(HttpResponse::Found().insert_header((LOCATION, to)).finish())
}

/// What a page may do: run our own scripts, speak to this service, and stand in nobody's frame. Swagger UI writes style
/// attributes and shows pictures that stand in its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn page() -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"));
    response
}

async fn index() -> HttpResponse {
    page().body(include_str!("index.html"))
}

/// Our own files, and those of Swagger UI.
async fn asset(name: web::Path<String>) -> Result<HttpResponse, Problem> {
    static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| Arc::new(Config::from("/openapi/v1.json")));
    let missing = || Problem::new(Code::NotFound);
    let (media, body) = match name.as_str() {
        "start.js" => ("text/javascript; charset=utf-8".to_owned(), include_bytes!("start.js").to_vec()),
        "page.css" => ("text/css; charset=utf-8".to_owned(), include_bytes!("page.css").to_vec()),
        // Their page would need inline scripts, or show any document it is told of.
        "index.html" | "swagger-initializer.js" | "oauth2-redirect.html" => return Err(missing()),
        name => {
            let file = serve(name, Arc::clone(&CONFIG)).ok().flatten().filter(|file| !file.gzpipped);
            let file = file.ok_or_else(missing)?;
            (file.content_type, file.bytes.into_owned())
        }
    };
    // The same for as long as this version of the service runs.
    let kept = "public, max-age=3600";
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, media)).insert_header((CACHE_CONTROL, kept)).body(body))
}

async fn document(state: web::Data<State>, name: web::Path<String>) -> Result<HttpResponse, Problem> {
    let document = state.document(&name).ok_or(Problem::new(Code::NotFound))?.to_owned();
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/json")).body(document))
}

async fn problem(code: web::Path<String>) -> Result<HttpResponse, Problem> {
    let code = Code::ALL.iter().find(|known| known.as_str() == *code).ok_or(Problem::new(Code::NotFound))?;
    let body = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{code}</title>\
         <link rel=\"stylesheet\" href=\"/docs/page.css\"><link rel=\"icon\" href=\"/docs/favicon-32x32.png\"></head><body class=\"page\"><h1>{title}</h1>\
         <p lang=\"it\"><em>{titolo}</em></p><p><code>{code}</code>, HTTP status {status}</p><p>{explanation}</p>\
         <p><a href=\"/docs/\">The API</a></p></body></html>\n",
        code = code.as_str(),
        title = escape(code.title()),
        titolo = escape(code.titolo()),
        status = code.status(),
        explanation = marked(code.explanation()),
    );
    Ok(page().body(body))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// A text whose `quoted` words are code.
fn marked(text: &str) -> String {
    let parts = escape(text.trim());
    parts
        .split('`')
        .enumerate()
        .map(|(place, part)| if place % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() })
        .collect()
}
