import ChatTestSupport

/// One of the responses received on a connection.
struct WireResponse: Equatable {
    let status: Int
    /// Names in lower case.
    let fields: [String: String]
    let body: String

    private struct Incomplete: Error {}

    /// - Parameter isHead: Whether the response at an index answers a `HEAD`.
    /// - Throws: If the bytes do not end with a complete response.
    static func all(
        in bytes: some Collection<UInt8>,
        isHead: (Int) -> Bool = { _ in false }
    ) throws -> [WireResponse] {
        var responses: [WireResponse] = []
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let parsed = try HTTPTestResponse(Array(rest))
            let length = isHead(responses.count) ? 0 : parsed.headers["content-length"].flatMap { Int($0) } ?? 0
            guard parsed.body.count >= length else { throw Incomplete() }
            let body = String(decoding: parsed.body.prefix(length), as: UTF8.self)
            responses.append(WireResponse(status: parsed.status, fields: parsed.headers, body: body))
            rest = rest.suffix(parsed.body.count - length)
        }
        return responses
    }
}
