package import ChatDomain
package import ChatWire
package import NIOCore
import Synchronization

/// What all subscribers of a chat receive, encoded once for each form of it on the wire.
package final class LiveEvent: Sendable {
    package let chatID: ChatID
    /// Nil for an event that is no log entry.
    package let place: LogPlace?
    /// When it happened; within a log it never runs backward.
    package let instant: Instant
    package let type: String
    package let json: [UInt8]
    /// At the number of each encoding.
    private let encoded = Mutex<[ByteBuffer?]>([])

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

    /// About how much memory it takes, in bytes.
    package var size: Int {
        2 * json.count + 256
    }

    /// The event in an encoding, which is made once and shared by all subscribers.
    ///
    /// - Parameter encoding: The encoding's number, a small one.
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
