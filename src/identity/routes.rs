//! Obtaining a token, and the keys to verify one.

use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Instant;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::assertion::{self, ASSERTION_TYPE};
use super::lockout::Lockout;
use super::metadata::{AuthorizationServer, ProtectedResource};
use super::store::{Client, Use};
use super::token::LIFETIME_SECONDS;
use super::{Caller, ScopeSet, jwk, metadata, secret, store};
use crate::error::{Code, Problem};
use crate::http::endpoint::{About, Api, Described, Operation};
use crate::http::extract::Form;
use crate::http::finish::Origin;
use crate::http::permit::Public;
use crate::http::respond::Document;
use crate::text;

/// A token request (RFC 6749, section 4.4).
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Always `client_credentials`.
    #[schema(max_length = 40)]
    grant_type: String,
    /// The client's id; here or in a Basic `Authorization` header.
    #[schema(max_length = 100)]
    client_id: Option<String>,
    /// The client's secret; here or in a Basic `Authorization` header.
    #[schema(max_length = 200, format = Password)]
    client_secret: Option<String>,
    /// How `client_assertion` is made: always `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    #[schema(max_length = 100)]
    client_assertion_type: Option<String>,
    /// A JWT that the client signed with a key it registered (RFC 7523): `iss` and `sub` are its id, `aud` is this authority or
    /// its token endpoint, `exp` lies at most five minutes ahead, `jti` is used once. One of more than 8000 characters is refused as a wrong one is.
    // The bound of the whole body: were it that of the assertion, this one refusal would not look like the others.
    #[schema(max_length = 1_048_576)]
    client_assertion: Option<String>,
    /// Scopes, separated by blanks; all that the client may have where it is left out. Of those that are asked for, those that
    /// the client may have are granted: the answer lists them.
    #[schema(max_length = 1000)]
    scope: Option<String>,
}

/// A token.
#[derive(Serialize, ToSchema)]
pub struct TokenResponse {
    /// The token: send it as `Authorization: Bearer ...`.
    #[schema(max_length = 4000)]
    access_token: String,
    /// Always `Bearer`.
    #[schema(max_length = 10)]
    token_type: &'static str,
    /// Seconds for which it is valid.
    #[schema(minimum = 1, maximum = 86400)]
    expires_in: i64,
    /// The scopes that it has.
    #[schema(max_length = 1000)]
    scope: String,
}

/// The public keys (RFC 7517).
#[derive(Serialize, ToSchema)]
pub struct KeySet {
    /// The keys that sign, did while tokens of theirs are still valid, or soon will.
    #[schema(min_items = 0, max_items = 20)]
    keys: Vec<PublicKey>,
}

/// A public key of the curve P-256.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct PublicKey {
    /// Key type.
    #[schema(max_length = 10)]
    kty: String,
    /// Curve.
    #[schema(max_length = 10)]
    crv: String,
    /// Coordinate.
    #[schema(max_length = 100)]
    x: String,
    /// Coordinate.
    #[schema(max_length = 100)]
    y: String,
    /// Its name in tokens.
    #[schema(max_length = 100)]
    kid: String,
    /// Always `sig`.
    #[schema(max_length = 10)]
    r#use: String,
    /// Algorithm.
    #[schema(max_length = 10)]
    alg: String,
}

/// Id and secret from a Basic `Authorization` header, where there is one, and where they come from.
pub struct BasicCredentials {
    pair: Option<(String, String)>,
    from: Option<IpAddr>,
}

impl FromRequest for BasicCredentials {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let from = request.extensions().get::<Origin>().map(|origin| origin.0);
        std::future::ready(match request.headers().get(AUTHORIZATION) {
            None => Ok(Self { pair: None, from }),
            Some(value) => value
                .to_str()
                .ok()
                .and_then(|value| value.strip_prefix("Basic "))
                .and_then(|encoded| BASE64_STANDARD.decode(encoded.trim()).ok())
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .and_then(|pair| {
                    let (id, secret) = pair.split_once(':')?;
                    Some(Self { pair: Some((form_decoded(id), form_decoded(secret))), from })
                })
                .ok_or_else(invalid_client),
        })
    }
}

