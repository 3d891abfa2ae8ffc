//! The vocabularies that others publish, read from the tables of `data/`, which are compiled into the program.

use std::collections::HashSet;

use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::vocabulary::{Entry, Heading, Vocabulary};

const CC_BY: &str = "CC BY 4.0";

/// The rows of a table. Blanks around a field are dropped: ISTAT's tables have some, even in codes.
fn rows<Row: DeserializeOwned>(table: &str) -> Result<Vec<Row>, csv::Error> {
    csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(table.as_bytes()).into_deserialize().collect()
}

#[derive(Deserialize)]
struct Province {
    code: String,
    name: String,
    istat_code: String,
    nuts3: String,
    capital_istat_code: String,
}

pub(super) fn provinces() -> Result<Vocabulary, csv::Error> {
    let entries = rows(include_str!("../../data/lombardy-provinces.csv"))?
        .into_iter()
        .map(|Province { code, name, istat_code, nuts3, capital_istat_code }| {
            Entry::new(code, name)
                .with("istat_code", istat_code)
                .with("nuts3", nuts3)
                .with("capital_istat_code", capital_istat_code)
        })
        .collect();
    let heading = Heading {
        name: "provinces",
        title_en: "Provinces of Lombardy",
        title_it: "Province della Lombardia",
        source: "ISTAT, Codici statistici delle unità amministrative territoriali",
        licence: CC_BY,
        note_en: "NUTS 3 codes run from ITC41 to ITC4D, but ITC45 does not exist.",
        parents_in: None,
    };
    Ok(Vocabulary::new(heading, entries))
}

#[derive(Deserialize)]
struct Municipality {
    istat_code: String,
    name: String,
    province: String,
    valid_from: Option<NaiveDate>,
    valid_to: Option<NaiveDate>,
}

pub(super) fn municipalities() -> Result<Vocabulary, csv::Error> {
    let entries = rows(include_str!("../../data/lombardy-municipalities.csv"))?
        .into_iter()
        .map(|Municipality { istat_code, name, province, valid_from, valid_to }| Entry {
            valid_from,
            valid_to,
            parent: Some(province),
            ..Entry::new(istat_code, name)
        })
        .collect();
    let heading = Heading {
        name: "municipalities",
        title_en: "Municipalities of Lombardy since 2008",
        title_it: "Comuni della Lombardia dal 2008",
        source: "ISTAT / AgID, controlled vocabulary \"cities\"",
        licence: CC_BY,
        note_en: "Codes change with mergers and new provinces, so a code is judged on a date. valid_to is the first day \
                  an entry no longer holds. A code may have several entries, one after the other.",
        parents_in: Some("provinces"),
    };
    Ok(Vocabulary::new(heading, entries))
}

#[derive(Deserialize)]
struct Activity {
    #[serde(rename = "Codice Ateco 2007")]
    code: String,
    #[serde(rename = "Descrizione")]
    label: String,
    #[serde(rename = "Aggiornamento")]
    update: String,
}

/// ATECO 2007 as updated in 2021. The table says of some codes that they came or went; the day is put into the entry's
/// dates. Two codes are only named as replaced by the update of 2021: they are added, or a company of 2012 that grew
/// vegetables under glass would have no code.
pub(super) fn ateco_2007() -> Result<Vocabulary, csv::Error> {
    let rows: Vec<Activity> = rows(include_str!("../../data/ateco-2007.csv"))?;
    let mut known: HashSet<String> = rows.iter().map(|row| row.code.clone()).collect();
    let year_start = |year| NaiveDate::from_ymd_opt(year, 1, 1);
    let mut section = String::new();
    let mut entries: Vec<Entry> = Vec::with_capacity(rows.len() + 2);
    for Activity { code, label, update } in rows {
        let level = match code.len() {
            1 => "section",
            2 => "division",
            4 => "group",
            5 => "class",
            7 => "category",
            _ => "subcategory",
        };
        let parent = match level {
            "section" => {
                section.clone_from(&code);
                None
            }
            // The table lists each division after its section; nothing in the code says so.
            "division" => Some(section.clone()),
            _ => longest_prefix(&code, &known),
        };
        let mut entry = Entry { parent, ..Entry::new(code, label).with("level", level) };
        if update == "Codice inserito a partire dal 1 gennaio 2009" {
            entry.valid_from = year_start(2009);
        } else if update == "Codice eliminato a partire dal 1 gennaio 2009" {
            entry.valid_to = year_start(2009);
            // The table leaves the label of these empty.
            entry.label_it.clone_from(&update);
        } else if let Some(replaced) = update.strip_prefix("Sostituisce ").and_then(|rest| rest.split(' ').next()) {
            entry.valid_from = year_start(2021);
            entry = entry.with("replaces", replaced);
            if known.insert(replaced.to_owned()) {
                let parent = longest_prefix(replaced, &known);
                // A category's only subcategory has the category's label.
                let label = entries.iter().find(|above| Some(&above.code) == parent.as_ref());
                entries.push(Entry {
                    valid_to: year_start(2021),
                    parent,
                    ..Entry::new(replaced, label.map_or(update.as_str(), |above| &above.label_it)).with("level", level)
                });
            }
        }
        if !update.is_empty() {
            entry = entry.with("update_it", update);
        }
        entries.push(entry);
    }
    let heading = Heading {
        name: "ateco-2007",
        title_en: "Economic activities, ATECO 2007 (update 2021)",
        title_it: "Attività economiche, Ateco 2007 (aggiornamento 2021)",
        source: "ISTAT, Classificazione delle attività economiche Ateco 2007",
        licence: CC_BY,
        note_en: "Codes of other editions have the same shape and other meanings: store the edition with the code. \
                  01.13.20 and 01.19.20 are reconstructed from what the update of 2021 says it replaced.",
        parents_in: None,
    };
    Ok(Vocabulary::new(heading, entries))
}

