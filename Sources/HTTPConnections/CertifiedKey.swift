import NIOCore
import NIOSSL

/// A certificate chain with its private key, checked and ready for TLS.
package struct CertifiedKey: Sendable {
    /// From when all certificates of the chain are valid, in seconds since 1970.
    package let start: Int
    /// When the first certificate of the chain expires, in seconds since 1970.
    package let expiry: Int
    let context: NIOSSLContext

    /// The part of a pair that cannot be used, and why.
    package enum Flaw: Error, Hashable {
        case certificate(String)
        case key(String)
    }

    /// How long a connection waits for the peer's `close_notify` before it closes: not at all.
    ///
    /// A connection that has more to receive closes only its own side first, and then waits by the rules of HTTP.
    private static let closeTimeout = TimeAmount.zero

    /// Parses the files.
    ///
    /// - Parameters:
    ///   - certificates: A PEM file with the server's certificate, followed by those that a client needs to verify it.
    ///   - key: A PEM file with the private key of the server's certificate.
    package init(certificates: [UInt8], key: [UInt8]) throws(Flaw) {
        guard let chain = try? NIOSSLCertificate.fromPEMBytes(certificates),
            let start = chain.map(\.notValidBefore).max(), let expiry = chain.map(\.notValidAfter).min()
        else { throw .certificate("it has no PEM certificate") }
        // Without the callback, BoringSSL would ask for a passphrase on the terminal.
        let privateKey = try? NIOSSLPrivateKey(bytes: key, format: .pem) { (_: (Array<UInt8>) -> Void) in
            throw Flaw.key("it is encrypted")
        }
        guard let privateKey else { throw .key("it has no unencrypted PEM private key") }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(privateKey)
        )
        configuration.minimumTLSVersion = .tlsv12
        // Those that are forward-secret and authenticated; TLS 1.3 has no others.
        configuration.cipherSuiteValues = [
            .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ]
        configuration.applicationProtocols = ["http/1.1"]
        configuration.shutdownTimeout = Self.closeTimeout
        guard let context = try? NIOSSLContext(configuration: configuration) else {
            throw .key("it is not the key of the first certificate")
        }
        self.context = context
        self.start = Int(start)
        self.expiry = Int(expiry)
    }
}
