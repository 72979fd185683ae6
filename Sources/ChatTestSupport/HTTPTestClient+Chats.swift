/// Requests in short form, for tests that are about something else.
extension HTTPTestClient {
    package func createChats(_ count: Int = 1) async throws {
        for number in 1...count {
            _ = try await send("POST", "/chats", body: #"{"title":"chat \#(number)"}"#)
        }
    }

    /// Posts texts that need no escaping, one after the other.
    package func post(_ texts: String..., to chat: Int64 = 1) async throws {
        for text in texts {
            _ = try await send("POST", "/chats/\(chat)/messages", body: #"{"text":"\#(text)"}"#)
        }
    }

    /// Reads a stream as soon as there is a place for it.
    package func withEventsOnceAdmitted<Result: Sendable>(
        _ path: String,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (inout HTTPTestConnection) async throws -> Result
    ) async throws -> Result {
        while true {
            do {
                return try await withEvents(path, body)
            } catch let refused as Refused where [429, 503].contains(refused.response.status) {
                continue
            }
        }
    }
}

extension HTTPTestConnection {
    /// The events up to one of a type, with it, or up to the end.
    package mutating func events(through type: String) async throws -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        repeat {
            guard let event = try await nextEvent() else { break }
            events.append(event)
        } while events.last?.type != type
        return events
    }
}