/// RFC 6749, section 2.3.1: id and secret are form-encoded before they are joined.
fn form_decoded(text: &str) -> String {
    serde_urlencoded::from_str::<Vec<(String, String)>>(&format!("v={text}"))
        .ok()
        .and_then(|pairs| pairs.into_iter().next())
        .map_or_else(|| text.to_owned(), |(_, value)| value)
}

impl Described for BasicCredentials {
    fn describe(operation: &mut Operation) {
        operation.problems(&[Code::InvalidClient]);
    }
}

fn invalid_client() -> Problem {
    Problem::oauth(
        Code::InvalidClient,
        "invalid_client",
        text!(
            "The client is not known, or its secret is another." / "Il client non è noto, o il suo segreto è un altro."
        ),
    )
}

/// Registers the operations.
pub fn register(api: &mut Api) {
    api.operation(
        Method::POST,
        "/oauth/token",
        About {
            id: "obtain_token".to_owned(),
            tag: "identity",
            summary: "Obtain an access token".to_owned(),
            description: "OAuth 2.0 client credentials (RFC 6749, section 4.4): a signed token of the profile RFC 9068. The client authenticates with its secret, in the body or by HTTP Basic, or with an assertion that it signs (`private_key_jwt`, RFC 7523).".to_owned(),
        },
        obtain,
    );
    api.operation(
        Method::GET,
        "/.well-known/jwks.json",
        About {
            id: "list_signing_keys".to_owned(),
            tag: "identity",
            summary: "List the keys that verify tokens".to_owned(),
            description: "The public keys of the service (RFC 7517).".to_owned(),
        },
        keys,
    );
    api.operation(
        Method::GET,
        metadata::AUTHORITY_PATH,
        About {
            id: "show_authorization_server".to_owned(),
            tag: "identity",
            summary: "Read how tokens are obtained".to_owned(),
            description: "The metadata of the authority that issues tokens (RFC 8414).".to_owned(),
        },
        authority,
    );
    api.operation(
        Method::GET,
        metadata::RESOURCE_PATH,
        About {
            id: "show_protected_resource".to_owned(),
            tag: "identity",
            summary: "Read what tokens are good for".to_owned(),
            description:
                "The metadata of the API as a protected resource (RFC 9728). The challenge of a 401 leads here."
                    .to_owned(),
        },
        resource,
    );
}

async fn authority(public: Public) -> Result<Document<AuthorizationServer>, Problem> {
    Ok(Document(metadata::authority(public.authority().issuer())))
}

async fn resource(public: Public) -> Result<Document<ProtectedResource>, Problem> {
    Ok(Document(metadata::resource(public.state().public_url(), public.state().federation().names())))
}

/// Hashing is slow on purpose: more than this at once would take the processor from everything else.
static HASHING: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(2));

fn check_lockout(lockout: &Lockout, id: &str, from: Option<IpAddr>) -> Result<(), Problem> {
    let Some(wait) = lockout.wait(id, from, Instant::now()) else { return Ok(()) };
    let detail = text!(
        "The client has been tried with wrong secrets too often: come again later."
            / "Il client è stato provato troppe volte con segreti errati: riprovare più tardi."
    );
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    Err(Problem { wait: Some(seconds), ..Problem::because(Code::TooManyRequests, detail) })
}

async fn by_secret(public: &Public, id: String, secret: String, from: Option<IpAddr>) -> Result<Client, Problem> {
    if !jwk::is_name(&id) {
        return Err(invalid_client());
    }
    let lockout = public.state().lockout();
    check_lockout(lockout, &id, from)?;
    let name = id.clone();
    let client = public.database().query(move |conn, _| Ok(store::live_client(conn, &id)?)).await?;
    let hash = client.as_ref().and_then(|client| client.secret_hash.clone());
    let turn = HASHING.acquire().await.map_err(|_| Problem::new(Code::Unavailable))?;
    // Others may have failed while this one waited for its turn.
    check_lockout(lockout, &name, from)?;
    let genuine = web::block(move || secret::verify(&secret, hash.as_deref()))
        .await
        .map_err(|_| Problem::new(Code::Unavailable))?;
    if genuine {
        lockout.succeeded(&name, from, Instant::now());
    } else {
        lockout.failed(&name, from, Instant::now());
    }
    drop(turn);
    client.filter(|_| genuine).ok_or_else(invalid_client)
}

