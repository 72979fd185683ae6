import Glibc
package import NIOCore
import NIOPosix

/// Finds the addresses of a host.
package protocol AddressResolver: Sendable {
    /// Returns the addresses in the order in which they should be tried.
    ///
    /// - Parameter host: A name, or an address in any spelling that the system accepts.
    /// - Throws: `WebhookTarget.Problem` if there is no address.
    func addresses(of host: String, port: Int) async throws(WebhookTarget.Problem) -> [SocketAddress]
}

/// Asks the system, on threads of its own because the call blocks.
package final class SystemResolver: AddressResolver {
    /// More lookups wait for each other.
    private static let threadCount = 4
    private static let timeout = TimeAmount.seconds(5)

    private let threads = NIOThreadPool(numberOfThreads: threadCount)
    private let eventLoops: any EventLoopGroup

    package init(eventLoops: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton) {
        self.eventLoops = eventLoops
        threads.start()
    }

    deinit {
        threads.shutdownGracefully { _ in }
    }

    package func addresses(of host: String, port: Int) async throws(WebhookTarget.Problem) -> [SocketAddress] {
        let eventLoop = eventLoops.next()
        let promise = eventLoop.makePromise(of: [SocketAddress].self)
        let deadline = eventLoop.scheduleTask(in: Self.timeout) {
            promise.fail(WebhookTarget.Problem.nameNotResolved("the lookup took too long"))
        }
        threads.submit { state in
            guard case .active = state else { return promise.fail(CancellationError()) }
            promise.completeWith(Result { try lookUp(host, port) })
        }
        defer { deadline.cancel() }
        do {
            return try await promise.futureResult.get()
        } catch {
            throw error as? WebhookTarget.Problem ?? .nameNotResolved("\(error)")
        }
    }
}

private func lookUp(_ host: String, _ port: Int) throws -> [SocketAddress] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, String(port), &hints, &list)
    guard status == 0 else { throw WebhookTarget.Problem.nameNotResolved(String(cString: gai_strerror(status))) }
    defer { freeaddrinfo(list) }
    return sequence(first: list, next: { $0?.pointee.ai_next }).compactMap { entry in
        guard let entry = entry?.pointee, let address = entry.ai_addr else { return nil }
        return switch entry.ai_family {
        case AF_INET: address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { SocketAddress($0.pointee) }
        case AF_INET6: address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { SocketAddress($0.pointee) }
        default: nil
        }
    }
}
