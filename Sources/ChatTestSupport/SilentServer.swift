import NIOCore
import NIOPosix

/// Runs `body` with the port of a server that accepts connections but never responds.
package func withSilentServer<Result>(
    isolation: isolated (any Actor)? = #isolation,
    _ body: (Int) async throws -> Result
) async throws -> Result {
    let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
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
