package import ChatLive
import ChatWire
package import NIOCore
import WebSocket

/// A wire format of events; the raw value is its encoding number in `LiveEvent`.
package enum EventForm: Int, CaseIterable {
    /// Server-Sent Events (HTML Living Standard, section 9.2).
    case serverSentEvents
    /// Server-Sent Events without `id`, for streams that write it themselves.
    case serverSentEventsWithoutID
    /// A JSON object per line (NDJSON).
    case jsonLines
    /// A JSON object per text message.
    case webSocket

    /// The bytes that keep an idle connection open.
    package var heartbeat: ByteBuffer {
        switch self {
        case .serverSentEvents, .serverSentEventsWithoutID: ByteBuffer(chunk: Array(":\n\n".utf8))
        case .jsonLines: ByteBuffer(chunk: [UInt8(ascii: "\n")])
        case .webSocket: WebSocketFrame.encode(.ping, ByteBuffer())
        }
    }

    /// Encodes an event or a notice, framed as a chunk or a WebSocket frame.
    ///
    /// - Parameters:
    ///   - id: Only Server-Sent Events have one; nil omits it.
    ///   - json: One JSON object without line breaks.
    ///   - retry: How long a client waits before it reconnects, in milliseconds; only in Server-Sent Events.
    package func bytes(type: String, id: String?, json: [UInt8], retry: Int? = nil) -> ByteBuffer {
        switch self {
        case .webSocket: WebSocketFrame.encode(.text, ByteBuffer(bytes: json))
        default: ByteBuffer(chunk: text(type: type, id: id, json: json, retry: retry))
        }
    }

    /// The bytes of an event, which all its subscribers share.
    package func bytes(of event: LiveEvent) -> ByteBuffer {
        event.bytes(rawValue) { bytes(type: $0.type, id: $0.place?.text, json: $0.json) }
    }

    /// Encodes an event or a notice without the frame.
    func text(type: String, id: String?, json: [UInt8], retry: Int? = nil) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(json.count + 96)
        switch self {
        case .webSocket:
            text += json
        case .jsonLines:
            text += json
            text.append(UInt8(ascii: "\n"))
        case .serverSentEvents, .serverSentEventsWithoutID:
            if let retry {
                text.appendField("retry", String(retry))
            }
            if self == .serverSentEvents, let id {
                text.appendField("id", id)
            }
            text.appendField("event", type)
            text += "data: ".utf8
            text += json
            text += "\n\n".utf8
        }
        return text
    }
}

extension [UInt8] {
    mutating func appendField(_ name: String, _ value: String) {
        self += name.utf8
        self += ": ".utf8
        self += value.utf8
        append(UInt8(ascii: "\n"))
    }
}

extension ByteBuffer {
    /// Frames bytes as a chunk of an HTTP/1.1 body (RFC 9112, section 7.1).
    ///
    /// Framed once here, they need no encoder in the connections they are written to.
    init(chunk: [UInt8]) {
        self.init()
        let size = String(chunk.count, radix: 16)
        reserveCapacity(size.utf8.count + chunk.count + 4)
        writeString(size)
        writeStaticString("\r\n")
        writeBytes(chunk)
        writeStaticString("\r\n")
    }

    /// The bytes inside the chunk.
    var withoutChunk: ByteBuffer {
        guard let lineFeed = readableBytesView.firstIndex(of: UInt8(ascii: "\n")) else { return self }
        let start = lineFeed + 1
        return getSlice(at: start, length: writerIndex - 2 - start) ?? self
    }
}
