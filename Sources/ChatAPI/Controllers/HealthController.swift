import ChatDomain
import HTTPTypes
import Hummingbird

/// Health for orchestrators: is the process alive, and can it serve.
struct HealthController<Store: ChatStore>: Sendable {
    let store: Store

    @Sendable func live(_ request: Request, context: ChatRequestContext) async throws -> Response {
        .json { writer in
            writer.object { writer in
                writer.name("status")
                writer.value("ok")
            }
        }
    }

    @Sendable func ready(_ request: Request, context: ChatRequestContext) async throws -> Response {
        do {
            try await store.checkReadiness()
            return Self.answer("ready", reason: nil)
        } catch {
            return Self.answer("unavailable", reason: error.reason)
        }
    }

    private static func answer(_ status: String, reason: String?) -> Response {
        .json(status: reason == nil ? .ok : .serviceUnavailable) { writer in
            writer.object { writer in
                writer.name("status")
                writer.value(status)
                if let reason {
                    writer.name("reason")
                    writer.value(reason)
                }
            }
        }
    }
}
