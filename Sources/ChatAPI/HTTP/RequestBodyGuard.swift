import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Ends a request whose body is too large, or does not arrive in time, by an error in its inbound stream.
///
/// The handler of the request meets the error where it reads the body and answers it. What still arrives is read and
/// thrown away for a moment, so that the answer is not lost in a reset, and then the connection is closed.
final class RequestBodyGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// How long a client may go on sending what nobody will read, before the connection is closed under it.
    static let lingering = TimeAmount.seconds(2)

    private var state: RequestBodyState
    private let timeout: TimeAmount
    private var deadline: Scheduled<Void>?

    init(maximumBytes: Int, timeout: TimeAmount) {
        state = RequestBodyState(maximumBytes: maximumBytes)
        self.timeout = timeout
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state.receive(unwrapInboundIn(data)) {
        case .forward: context.fireChannelRead(data)
        case .forwardAndContinue:
            context.fireChannelRead(data)
            context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
        case .forwardAndFail(let error):
            context.fireChannelRead(data)
            context.fireErrorCaught(error)
        case .discard: break
        case .fail(let error):
            cancelDeadline()
            context.fireErrorCaught(error)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Nearly every body arrives in one piece with its head and never needs the timer.
        if state.isAwaitingBody {
            scheduleDeadline(context: context)
        } else {
            cancelDeadline()
        }
        context.fireChannelReadComplete()
        if state.hasFailed {
            // The stream that used to ask for more has ended.
            context.read()
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        context.write(data, promise: promise)
        if state.hasFailed, case .end = unwrapOutboundIn(data) {
            let loopBound = context.loopBound
            context.eventLoop.scheduleTask(in: Self.lingering) {
                loopBound.value.close(promise: nil)
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        cancelDeadline()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        cancelDeadline()
    }

    private func scheduleDeadline(context: ChannelHandlerContext) {
        guard deadline == nil else { return }
        let loopBound = NIOLoopBound((guardian: self, context: context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: timeout) {
            let (guardian, context) = loopBound.value
            guardian.deadline = nil
            if guardian.state.timeOut() {
                context.fireErrorCaught(RequestBodyError.timedOut)
            }
        }
    }

    private func cancelDeadline() {
        deadline?.cancel()
        deadline = nil
    }
}
