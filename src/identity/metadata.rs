//! What clients discover by themselves: where tokens come from (RFC 8414) and what they are good for (RFC 9728).

use serde::Serialize;
use utoipa::ToSchema;

use super::scopes::SCOPES;

/// Where the metadata of the authority is found (RFC 8414, section 3).
pub const AUTHORITY_PATH: &str = "/.well-known/oauth-authorization-server";

/// Where that of the resource is found: the path of the resource, `/v1`, stands behind (RFC 9728, section 3.1).
pub const RESOURCE_PATH: &str = "/.well-known/oauth-protected-resource/v1";

/// The authority that issues tokens (RFC 8414).
#[derive(Serialize, ToSchema)]
pub struct AuthorizationServer {
    /// Its name, which stands in every token.
    #[schema(format = "uri", max_length = 500)]
    issuer: String,
    /// Where tokens are obtained.
    #[schema(format = "uri", max_length = 500)]
    token_endpoint: String,
    /// The keys that verify them.
    #[schema(format = "uri", max_length = 500)]
    jwks_uri: String,
    /// All scopes.
    #[schema(min_items = 1, max_items = 100)]
    scopes_supported: Vec<ScopeName>,
    /// None: nobody is sent to an authorization endpoint.
    #[schema(min_items = 0, max_items = 0)]
    response_types_supported: Vec<ScopeName>,
    /// Client credentials only.
    #[schema(min_items = 1, max_items = 1)]
    grant_types_supported: [GrantType; 1],
    /// How clients authenticate.
    #[schema(min_items = 3, max_items = 3)]
    token_endpoint_auth_methods_supported: [AuthMethod; 3],
    /// Algorithms of the assertions of `private_key_jwt`.
    #[schema(min_items = 3, max_items = 3)]
    token_endpoint_auth_signing_alg_values_supported: [SigningAlgorithm; 3],
    /// For people.
    #[schema(format = "uri", max_length = 500)]
    service_documentation: String,
    /// The languages of problems.
    #[schema(min_items = 2, max_items = 2)]
    ui_locales_supported: [Locale; 2],
}

/// The API as what tokens are good for (RFC 9728).
#[derive(Serialize, ToSchema)]
pub struct ProtectedResource {
    /// Its name, which is the audience of tokens.
    #[schema(format = "uri", max_length = 500)]
    resource: String,
    /// Who issues tokens for it.
    #[schema(min_items = 1, max_items = 10)]
    authorization_servers: Vec<AuthorityName>,
    /// All scopes.
    #[schema(min_items = 1, max_items = 100)]
    scopes_supported: Vec<ScopeName>,
    /// Tokens come in the header `Authorization` only.
    #[schema(min_items = 1, max_items = 1)]
    bearer_methods_supported: [BearerMethod; 1],
    /// What it is.
    #[schema(max_length = 100)]
    resource_name: &'static str,
    /// For people.
    #[schema(format = "uri", max_length = 500)]
    resource_documentation: String,
}

/// The name of a scope.
#[derive(Serialize, ToSchema)]
#[schema(max_length = 100)]
pub struct ScopeName(&'static str);

/// The name of an authority.
#[derive(Serialize, ToSchema)]
#[schema(format = "uri", max_length = 500)]
pub struct AuthorityName(String);

/// How a token is obtained.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749, section 4.4.
    ClientCredentials,
}

/// How a client authenticates.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// By HTTP Basic.
    ClientSecretBasic,
    /// In the body.
    ClientSecretPost,
    /// By an assertion that it signs.
    PrivateKeyJwt,
}

/// With what a client signs.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5.
    Rs256,
    /// RSASSA-PSS.
    Ps256,
    /// ECDSA on P-256.
    Es256,
}

/// A language.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    /// English.
    En,
    /// Italian.
    It,
}

/// How a token is sent.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BearerMethod {
    /// In `Authorization`.
    Header,
}

fn scopes() -> Vec<ScopeName> {
    SCOPES.iter().map(|scope| ScopeName(scope.name)).collect()
}

/// The metadata of the authority that is known as `issuer`.
pub fn authority(issuer: &str) -> AuthorizationServer {
    AuthorizationServer {
        issuer: issuer.to_owned(),
        token_endpoint: format!("{issuer}/oauth/token"),
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        scopes_supported: scopes(),
        response_types_supported: Vec::new(),
        grant_types_supported: [GrantType::ClientCredentials],
        token_endpoint_auth_methods_supported: [
            AuthMethod::ClientSecretBasic,
            AuthMethod::ClientSecretPost,
            AuthMethod::PrivateKeyJwt,
        ],
        token_endpoint_auth_signing_alg_values_supported: [
            SigningAlgorithm::Rs256,
            SigningAlgorithm::Ps256,
            SigningAlgorithm::Es256,
        ],
        service_documentation: format!("{issuer}/docs/"),
        ui_locales_supported: [Locale::En, Locale::It],
    }
}

/// The metadata of the API of the service at `url`.
pub fn resource<'a>(url: &'a str, others: impl Iterator<Item = &'a str>) -> ProtectedResource {
    ProtectedResource {
        resource: format!("{url}/v1"),
        authorization_servers: std::iter::once(url).chain(others).map(|name| AuthorityName(name.to_owned())).collect(),
        scopes_supported: scopes(),
        bearer_methods_supported: [BearerMethod::Header],
        resource_name: "Ricolloca",
        resource_documentation: format!("{url}/docs/"),
    }
}
