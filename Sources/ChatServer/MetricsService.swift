import NIOCore
import ServiceLifecycle

/// Serves the metrics on their own port, and says so if the port is taken.
struct MetricsService: Service {
    let application: any Service
    let address: ListeningAddress
    /// The setting of the port as the user gave it.
    let settingName: String

    func run() async throws {
        do {
            try await application.run()
        } catch let error as IOError {
            throw Self.listeningError(error, address, settingName: settingName)
        }
    }

    static func listeningError(_ error: IOError, _ address: ListeningAddress, settingName: String) -> CommandError {
        CommandError("cannot listen on \(address.authority) for metrics: \(error.listeningReason) (see \(settingName))")
    }
}
