package import Logging
package import NIOCore
package import ServiceLifecycle

/// Runs an application that listens on a free loopback port during `body`, then shuts it down gracefully.
///
/// - Parameters:
///   - log: Receives what the application logs; by default, nothing does.
///   - application: Creates the application, which must call the given closure with its listening channel.
///   - body: Receives a client of the application, and the group that runs it.
package func withApplication<Result: Sendable>(
    log: LogCapture? = nil,
    _ application: (Logger, @escaping @Sendable (any Channel) -> Void) async -> any Service,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (HTTPTestClient, ServiceGroup) async throws -> Result
) async throws -> Result {
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    var logger = log?.logger ?? Logger(label: "test")
    if log == nil {
        logger.logLevel = .critical
    }
    let application = await application(logger) { port.yield($0.localAddress?.port ?? 0) }
    let group = ServiceGroup(services: [application], logger: logger)
    async let running: Void = group.run()
    guard let chosen = await ports.first(where: { _ in true }) else { throw CancellationError() }
    do {
        let result = try await body(HTTPTestClient(port: chosen), group)
        await group.triggerGracefulShutdown()
        try await running
        return result
    } catch {
        await group.triggerGracefulShutdown()
        try await running
        throw error
    }
}
