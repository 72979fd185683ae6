package import ChatDomain
import ChatLive
package import ChatWire
import Logging

/// Where a feed writes; each call returns once there is room for more.
package protocol InboxSink: Sendable {
    /// Writes lines.
    ///
    /// - Returns: False if the client has gone, which ends the feed.
    func send(_ lines: [InboxLine]) async -> Bool

    /// The client has everything before this cursor.
    ///
    /// - Parameter isCaughtUp: True once: that is everything that existed when the feed began.
    /// - Returns: False if the client has gone, which ends the feed.
    func advance(to cursor: InboxCursor, isCaughtUp: Bool) async -> Bool

    /// The client must start over in this epoch; the feed has ended.
    func reset(in epoch: Epoch) async
}

/// A live inbox: first what changed after the cursor, then what changes, as the state of one chat at a time.
///
/// Only complete passes over the index move the cursor: a signal says that a chat has changed, but not that no other
/// one has. A slow client gets fewer lines rather than late ones, because each line is read when there is room for it.
package struct InboxFeed<Store: ServiceStore>: Sendable {
    private let reader: InboxReader<Store>
    private let watch: InboxWatch
    private let index: InboxIndex
    private let start: InboxCursor

    /// - Parameter index: Read after the watch began.
    init(_ reader: InboxReader<Store>, _ watch: InboxWatch, _ index: InboxIndex, after cursor: InboxCursor) {
        self.reader = reader
        self.watch = watch
        self.index = index
        start = cursor
    }

    /// The epoch of the feed, which ends when it changes.
    package var epoch: Epoch {
        index.epoch
    }

    /// Chats read and written at a time, which bounds what a slow client holds in memory.
    private static var pageSize: Int { 50 }

    /// Writes until the client has gone, the epoch changes or the task is cancelled.
    package func run(into sink: some InboxSink) async {
        var cursor = start
        var index: InboxIndex? = index
        var isBehind = true
        while !Task.isCancelled {
            do {
                if index == nil {
                    watch.collect()
                    index = try await reader.index(after: cursor)
                }
                // A pass that was begun earlier does not contain what has changed since.
                let isResumed = cursor.pass != nil
                let catchesUp = isBehind && !isResumed
                guard let present = index,
                    try await pass(over: present, from: &cursor, catchesUp: catchesUp, into: sink)
                else { return }
                index = nil
                if isResumed { continue }
                isBehind = false
                guard try await followSignals(into: sink) else { return }
            } catch OperationError.cursorExpired(let epoch) {
                return await sink.reset(in: epoch)
            } catch {
                if Task.isCancelled { return }
                // Whatever was missed comes with the next pass.
                index = nil
                let hub = reader.operations.hub
                hub.logger.warning("Reading an inbox failed", metadata: ["reason": "\(error)"])
                try? await Task.sleep(for: hub.limits.retryDelay)
            }
        }
    }

    /// Sends everything that changed after the cursor, and moves the cursor.
    ///
    /// - Parameter catchesUp: Whether the client has caught up after it.
    /// - Returns: False if the client has gone.
    private func pass(
        over index: InboxIndex,
        from cursor: inout InboxCursor,
        catchesUp: Bool,
        into sink: some InboxSink
    ) async throws -> Bool {
        watch.follow(index.chats.lazy.map(\.chatID))
        var changes = reader.changes(in: index, after: cursor)[...]
        repeat {
            let page = changes.prefix(Self.pageSize)
            changes = changes.dropFirst(Self.pageSize)
            if !page.isEmpty {
                guard await sink.send(try await reader.lines(of: page, in: epoch)) else { return false }
            }
            cursor = cursor.advanced(in: index, to: changes.isEmpty ? nil : page.last?.change)
            guard await sink.advance(to: cursor, isCaughtUp: catchesUp && changes.isEmpty) else { return false }
        } while !changes.isEmpty
        return true
    }

    /// Sends what is signalled, until a pass is due.
    ///
    /// - Returns: False if the client has gone.
    private func followSignals(into sink: some InboxSink) async throws -> Bool {
        while let news = await watch.next() {
            guard case .chats(let chats) = news else { return true }
            var rest = Array(chats)[...]
            while !rest.isEmpty {
                guard try await sendLines(of: rest.prefix(Self.pageSize), into: sink) else { return false }
                rest = rest.dropFirst(Self.pageSize)
            }
            // Further changes of these chats share the next line.
            try? await Task.sleep(for: reader.operations.hub.limits.inboxInterval)
        }
        return false
    }

    /// - Returns: False if the client has gone.
    private func sendLines(of chats: some Sequence<ChatID>, into sink: some InboxSink) async throws -> Bool {
        // A chat that the user has just joined may change while it is read.
        for chat in chats {
            watch.add(chat)
        }
        let lines = try await reader.lines(of: Array(chats), in: epoch)
        for case .left(let chat) in lines {
            watch.remove(chat)
        }
        return await sink.send(lines)
    }
}
