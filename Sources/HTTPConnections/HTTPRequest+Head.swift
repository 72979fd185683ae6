import HTTPTypes
import NIOHTTP1
import NIOHTTPTypesHTTP1

extension HTTPRequest {
    /// Does the same as `HTTPRequest(head, secure: isEncrypted, splitCookie: false)`, but does not parse a path as a URL.
    ///
    /// - Throws: If the method is not a token.
    init(_ head: HTTPRequestHead, isEncrypted: Bool) throws {
        guard head.uri.utf8.first == UInt8(ascii: "/") else {
            self = try HTTPRequest(head, secure: isEncrypted, splitCookie: false)
            return
        }
        var fields = HTTPFields()
        fields.reserveCapacity(head.headers.count)
        var authority: String?
        for (name, value) in head.headers {
            if authority == nil, name.isHost {
                authority = value
            } else if let name = HTTPField.Name(name) {
                fields.append(HTTPField(name: name, value: value))
            }
        }
        self.init(
            method: try Method(head.method),
            scheme: isEncrypted ? "https" : "http",
            authority: authority,
            path: head.uri,
            headerFields: fields
        )
    }
}

extension String {
    fileprivate var isHost: Bool {
        utf8.count == 4 && lowercased() == "host"
    }
}
