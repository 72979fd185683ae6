import ChatDomain
import Logging
import ServiceLifecycle

extension EventHub {
    /// Polls for missed events until graceful shutdown.
    package func run() async throws {
        async let ticking: Void = tick()
        for await _ in polls.cancelOnGracefulShutdown() {
            await check()
        }
        _ = await ticking
    }

    private func tick() async {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: self.limits.checkInterval)
                self.checkSoon()
                self.inboxes.poll()
            }
        }
    }

    /// Asks the store for the end of every log that has subscribers.
    private func check() async {
        let chatIDs = interests.chatIDs
        do throws(StoreError) {
            if inboxes.isWatched {
                inboxes.note(try await fetchChats([]).epoch)
            }
            if interests.allChats.contains(where: { $0 > 0 }) {
                let list = try await listChats()
                publishChats(list.chats.map(\.id), in: list.epoch)
            }
            for start in stride(from: 0, to: chatIDs.count, by: Self.checkSize) {
                try await check(Array(chatIDs[start..<min(start + Self.checkSize, chatIDs.count)]))
            }
        } catch {
            logger.warning("Polling for missed events failed", metadata: ["reason": "\(error.reason)"])
        }
    }

    private func check(_ ids: [ChatID]) async throws(StoreError) {
        // Read first: a log that now ends before a position known beforehand has gone backward.
        let known = interests.news(of: ids)
        let snapshot = try await fetchChats(ids)
        let ends = Dictionary(uniqueKeysWithValues: snapshot.chats.map { ($0.id, $0.lastPosition) })
        var rewound: [ChatID: Position] = [:]
        for (id, news) in zip(ids, known) where news?.epoch == snapshot.epoch {
            if let end = ends[id], let last = news?.end, end < last { rewound[id] = end }
        }
        interests.noteRewound(rewound)
        publishRewind(of: rewound.keys, in: snapshot.epoch)
        publish(ends, in: snapshot.epoch)
        for id in ids where ends[id] == nil {
            publishDeletion(of: id)
        }
    }

    /// Chats per query.
    private static var checkSize: Int { 1_000 }
}
