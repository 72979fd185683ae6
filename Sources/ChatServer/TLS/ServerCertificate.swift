import Files
import Foundation
import HTTPConnections
import Logging

/// The configured certificate, validated before the database is opened.
struct ServerCertificate {
    let files: CertificateFiles
    /// Presents the certificate on new connections.
    let identity: ServerIdentity
    private let path: String

    /// Nil to serve plain HTTP.
    ///
    /// - Throws: `SettingError`, or `CommandError` if the files cannot be used.
    init?(_ settings: SettingsReader) async throws {
        guard let paths = try TLSFiles(settings) else { return nil }
        path = paths.certificate
        files = CertificateFiles(paths)
        do throws(FileError) {
            identity = ServerIdentity(try await files.load())
        } catch {
            // One file may hold both.
            let names = [(paths.certificate, Settings.tlsCertificate), (paths.key, Settings.tlsKey)]
                .filter { $0.0 == error.path }.map { settings.name(of: $0.1) }.joined(separator: ", ")
            throw CommandError("cannot use \(error.path) for TLS: \(error.reason) (see \(names))")
        }
    }

    /// Logs until when the certificate is valid.
    func logExpiry(_ logger: Logger) {
        logger.notice("Certificate: \(path), valid until \(identity.key.expiryText)")
        identity.key.warnIfExpiring(logger)
    }
}

extension CertifiedKey {
    /// How long before the certificate expires the log warns of it, in seconds.
    private static let warningPeriod = 14 * 86_400

    /// In UTC.
    var expiryText: String {
        Date(timeIntervalSince1970: TimeInterval(expiry)).formatted(.iso8601)
    }

    /// Logs a warning if the certificate expires within 14 days or has expired.
    func warnIfExpiring(_ logger: Logger) {
        let remaining = expiry - Int(Date.now.timeIntervalSince1970)
        if remaining <= 0 {
            logger.warning("The certificate has expired: \(expiryText)")
        } else if remaining < Self.warningPeriod {
            logger.warning("The certificate expires soon: \(expiryText)")
        }
    }
}
