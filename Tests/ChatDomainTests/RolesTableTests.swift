import ChatDomain
import ChatTestSupport
import Foundation
import Testing

@Suite struct RolesTableTests {
    @Test func `the documented table shows what each role may do`() throws {
        let page = try PackageFile.read("docs/members.md")
        let table = try #require(page.firstMatch(of: /\n\| may \|(.*)\|\n\|[-| ]*\|\n((?:\|.*\|\n)*)/)).output
        let roles = try table.1.split(separator: "|").map { column in
            try #require(ChatRole(rawValue: column.trimmingCharacters(in: .whitespaces)))
        }
        #expect(roles == ChatRole.allCases)
        var documented: [String: Set<ChatRole>] = [:]
        for row in table.2.split(separator: "\n") {
            let cells = row.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
                .map { $0.trimmingCharacters(in: .whitespaces) }
            for action in cells[0].split(separator: ", ") {
                documented[String(action)] = Set(zip(roles, cells.dropFirst()).filter { $0.1 == "✔" }.map(\.0))
            }
        }

        var decided: [String: Set<ChatRole>] = [:]
        for action in ChatAction.allCases {
            let allowed = ChatRole.allCases.filter { role in
                AccessRights.user(.user).decide(action, in: 1, membership: role) == .allowed
            }
            if allowed.isEmpty {
                // Administrators only; the page says so below the table.
                #expect(action == .editOthersMessage)
            } else {
                decided[action.phrase] = Set(allowed)
            }
        }
        #expect(documented == decided)
    }
}

extension ChatAction {
    /// How the page names the action.
    fileprivate var phrase: String {
        switch self {
        case .read: "read"
        case .follow: "follow"
        case .markAsRead: "mark as read"
        case .post: "post"
        case .react: "react"
        case .editOwnMessage: "edit own messages"
        case .deleteOwnMessage: "delete own messages"
        case .deleteOthersMessage: "delete others' messages"
        case .pin: "pin"
        case .removeMember: "remove members and readers"
        case .setSlowMode: "set slow mode"
        case .addMember: "add members"
        case .editChat: "edit the chat"
        case .grantRole: "grant roles below one's own"
        case .deleteChat: "delete the chat"
        case .appointOwner: "appoint owners"
        case .editOthersMessage: "edit others' messages"
        }
    }
}
