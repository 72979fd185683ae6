import ChatDomain
import ChatOperations
import ChatWire
import NIOCore

/// The connection that an inbox is written to: a stream or a WebSocket.
///
/// Confined to the event loop of its connection.
protocol InboxWriter: AnyObject {
    /// Whether the connection accepts more without buffering it in memory.
    var isWritable: Bool { get }

    /// Writes a line.
    func write(_ line: InboxLine)

    /// Writes that the client has everything before a cursor, and perhaps everything that existed at the start.
    func advance(to cursor: InboxCursor, isCaughtUp: Bool)

    /// The epoch has changed: the client must start over.
    func reset(in epoch: Epoch)

    /// Called at the end of a batch of writes.
    func flush()
}

/// Follows an inbox and writes it to a connection, no faster than the connection accepts it.
///
/// Confined to the event loop of its connection.
final class InboxConnection {
    /// Writes an inbox until its sink has ended.
    typealias Follow = @Sendable (Sink) async -> Void

    /// Writes from outside the event loop.
    struct Sink: InboxSink {
        fileprivate let connection: NIOLoopBound<InboxConnection>
        fileprivate let eventLoop: any EventLoop
    }

    private weak var writer: (any InboxWriter)?
    private var task: Task<Void, Never>?
    private var room: EventLoopPromise<Bool>?

    /// Starts to follow.
    ///
    /// - Precondition: Called on the event loop.
    init(to writer: any InboxWriter, on eventLoop: any EventLoop, _ follow: @escaping Follow) {
        self.writer = writer
        let sink = Sink(connection: NIOLoopBound(self, eventLoop: eventLoop), eventLoop: eventLoop)
        task = Task { await follow(sink) }
    }

    /// Call it when the connection accepts more.
    func resume() {
        room?.succeed(true)
        room = nil
    }

    /// Writes nothing more.
    func end() {
        writer = nil
        task?.cancel()
        room?.succeed(false)
        room = nil
    }

    /// - Parameter hasRoom: Completed once the connection accepts more, with false if it has ended.
    fileprivate func perform(_ body: (any InboxWriter) -> Void, _ hasRoom: EventLoopPromise<Bool>) {
        guard let writer else { return hasRoom.succeed(false) }
        body(writer)
        writer.flush()
        // The writes may have ended the connection.
        if self.writer == nil || writer.isWritable { return hasRoom.succeed(self.writer != nil) }
        room = hasRoom
    }
}

extension InboxConnection.Sink {
    func send(_ lines: [InboxLine]) async -> Bool {
        await perform { writer in
            for line in lines {
                writer.write(line)
            }
        }
    }

    func advance(to cursor: InboxCursor, isCaughtUp: Bool) async -> Bool {
        await perform { $0.advance(to: cursor, isCaughtUp: isCaughtUp) }
    }

    func reset(in epoch: Epoch) async {
        _ = await perform { $0.reset(in: epoch) }
    }

    private func perform(_ body: @escaping @Sendable (any InboxWriter) -> Void) async -> Bool {
        let promise = eventLoop.makePromise(of: Bool.self)
        eventLoop.execute { connection.value.perform(body, promise) }
        return (try? await promise.futureResult.get()) ?? false
    }
}
