import Hummingbird

/// A query parameter, form-encoded: `+` is a space.
struct QueryParameter {
    private let encodedName: Substring
    let encodedValue: Substring

    /// - Parameter text: The text between two `&`; without a `=`, the value is empty.
    fileprivate init(_ text: Substring) {
        let end = text.firstIndex(of: "=") ?? text.endIndex
        encodedName = text[..<end]
        encodedValue = text[end...].dropFirst()
    }

    /// Nil if the encoding is malformed.
    var name: String? { encodedName.percentDecoded(plusIsSpace: true) }
    /// Nil if the encoding is malformed.
    var value: String? { encodedValue.percentDecoded(plusIsSpace: true) }

    /// The name in an error.
    var displayName: String { name ?? String(encodedName) }
    /// The value in an error.
    var displayValue: String { value ?? String(encodedValue) }

    var isMalformed: Bool { name == nil || value == nil }
}

extension Request {
    /// In the order of the query.
    var queryParameters: [QueryParameter] {
        guard let query = uri.query, !query.isEmpty else { return [] }
        return query.split(separator: "&").map(QueryParameter.init)
    }

    /// The value of a query parameter; the last one counts if it is repeated.
    func queryParameter(_ name: String) -> String? {
        queryParameters.last { $0.name == name }?.value
    }
}
