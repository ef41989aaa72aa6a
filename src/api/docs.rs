//! The documentation as pages: the API in Swagger UI, every type of problem on a page of its own. All of it is served
//! from the program itself; no page loads anything from elsewhere.

use crate::api::problem::Type;
use crate::api::state::ApiState;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::web::{Data, Path, ServiceConfig, resource};
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::{Config, SwaggerUi};

/// What a page may load: only what the service itself serves. Swagger UI styles inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Registers the pages.
pub fn pages(config: &mut ServiceConfig) {
    config
        .service(resource("/openapi.json").route(web::get().to(openapi)))
        .service(resource("/docs").route(web::get().to(to_docs)))
        .service(resource("/").route(web::get().to(to_docs)))
        .service(resource("/problems").route(web::get().to(problems)))
        .service(resource("/problems/{slug}").route(web::get().to(problem)))
        .service(SwaggerUi::new("/docs/{_:.*}").config(Config::from("/openapi.json").try_it_out_enabled(false)));
}

async fn openapi(state: Data<ApiState>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(state.openapi.clone())
}

async fn to_docs() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "/docs/")).finish()
}

async fn problem(slug: Path<String>) -> HttpResponse {
    match Type::ALL.iter().find(|kind| kind.slug() == slug.as_str()) {
        Some(kind) => page(kind.title(), &article(*kind)),
        None => HttpResponse::NotFound().finish(),
    }
}

async fn problems() -> HttpResponse {
    let list: String = Type::ALL.iter().map(|kind| article(*kind)).collect();
    page("Types of problem", &list)
}

fn article(kind: Type) -> String {
    format!(
        "<article><h2><a href=\"/problems/{slug}\">{title}</a></h2><p><code>{slug}</code> · status {status}</p><p>{help}</p></article>",
        slug = kind.slug(),
        title = escaped(kind.title()),
        status = kind.status(),
        help = escaped(kind.help()),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn page(title: &str, body: &str) -> HttpResponse {
    let title = escaped(title);
    HttpResponse::Ok().content_type("text/html; charset=utf-8").insert_header((CONTENT_SECURITY_POLICY, POLICY)).body(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title} · Cairn</title><style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}}\
         code{{background:#f2f2f2;padding:.1em .3em}}</style></head><body><p><a href=\"/docs/\">Cairn API</a> · \
         <a href=\"/problems\">all types of problem</a></p><h1>{title}</h1>{body}</body></html>"
    ))
}
