import ChatDomain
import ChatLive
import ChatOperations
import NIOCore

/// Subscribes a stream of all chats to chats that are created, that the user joins or that become active.
extension EventStream {
    func discover(_ chats: [ChatID], in epoch: Epoch?) {
        guard start.scope == .allChats, let subscriber, let eventLoop = context?.eventLoop else { return }
        if let epoch, epoch != start.epoch { return reset(in: epoch) }
        let followed = Set(subscriber.subscriptions.map(\.chatID))
        var new: [ChatID] = []
        for chatID in chats where !followed.contains(chatID) {
            if discovered.updateValue(true, forKey: chatID) == nil {
                discovered[chatID] = false
                new.append(chatID)
            }
        }
        if new.isEmpty { return }
        let interests = new.map { hub.interest(in: $0, on: eventLoop) }
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        Task { [findChats, caller = start.caller] in
            let found = await findChats(caller, new)
            eventLoop.execute { loopBound.value.join(found, interests, among: chats) }
        }
    }

    /// - Parameters:
    ///   - found: The chats that the stream may follow; the others are looked up again when they are signalled again.
    ///   - active: Chats that must not give way to the new ones.
    private func join(_ found: ChatSnapshot?, _ interests: [TopicInterest], among active: [ChatID]) {
        // The lookup may not have seen what was signalled during it.
        let signalled = interests.map(\.chatID).filter { discovered.removeValue(forKey: $0) == true }
        defer { discover(signalled, in: nil) }
        guard let found, subscriber != nil else { return }
        guard found.epoch == start.epoch else { return reset(in: found.epoch) }
        let chats = Dictionary(uniqueKeysWithValues: found.heads.map { ($0.chat.id, $0) })
        let joining = interests.filter { chats[$0.chatID] != nil }
        let room = makeRoom(for: joining.count, keeping: active)
        let starts = joining.prefix(room).compactMap { interest in
            chats[interest.chatID].map { head in
                let isCreated = start.newest.map { interest.chatID.rawValue > $0.rawValue } ?? true
                return SubscriptionStart(
                    joining: interest,
                    head,
                    isCreated: isCreated,
                    in: found.epoch,
                    permit: SubscriptionPermit(start.caller, listing: interest.chatID),
                    hub.limits
                )
            }
        }
        if let newest = start.newest {
            start.newest = ([newest] + joining.map(\.chatID)).max { $0.rawValue < $1.rawValue }
        }
        activity += starts.count
        subscribe(to: starts)
        flush()
    }

    /// Unsubscribes from the least recently active chats until there is room for new ones.
    ///
    /// - Returns: The number of chats there is room for.
    private func makeRoom(for count: Int, keeping active: [ChatID]) -> Int {
        guard let subscriber, let context else { return 0 }
        let excess = subscriber.subscriptions.count + count - hub.limits.maximumChats
        if excess > 0 {
            start.newest = start.newest ?? subscriber.subscriptions.map(\.chatID).max { $0.rawValue < $1.rawValue }
            let kept = Set(active)
            let others = subscriber.subscriptions.filter { !kept.contains($0.chatID) }.sorted {
                $0.activity < $1.activity
            }
            let shard = hub.shard(on: context.eventLoop)
            for subscription in others.prefix(excess) {
                shard.unsubscribe(subscription)
                writeUnfollowed(subscription.chatID, at: subscription.position)
                leaveBehind(subscription.chatID)
            }
        }
        return hub.limits.maximumChats - subscriber.subscriptions.count
    }
}
