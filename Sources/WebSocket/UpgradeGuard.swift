import HTTPTypes
package import NIOCore
package import NIOHTTPTypes

/// Sees to it that no connection hangs, and no byte is lost, where a request asks for another protocol.
///
/// Behind such a request NIO's HTTP decoder reads no further, whatever the answer is. The guard leaves what follows in
/// the kernel, where `WebSocketConnection` finds it. Any answer but 101 is the last on its connection.
///
/// It belongs in front of the other handlers of `HTTPRequestPart`.
package final class UpgradeGuard: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPRequestPart
    package typealias InboundOut = HTTPRequestPart
    package typealias OutboundIn = HTTPResponsePart
    package typealias OutboundOut = HTTPResponsePart

    /// How long a client may take to read the last answer before the connection is closed under it.
    private static let lingering = TimeAmount.seconds(2)

    private var state = UpgradeState()
    /// Whether the server is shutting down.
    private(set) var isQuiescing = false
    /// Whether the client has said that it will send no more.
    package private(set) var isInputClosed = false

    package init() {}

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !state.isComplete else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            state.receiveHead(asksForUpgrade: head.headerFields[.upgrade] != nil || head.method == .connect)
        case .body: break
        case .end: state.receiveEnd()
        }
        context.fireChannelRead(data)
    }

    package func read(context: ChannelHandlerContext) {
        guard !state.isComplete else { return }
        context.read()
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where state.answerHead(status: head.status.code):
            let options = [head.headerFields[.connection], "close"].compactMap(\.self)
            head.headerFields[.connection] = options.joined(separator: ", ")
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end where state.answerEnd():
            context.writeAndFlush(data, promise: promise)
            close(context: context)
        default:
            context.write(data, promise: promise)
        }
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: isQuiescing = true
        case ChannelEvent.inputClosed: isInputClosed = true
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func close(context: ChannelHandlerContext) {
        context.close(mode: .output, promise: nil)
        let loopBound = context.loopBound
        context.eventLoop.scheduleTask(in: Self.lingering) {
            loopBound.value.close(promise: nil)
        }
    }
}
