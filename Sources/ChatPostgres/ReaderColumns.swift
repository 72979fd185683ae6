import ChatDomain
import PostgresClient

/// The columns that decide whether a caller may read the chat of a query's row of `chats`, whose id is `$1`.
///
/// There are none if the caller's rights alone decide; the statement is then the same as without a caller.
struct ReaderColumns {
    /// To append to the query's columns.
    let list: String
    /// To append to the query's parameters.
    let parameters: [PostgresValue]
    private let caller: Caller
    private let chat: ChatID

    /// - Parameter number: The number of the first parameter.
    init(_ caller: Caller, in chat: ChatID, parameter number: Int) {
        self.caller = caller
        self.chat = chat
        guard let reference = caller.membership(for: .read, in: chat) else {
            list = ""
            parameters = []
            return
        }
        list = """
            , chats.visibility AS reader_visibility, \(Self.role(in: "$1", parameter: number))
            """
        parameters = [.text(reference.userID.value)]
    }

    /// The column `reader_role`: the role of a member of the chat.
    ///
    /// - Parameters:
    ///   - chat: An expression for the chat's id.
    ///   - number: The number of the parameter that is the user's id.
    static func role(in chat: String, parameter number: Int) -> String {
        """
        (
            SELECT role FROM members WHERE chat_id = \(chat) AND user_id = $\(number) AND left_seq IS NULL
        ) AS reader_role
        """
    }

    /// Whether the query found the chat, and the caller may read it.
    func permitReading(_ result: borrowing PostgresResult) throws(PostgresError) -> Bool {
        if result.rowCount == 0 { return false }
        var role: ChatRole?
        if !parameters.isEmpty {
            role = try result.role(try result.column("reader_role"), try result.column("reader_visibility"), row: 0)
        }
        return caller.rights.decide(.read, in: chat, membership: role) == .allowed
    }
}
