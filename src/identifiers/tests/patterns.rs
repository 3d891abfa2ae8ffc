//! The patterns go into the OpenAPI document, so they are tried with an engine that reads them as clients do: whatever
//! parses matches, and whatever matches parses, unless the reason is one that a pattern cannot express.

use crate::identifiers::{
    Ateco, AtecoEdition, Belfiore, Ccnl, Cob, Cup, DoteNumber, IstatMunicipality, OrganisationTaxCode, PersonTaxCode,
    Profession, Reason, Sha256Hex,
};

/// A parser of any type, with the value thrown away.
type Parser = fn(&str) -> Result<(), Reason>;

/// Samples that are right for some code and wrong for most others, so that each pattern sees many near misses.
const SAMPLES: &[&str] = &[
    "",
    " ",
    "A",
    "V",
    "W",
    "a",
    "0",
    "1",
    "9",
    "10",
    "01",
    "25",
    "2.5",
    "25.",
    "25.1",
    "25.11",
    "25.11.",
    "25.11.0",
    "25.11.00",
    "25.1.0",
    "25.11.000",
    "25.11.0.0",
    "A.1",
    "1.",
    "1.1",
    "1.12",
    "3.4.5.1.0",
    "3.4.5.1.0.1",
    "0.1",
    "3,4",
    "F205",
    "f205",
    "F2O5",
    "F2050",
    "FF05",
    "H501",
    "HXX1",
    "HX-1",
    "0011",
    "015146",
    "15146",
    "0151460",
    "01514a",
    "1234567890123456",
    "123456789012345",
    "12345678901234567",
    "E81D12000010009",
    "e81D12000010009",
    "E81D1200001000",
    "E8DD12000010009",
    "E81D120000100099",
    "99999900121",
    "99999900122",
    "00000000000",
    "VRFLFA70A01F205B",
    "VRFLFATLALMFNLRH",
    "VRFLFA70A01F205C",
    "VRFLFA70F01F205N",
    "VRFLFA71B29F205Y",
    "VRFLFA70A32F205J",
    "vrflfa70a01f205b",
    " VRFLFA70A01F205B",
    "VRFLFA70A01F205B\n",
    "VRFLFA７0A01F205B",
    "DR/2012-000123",
    "DR 2012",
    "è",
    "-",
    "/",
    "٣٣٣٣",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
    "g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
];

#[test]
fn patterns_and_parsers_agree() {
    let types: &[(&str, &str, Parser)] = &[
        ("PersonTaxCode", PersonTaxCode::PATTERN, |text| PersonTaxCode::parse(text).map(|_| ())),
        ("OrganisationTaxCode", OrganisationTaxCode::PATTERN, |text| OrganisationTaxCode::parse(text).map(|_| ())),
        ("Cup", Cup::PATTERN, |text| Cup::parse(text).map(|_| ())),
        ("Cob", Cob::PATTERN, |text| Cob::parse(text).map(|_| ())),
        ("Belfiore", Belfiore::PATTERN, |text| Belfiore::parse(text).map(|_| ())),
        ("IstatMunicipality", IstatMunicipality::PATTERN, |text| IstatMunicipality::parse(text).map(|_| ())),
        ("Ccnl", Ccnl::PATTERN, |text| Ccnl::parse(text).map(|_| ())),
        ("Sha256Hex", Sha256Hex::PATTERN, |text| Sha256Hex::parse(text).map(|_| ())),
        ("DoteNumber", DoteNumber::PATTERN, |text| DoteNumber::parse(text).map(|_| ())),
        ("Profession", Profession::PATTERN, |text| Profession::parse(text).map(|_| ())),
        ("Ateco", Ateco::PATTERN, |text| Ateco::parse(AtecoEdition::Ateco2007, text).map(|_| ())),
    ];
    for (name, pattern, parse) in types {
        let schema = serde_json::json!({"type": "string", "pattern": pattern});
        let validator = jsonschema::validator_for(&schema).expect(name);
        let (mut accepted, mut refused) = (0, 0);
        for sample in SAMPLES {
            let matches = validator.is_valid(&serde_json::Value::from(*sample));
            match parse(sample) {
                Ok(()) => {
                    accepted += 1;
                    assert!(matches, "{name} takes {sample:?}, its pattern does not");
                }
                Err(Reason::WrongLength | Reason::WrongFormat | Reason::WrongMonth) => {
                    refused += 1;
                    assert!(!matches, "the pattern of {name} takes {sample:?}, the parser does not");
                }
                Err(_) => assert!(matches, "{name}: {sample:?} is refused for its content, so its form is right"),
            }
        }
        assert!(accepted > 0 && refused > 0, "{name} needs samples of both kinds");
    }
}
