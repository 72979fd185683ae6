extension BatchPlan {
    /// The users who post where slow mode is on, by chat: when they last posted must be read.
    ///
    /// - Parameter heads: The logs of the requests' chats.
    package static func slowedUsers(of requests: [WriteRequest], in heads: [ChatID: LogHead]) -> [ChatID: Set<UserID>] {
        guard heads.values.contains(where: { $0.chat.slowMode != .off }) else { return [:] }
        var users: [ChatID: Set<UserID>] = [:]
        for case .record(let request) in requests {
            guard case .post = request.change, let user = request.caller.slowedUser,
                let head = heads[request.chatID], head.chat.slowMode != .off
            else { continue }
            users[request.chatID, default: []].insert(user)
        }
        return users
    }

    /// Rejects a message that the caller posts too soon after the last one, and counts any other.
    mutating func requireSlowMode(of head: LogHead, for caller: Caller) throws(StoreError) {
        let chat = head.chat
        guard chat.slowMode != .off, let user = caller.slowedUser,
            caller.decide(.setSlowMode, in: chat, membership: currentRole(of: user, in: chat)) != .allowed
        else { return }
        let reference = MemberReference(chatID: chat.id, userID: user)
        let now = max(now, head.instant)
        if let last = lastPosts[reference] ?? priorState.lastPosts[reference] {
            try chat.slowMode.requireElapsed(since: last, at: now)
        }
        lastPosts[reference] = now
    }
}

extension Caller {
    /// The user who must wait where slow mode is on; nil for a bot and without a user.
    fileprivate var slowedUser: UserID? {
        rights.applicationRole == .bot ? nil : author
    }
}
