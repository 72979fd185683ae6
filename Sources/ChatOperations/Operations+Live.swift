package import ChatDomain
package import ChatLive
package import ChatWire
package import NIOCore

// An interest in a chat is registered before the store is read, so that no entry falls between the read and the stream.

extension Operations {
    /// Prepares a subscription to one chat.
    ///
    /// - Parameters:
    ///   - place: The last entry that the client has; nil to start at the end of the log.
    ///   - eventLoop: The event loop of the connection.
    /// - Throws: `OperationError.epochChanged`, `PositionBeyondEnd` and `StoreError`.
    package func follow(
        _ caller: Caller,
        _ chat: ChatID,
        after place: LogPlace?,
        on eventLoop: any EventLoop
    ) async throws -> SubscriptionStart {
        let interest = hub.interest(in: chat, on: eventLoop)
        let snapshot = try await store.chats(withIDs: [chat], for: .follow, by: caller)
        guard let head = snapshot.heads.first else { throw StoreError.chatNotFound }
        let permit = SubscriptionPermit(caller, following: head.chat)
        return try start(interest, head, after: place, in: snapshot.epoch, permit)
    }

    /// Reads what permits a new credential to follow the chats of a connection; nil without any chat.
    package func renewPermits(
        _ caller: Caller,
        following chats: [ChatID]
    ) async throws(StoreError) -> PermitRenewal? {
        if chats.isEmpty { return nil }
        let snapshot = try await store.chats(withIDs: chats, for: .follow, by: caller)
        let permits = snapshot.chats.map { chat in
            (chat.id, (permit: SubscriptionPermit(caller, following: chat), end: chat.lastPosition))
        }
        return PermitRenewal(epoch: snapshot.epoch, chats: Dictionary(uniqueKeysWithValues: permits))
    }

    /// Prepares a stream of several chats.
    ///
    /// - Parameters:
    ///   - requests: The chats; the place of a request applies if the cursor does not contain its chat.
    ///   - cursor: Where an earlier stream of these chats ended; nil for a first one.
    ///   - eventLoop: The event loop of the connection.
    ///   - scope: `chats`, or `inbox`, which may do without any chat.
    /// - Throws: `OperationError.epochChanged`, `PositionBeyondEnd` and `StoreError`.
    package func followChats(
        _ caller: Caller,
        _ requests: [FollowRequest],
        after cursor: StreamCursor?,
        on eventLoop: any EventLoop,
        scope: StreamStart.Scope = .chats
    ) async throws -> StreamStart {
        let known = cursor?.places ?? [:]
        let interests = requests.map { hub.interest(in: $0.chatID, on: eventLoop) }
        let snapshot = try await store.chats(withIDs: requests.map(\.chatID), for: .follow, by: caller)
        let heads = Dictionary(uniqueKeysWithValues: snapshot.heads.map { ($0.chat.id, $0) })
        var stream = StreamStart(scope: scope, caller: caller, epoch: snapshot.epoch)
        if let cursor, cursor.epoch != snapshot.epoch { throw OperationError.epochChanged(to: snapshot.epoch) }
        for (request, interest) in zip(requests, interests) {
            let chatID = request.chatID
            if let head = heads[chatID] {
                let place = known[chatID] ?? request.place
                let permit = SubscriptionPermit(caller, following: head.chat)
                stream.chats.append(try start(interest, head, after: place, in: snapshot.epoch, permit))
            } else if known[chatID] != nil || cursor == nil && request.place != nil {
                // A client that names a place has had the chat.
                stream.deleted.append(chatID)
            } else if cursor == nil {
                // A client with a cursor was already told of the deletion: a browser repeats its first URL.
                throw StoreError.chatNotFound
            }
        }
        stream.deleted.sort { $0.rawValue < $1.rawValue }
        guard scope == .inbox || !stream.chats.isEmpty || !stream.deleted.isEmpty else { throw StoreError.chatNotFound }
        return stream
    }

