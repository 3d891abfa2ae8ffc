//! The arithmetic of check characters, and how a text is compared with a shape.

use super::Reason;

/// The value of a character in an odd position (counting from one) of a personal tax code, A to Z. The digits 0 to 9
/// have the values of A to J. Source: D.M. 23 December 1976.
const ODD: [u32; 26] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

/// Whether a text fits a shape, character by character: `A` an upper-case letter, `9` a digit, `X` either, `h` a
/// lower-case hexadecimal digit, `O` a digit or the letter that omocodia puts in its place.
///
/// Errors: `WrongFormat` first when there are blanks around, since that is what a client can mend at once; then
/// `WrongLength`; then `WrongFormat`.
pub(super) fn fits(shape: &[u8], text: &str) -> Result<(), Reason> {
    if text.trim() != text {
        return Err(Reason::WrongFormat);
    }
    // Characters rather than bytes: "è" in the right place is a wrong character, not a wrong length.
    if text.chars().count() != shape.len() {
        return Err(Reason::WrongLength);
    }
    // With equal counts, a character of several bytes is still refused: none of its bytes fits a slot.
    if shape.iter().zip(text.bytes()).all(|(slot, byte)| takes(*slot, byte)) {
        Ok(())
    } else {
        Err(Reason::WrongFormat)
    }
}

/// Whether a byte fits one place of a shape.
pub(super) fn takes(slot: u8, byte: u8) -> bool {
    match slot {
        b'A' => byte.is_ascii_uppercase(),
        b'9' => byte.is_ascii_digit(),
        b'X' => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        b'h' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        b'O' => omocodia_digit(byte).is_some(),
        _ => false,
    }
}

/// Parses eleven digits with the check digit of the VAT number.
///
/// Errors: `WrongLength`, `WrongFormat`, `AllZeros`, `WrongCheckCharacter`.
pub(super) fn eleven_digits(text: &str) -> Result<(), Reason> {
    fits(b"99999999999", text)?;
    if text.bytes().all(|byte| byte == b'0') {
        return Err(Reason::AllZeros);
    }
    let given = text.bytes().next_back().map(|byte| u32::from(byte - b'0'));
    if given == Some(vat_digit(text)) { Ok(()) } else { Err(Reason::WrongCheckCharacter) }
}

/// The check digit for the first ten digits of `text`, which must be digits: the even positions are doubled, minus nine
/// above nine, and the sum is filled up to a multiple of ten. Source: D.M. 23 December 1976.
pub(super) fn vat_digit(text: &str) -> u32 {
    let sum: u32 = text
        .bytes()
        .take(10)
        .map(|byte| u32::from(byte.saturating_sub(b'0')))
        .enumerate()
        .map(|(index, digit)| match (index % 2 == 1, digit * 2) {
            (false, _) => digit,
            (true, doubled) if doubled > 9 => doubled - 9,
            (true, doubled) => doubled,
        })
        .sum();
    (10 - sum % 10) % 10
}

/// The check letter for the first fifteen characters of a personal tax code, which must be upper-case letters and digits.
pub(super) fn person_letter(text: &str) -> u8 {
    let sum: u32 = text
        .bytes()
        .take(15)
        .map(|byte| u32::from(byte.saturating_sub(if byte.is_ascii_digit() { b'0' } else { b'A' })))
        .enumerate()
        // The first character is in position one: even indices are odd positions.
        .map(|(index, value)| match usize::try_from(value).ok().and_then(|at| ODD.get(at)) {
            Some(odd) if index % 2 == 0 => *odd,
            _ => value,
        })
        .sum();
    (b'A'..=b'Z').nth((sum % 26) as usize).unwrap_or(b'A')
}

/// The letters that stand for 0 to 9 where two people would have the same code (omocodia).
pub(super) const OMOCODIA: &[u8; 10] = b"LMNPQRSTUV";

/// The digit that a character of a personal tax code stands for: itself, or decoded from omocodia.
pub(super) fn omocodia_digit(byte: u8) -> Option<u32> {
    match byte {
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        _ => (0..).zip(OMOCODIA).find_map(|(digit, letter)| (*letter == byte).then_some(digit)),
    }
}
