//! Whether the service is up: for people, for load balancers, for whoever restarts it.

use actix_web::body::BoxBody;
use actix_web::http::Method;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde_json::json;

use crate::error::Problem;
use crate::http::endpoint::{About, Api, Described, Operation};
use crate::http::permit::Public;

/// The state of the service as `problem+json`, which ModI asks of `/status`.
pub struct Up(&'static str);

impl Responder for Up {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let body = json!({"title": "Ricolloca", "status": 200, "detail": self.0}).to_string();
        HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/problem+json")).body(body)
    }
}

impl Described for Up {
    fn describe(operation: &mut Operation) {
        operation.raw_response(
            200,
            "The service is up.",
            &json!({"$ref": "#/components/schemas/Problem"}),
            "application/problem+json",
        );
    }
}

/// Registers the operations.
pub fn register(api: &mut Api) {
    let about = |id: &str, summary: &str, description: &str| About {
        id: id.to_owned(),
        tag: "health",
        summary: summary.to_owned(),
        description: description.to_owned(),
    };
    api.operation(
        Method::GET,
        "/status",
        about("show_status", "Read the status of the service", "Up, with its database in reach; 503 otherwise."),
        ready,
    );
    api.operation(
        Method::GET,
        "/interop/probing",
        about(
            "show_probing",
            "Read whether the e-service is available",
            "What the national interoperability platform (PDND) probes: the same as `/status`.",
        ),
        ready,
    );
    api.operation(
        Method::GET,
        "/health/live",
        about(
            "show_liveness",
            "Read whether the process lives",
            "Answers without asking the database: restart what does not answer.",
        ),
        live,
    );
    api.operation(
        Method::GET,
        "/health/ready",
        about(
            "show_readiness",
            "Read whether requests can be served",
            "Asks the database: send no requests to what is not ready.",
        ),
        ready,
    );
}

async fn live(_: Public) -> Result<Up, Problem> {
    Ok(Up("The process lives."))
}

async fn ready(public: Public) -> Result<Up, Problem> {
    public.state().check_database().await?;
    Ok(Up("The service is up and its database in reach."))
}
