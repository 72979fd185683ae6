import HTTPConnections
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Formats responses that a connection makes itself like the other errors of the service.
///
/// Such requests never reach the router, so the access log line is written and the request counted here.
struct ConnectionErrorResponder: Sendable {
    let crossOrigin: CrossOriginPolicy
    let metrics: RequestMetrics
    var proxies = TrustedProxies.none
    let logger: Logger

    func respond(
        to error: ConnectionError,
        _ request: HTTPRequest?,
        on channel: any Channel
    ) -> (head: HTTPResponse, body: ByteBuffer) {
        let answer = APIError(error)
        metrics.unmatched.record(answer.status)
        let id = request?.headerFields.clientRequestID ?? RequestID().description
        let body = answer.body(requestID: id)
        var fields = answer.headers
        fields[.contentType] = "application/json"
        fields[.contentLength] = String(body.readableBytes)
        fields.addServiceFields(requestID: id)
        crossOrigin.addFields(to: &fields, for: request)
        let peer = channel.remoteAddress
        let address = request.map { proxies.client(of: $0.headerFields, from: peer) } ?? peer
        logger.info(
            "Request",
            metadata: [
                "hb.request.id": "\(id)",
                "address": "\(address?.clientText ?? "")",
                "method": "\(request?.method.rawValue ?? "-")",
                "path": "\(request?.path?.prefix { $0 != "?" } ?? "-")",
                "status": .stringConvertible(answer.status.code),
                "code": "\(answer.code)",
            ]
        )
        return (HTTPResponse(status: answer.status, headerFields: fields), body)
    }
}

extension APIError {
    init(_ error: ConnectionError) {
        let (code, detail, headers): (String, String, HTTPFields) =
            switch error {
            case .malformed: ("bad_request", "Invalid HTTP request received.", [:])
            case .unknownMethod: ("unknown_method", "Unknown request method", [:])
            case .headersTooLarge: ("headers_too_large", "Request headers are too large", [:])
            case .unknownTransferEncoding: ("unknown_transfer_encoding", "Transfer-Encoding must be chunked", [:])
            case .bodyTooLarge(let limit): ("body_too_large", "Request body is larger than \(limit) bytes", [:])
            case .bodyTimedOut: ("request_timeout", "The request did not arrive in time", [:])
            case .tooManyConnections:
                ("too_many_connections", "Too many connections are open, try again later", [.retryAfter: "5"])
            case .tooManyUnsentBytes:
                ("too_many_unsent_bytes", "Too many responses wait to be read, try again later", [.retryAfter: "5"])
            }
        self.init(status: error.status, code: code, detail: detail, headers: headers)
    }
}
