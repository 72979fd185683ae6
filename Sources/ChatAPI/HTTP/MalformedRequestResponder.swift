import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Gives Hummingbird's bare answer to what is no HTTP the status and the body that the service's other errors have.
final class MalformedRequestResponder: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let logger: Logger
    private var error: (any Error)?

    init(logger: Logger) {
        self.logger = logger
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.error = error
        context.fireErrorCaught(error)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard let error, case .head(let head) = unwrapOutboundIn(data), head.status == .badRequest else {
            context.write(data, promise: promise)
            return
        }
        let answer = APIError(error)
        let body = answer.body(requestID: nil)
        let id = RequestID().description
        let fields: HTTPFields = [
            .requestID: id,
            .contentType: "application/json",
            .contentLength: String(body.readableBytes),
            .cacheControl: "no-store",
            .connection: "close",
        ]
        let answerHead = HTTPResponse(status: answer.status, headerFields: fields)
        context.write(wrapOutboundOut(.head(answerHead)), promise: promise)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
        // The router, and with it the access log, has seen nothing of it.
        logger.info(
            "Request",
            metadata: [
                "hb.request.id": "\(id)",
                "address": "\(context.channel.clientAddress)",
                "status": .stringConvertible(answer.status.code),
                "code": "\(answer.code)",
            ]
        )
    }
}

extension APIError {
    fileprivate init(_ error: any Error) {
        switch error {
        case HTTPParserError.headerOverflow:
            self.init(
                status: .requestHeaderFieldsTooLarge,
                code: "headers_too_large",
                detail: "Request headers are too large"
            )
        case HTTPParserError.invalidMethod:
            self.init(status: .notImplemented, code: "unknown_method", detail: "Unknown request method")
        default:
            self.init(status: .badRequest, code: "bad_request", detail: "Invalid HTTP request received.")
        }
    }
}
