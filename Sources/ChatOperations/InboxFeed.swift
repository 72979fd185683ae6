package import ChatDomain
import ChatLive
package import ChatWire

/// Where a feed writes; each call returns once there is room for more.
package protocol InboxSink: Sendable {
    /// Writes lines, in any order.
    ///
    /// - Returns: False if the client has gone, which ends the feed.
    func send(_ lines: [InboxLine]) async -> Bool

    /// The client has everything before this cursor.
    ///
    /// - Returns: False if the client has gone, which ends the feed.
    func advance(to cursor: InboxCursor) async -> Bool

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

    /// Chats read at a time.
    private static var pageSize: Int { 100 }

    /// Writes until the client has gone, the epoch changes or the task is cancelled.
    package func run(into sink: some InboxSink) async {
        var cursor = start
        var index: InboxIndex? = index
        while !Task.isCancelled {
            do {
                if index == nil {
                    watch.collect()
                    index = try await reader.index(after: cursor)
                }
                guard let present = index, try await pass(over: present, from: &cursor, into: sink) else { return }
                index = nil
                guard try await followSignals(into: sink) else { return }
            } catch OperationError.epochChanged(let epoch) {
                return await sink.reset(in: epoch)
            } catch {
                // The store is not available: whatever was missed comes with the next pass.
                index = nil
                try? await Task.sleep(for: reader.operations.hub.limits.retryDelay)
            }
        }
    }

    /// Sends everything that changed after the cursor, and moves the cursor.
    ///
    /// - Returns: False if the client has gone.
    private func pass(
        over index: InboxIndex,
        from cursor: inout InboxCursor,
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
            guard await sink.advance(to: cursor) else { return false }
        } while !changes.isEmpty
        return true
    }

    /// Sends what is signalled, until a pass is due.
    ///
    /// - Returns: False if the client has gone.
    private func followSignals(into sink: some InboxSink) async throws -> Bool {
        while let news = await watch.next() {
            guard case .chats(let chats) = news else { return true }
            let lines = try await reader.lines(of: chats, in: epoch)
            for line in lines {
                switch line {
                case .chat(let entry): watch.add(entry.chat.id)
                case .left(let id): watch.remove(id)
                }
            }
            guard await sink.send(lines) else { return false }
            // Further changes of these chats share the next line.
            try? await Task.sleep(for: reader.operations.hub.limits.inboxInterval)
        }
        return false
    }
}
