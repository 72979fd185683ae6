import Files
import HTTPConnections
import Logging
import ServiceLifecycle
import UnixSignals

/// Reloads the certificate on SIGHUP and when its files change, and warns every day before it expires, until shutdown.
struct CertificateService: Service {
    private let certificate: ServerCertificate
    private let signals: UnixSignalsSequence
    private let logger: Logger

    /// Traps SIGHUP, which would end the process otherwise.
    init(_ certificate: ServerCertificate, logger: Logger) async {
        self.certificate = certificate
        self.logger = logger
        signals = await UnixSignalsSequence(trapping: .sighup)
    }

    func run() async {
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                group.addTask {
                    for await _ in signals { await reload() }
                }
                group.addTask {
                    while (try? await Task.sleep(for: .seconds(1))) != nil {
                        if await certificate.files.haveChanged() { await reload() }
                    }
                }
                group.addTask {
                    while (try? await Task.sleep(for: .seconds(86_400))) != nil {
                        certificate.identity.key.checkDates(logger)
                    }
                }
            }
        }
    }

    private func reload() async {
        do throws(FileError) {
            let key = try await certificate.files.reload(into: certificate.identity)
            logger.notice("Using the new certificate", metadata: ["valid_until": "\(key.expiryText)"])
            key.checkDates(logger)
        } catch {
            logger.error("Still using the previous certificate: cannot use \(error.path): \(error.reason)")
        }
    }
}
