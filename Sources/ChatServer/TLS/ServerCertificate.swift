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
        identity.key.checkDates(logger)
    }
}

extension CertifiedKey {
    /// How long before the certificate expires the log warns of it, in seconds.
    private static let warningPeriod = 14 * 86_400

    /// In UTC.
    var expiryText: String {
        text(expiry)
    }

    /// Logs an error if the certificate is not valid now, and a warning if it expires within 14 days.
    func checkDates(_ logger: Logger) {
        let now = Int(Date.now.timeIntervalSince1970)
        if now < start {
            logger.error("The certificate is not valid before \(text(start)): check this machine's clock")
        } else if now >= expiry {
            logger.error("The certificate expired on \(expiryText): replace it")
        } else if expiry - now < Self.warningPeriod {
            logger.warning("The certificate expires soon, on \(expiryText): replace it")
        }
    }

    private func text(_ seconds: Int) -> String {
        Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(.iso8601)
    }
}
