import Foundation

extension ChatClient {
    /// Whom the server takes this client for.
    public func me() async throws(ChatError) -> Caller {
        try await transport.send(.get("/me"))
    }

    /// The profiles of up to 100 users; those that do not exist are left out.
    public func users(_ ids: [String]) async throws(ChatError) -> [User] {
        struct List: Decodable {
            let users: [User]
        }
        return try await transport.send(.get("/users", [("ids", ids.joined(separator: ","))]), as: List.self).users
    }

    /// How many chats have unread messages.
    public func unread() async throws(ChatError) -> Int {
        struct Count: Decodable {
            let chats: Int
        }
        return try await transport.send(.get("/unread"), as: Count.self).chats
    }

    /// A page of the user's chats, the most recently active first.
    ///
    /// - Parameter text: Finds chats whose title contains it.
    public func chats(
        matching text: String? = nil,
        cursor: String? = nil,
        limit: Int? = nil
    ) async throws(ChatError) -> ChatPage {
        try await transport.send(.get("/chats/", [("q", text), ("cursor", cursor), ("limit", limit)]))
    }

    /// Creates a chat once, however often the request has to be repeated.
    public func createChat(
        title: String,
        members: [String] = [],
        visibility: ChatInfo.Visibility? = nil,
        metadata: Metadata? = nil,
        key: String? = nil
    ) async throws(ChatError) -> ChatInfo {
        let fields: [String: JSONValue?] = [
            "title": .string(title),
            "members": members.isEmpty ? nil : .array(members.map(JSONValue.string)),
            "visibility": visibility.map { .string($0.rawValue) },
            "metadata": metadata.map(JSONValue.object),
        ]
        return try await transport.send(.change("POST", "/chats/", fields, key: key ?? UUID().uuidString))
    }

    /// The direct chat with a user, which is created if there is none.
    public func direct(with user: String) async throws(ChatError) -> ChatInfo {
        try await transport.send(.change("POST", "/direct", ["user": .string(user)]))
    }

    /// A chat and its latest messages, 20 by default and at most 100.
    public func latestMessages(of chat: Int, limit: Int? = nil) async throws(ChatError) -> LatestMessages {
        try await transport.send(.get("/chats/\(chat)", [("limit", limit)]))
    }

    /// A page of messages; by default, the latest.
    public func messages(
        of chat: Int,
        _ place: MessagePage.Place = .latest,
        limit: Int? = nil
    ) async throws(ChatError) -> MessagePage {
        let query: [(String, (any CustomStringConvertible)?)] =
            switch place {
            case .latest: []
            case .before(let position): [("before", position)]
            case .after(let position): [("after", position)]
            case .around(let position): [("around", position)]
            }
        return try await transport.send(.get("/chats/\(chat)/messages/", query + [("limit", limit)]))
    }

    /// A page of the log after a position.
    public func log(
        of chat: Int,
        after position: Position = 0,
        limit: Int? = nil
    ) async throws(ChatError) -> LogPage {
        try await transport.send(.get("/chats/\(chat)/log", [("after", position), ("limit", limit)]))
    }

    /// Changes a message's text, its metadata or both.
    ///
    /// - Parameters:
    ///   - metadata: An object, or `.null` to remove it.
    ///   - revision: If it is not the message's, fails with `revision_mismatch`: someone else has changed the message.
    @discardableResult
    public func edit(
        _ message: Int,
        in chat: Int,
        text: String? = nil,
        metadata: JSONValue? = nil,
        revision: Int? = nil
    ) async throws(ChatError) -> Message {
        let fields: [String: JSONValue?] = ["text": text.map(JSONValue.string), "metadata": metadata]
        let path = "/chats/\(chat)/messages/\(message)"
        return try await transport.send(.change("PATCH", path, fields, revision: revision))
    }

    /// Deletes a message.
    ///
    /// It keeps its position.
    public func delete(_ message: Int, in chat: Int, revision: Int? = nil) async throws(ChatError) {
        try await transport.send(.change("DELETE", "/chats/\(chat)/messages/\(message)", revision: revision))
    }

    /// Asks the writer of an open message to stop.
    ///
    /// If the writer does not end the message, the server does after 5 seconds.
    public func cancel(_ message: Int, in chat: Int) async throws(ChatError) {
        let path = "/chats/\(chat)/messages/\(message)/cancel"
        try await transport.send(.change("POST", path, isRepeatable: true))
    }

    /// Tells others that the user is typing.
    ///
    /// Call it every few seconds.
    public func typing(in chat: Int, metadata: Metadata? = nil) async throws(ChatError) {
        try await transport.send(
            .change("POST", "/chats/\(chat)/typing", ["metadata": metadata.map(JSONValue.object)])
        )
    }

    /// Moves the user's read marker forward.
    ///
    /// - Parameter back: Whether it may also move to an earlier position.
    @discardableResult
    public func markRead(upTo seq: Int, in chat: Int, back: Bool = false) async throws(ChatError) -> ReadMarker {
        let fields: [String: JSONValue?] = ["seq": .integer(seq), "back": back ? true : nil]
        return try await transport.send(.change("PUT", "/chats/\(chat)/read", fields))
    }

    /// A page of the members, in order of their ids.
    public func members(
        of chat: Int,
        cursor: String? = nil,
        limit: Int? = nil
    ) async throws(ChatError) -> MemberPage {
        try await transport.send(.get("/chats/\(chat)/members", [("cursor", cursor), ("limit", limit)]))
    }

    /// Adds up to 100 users.
    ///
    /// Members keep their roles.
    @discardableResult
    public func addMembers(
        _ users: [String],
        to chat: Int,
        role: Role = .member
    ) async throws(ChatError) -> [Member] {
        struct List: Decodable {
            let members: [Member]
        }
        let fields: [String: JSONValue?] = [
            "users": .array(users.map(JSONValue.string)), "role": .string(role.rawValue),
        ]
        return try await transport.send(.change("POST", "/chats/\(chat)/members", fields), as: List.self).members
    }

    /// Removes a member.
    ///
    /// If it is the user, the user leaves.
    public func removeMember(_ user: String, from chat: Int) async throws(ChatError) {
        let path = "/chats/\(chat)/members/\(APIRequest.percentEncoded(user))"
        try await transport.send(.change("DELETE", path))
    }
}
