//! What can be wrong with what a message is signed with, and how its sender is told: see [`super::message`].

use crate::text;
use crate::text::Text;

/// What is wrong with what a message is signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It did not come.
    Missing,
    /// Not a JWT as the profile has it.
    Malformed,
    /// Not signed with a key of the client.
    UnknownKey,
    /// The signature is not of this JWT.
    Signature,
    /// `iss` or `sub` is another than the client.
    Issuer,
    /// `aud` is another than this API.
    Audience,
    /// Too old, expired, not good yet, or from the future.
    Time,
    /// Its `jti` was used before.
    Replayed,
    /// Body or headers are not what was signed.
    Content,
    /// The purpose is another than the token's.
    Purpose,
    /// It is not what the voucher names.
    Unbound,
    /// A tax code where the name of a user or place belongs.
    PersonalData,
}

impl Flaw {
    /// Stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "wrong_format",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "wrong_signature",
            Self::Issuer => "wrong_issuer",
            Self::Audience => "wrong_audience",
            Self::Time => "not_in_time",
            Self::Replayed => "replayed",
            Self::Content => "wrong_content",
            Self::Purpose => "wrong_purpose",
            Self::Unbound => "not_of_the_token",
            Self::PersonalData => "personal_data",
        }
    }

    /// The same in words, with what would be right.
    pub fn detail(self) -> Text {
        match self {
            Self::Missing => {
                text!("The client's profile demands it, once." / "Il profilo del client lo richiede, una sola volta.")
            }
            Self::Malformed => text!(
                "A JWT with `alg`, `typ` JWT and `kid` in its header and nothing else, and with all claims of the profile in their types."
                    / "Un JWT con `alg`, `typ` JWT e `kid` nell'intestazione e nient'altro, e con tutti i claim del profilo nei loro tipi."
            ),
            Self::UnknownKey => {
                text!("No key of the client has this `kid`." / "Nessuna chiave del client ha questo `kid`.")
            }
            Self::Signature => text!(
                "The signature does not verify with the key that `kid` names, with the algorithm that it was registered with."
                    / "La firma non si verifica con la chiave indicata da `kid`, con l'algoritmo con cui è stata registrata."
            ),
            Self::Issuer => text!(
                "`iss`, and `sub` where it is there, name the client."
                    / "`iss`, e `sub` se presente, indicano il client."
            ),
            Self::Audience => text!("`aud` names this API." / "`aud` indica questa API."),
            Self::Time => text!(
                "`iat` is at most five minutes old and five seconds ahead, `exp` has not passed, `nbf` has: sign anew."
                    / "`iat` risale al massimo a cinque minuti e anticipa al massimo di cinque secondi, `exp` non è passato, `nbf` sì: firmare di nuovo."
            ),
            Self::Replayed => text!(
                "The `jti` was used before: a retry is signed anew, with the same Idempotency-Key."
                    / "Il `jti` è già stato usato: un nuovo tentativo va firmato di nuovo, con la stessa Idempotency-Key."
            ),
            Self::Content => text!(
                "`signed_headers` names `digest` (SHA-256) or `content-digest` (sha-256), and `content-type` and `content-encoding` where the request has them, each as it was sent, and the body has that digest."
                    / "`signed_headers` indica `digest` (SHA-256) o `content-digest` (sha-256), e `content-type` e `content-encoding` se presenti nella richiesta, ciascuno come inviato, e il corpo ha quel digest."
            ),
            Self::Purpose => text!("`purposeId` is the token's." / "`purposeId` è quello del token."),
            Self::Unbound => text!(
                "The voucher's `digest` is the SHA-256 of the evidence, in hexadecimal digits."
                    / "Il `digest` del voucher è lo SHA-256 dell'evidenza, in cifre esadecimali."
            ),
            Self::PersonalData => text!(
                "`userID`, `userLocation` and `LoA` stand in the audit log: never a tax code."
                    / "`userID`, `userLocation` e `LoA` compaiono nel registro di audit: mai un codice fiscale."
            ),
        }
    }
}
