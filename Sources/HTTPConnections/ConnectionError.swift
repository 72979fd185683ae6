package import HTTPTypes

/// The reason why a connection rejects a request itself and closes after the response.
package enum ConnectionError: Error, Hashable, Sendable {
    case malformed
    case unknownMethod
    case headersTooLarge
    case unknownTransferEncoding
    case bodyTooLarge(limit: Int)
    case bodyTimedOut
    /// There are too many connections, in total or from this address.
    case tooManyConnections
    /// Too many bytes of responses are waiting for clients to read them.
    case tooManyUnsentBytes

    /// The status of the response.
    package var status: HTTPResponse.Status {
        switch self {
        case .malformed: .badRequest
        case .unknownMethod, .unknownTransferEncoding: .notImplemented
        case .headersTooLarge: .requestHeaderFieldsTooLarge
        case .bodyTooLarge: .contentTooLarge
        case .bodyTimedOut: .requestTimeout
        case .tooManyConnections, .tooManyUnsentBytes: .serviceUnavailable
        }
    }
}
