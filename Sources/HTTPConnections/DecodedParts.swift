import NIOCore
import NIOHTTP1

/// Where the decoder's parts come out: at the handler behind the one that decodes.
final class DecodedParts: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart

    private let receive: (HTTPServerRequestPart) -> Void

    init(_ receive: @escaping (HTTPServerRequestPart) -> Void) {
        self.receive = receive
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        receive(unwrapInboundIn(data))
    }

    /// The decoder throws what it also says here.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
