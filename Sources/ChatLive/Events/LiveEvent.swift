package import ChatDomain
package import ChatWire
package import NIOCore
import Synchronization

/// An event for all subscribers of a chat, encoded once per wire format.
package final class LiveEvent: Sendable {
    /// The chat through whose topic the event is delivered.
    package let chatID: ChatID
    /// Nil for a notice, which is not stored and cannot be replayed.
    package let place: LogPlace?
    /// When the event happened; never decreases within a log.
    package let instant: Instant
    /// The `type` member of `json`: the kind of the log entry, or that of a notice.
    package let type: String
    /// The users whose subscriptions end after the event, as far as their memberships permit them.
    let leavers: [UserID]
    /// Nil for an event that is not about an open message or one that may have been open.
    package let change: TextChange?
    /// The event as one JSON object, without a line break.
    package let json: [UInt8]
    /// Encoded forms, indexed by encoding number.
    private let encoded = Mutex<[ByteBuffer?]>([])

    init(
        type: String,
        chatID: ChatID,
        place: LogPlace?,
        instant: Instant,
        leavers: [UserID] = [],
        change: TextChange? = nil,
        _ write: (inout JSONWriter) -> Void
    ) {
        self.type = type
        self.chatID = chatID
        self.place = place
        self.instant = instant
        self.leavers = leavers
        self.change = change
        var writer = JSONWriter()
        write(&writer)
        json = writer.bytes
    }

    /// Encodes a log entry, with the id of its chat.
    package convenience init(_ entry: LogEntry, of chatID: ChatID, in epoch: Epoch) {
        let place = LogPlace(epoch: epoch, position: entry.position)
        self.init(
            type: entry.kind.rawValue,
            chatID: chatID,
            place: place,
            instant: entry.instant,
            leavers: entry.leavers,
            change: entry.textChange
        ) { writer in
            entry.write(to: &writer, chatID: chatID)
        }
    }

    /// Encodes a typing notice, which has no position.
    package convenience init(_ typing: Typing) {
        self.init(type: "typing", chatID: typing.chatID, place: nil, instant: typing.instant) { writer in
            writer.notice("typing") { writer in
                writer.member("chat_id", typing.chatID)
                writer.member("author", ifPresent: typing.author)
                writer.member("at", typing.instant)
                writer.member("metadata", ifPresent: typing.metadata)
            }
        }
    }

    /// Nil for a notice.
    package var position: Position? {
        place?.position
    }

    /// The message that the event is about if it may have been open and is no longer; nothing of its text may follow.
    var endedMessage: BatchPlan.MessageReference? {
        change?.endedMessage
    }

    /// An estimate of memory use in bytes: the JSON, one encoded form, the text of an ended message and overhead.
    package var size: Int {
        (change == nil ? 2 : 3) * json.count + 256
    }

    /// Returns the event in a wire encoding, which is computed once and shared by all subscribers.
    ///
    /// - Parameters:
    ///   - encoding: A small number that identifies the encoding; an index into an array.
    ///   - encode: Called under the lock of the event, the first time only.
    package func bytes(_ encoding: Int, encode: (LiveEvent) -> ByteBuffer) -> ByteBuffer {
        encoded.withLock { encoded in
            if encoding < encoded.count, let bytes = encoded[encoding] { return bytes }
            while encoded.count <= encoding {
                encoded.append(nil)
            }
            let bytes = encode(self)
            encoded[encoding] = bytes
            return bytes
        }
    }
}