    /// Prepares a stream of all chats on the caller's list, or of the most recently active ones if there are more than
    /// a stream can have.
    ///
    /// - Parameters:
    ///   - cursor: Where an earlier stream of all chats ended; nil for a first one.
    ///   - eventLoop: The event loop of the connection.
    /// - Throws: `OperationError.epochChanged`, and `StoreError`.
    package func followAllChats(
        _ caller: Caller,
        after cursor: StreamCursor?,
        on eventLoop: any EventLoop
    ) async throws -> StreamStart {
        let limit = hub.limits.maximumChats
        let known = cursor?.places ?? [:]
        let query = ChatListQuery(limit: limit + 1, scope: caller.listedChats)
        let ids = try await store.chats(query).chats.map(\.id)
        let interests = ids.prefix(limit).map { hub.interest(in: $0, on: eventLoop) }
        let others = Set(known.keys).subtracting(ids.prefix(limit))
        let snapshot = try await listedChats(caller, Array(others.union(ids.prefix(limit))))
        let heads = Dictionary(uniqueKeysWithValues: snapshot.heads.map { ($0.chat.id, $0) })
        var stream = StreamStart(scope: .allChats, caller: caller, epoch: snapshot.epoch)
        if let cursor, cursor.epoch != snapshot.epoch { throw OperationError.epochChanged(to: snapshot.epoch) }
        for interest in interests {
            let chatID = interest.chatID
            guard let head = heads[chatID] else { continue }
            let permit = SubscriptionPermit(caller, listing: chatID)
            if cursor == nil || known[chatID] != nil {
                stream.chats.append(try start(interest, head, after: known[chatID], in: snapshot.epoch, permit))
            } else {
                let isCreated = cursor?.newest.map { chatID.rawValue > $0.rawValue } ?? true
                stream.chats.append(
                    SubscriptionStart(
                        joining: interest,
                        head,
                        isCreated: isCreated,
                        in: snapshot.epoch,
                        permit: permit,
                        hub.limits
                    )
                )
            }
        }
        for (chatID, place) in known.sorted(by: { $0.key.rawValue < $1.key.rawValue }) where others.contains(chatID) {
            if heads[chatID] == nil {
                stream.deleted.append(chatID)
            } else {
                stream.unfollowed.append((chatID, place.position))
            }
        }
        if ids.count > limit {
            stream.newest = (ids + known.keys + [cursor?.newest].compactMap(\.self)).max { $0.rawValue < $1.rawValue }
        }
        return stream
    }

    /// Reads those of the chats that are on the caller's list, for a stream of all chats that they may join; nil if the
    /// store fails.
    @Sendable package func findChats(_ caller: Caller, _ ids: [ChatID]) async -> ChatSnapshot? {
        try? await listedChats(caller, ids)
    }

    private func listedChats(_ caller: Caller, _ ids: [ChatID]) async throws(StoreError) -> ChatSnapshot {
        var snapshot = try await store.chats(withIDs: ids, for: .follow, by: caller)
        snapshot.removeUnlisted(for: caller)
        return snapshot
    }

    /// Shows the subscribers of a chat that the caller is typing.
    ///
    /// A notice over the limit of the chat, or too soon after the last one of the same person, is dropped without an
    /// error.
    ///
    /// - Parameter metadata: At most `Typing.maximumMetadataLength` bytes.
    package func announceTyping(
        _ caller: Caller,
        in chat: ChatID,
        _ metadata: Metadata?
    ) async throws(StoreError) {
        let needsMembership = caller.membership(for: .post, in: chat) != nil
        if !needsMembership {
            try authorize(caller, to: .post, in: chat)
        }
        let typing = Typing(chatID: chat, author: caller.author, instant: .now(), metadata: metadata)
        // Saves a read of the database, unless the caller may have lost a membership since the last notice.
        if !needsMembership, typingLimiter.isRepeated(typing) { return }
        let snapshot = try await store.chats(withIDs: [chat], for: .post, by: caller)
        guard let head = snapshot.heads.first else { throw StoreError.chatNotFound }
        try caller.decide(.post, in: head.chat, membership: snapshot.memberships[chat]).requireAllowed()
        if typingLimiter.admits(typing) {
            self.typing.send(typing)
        }
    }

    private func start(
        _ interest: TopicInterest,
        _ head: LogHead,
        after place: LogPlace?,
        in epoch: Epoch,
        _ permit: SubscriptionPermit
    ) throws -> SubscriptionStart {
        let end = head.chat.lastPosition
        if let place {
            if place.isStale(in: epoch, end: end) { throw OperationError.epochChanged(to: epoch) }
            if place.position > end { throw PositionBeyondEnd(position: place.position, end: end) }
        }
        return SubscriptionStart(interest, of: head, after: place?.position, in: epoch, permit: permit)
    }
}

extension StreamCursor {
    fileprivate var places: [ChatID: LogPlace] {
        Dictionary(
            uniqueKeysWithValues: positions.map { ($0.chatID, LogPlace(epoch: epoch, position: $0.position)) }
        )
    }
}
