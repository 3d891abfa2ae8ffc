//! The figures over HTTP. Not an operation of the API: its readers are inside, and a proxy keeps it there.

use actix_web::{HttpResponse, web};

use super::{metrics, store};
use crate::error::{Code, Problem};
use crate::http::State;

/// Adds the path.
pub fn configure(config: &mut web::ServiceConfig) {
    config.route("/metrics", web::get().to(show));
}

async fn show(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let standing = state.housekeeping().query(|conn, _| Ok(store::standing(conn)?)).await?;
    let text = metrics().text(&standing).map_err(|_| Problem::new(Code::Internal))?;
    Ok(HttpResponse::Ok().content_type("application/openmetrics-text; version=1.0.0; charset=utf-8").body(text))
}
