import NIOCore
import NIOPosix

/// Runs `body` with the port of a server that accepts connections but never responds.
package func withSilentServer<Result>(
    isolation: isolated (any Actor)? = #isolation,
    _ body: (Int) async throws -> Result
) async throws -> Result {
    try await withRawServer(answering: nil, body)
}

/// Runs `body` with the port of a server that sends the same bytes on each connection as soon as it receives something.
///
/// - Parameter answer: Nil for nothing.
package func withRawServer<Result>(
    answering answer: String?,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (Int) async throws -> Result
) async throws -> Result {
    let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                if let answer {
                    try channel.pipeline.syncOperations.addHandler(FixedAnswer(text: answer))
                }
            }
        }
        .bind(host: "127.0.0.1", port: 0).get()
    do {
        let result = try await body(channel.localAddress?.port ?? 0)
        try await channel.close()
        return result
    } catch {
        try await channel.close()
        throw error
    }
}

private final class FixedAnswer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var text: String?

    init(text: String) {
        self.text = text
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let text else { return }
        self.text = nil
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }
}
