import NIOCore
import WebSocket

/// Reports each call of a session to the test, and reacts to text as the test asks.
final class RecordingSession: WebSocketSession {
    enum Event: Equatable {
        case opened
        case text(String)
        case binary(Int)
        case writability(Bool)
        case closed(UInt16)
    }

    typealias Reaction = @Sendable (String, WebSocketConnection) -> Void

    private let events: AsyncStream<Event>.Continuation
    private let reaction: Reaction
    private(set) weak var connection: WebSocketConnection?

    init(_ events: AsyncStream<Event>.Continuation, reaction: @escaping Reaction) {
        self.events = events
        self.reaction = reaction
    }

    func opened(_ connection: WebSocketConnection) {
        self.connection = connection
        events.yield(.opened)
    }

    func received(text: ByteBuffer, on connection: WebSocketConnection) {
        events.yield(.text(String(buffer: text)))
        reaction(String(buffer: text), connection)
    }

    func received(binary: ByteBuffer, on connection: WebSocketConnection) {
        events.yield(.binary(binary.readableBytes))
    }

    func writabilityChanged(of connection: WebSocketConnection) {
        events.yield(.writability(connection.isWritable))
    }

    func closed(_ code: WebSocketCloseCode) {
        events.yield(.closed(code.rawValue))
    }
}
