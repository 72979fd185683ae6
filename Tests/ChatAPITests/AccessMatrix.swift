import ChatDomain
import ChatIdentity
import ChatTestSupport
import Foundation

/// A caller in the access matrix; the raw value is the name of its column.
enum MatrixCaller: String, CaseIterable {
    /// No credential, in open mode.
    case open
    /// No credential, where one is required.
    case none
    /// The user Ada, as a guest whom the token makes a member of the chat.
    case guest
    /// Ada, whose token grants nothing in the chat.
    case out
    case read
    case mem
    case mod
    case own
    /// Ada, as an administrator.
    case adm
    /// A server key with the scope `admin`.
    case key
    /// One with the scope `post`.
    case post
    /// One with the scope `read`.
    case rdk
    /// One with the scope `bot:weather`.
    case bot
    /// A server key that acts as Ada.
    case act

    private var grant: ChatRole? {
        switch self {
        case .read: .reader
        case .guest, .mem: .member
        case .mod: .moderator
        case .own: .owner
        default: nil
        }
    }

    private var applicationRole: ApplicationRole {
        switch self {
        case .guest: .guest
        case .adm: .admin
        default: .user
        }
    }

    fileprivate var scope: ServerKeyScope? {
        switch self {
        case .key, .act: .admin
        case .post: .post
        case .rdk: .read
        case .bot: .bot("weather")
        default: nil
        }
    }

    /// The header fields of the caller's requests about a chat.
    fileprivate func headers(
        for chat: ChatID,
        _ access: TestAccess,
        _ keys: [MatrixCaller: String]
    ) async throws -> [String: String] {
        if self == .open || self == .none { return [:] }
        if let key = keys[self] {
            return HTTPTestClient.headers(as: key, self == .act ? ["Act-As": "ada"] : [:])
        }
        let grants = Grants(chats: grant.map { [chat: $0] } ?? [:])
        return HTTPTestClient.headers(as: try await access.token("ada", applicationRole, grants: grants))
    }
}

/// The user Ada without a grant, and what connects her to the chat.
struct MatrixMember: Hashable {
    let visibility: ChatVisibility
    /// Nil for no membership, or for one that ended.
    let role: ChatRole?
    let wasRemoved: Bool

    /// An owner, a moderator, a member, a reader, a member who was removed, and a user who never was one.
    static func all(in visibility: ChatVisibility) -> [MatrixMember] {
        ChatRole.allCases.reversed().map { MatrixMember(visibility: visibility, role: $0, wasRemoved: false) }
            + [true, false].map { MatrixMember(visibility: visibility, role: nil, wasRemoved: $0) }
    }

    static let all = ChatVisibility.allCases.flatMap { all(in: $0) }

    /// The column of the user whose token grants what this membership does.
    var counterpart: MatrixCaller {
        switch visibility.role(withMembership: role) {
        case nil: .out
        case .reader: .read
        case .member: .mem
        case .moderator: .mod
        case .owner: .own
        }
    }
}

/// What each caller gets for each request.
struct AccessMatrix {
    struct Row {
        let name: String
        let cells: [(caller: MatrixCaller, expected: String)]

        func cell(of caller: MatrixCaller) -> String? {
            cells.first { $0.caller == caller }?.expected
        }
    }

    let rows: [Row]

    /// - Parameter text: The names of the columns, then the rows: a name and a cell per column.
    init(_ text: String) {
        let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        let callers = lines.first?.compactMap(MatrixCaller.init) ?? []
        precondition(callers == MatrixCaller.allCases, "a column is missing")
        rows = lines.dropFirst().map { words in
            let cells = words.suffix(callers.count)
            return Row(
                name: words.dropLast(callers.count).joined(separator: " "),
                cells: zip(callers, cells).map { ($0, $1) }
            )
        }
    }
}

/// Two servers on one store, of which one requires credentials.
struct MatrixServers {
    let access: TestAccess
    private let open: HTTPTestClient
    private let required: HTTPTestClient
    private let keys: [MatrixCaller: String]
    /// The id of a key that no caller uses.
    private let spareKey: String

    /// A chat with a message by Ada and one by Bob, who owns it; Carol is a member.
    struct Scene {
        let client: HTTPTestClient
        let chat: ChatID
        let own: MessageID
        let other: MessageID
        let key: String
        let webhook: WebhookID
        let headers: [String: String]
    }

    static func withServers(_ body: (MatrixServers) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            try Data().write(to: URL(filePath: folder + "/swagger-ui.css"))
            try await withServers(documentationAssets: folder, body)
        }
    }

    private static func withServers(
        documentationAssets: String,
        _ body: (MatrixServers) async throws -> Void
    ) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let access = try await TestAccess(store)
            var keys: [MatrixCaller: String] = [:]
            for caller in MatrixCaller.allCases {
                keys[caller] = if let scope = caller.scope { try await access.key(scope) } else { nil }
            }
            let made = keys
            let spare = try await store.addServerKey(.read).id
            try await TestAccess(store, .open).withServer(documentationAssets: documentationAssets) { open in
                try await access.withServer(documentationAssets: documentationAssets) { required in
                    try await body(
                        MatrixServers(
                            access: access,
                            open: open,
                            required: required,
                            keys: made,
                            spareKey: spare
                        )
                    )
                }
            }
        }
    }

    /// Sets a new scene, so that no request can affect another.
    func scene(for caller: MatrixCaller) async throws -> Scene {
        let chat = try await access.store.createChat(titled: ChatTitle("chat")).id
        let headers = try await caller.headers(for: chat, access, keys)
        return try await scene(in: chat, caller == .open ? open : required, headers)
    }

    func scene(for member: MatrixMember) async throws -> Scene {
        let draft = ChatDraft(title: try ChatTitle("chat"), visibility: member.visibility)
        let chat = try await access.store.createChat(draft).value.id
        if let role = member.role ?? (member.wasRemoved ? .owner : nil) {
            try await change(.setRole("ada", role), in: chat)
        }
        if member.wasRemoved {
            try await change(.remove("ada"), in: chat)
        }
        return try await scene(in: chat, required, HTTPTestClient.headers(as: try await access.token("ada")))
    }

    private func scene(
        in chat: ChatID,
        _ client: HTTPTestClient,
        _ headers: [String: String]
    ) async throws -> Scene {
        let store = access.store
        _ = try await store.putUser("carol", UserProfile())
        try await change(.setRole("bob", .owner), in: chat)
        try await change(.setRole("carol", .member), in: chat)
        let post = LogChange.post(MessageDraft(text: try MessageText("text")))
        return Scene(
            client: client,
            chat: chat,
            own: try await store.recordMessage(post, in: chat, by: .user("ada")).value.id,
            other: try await store.recordMessage(post, in: chat, by: .user("bob")).value.id,
            key: spareKey,
            webhook: try await webhook(),
            headers: headers
        )
    }

    /// There can be only a few, so scenes share one until a request deletes it.
    private func webhook() async throws -> WebhookID {
        if let webhook = try await access.store.webhooks().first { return webhook.id }
        let url = WebhookURL(stored: "https://example.com/hook")
        return try await access.store.createWebhook(WebhookDraft(url: url, secret: .random())).id
    }

    private func change(_ change: MemberChange, in chat: ChatID) async throws {
        _ = try await access.store.changeMembers(MemberRequest(change, in: chat, by: .anonymous))
    }
}
