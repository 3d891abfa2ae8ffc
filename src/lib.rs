pub mod embedded;
pub mod identifiers;
pub mod vocabularies;
