import NIOCore
import NIOPosix

/// Receives a response with a pause of 100 ms after each read.
///
/// It reads on an event loop, like the server, and not in a task: on a busy machine, a task may be resumed only after the
/// server's timeout, so that the reader would be not slow but silent.
final class SlowReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let end: NIODeadline
    private let result: EventLoopPromise<Int>
    private var received = 0

    private init(until end: NIODeadline, _ result: EventLoopPromise<Int>) {
        self.end = end
        self.result = result
    }

    /// Sends a request to a server on this machine and returns the number of bytes received until the server closes the
    /// connection.
    ///
    /// - Parameter duration: The time after which it reads without pauses.
    static func receive(_ request: String, from port: Int, pausingFor duration: TimeAmount) async throws -> Int {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let result = loop.makePromise(of: Int.self)
        let channel = try await ClientBootstrap(group: loop)
            .channelOption(.autoRead, value: false)
            .channelOption(.socketOption(.so_rcvbuf), value: 65_536)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SlowReader(until: .now() + duration, result))
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .get()
        try await channel.writeAndFlush(ByteBuffer(string: request))
        return try await result.futureResult.get()
    }

    func channelActive(context: ChannelHandlerContext) {
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += unwrapInboundIn(data).readableBytes
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard .now() < end else { return context.read() }
        context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(100)) { context.read() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        result.succeed(received)
    }

    /// A reset of the connection, after which the channel becomes inactive.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
