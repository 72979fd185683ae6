import ArgumentParser
import NIOCore
import NIOHTTP1
import NIOPosix

struct HealthcheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck",
        abstract: "Ask a running server whether it is ready; exit with a failure if it is not.",
        discussion: "For containers: it asks the address that `serve` listens on with the same settings."
    )

    @OptionGroup(title: "Address") var address: AddressOptions

    func run() async throws {
        let settings = try await SettingsReader(given: address.given)
        let port = try settings.value(Settings.port)
        let host =
            switch try settings.value(Settings.host) {
            case "0.0.0.0": "127.0.0.1"
            case "::": "::1"
            case let host: host
            }
        let status: HTTPResponseStatus
        do {
            status = try await Self.askReadiness(of: host, port: port)
        } catch {
            throw CommandError("no answer from \(ListeningAddress(host: host, port: port)): \(error)")
        }
        guard status == .ok else {
            throw CommandError("not ready: \(status.code) \(status.reasonPhrase)")
        }
        print("ready")
    }

    private static func askReadiness(of host: String, port: Int) async throws -> HTTPResponseStatus {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connectTimeout(.seconds(3))
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(IdleStateHandler(readTimeout: .seconds(5)))
                    try channel.pipeline.syncOperations.addHandler(CloseWhenIdle())
                    return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                        wrappingChannelSynchronously: channel
                    )
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            let headers: HTTPHeaders = ["Host": "\(host):\(port)", "Connection": "close"]
            try await outbound.write(
                .head(.init(version: .http1_1, method: .GET, uri: "/health/ready", headers: headers))
            )
            try await outbound.write(.end(nil))
            for try await case .head(let head) in inbound {
                return head.status
            }
            throw ChannelError.eof
        }
    }
}

/// Gives up on a server that accepts and does not answer.
private final class CloseWhenIdle: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = HTTPClientResponsePart

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            context.close(promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
    }
}
