import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

extension WebhookTarget.Problem {
    /// Describes why a request failed, for operators.
    init(_ error: any Error) {
        self =
            switch error {
            case let error as HTTPClientError: Self(error)
            case let error as NIOConnectionError:
                error.connectionErrors.last.map { Self($0.error) } ?? .noResponse("the connection failed")
            case let error as IOError: .noResponse(Self.text(error.errnoCode))
            case is NIOSSLError, is BoringSSLError:
                .noResponse("the TLS handshake failed: the certificate may be invalid, or not for this host")
            case HTTPParserError.headerOverflow: .noResponse("the headers of the response are too long")
            case is HTTPParserError: .noResponse("the response is not HTTP")
            default: .noResponse("\(error)")
            }
    }

    private init(_ error: HTTPClientError) {
        self =
            switch error {
            case .deadlineExceeded, .connectTimeout: .timedOut
            case .remoteConnectionClosed: .noResponse("the receiver closed the connection")
            default: .noResponse(error.shortDescription)
            }
    }

    private static func text(_ code: CInt) -> String {
        switch code {
        case ECONNREFUSED: "the connection was refused"
        case ECONNRESET, EPIPE: "the receiver closed the connection"
        case EHOSTUNREACH, ENETUNREACH, EINVAL, EADDRNOTAVAIL: "the address cannot be reached"
        default: "the connection failed: \(String(cString: strerror(code)))"
        }
    }
}
