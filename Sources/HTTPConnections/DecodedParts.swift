import NIOCore
import NIOHTTP1

/// Receives the decoder's output: the decoder fires its parts to the handler after the connection's.
final class DecodedParts: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart

    private let receive: (HTTPServerRequestPart) -> Void

    init(_ receive: @escaping (HTTPServerRequestPart) -> Void) {
        self.receive = receive
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        receive(unwrapInboundIn(data))
    }

    /// Ignores errors: the decoder also throws each of them.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
