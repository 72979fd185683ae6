package import Foundation

/// A line of the client's stream.
package enum StreamLine: Sendable {
    case hello(Hello)
    case caughtUp
    /// Where the inbox resumes after the lines so far.
    case cursor(String)
    case reset(epoch: String)
    /// Why the stream ends.
    case end(ChatError)
    case inbox(InboxEvent)
    /// A line about a chat. It may also be a line of the inbox that this version does not know.
    case chat(Int, ChatEvent)

    /// The first line.
    package struct Hello: Sendable, Decodable {
        package let epoch: String
        /// The chats, with the ends of their logs.
        package let chats: [ChatEnd]
        package let heartbeatSeconds: Int

        private enum CodingKeys: String, CodingKey {
            case epoch
            case chats
            case heartbeatSeconds = "heartbeat_seconds"
        }
    }

    package struct ChatEnd: Sendable, Decodable {
        package let chatID: Int
        package let lastSeq: Int

        private enum CodingKeys: String, CodingKey {
            case chatID = "chat_id"
            case lastSeq = "last_seq"
        }
    }

    package init(parsing line: Data) throws {
        self = try JSONCoding.decoder.decode(StreamLine.self, from: line)
    }
}

extension StreamLine: Decodable {
    private enum CodingKeys: String, CodingKey {
        case type
        case chatID = "chat_id"
        case cursor
        case epoch
        case reason
        case delay = "delay_ms"
        case code
        case detail
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        switch try container.decode(String.self, forKey: .type) {
        case "hello":
            self = .hello(try Hello(from: decoder))
        case "caught_up":
            self = .caughtUp
        case "cursor":
            self = .cursor(try container.decode(String.self, forKey: .cursor))
        case "reset":
            self = .reset(epoch: try container.decode(String.self, forKey: .epoch))
        case "unauthorized":
            let reason = try container.decode(String.self, forKey: .reason)
            self = .end(ChatError(reason, "The token is no longer accepted", status: 401))
        case "reconnect":
            let seconds = Double(try container.decode(Int.self, forKey: .delay)) / 1_000
            self = .end(ChatError("reconnect", "The server asks to reconnect", retryAfter: seconds))
        case let type where type == "overflow" || type == "failed":
            let detail = try container.decodeIfPresent(JSONValue.self, forKey: .detail)
            let code = try container.decodeIfPresent(String.self, forKey: .code)
            self = .end(ChatError(code ?? type, detail ?? "The server ended the stream"))
        case "chat", "left":
            self = .inbox(try InboxEvent(from: decoder))
        default:
            if let chatID = try container.decodeIfPresent(Int.self, forKey: .chatID) {
                self = .chat(chatID, try ChatEvent(from: decoder))
            } else {
                self = .inbox(try InboxEvent(from: decoder))
            }
        }
    }
}
