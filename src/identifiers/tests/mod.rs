//! What the identifiers accept and refuse: the named vectors, the agreement with the published patterns, and properties.

mod patterns;
mod properties;
mod vectors;
