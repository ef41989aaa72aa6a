//! Identifiers: the published numbers, each digit broken, each limit and one past it, and no value in any message.

use super::{IdentifierSystem, InvalidIdentifier, PersonIdentifier};

/// Valid by the NHS Data Dictionary's own example of the check.
const NHS: &str = "9434765919";

fn nhs(value: &str) -> Result<PersonIdentifier, InvalidIdentifier> {
    PersonIdentifier::parse(IdentifierSystem::NhsNumber, value)
}
fn chi(value: &str) -> Result<PersonIdentifier, InvalidIdentifier> {
    PersonIdentifier::parse(IdentifierSystem::Chi, value)
}
fn other(value: &str) -> Result<PersonIdentifier, InvalidIdentifier> {
    PersonIdentifier::parse("case-system".parse().unwrap(), value)
}
fn shown(identifier: &PersonIdentifier) -> &str {
    identifier.value().expose()
}

#[test]
fn a_valid_nhs_number_comes_to_one_form() {
    for written in [NHS, "943 476 5919", "943-476-5919", "  943 476-5919 "] {
        assert_eq!(shown(&nhs(written).unwrap()), NHS);
    }
}

#[test]
fn every_wrong_digit_is_noticed() {
    for place in 0..10 {
        for digit in '0'..='9' {
            let mut broken: Vec<char> = NHS.chars().collect();
            let is_same = broken[place] == digit;
            broken[place] = digit;
            let broken: String = broken.into_iter().collect();
            let expected = if is_same { Ok(()) } else { Err(InvalidIdentifier::CheckDigit("an NHS number")) };
            assert_eq!(nhs(&broken).map(|_| ()), expected, "place {place}, digit {digit}");
        }
    }
}

#[test]
fn eleven_is_written_as_nought_and_ten_cannot_be_written() {
    // 4×10 + 2×2 = 44, a multiple of 11: the check digit is 11, written 0.
    assert!(nhs("4000000020").is_ok());
    // 4×10 + 1×5 = 45 = 4×11 + 1: the check digit would be 10.
    for digit in '0'..='9' {
        let number = format!("400001000{digit}");
        assert_eq!(nhs(&number), Err(InvalidIdentifier::CheckDigit("an NHS number")), "{digit}");
    }
}

#[test]
fn only_ten_ascii_digits_are_a_number() {
    let arabic = "٩٤٣٤٧٦٥٩١٩";
    let full_width = "９４３４７６５９１９";
    for wrong in
        ["", "943476591", "94347659190", "943476591x", "943.476.5919", "943\u{a0}476\u{a0}5919", arabic, full_width]
    {
        assert_eq!(nhs(wrong), Err(InvalidIdentifier::TenDigits("an NHS number")));
        assert_eq!(chi(wrong), Err(InvalidIdentifier::TenDigits("a CHI number")));
    }
    assert_eq!(nhs(&"9".repeat(1 << 20)), Err(InvalidIdentifier::TenDigits("an NHS number")));
    assert_eq!(nhs("000 000 0000"), Err(InvalidIdentifier::Zeros("an NHS number")));
}

#[test]
fn a_chi_number_begins_with_a_day_that_exists() {
    assert_eq!(shown(&chi("010170 0008").unwrap()), "0101700008");
    assert!(chi("2902000006").is_ok(), "29 February of a year 00 may be 2000");
    for no_date in ["3102990002", "2902010001", "0000000000", NHS] {
        assert!(chi(no_date).is_err());
    }
    assert_eq!(chi("3102990002"), Err(InvalidIdentifier::ChiDate));
    assert_eq!(chi("2902010001"), Err(InvalidIdentifier::ChiDate));
    assert_eq!(chi(NHS), Err(InvalidIdentifier::ChiDate), "an NHS number in the wrong field");
    assert_eq!(chi("0101700007"), Err(InvalidIdentifier::CheckDigit("a CHI number")));
}

#[test]
fn other_identifiers_are_trimmed_and_printable() {
    assert_eq!(shown(&other("  AB 12/é ").unwrap()), "AB 12/é");
    assert!(other("é").is_ok());
    assert!(other(&"é".repeat(128)).is_ok());
    assert_eq!(other(&"é".repeat(129)), Err(InvalidIdentifier::Length));
    for empty in ["", "   ", "\n"] {
        assert_eq!(other(empty), Err(InvalidIdentifier::Length));
    }
    for hidden in
        ["a\0b", "a\tb", "a\nb", "a\u{7f}b", "a\u{200b}b", "a\u{202e}b", "a\u{2028}b", "a\u{a0}b", "\u{feff}a"]
    {
        assert_eq!(other(hidden), Err(InvalidIdentifier::Unprintable), "{hidden:?}");
    }
}

#[test]
fn systems_have_one_name() {
    let name = |text: &str| text.parse::<IdentifierSystem>().map(|system| system.to_string());
    assert_eq!(name("nhs_number").unwrap(), "nhs_number");
    assert_eq!("https://fhir.nhs.uk/Id/nhs-number".parse(), Ok(IdentifierSystem::NhsNumber));
    assert_eq!("CHI".parse(), Ok(IdentifierSystem::Chi));
    assert_eq!(name("http://hospital.example/MRN").unwrap(), "http://hospital.example/mrn");
    assert_eq!(name(&"a".repeat(128)).unwrap().len(), 128);
    for wrong in ["", " ", "-a", "a b", "é", "a\n", "a\"", &"a".repeat(129)] {
        assert_eq!(name(wrong), Err(InvalidIdentifier::System), "{wrong:?}");
    }
}

#[test]
fn json_goes_there_and_back() {
    let identifier = nhs(NHS).unwrap();
    let json = serde_json::to_string(&identifier).unwrap();
    assert_eq!(json, r#"{"system":"nhs_number","value":"9434765919"}"#);
    assert_eq!(serde_json::from_str::<PersonIdentifier>(&json).unwrap(), identifier);
}

#[test]
fn no_message_repeats_a_value() {
    assert_eq!(format!("{:?}", nhs(NHS).unwrap().value()), "[personal]");
    assert!(!format!("{:?}", nhs(NHS).unwrap()).contains("9434765919"));
    for json in [
        r#"{"system":"nhs_number","value":"9434765918"}"#,
        r#"{"system":"nhs_number","value":9434765918}"#,
        r#"{"system":"9434765918 ","value":"x"}"#,
        r#"{"system":9434765918,"value":"x"}"#,
        r#"{"system":"nhs_number","value":"9434765919","9434765918":1}"#,
        r#"{"system":"nhs_number","9434765918":"x"}"#,
        r#"{"system":"nhs_number"}"#,
        r#""9434765918""#,
        r#"["nhs_number","9434765918"]"#,
    ] {
        let message = serde_json::from_str::<PersonIdentifier>(json).unwrap_err().to_string();
        assert!(!message.contains("943476591"), "{message}");
    }
}