/// The longest of the known codes that a code begins with, itself excepted.
fn longest_prefix(code: &str, known: &HashSet<String>) -> Option<String> {
    (2..code.len()).rev().find_map(|length| known.get(code.get(..length)?).cloned())
}

#[derive(Deserialize)]
struct Labelled {
    code: String,
    label_it: String,
    #[serde(default)]
    label_en: Option<String>,
}

pub(super) fn education_levels() -> Result<Vocabulary, csv::Error> {
    let entries = rows(include_str!("../../data/education-levels.csv"))?
        .into_iter()
        .map(|Labelled { code, label_it, label_en }| Entry { label_en, ..Entry::new(code, label_it) })
        .collect();
    let heading = Heading {
        name: "education-levels",
        title_en: "Levels of education",
        title_it: "Titoli di studio",
        source: "ISTAT / AgID, controlled vocabulary \"education-level\" (first level)",
        licence: CC_BY,
        note_en: "",
        parents_in: None,
    };
    Ok(Vocabulary::new(heading, entries))
}

/// The legal forms. The published list gives 2.2.20 to two forms, ministries and state agencies, and 2.2.30 to none,
/// although the classification has 62 classes and the list 62 rows. The second is served as 2.2.30, so that a code has
/// one meaning, and says so in an attribute.
pub(super) fn legal_forms() -> Result<Vocabulary, csv::Error> {
    let entries = rows(include_str!("../../data/legal-forms.csv"))?
        .into_iter()
        .map(|Labelled { code, label_it, label_en }| {
            let misprint = code == "2.2.20" && label_it == "Agenzia dello Stato";
            let entry = if misprint {
                Entry::new("2.2.30", label_it).with("published_as", code)
            } else {
                Entry::new(code, label_it)
            };
            Entry { label_en, ..entry }
        })
        .collect();
    let heading = Heading {
        name: "legal-forms",
        title_en: "Legal forms",
        title_it: "Forme giuridiche",
        source: "ISTAT / AgID, controlled vocabulary \"legal-status\" (third level)",
        licence: CC_BY,
        note_en: "The published list gives 2.2.20 to two forms; state agencies are 2.2.30 here.",
        parents_in: None,
    };
    Ok(Vocabulary::new(heading, entries))
}

#[derive(Deserialize)]
struct Contract {
    code: String,
    label_it: String,
    counts_as_placement: String,
}

pub(super) fn contract_types() -> Result<Vocabulary, csv::Error> {
    let entries = rows(include_str!("../../data/contract-types.csv"))?
        .into_iter()
        .map(|Contract { code, label_it, counts_as_placement }| {
            Entry::new(code, label_it).with("counts_as_placement", counts_as_placement)
        })
        .collect();
    let heading = Heading {
        name: "contract-types",
        title_en: "Contract types of the mandatory employer notices",
        title_it: "Tipologie contrattuali delle comunicazioni obbligatorie",
        source: "Codes of the mandatory employer notices, as in the public source code of a regional notices system; \
                 counts_as_placement: this project",
        licence: "Codes: not stated by the source; counts_as_placement: EUPL-1.2",
        note_en: "counts_as_placement (always, min_duration, never) is this project's proposal; a call may set another. A \
                  traineeship (C.01.00) is never a placement.",
        parents_in: None,
    };
    Ok(Vocabulary::new(heading, entries))
}
