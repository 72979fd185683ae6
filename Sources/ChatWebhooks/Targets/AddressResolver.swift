import Foundation
import Glibc
package import NIOCore
import NIOPosix
import Synchronization

/// Finds the addresses of a host.
package protocol AddressResolver: Sendable {
    /// Returns the addresses in the order in which they should be tried.
    ///
    /// - Parameter host: A name, or an address in any spelling that the system accepts.
    /// - Throws: `WebhookTarget.Problem` if there is no address.
    func addresses(of host: String, port: Int) async throws(WebhookTarget.Problem) -> [SocketAddress]
}

/// Asks the system, on a thread for each lookup because the call blocks, for long if the host's name servers are down.
package final class SystemResolver: AddressResolver {
    private struct Place: Hashable {
        let host: String
        let port: Int
    }

    private static let timeout = TimeAmount.seconds(5)

    private let eventLoops: any EventLoopGroup
    /// The lookups that have not ended: one for each place, so that a dead one never holds several threads.
    private let lookups = Mutex<[Place: EventLoopFuture<[SocketAddress]>]>([:])

    package init(eventLoops: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton) {
        self.eventLoops = eventLoops
    }

    package func addresses(of host: String, port: Int) async throws(WebhookTarget.Problem) -> [SocketAddress] {
        let eventLoop = eventLoops.next()
        let promise = eventLoop.makePromise(of: [SocketAddress].self)
        let deadline = eventLoop.scheduleTask(in: Self.timeout) {
            promise.fail(WebhookTarget.Problem.nameNotResolved("the lookup took too long"))
        }
        lookup(of: Place(host: host, port: port)).cascade(to: promise)
        defer { deadline.cancel() }
        do {
            return try await promise.futureResult.get()
        } catch {
            throw error as? WebhookTarget.Problem ?? .nameNotResolved("\(error)")
        }
    }

    private func lookup(of place: Place) -> EventLoopFuture<[SocketAddress]> {
        let (lookup, promise) = lookups.withLock { lookups in
            if let lookup = lookups[place] { return (lookup, nil as EventLoopPromise<[SocketAddress]>?) }
            let promise = eventLoops.next().makePromise(of: [SocketAddress].self)
            lookups[place] = promise.futureResult
            return (promise.futureResult, promise)
        }
        if let promise {
            Thread.detachNewThread { [self] in
                let result = Result { try lookUp(place.host, place.port) }
                lookups.withLock { $0[place] = nil }
                promise.completeWith(result)
            }
        }
        return lookup
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
