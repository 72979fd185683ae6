import ChatDomain
import ChatWire

/// Schemas that several request bodies share.
extension JSONSchema {
    /// Text that the server trims, with a pattern that rejects blank text.
    static func text(maximum: Int, example: String) -> JSONSchema {
        .string(maximum: maximum)
            .adding(
                "pattern",
                """
                ^[^\\x00]*[^\\x00\\t-\\r \u{85}\u{A0}\u{1680}\u{2000}-\u{200A}\u{2028}\u{2029}\u{202F}\u{205F}\u{3000}]\
                [^\\x00]*$
                """
            )
            .described(
                """
                1 to \(maximum.grouped) characters (Unicode scalars) after trimming white space; U+0000 is not allowed.
                """
            )
            .adding("examples", [.string(example)])
    }

    /// A list of users' ids.
    static func users(minimum: Int) -> JSONSchema {
        array(of: .userID, maximum: MemberIDs.maximumCount).adding("minItems", .integer(minimum))
    }

    /// An object to store, or null.
    static func metadata(_ description: String, example: OpenAPIValue) -> JSONSchema {
        anyOf(.metadata, .null).described(description).adding("examples", [example])
    }

    static func metadataRules(maximum: Int = Metadata.maximumLength) -> String {
        """
        An object of at most \(maximum.grouped) bytes as compact JSON, at most \(JSONValue.maximumInterchangeDepth) levels \
        deep, with numbers within the range of a double, no unpaired surrogates and no duplicate names.
        """
    }
}

extension Int {
    /// With thousands separators.
    fileprivate var grouped: String {
        self < 1_000 ? "\(self)" : "\((self / 1_000).grouped),\(String(1_000 + self % 1_000).dropFirst())"
    }
}
