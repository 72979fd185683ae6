import Foundation
import NIOCore
import NIOPosix
package import PostgresClient
import Synchronization

/// A proxy in front of PostgreSQL that records responses and cuts a connection where a test chooses.
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
    private struct Cut: Error {}

    /// Whether to cut a connection at the server's next response.
    private final class Doom: Sendable {
        let isSealed = Atomic(false)
    }

    /// The database's URL through the proxy.
    package let url: PostgresURL
    private let server: NIOAsyncChannel<Connection, Never>
    private let target: (host: String, port: Int)
    private let steps = Mutex<[Step]>([])
    private let heard = Mutex<[UInt8]>([])

    /// Runs `body` with a proxy to the URL's server.
    package static func withProxy<Result>(
        to url: PostgresURL,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (CuttingProxy) async throws -> Result
    ) async throws -> Result {
        let proxy = try await CuttingProxy(to: url)
        let serving = Task { try await proxy.serve() }
        defer { serving.cancel() }
        return try await body(proxy)
    }

    /// Sets the steps for the client's next chunks; after the last one, everything passes.
    package func plan(_ steps: [Step]) {
        self.steps.withLock { $0 = steps }
    }

    /// All bytes that the server has sent so far, in order of arrival.
    package var answers: [UInt8] {
        heard.withLock { $0 }
    }

    private init(to url: PostgresURL) async throws {
        server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture { try Connection(wrappingChannelSynchronously: channel) }
            }
        guard var components = URLComponents(string: url.connectionString), let host = components.host else {
            throw Cut()
        }
        target = (host, components.port ?? 5_432)
        components.host = "127.0.0.1"
        components.port = server.channel.localAddress?.port
        guard let proxied = components.string.flatMap(PostgresURL.init) else { throw Cut() }
        self.url = proxied
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
        let upstream = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: target.host, port: target.port) { channel in
                channel.eventLoop.makeCompletedFuture { try Connection(wrappingChannelSynchronously: channel) }
            }
        let doom = Doom()
        try await client.executeThenClose { requests, toClient in
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
