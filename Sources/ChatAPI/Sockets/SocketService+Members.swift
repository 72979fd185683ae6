import ChatDomain
import ChatOperations
import ChatWire

extension SocketService {
    func carryOut(
        _ operation: SocketRequest.MemberOperation,
        for caller: Caller,
        _ mark: SocketRequest.Mark
    ) async throws -> SocketAnswer {
        switch operation {
        case .list(let chatID, let cursor):
            let limit = MemberPage.maximumCount
            let page = try await operations.listMembers(caller, of: chatID, after: cursor, limit: limit)
            return SocketAnswer(mark) { page.writeMembers(to: &$0) }
        case .add(let users, let chatID, let role):
            let members = try await operations.changeMembers(caller, of: chatID, .add(users, as: role))
            return SocketAnswer(mark) { $0.member("members", members) }
        case .put(let userID, let chatID, let role):
            let member = try await operations.setRole(caller, of: userID, in: chatID, to: role)
            return SocketAnswer(mark) { $0.member("member", member) }
        case .remove(let userID, let chatID):
            _ = try await operations.changeMembers(caller, of: chatID, .remove(userID))
            return SocketAnswer(mark)
        case .openDirect(let other):
            let opened = try await operations.openDirectChat(caller, with: other)
            return SocketAnswer(mark) { writer in
                writer.member("created", !opened.isReplay)
                writer.member("chat", opened.value)
            }
        }
    }
}
