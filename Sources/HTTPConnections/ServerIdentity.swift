import NIOSSL
import Synchronization

/// The certificate that a server presents on new connections.
package final class ServerIdentity: Sendable {
    private let context: Mutex<NIOSSLContext>

    /// The number of bytes that a connection keeps allocated to encrypt into, for each of its writes.
    private static let maximumKeptBytes = 16 * 1024

    /// Starts with a certificate.
    package init(_ key: CertifiedKey) {
        context = Mutex(key.context)
    }

    /// Presents another certificate from now on; open connections keep theirs.
    package func replace(with key: CertifiedKey) {
        context.withLock { $0 = key.context }
    }

    /// Returns the handler for a new connection.
    func makeHandler() -> NIOSSLServerHandler {
        var configuration = NIOSSLServerHandler.Configuration()
        configuration.maximumPreservedOutboundBufferCapacity = Self.maximumKeptBytes
        return NIOSSLServerHandler(context: context.withLock { $0 }, configuration: configuration)
    }
}
