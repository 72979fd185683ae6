package import ChatDomain
package import NIOCore
import Synchronization

/// What all readers of a chat are told, encoded once in each form.
package final class LiveEvent: Sendable {
    package let chatID: ChatID
    /// Nil for what has no place in the log.
    package let position: Position?
    let type: String
    private let json: [UInt8]
    private let forms = Mutex<[ByteBuffer?]>(Array(repeating: nil, count: EventForm.allCases.count))

    init(type: String, chatID: ChatID, position: Position?, _ write: (inout JSONWriter) -> Void) {
        self.type = type
        self.chatID = chatID
        self.position = position
        var writer = JSONWriter()
        write(&writer)
        json = writer.bytes
    }

    package convenience init(_ entry: LogEntry, of chatID: ChatID) {
        self.init(type: entry.kind.rawValue, chatID: chatID, position: entry.position) {
            entry.write(to: &$0, chatID: chatID)
        }
    }

    package convenience init(_ typing: Typing) {
        self.init(type: "typing", chatID: typing.chatID, position: nil) { writer in
            writer.notice("typing") { writer in
                writer.name("chat_id")
                writer.value(typing.chatID.rawValue)
                writer.name("at")
                writer.value(typing.instant)
                if let metadata = typing.metadata {
                    writer.name("metadata")
                    writer.json(metadata)
                }
            }
        }
    }

    /// How much memory it takes, about.
    package var size: Int {
        2 * json.count + 256
    }

    package func bytes(_ form: EventForm) -> ByteBuffer {
        forms.withLock { forms in
            if let bytes = forms[form.rawValue] { return bytes }
            let bytes = form.bytes(type: type, id: position.map { String($0.rawValue) }, json: json)
            forms[form.rawValue] = bytes
            return bytes
        }
    }
}

extension JSONWriter {
    /// What is said beside the entries of logs.
    mutating func notice(_ type: String, _ members: (inout JSONWriter) -> Void) {
        object { writer in
            writer.name("type")
            writer.value(type)
            members(&writer)
        }
    }
}

/// A stretch of a chat's log for those who follow it.
struct LivePage: Sendable {
    /// Without a hole, from behind the position that was asked for.
    let events: [LiveEvent]
    /// Where the log ended when they were read.
    let lastPosition: Position
}
