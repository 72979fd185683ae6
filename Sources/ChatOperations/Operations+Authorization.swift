import ChatDomain

extension Operations {
    /// Requires that a caller may do something in a chat, as far as that needs no membership.
    ///
    /// The store decides about writes and about reads of a chat's content, together with the caller's membership.
    ///
    /// - Throws: `StoreError.chatNotFound` if the caller must not learn that the chat exists, and `StoreError.forbidden`.
    func authorize(_ caller: Caller, to action: ChatAction, in chat: ChatID) throws(StoreError) {
        try caller.decide(action, in: chat).requireAllowed()
    }

    /// Requires that a caller passes every check.
    ///
    /// - Throws: `StoreError.forbidden`.
    func requireAdministrator(_ caller: Caller) throws(StoreError) {
        guard caller.rights.isAdministrator else { throw .forbidden }
    }
}
