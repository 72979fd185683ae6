import Foundation
import NIOCore
import NIOPosix
package import PostgresClient
import Synchronization

/// A proxy in front of PostgreSQL or a chat server that records responses and cuts a connection where a test chooses.
package final class CuttingProxy: Sendable {
    /// What happens to the next chunk of data from the client.
    package enum Step: Sendable {
        case pass
        /// Closes the connection without forwarding the chunk.
        case cutBefore
        /// Forwards the chunk but closes the connection instead of forwarding the response.
        case cutAfter
    }

    private typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>
    fileprivate struct Cut: Error {}

    /// Whether to cut a connection at the server's next response.
    private final class Doom: Sendable {
        let isSealed = Atomic(false)
    }

    /// The port of the proxy on 127.0.0.1.
    package let port: Int
    private let server: NIOAsyncChannel<Connection, Never>
    private let target: Mutex<(host: String, port: Int)>
    private let steps = Mutex<[Step]>([])
    private let heard = Mutex<[UInt8]>([])

    /// Runs `body` with a proxy to the URL's server.
    package static func withProxy<Result>(
        to url: PostgresURL,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (CuttingProxy) async throws -> Result
    ) async throws -> Result {
        guard let components = URLComponents(string: url.connectionString), let host = components.host else {
            throw Cut()
        }
        return try await withProxy(to: components.port ?? 5_432, of: host, body)
    }

    /// The same with a proxy to a port.
    package static func withProxy<Result>(
        to port: Int,
        of host: String = "127.0.0.1",
        isolation: isolated (any Actor)? = #isolation,
        _ body: (CuttingProxy) async throws -> Result
    ) async throws -> Result {
        let proxy = try await CuttingProxy(to: (host, port))
        let serving = Task { try await proxy.serve() }
        defer { serving.cancel() }
        return try await body(proxy)
    }

    /// Sets the steps for the client's next chunks; after the last one, everything passes.
    package func plan(_ steps: [Step]) {
        self.steps.withLock { $0 = steps }
    }

    /// Forwards connections to another port from now on.
    package func move(to port: Int) {
        target.withLock { $0.port = port }
    }

    /// All bytes that the server has sent so far, in order of arrival.
    package var answers: [UInt8] {
        heard.withLock { $0 }
    }

    private init(to target: (host: String, port: Int)) async throws {
        server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture { try Connection(wrappingChannelSynchronously: channel) }
            }
        guard let port = server.channel.localAddress?.port else { throw Cut() }
        self.port = port
        self.target = Mutex(target)
    }

    private func serve() async throws {
        try await server.executeThenClose { clients in
            try await withThrowingDiscardingTaskGroup { group in
                for try await client in clients {
                    group.addTask { try? await self.relay(client) }
                }
            }
        }
    }

    private func relay(_ client: Connection) async throws {
        let target = target.withLock { $0 }
        let doom = Doom()
        try await client.executeThenClose { requests, toClient in
            // Within, so that the client's connection is closed if there is no server.
            let upstream = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(host: target.host, port: target.port) { channel in
                    channel.eventLoop.makeCompletedFuture { try Connection(wrappingChannelSynchronously: channel) }
                }
            try await upstream.executeThenClose { answers, toServer in
                try await withThrowingTaskGroup { group in
                    group.addTask {
                        for try await piece in requests {
                            switch self.nextStep() {
                            case .pass: break
                            case .cutBefore: throw Cut()
                            case .cutAfter: doom.isSealed.store(true, ordering: .releasing)
                            }
                            try await toServer.write(piece)
                        }
                        throw Cut()
                    }
                    group.addTask {
                        for try await piece in answers {
                            if doom.isSealed.load(ordering: .acquiring) { throw Cut() }
                            self.heard.withLock { $0 += piece.readableBytesView }
                            try await toClient.write(piece)
                        }
                        throw Cut()
                    }
                    // When one direction ends, end both.
                    try await group.next()
                }
            }
        }
    }

    private func nextStep() -> Step {
        steps.withLock { $0.isEmpty ? .pass : $0.removeFirst() }
    }
}

extension PostgresURL {
    /// The same database through a proxy.
    package func through(_ proxy: CuttingProxy) throws -> PostgresURL {
        guard var components = URLComponents(string: connectionString) else { throw CuttingProxy.Cut() }
        components.host = "127.0.0.1"
        components.port = proxy.port
        guard let url = components.string.flatMap(PostgresURL.init) else { throw CuttingProxy.Cut() }
        return url
    }
}
