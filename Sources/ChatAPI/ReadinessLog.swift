import Logging
import Synchronization

/// Logs why the server is not ready: once per change, however often it is checked.
final class ReadinessLog: Sendable {
    private let reason = Mutex<String?>(nil)

    /// - Parameter reason: Why the server is not ready; nil if it is ready.
    func note(_ reason: String?, in logger: Logger) {
        let hasChanged = self.reason.withLock { last in
            defer { last = reason }
            return last != reason
        }
        guard hasChanged else { return }
        if let reason {
            logger.warning("Not ready", metadata: ["reason": "\(reason)"])
        } else {
            logger.notice("Ready again")
        }
    }
}
