//! Labels compared as a person would: case, accents and the shape of the apostrophe do not matter.

/// The text in lower case without accents. Covers the letters of Italian and its neighbours, which is all the labels hold.
pub(super) fn folded(text: &str) -> String {
    text.chars()
        .flat_map(char::to_lowercase)
        .map(|letter| match letter {
            'à' | 'á' | 'â' | 'ä' => 'a',
            'è' | 'é' | 'ê' | 'ë' => 'e',
            'ì' | 'í' | 'î' | 'ï' => 'i',
            'ò' | 'ó' | 'ô' | 'ö' => 'o',
            'ù' | 'ú' | 'û' | 'ü' => 'u',
            'ç' => 'c',
            '’' | '‘' | '`' => '\'',
            other => other,
        })
        .collect()
}
