import ChatDomain
import GRDB

/// The statements for inboxes; each runs inside its caller's snapshot or transaction.
extension Database {
    func fetchInboxIndex(of user: UserID, leftSince floor: Int64) throws -> InboxIndex {
        let members = try cachedStatement(
            sql: """
                SELECT members.chat_id, max(chats.activity, members.activity), chats.deleted_at NOT NULL
                FROM members INDEXED BY members_user_id CROSS JOIN chats ON chats.id = members.chat_id
                WHERE members.user_id = ? AND left_seq IS NULL
                """
        )
        var chats: [InboxIndex.Change] = []
        var left: [InboxIndex.Change] = []
        let rows = try Row.fetchCursor(members, arguments: [user.value])
        while let row = try rows.next() {
            let change = InboxIndex.Change(chatID: ChatID(rawValue: row[0]), activity: row[1])
            let isDeleted: Bool = row[2]
            if !isDeleted {
                chats.append(change)
            } else if change.activity >= floor {
                left.append(change)
            }
        }
        let departures = try cachedStatement(
            sql: "SELECT chat_id, activity FROM departures WHERE user_id = ? AND activity >= ?"
        )
        let departed = try Row.fetchCursor(departures, arguments: [user.value, floor])
        while let row = try departed.next() {
            left.append(InboxIndex.Change(chatID: ChatID(rawValue: row[0]), activity: row[1]))
        }
        let counter = try cachedStatement(sql: "SELECT value FROM counters WHERE name = 'activity'")
        guard let activity = try Int64.fetchOne(counter) else {
            throw StoreError.failed(reason: "a counter is missing")
        }
        return InboxIndex(
            chats: chats,
            left: left,
            mark: InboxMark(floor: activity + 1, top: activity + 1),
            epoch: try fetchEpoch()
        )
    }

    func fetchInboxEntries(of user: UserID, in chats: [ChatID]) throws -> InboxEntries {
        let states = try fetchReadStates(of: user, in: chats)
        let members = Array(states.keys)
        let lastMessages = try fetchLastMessages(of: members)
        var entries: [ChatID: InboxEntry] = [:]
        for id in members {
            guard let chat = try fetchHead(of: id)?.chat, let state = states[id] else { continue }
            entries[id] = InboxEntry(chat: chat, lastMessage: lastMessages[id], state: state)
        }
        return InboxEntries(entries: entries, epoch: try fetchEpoch())
    }

    /// Notes that a user has left a chat.
    func noteDeparture(of member: MemberReference, _ activity: Int64) throws {
        try cachedStatement(sql: "INSERT OR REPLACE INTO departures (user_id, chat_id, activity) VALUES (?, ?, ?)")
            .execute(arguments: [member.userID.value, member.chatID.rawValue, activity])
    }

    /// Notes that the members of a chat lose it.
    ///
    /// - Parameter last: The last of the members, in the order of their ids; nil for all of them.
    func noteDepartures(from chat: ChatID, upTo last: String? = nil, _ activity: Int64) throws {
        try cachedStatement(
            sql: """
                INSERT OR REPLACE INTO departures (user_id, chat_id, activity)
                SELECT user_id, chat_id, ? FROM members
                WHERE chat_id = ? AND (? IS NULL OR user_id <= ?) AND left_seq IS NULL
                """
        ).execute(arguments: [activity, chat.rawValue, last, last])
    }
}
