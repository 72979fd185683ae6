import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Gives Hummingbird's bare answer to what is no HTTP the status and the body that the service's other errors have.
final class MalformedRequestResponder: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private var error: (any Error)?

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
        let fields: HTTPFields = [
            .requestID: RequestID().description,
            .contentType: "application/json",
            .contentLength: String(body.readableBytes),
            .cacheControl: "no-store",
            .connection: "close",
        ]
        let answerHead = HTTPResponse(status: answer.status, headerFields: fields)
        context.write(wrapOutboundOut(.head(answerHead)), promise: promise)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
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
