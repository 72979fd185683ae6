import NIOSSL
import Synchronization

/// The certificate that a server presents on new connections.
package final class ServerIdentity: Sendable {
    private let current: Mutex<CertifiedKey>

    /// The number of bytes that a connection keeps allocated to encrypt into, for each of its writes.
    private static let maximumKeptBytes = 16 * 1024

    /// Starts with a certificate.
    package init(_ key: CertifiedKey) {
        current = Mutex(key)
    }

    /// The certificate and key in use.
    package var key: CertifiedKey {
        current.withLock { $0 }
    }

    /// Presents another certificate from now on; open connections keep theirs.
    package func replace(with key: CertifiedKey) {
        current.withLock { $0 = key }
    }

    /// Returns the handler for a new connection.
    func makeHandler() -> NIOSSLServerHandler {
        var configuration = NIOSSLServerHandler.Configuration()
        configuration.maximumPreservedOutboundBufferCapacity = Self.maximumKeptBytes
        return NIOSSLServerHandler(context: key.context, configuration: configuration)
    }
}
