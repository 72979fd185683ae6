package import HTTPTypes

/// Why a connection answers a request itself, with the last response that it gives.
package enum ConnectionError: Error, Hashable, Sendable {
    case malformed
    case unknownMethod
    case headersTooLarge
    case unknownTransferEncoding
    case bodyTooLarge(limit: Int)
    case bodyTimedOut
    /// There are too many connections, in all or from this address.
    case tooManyConnections
    /// Too many bytes wait for clients to read them.
    case tooManyUnsentBytes

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
