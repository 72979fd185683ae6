package import ChatDomain
package import ChatWire
package import NIOCore
import Synchronization

/// What all readers of a chat are told, encoded once in each form.
package final class LiveEvent: Sendable {
    package let chatID: ChatID
    /// Nil for what has no place in the log.
    package let place: LogPlace?
    /// When it happened; along a log it never runs backward.
    package let instant: Instant
    let type: String
    private let json: [UInt8]
    private let forms = Mutex<[ByteBuffer?]>(Array(repeating: nil, count: EventForm.allCases.count))

    init(
        type: String,
        chatID: ChatID,
        place: LogPlace?,
        instant: Instant,
        _ write: (inout JSONWriter) -> Void
    ) {
        self.type = type
        self.chatID = chatID
        self.place = place
        self.instant = instant
        var writer = JSONWriter()
        write(&writer)
        json = writer.bytes
    }

    package convenience init(_ entry: LogEntry, of chatID: ChatID, in epoch: Epoch) {
        let place = LogPlace(epoch: epoch, position: entry.position)
        self.init(type: entry.kind.rawValue, chatID: chatID, place: place, instant: entry.instant) {
            entry.write(to: &$0, chatID: chatID)
        }
    }

    package convenience init(_ typing: Typing) {
        self.init(type: "typing", chatID: typing.chatID, place: nil, instant: typing.instant) { writer in
            writer.notice("typing") { writer in
                writer.member("chat_id", typing.chatID)
                writer.member("at", typing.instant)
                writer.member("metadata", ifPresent: typing.metadata)
            }
        }
    }

    package var position: Position? {
        place?.position
    }

    /// How much memory it takes, about.
    package var size: Int {
        2 * json.count + 256
    }

    package func bytes(_ form: EventForm) -> ByteBuffer {
        forms.withLock { forms in
            if let bytes = forms[form.rawValue] { return bytes }
            let bytes = form.bytes(type: type, id: place?.text, json: json)
            forms[form.rawValue] = bytes
            return bytes
        }
    }
}

extension JSONWriter {
    /// What is said beside the entries of logs.
    mutating func notice(_ type: String, _ members: (inout JSONWriter) -> Void) {
        object { writer in
            writer.member("type", type)
            members(&writer)
        }
    }
}

extension JSONWriter {
    /// That the history has another epoch.
    mutating func reset(in epoch: Epoch) {
        notice("reset") { writer in
            writer.member("epoch", epoch)
        }
    }
}

extension JSONWriter {
    /// That a log has nothing at the position that a reader needs next.
    mutating func hole(in follow: LogFollow) {
        member("code", "log_damaged")
        member("chat_id", follow.chatID)
        member("detail", "The chat has nothing at position \(follow.state.position.rawValue + 1)")
    }
}

/// A stretch of a chat's log for those who follow it.
struct LivePage: Sendable {
    /// Without a hole, from behind the position that was asked for.
    let events: [LiveEvent]
    /// Where the log ended when they were read.
    let lastPosition: Position
    let epoch: Epoch
    /// Whether the entry before it was written after the reader has seen another one there.
    let isRewritten: Bool

    /// Whether what a reader has seen up to a position is not what the database holds any more.
    func isOfAnotherHistory(than epoch: Epoch, after position: Position) -> Bool {
        self.epoch != epoch || lastPosition < position || isRewritten
    }

    /// Whether it lacks what the log must have after a position: then the log is damaged.
    func hasHole(after position: Position) -> Bool {
        lastPosition > position && events.first?.position?.rawValue != position.rawValue + 1
    }
}
