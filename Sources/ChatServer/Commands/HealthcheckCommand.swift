import ArgumentParser
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

struct HealthcheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck",
        abstract: "Check whether a running server is ready; fail if it is not.",
        discussion: "Meant for container health checks. It connects to the address `serve` uses with the same settings."
    )

    @OptionGroup(title: "Address") var address: AddressOptions

    func run() async throws {
        let settings = try await SettingsReader(given: address.given)
        try await settings.printWarnings()
        let port = try settings.value(Settings.port)
        let host = Self.reachable(try settings.value(Settings.host))
        let isEncrypted = try TLSFiles(settings) != nil
        let address = ListeningAddress(host: host, port: port, isEncrypted: isEncrypted)
        let status: HTTPResponseStatus
        do {
            status = try await Self.askReadiness(of: address)
        } catch {
            throw CommandError("cannot reach \(address): \(Self.reason(for: error))")
        }
        guard status == .ok else {
            throw CommandError("\(address) is not ready: \(status.code) \(status.reasonPhrase)")
        }
        print("ready")
    }

    private static let connectTimeout = TimeAmount.seconds(3)
    private static let readTimeout = TimeAmount.seconds(5)

    /// The server is this program, at an address that its certificate need not name.
    private static var clientConfiguration: TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        return configuration
    }

    private static func reason(for error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            guard let failure = error.connectionErrors.last else { return "host not found" }
            return reason(for: failure.error)
        case let error as IOError: return error.reason
        case ChannelError.connectTimeout:
            return "connecting took more than \(connectTimeout.nanoseconds / 1_000_000_000) seconds"
        case ChannelError.eof: return "the server closed the connection"
        case is SilentServer: return "no response within \(readTimeout.nanoseconds / 1_000_000_000) seconds"
        case is NIOSSLError, is BoringSSLError: return "the TLS handshake failed"
        case is HTTPParserError: return "the response is not HTTP"
        default: return "\(error)"
        }
    }

    /// An address at which this machine reaches a server that listens on `host`.
    static func reachable(_ host: String) -> String {
        switch host {
        case "0.0.0.0": "127.0.0.1"
        case "::": "::1"
        default: host
        }
    }

    /// Requests `/health/ready`.
    static func askReadiness(of address: ListeningAddress) async throws -> HTTPResponseStatus {
        try await ask(for: "/health/ready", of: address)
    }

    /// Sends a GET request and returns the status of the response.
    static func ask(for path: String, of address: ListeningAddress) async throws -> HTTPResponseStatus {
        let tls = try address.isEncrypted ? NIOSSLContext(configuration: clientConfiguration) : nil
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connectTimeout(connectTimeout)
            .connect(host: address.host, port: address.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: nil)
                        )
                    }
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(IdleStateHandler(readTimeout: readTimeout))
                    try channel.pipeline.syncOperations.addHandler(FailWhenIdle())
                    return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                        wrappingChannelSynchronously: channel
                    )
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            let headers: HTTPHeaders = ["Host": address.authority, "Connection": "close"]
            try await outbound.write(
                .head(.init(version: .http1_1, method: .GET, uri: path, headers: headers))
            )
            try await outbound.write(.end(nil))
            for try await case .head(let head) in inbound {
                return head.status
            }
            throw ChannelError.eof
        }
    }
}

/// The server accepted the connection but sent no response.
private struct SilentServer: Error {}

private final class FailWhenIdle: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = HTTPClientResponsePart

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            context.fireErrorCaught(SilentServer())
            context.close(promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
    }
}
