import ChatDomain
import ChatWire
import HTTPTypes
import Hummingbird
import Logging

/// Health checks for orchestrators: whether the process is alive, and whether it can serve.
struct HealthController<Store: ServiceStore>: Sendable {
    let store: Store
    let drain: Drain
    let log: ReadinessLog

    @Sendable func live(_ request: Request, context: ChatRequestContext) async throws -> Response {
        .json { $0.object { $0.member("status", "ok") } }
    }

    /// Reveals only whether the server is ready; the reason is in the log.
    @Sendable func ready(_ request: Request, context: ChatRequestContext) async throws -> Response {
        if drain.isUnderWay { return Self.answer("unavailable", reason: "shutting down") }
        do {
            try await store.checkReadiness()
            log.note(nil, in: context.logger)
            return Self.answer("ready", reason: nil)
        } catch {
            log.note(error.reason, in: context.logger)
            return Self.answer("unavailable", reason: "the database is not available")
        }
    }

    private static func answer(_ status: String, reason: String?) -> Response {
        .json(status: reason == nil ? .ok : .serviceUnavailable) { writer in
            writer.object { writer in
                writer.member("status", status)
                writer.member("reason", ifPresent: reason)
            }
        }
    }
}
