/// One step of erasing a deleted user's messages: a window of message ids, of which those by the user are erased.
package struct MessageErasure: Equatable, Sendable {
    /// How many messages a step examines; more only where chats share an id.
    package static let windowSize = 1_000
    /// The maximum number of messages that a step erases.
    package static let maximumCount = 100

    package let user: UserID
    /// The upper end of the window: the user's `UserRecord.erasesBelow`.
    package let bound: MessageID
    /// The lowest id in the window; nil if the window holds all messages that are left.
    package let lowest: MessageID?
    /// Messages by the user in the window that are not deleted, `maximumCount` at most.
    package let messages: [BatchPlan.MessageReference]

    package init(user: UserID, bound: MessageID, lowest: MessageID?, messages: [BatchPlan.MessageReference]) {
        self.user = user
        self.bound = bound
        self.lowest = lowest
        self.messages = messages
    }

    /// Whether the next step can leave this window behind: it had no more messages by the user than this step erases.
    package var finishesWindow: Bool {
        messages.count < Self.maximumCount
    }
}

extension ChatStore {
    /// Deletes the step's messages as their author, together, so that they share batches.
    ///
    /// Messages that were deleted meanwhile are left alone, so a step can be repeated.
    package func carryOut(_ step: MessageErasure) async throws(StoreError) {
        let caller = Caller(author: step.user, rights: .unrestricted)
        let errors = await withTaskGroup(of: StoreError?.self) { group in
            for message in step.messages {
                let request = LogRequest(.delete(message.id, onlyIf: .any), in: message.chatID, by: caller)
                group.addTask {
                    do throws(StoreError) {
                        _ = try await recordMessage(request)
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        for case let error? in errors where error != .messageNotFound && error != .chatNotFound {
            throw error
        }
    }
}
