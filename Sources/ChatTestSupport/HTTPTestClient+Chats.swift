/// Shorthand for requests that are not the subject of a test.
extension HTTPTestClient {
    /// Creates chats with the titles `chat 1`, `chat 2` and so on.
    package func createChats(_ count: Int = 1) async throws {
        for number in 1...count {
            _ = try await send("POST", "/chats", body: #"{"title":"chat \#(number)"}"#)
        }
    }

    /// Posts messages one by one; their texts must not need JSON escapes.
    package func post(_ texts: String..., to chat: Int64 = 1) async throws {
        for text in texts {
            _ = try await send("POST", "/chats/\(chat)/messages", body: #"{"text":"\#(text)"}"#)
        }
    }

    /// Reads a stream, retrying while the server answers 429 or 503.
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
    /// Reads events up to and including one of a type, or up to the end of the stream.
    package mutating func events(through type: String) async throws -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        repeat {
            guard let event = try await nextEvent() else { break }
            events.append(event)
        } while events.last?.type != type
        return events
    }
}