/// Every refusal looks the same: whoever has no key learns nothing of clients and their keys.
async fn by_assertion(public: &Public, id: Option<&str>, assertion: String) -> Result<Client, Problem> {
    let claimed = assertion::claimed(&assertion)
        .filter(|claimed| id.is_none_or(|id| id == claimed.client_id))
        .ok_or_else(invalid_client)?;
    let issuer = public.authority().issuer();
    let audiences = [issuer.to_owned(), format!("{issuer}/oauth/token")];
    let client = public
        .database()
        .query(move |conn, context| {
            let found = store::live_client_with_key(conn, &claimed.client_id, &claimed.kid)?;
            let Some((client, key)) = found else { return Ok(None) };
            let accepted = assertion::verify(&assertion, &client.id, &key, &audiences, context.now());
            let Some(accepted) = accepted else { return Ok(None) };
            let fresh = store::use_once(conn, &client.id, Use::Assertion, &accepted.jti, accepted.expires)?;
            Ok(fresh.then_some(client))
        })
        .await?;
    client.ok_or_else(invalid_client)
}

async fn obtain(
    public: Public,
    basic: BasicCredentials,
    form: Form<TokenRequest>,
) -> Result<Document<TokenResponse>, Problem> {
    let request = form.0;
    if request.grant_type != "client_credentials" {
        return Err(Problem::oauth(
            Code::InvalidTokenRequest,
            "unsupported_grant_type",
            text!(
                "The only grant type is `client_credentials`." / "L'unico tipo di concessione è `client_credentials`."
            ),
        ));
    }
    let client = match (basic.pair, request.client_id, request.client_secret, request.client_assertion) {
        (Some((id, secret)), None, None, None) | (None, Some(id), Some(secret), None) => {
            by_secret(&public, id, secret, basic.from).await?
        }
        (None, id, None, Some(assertion)) => {
            if request.client_assertion_type.as_deref() != Some(ASSERTION_TYPE) {
                let detail = text!(
                    "The only type of assertion is `{ASSERTION_TYPE}`."
                        / "L'unico tipo di asserzione è `{ASSERTION_TYPE}`."
                );
                return Err(Problem::oauth(Code::InvalidTokenRequest, "invalid_request", detail));
            }
            by_assertion(&public, id.as_deref(), assertion).await?
        }
        (Some(_), ..) | (_, _, Some(_), Some(_)) => {
            return Err(Problem::oauth(
                Code::InvalidTokenRequest,
                "invalid_request",
                text!("The client authenticates in one way only." / "Il client si autentica in un solo modo."),
            ));
        }
        _ => return Err(invalid_client()),
    };
    let allowed = ScopeSet::of_role(client.role);
    // Swagger UI sends an empty list where nothing is ticked.
    let scopes = match &request.scope {
        Some(list) if !list.trim().is_empty() => ScopeSet::grant(list, allowed).ok_or_else(|| {
            Problem::oauth(
                Code::InvalidTokenRequest,
                "invalid_scope",
                text!(
                    "A scope is not known, or the client may have none of those that it asks for."
                        / "Uno scope non è noto, o il client non può avere nessuno di quelli che chiede."
                ),
            )
        })?,
        _ => allowed,
    };
    let caller = Caller {
        client_id: client.id,
        organisation: client.organisation_id,
        role: client.role,
        scopes,
        generation: client.generation,
        voucher: None,
        tracking: None,
    };
    let context = public.database().context();
    let now = context.now();
    let access_token =
        public.authority().issue(&caller, now, context.ids.next(now)).ok_or(Problem::new(Code::Internal))?;
    Ok(Document(TokenResponse {
        access_token,
        token_type: "Bearer",
        expires_in: LIFETIME_SECONDS,
        scope: scopes.to_list(),
    }))
}

async fn keys(public: Public) -> Result<Document<KeySet>, Problem> {
    let keys =
        public.authority().jwks(public.database().context().now()).get_mut("keys").map(Value::take).unwrap_or_default();
    let keys = serde_json::from_value(keys).map_err(|_| Problem::new(Code::Internal))?;
    Ok(Document(KeySet { keys }))
}
