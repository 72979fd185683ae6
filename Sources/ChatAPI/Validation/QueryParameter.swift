import Hummingbird

/// One parameter of a query, as it is written: encoded like a form, with `+` for a space.
struct QueryParameter {
    private let encodedName: Substring
    let encodedValue: Substring

    /// - Parameter text: What stands between two `&`; without a `=`, the value is empty.
    fileprivate init(_ text: Substring) {
        let end = text.firstIndex(of: "=") ?? text.endIndex
        encodedName = text[..<end]
        encodedValue = text[end...].dropFirst()
    }

    /// Nil where the encoding is malformed.
    var name: String? { encodedName.percentDecoded(plusIsSpace: true) }
    /// Nil where the encoding is malformed.
    var value: String? { encodedValue.percentDecoded(plusIsSpace: true) }

    /// The name for an error that is about it.
    var displayName: String { name ?? String(encodedName) }
    /// The value for an error that is about it.
    var displayValue: String { value ?? String(encodedValue) }

    var isMalformed: Bool { name == nil || value == nil }
}

extension Request {
    /// In the order in which they are written.
    var queryParameters: [QueryParameter] {
        guard let query = uri.query, !query.isEmpty else { return [] }
        return query.split(separator: "&").map(QueryParameter.init)
    }

    /// A query parameter's value; where it is repeated, the last one counts.
    func queryParameter(_ name: String) -> String? {
        queryParameters.last { $0.name == name }?.value
    }
}
