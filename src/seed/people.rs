//! Invented people and organisations. Every tax code is well formed and nobody's.

use rand::Rng;
use rand::rngs::StdRng;

use crate::identifiers::{Sex, synthetic};

const MEN: &[&str] = &[
    "Marco", "Luca", "Paolo", "Andrea", "Giorgio", "Stefano", "Davide", "Roberto", "Claudio", "Fabio", "Sergio",
    "Massimo",
];
const WOMEN: &[&str] =
    &["Anna", "Paola", "Elena", "Chiara", "Silvia", "Laura", "Monica", "Daniela", "Franca", "Sara", "Marta", "Giulia"];
const FAMILIES: &[&str] = &[
    "Prova",
    "Esempio",
    "Campione",
    "Demonti",
    "Finti",
    "Modelli",
    "Saggio",
    "Bozzani",
    "Schemi",
    "Tipici",
    "Sintetici",
    "Inventi",
    "Figuri",
    "Ipotesi",
    "Teorici",
    "Simulati",
];

/// Municipalities of the twelve capitals, with the Belfiore codes for places of birth.
pub const CAPITALS: &[(&str, &str, &str)] = &[
    ("VA", "012133", "L682"),
    ("CO", "013075", "C933"),
    ("SO", "014061", "I829"),
    ("MI", "015146", "F205"),
    ("BG", "016024", "A794"),
    ("BS", "017029", "B157"),
    ("PV", "018110", "G388"),
    ("CR", "019036", "D150"),
    ("MN", "020030", "E897"),
    ("LC", "097042", "E507"),
    ("LO", "098031", "E648"),
    ("MB", "108033", "F704"),
];

/// A worker who does not exist.
pub struct Worker {
    /// Codice fiscale.
    pub tax_code: String,
    /// Given name.
    pub given_name: &'static str,
    /// Family name.
    pub family_name: &'static str,
    /// `male` or `female`.
    pub sex: &'static str,
    /// Year of birth.
    pub birth_year: i32,
}

/// A worker. `serial` tells one from all others: it makes the first letters of the code.
pub fn worker(random: &mut StdRng, serial: usize) -> Worker {
    let sex = if random.gen_bool(0.45) { Sex::Female } else { Sex::Male };
    let names = if sex == Sex::Female { WOMEN } else { MEN };
    let birth_year = random.gen_range(1952..1990);
    let belfiore = pick(random, CAPITALS).2;
    let surname = letters(serial);
    let (month, day) = (random.gen_range(1..=12), random.gen_range(1..=28));
    let tax_code = synthetic::person(&surname, "TST", birth_year, month, day, sex, belfiore);
    Worker {
        tax_code: tax_code.as_str().to_owned(),
        given_name: pick(random, names),
        family_name: pick(random, FAMILIES),
        sex: sex.as_str(),
        birth_year,
    }
}

/// Three letters that no two serials below 17,576 share.
fn letters(serial: usize) -> String {
    [serial / 676 % 26, serial / 26 % 26, serial % 26]
        .iter()
        .filter_map(|place| u8::try_from(*place).ok())
        .map(|place| char::from(b'A' + place))
        .collect()
}

/// One of several; the lists are constants and not empty.
#[expect(clippy::indexing_slicing, reason = "the range is that of the list")]
pub fn pick<T: Copy>(random: &mut StdRng, from: &[T]) -> T {
    from[random.gen_range(0..from.len())]
}
