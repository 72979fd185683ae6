/// A request to the server.
struct APIRequest: Sendable {
    let method: String
    /// The path and the query.
    let target: String
    let body: JSONValue?
    let headers: [String: String]
    /// Whether it may be repeated although it may have been carried out.
    let isRepeatable: Bool

    static func get(_ path: String, _ query: [(String, (any CustomStringConvertible)?)] = []) -> APIRequest {
        APIRequest(method: "GET", target: path + queryString(query), body: nil, headers: [:], isRepeatable: true)
    }

    /// A change.
    ///
    /// With a key, it may be repeated.
    ///
    /// - Parameters:
    ///   - fields: The body; those that are nil are left out.
    ///   - isRepeatable: Whether it may be repeated without a key.
    static func change(
        _ method: String,
        _ path: String,
        _ fields: [String: JSONValue?]? = nil,
        key: String? = nil,
        revision: Int? = nil,
        isRepeatable: Bool = false
    ) -> APIRequest {
        var headers: [String: String] = [:]
        headers["Idempotency-Key"] = key
        headers["If-Match"] = revision.map { "\"\($0)\"" }
        let body = fields.map { JSONValue.object($0.compactMapValues { $0 }) }
        return APIRequest(
            method: method,
            target: path,
            body: body,
            headers: headers,
            isRepeatable: isRepeatable || key != nil
        )
    }

    private static func queryString(_ query: [(String, (any CustomStringConvertible)?)]) -> String {
        let present = query.compactMap { name, value in value.map { "\(name)=\(percentEncoded($0.description))" } }
        return present.isEmpty ? "" : "?" + present.joined(separator: "&")
    }

    /// Encodes everything but the unreserved characters of RFC 3986.
    static func percentEncoded(_ text: String) -> String {
        let unreserved = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)
        return text.utf8.reduce(into: "") { result, byte in
            if unreserved.contains(byte) {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
    }
}
