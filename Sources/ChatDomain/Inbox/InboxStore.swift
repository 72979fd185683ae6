/// Reads the inboxes of the members of a `ChatStore`'s chats.
///
/// Every store guarantees the following, and the conformance suite proves it:
/// - Each change of a chat, of a membership or of a read marker gives the chat a new activity number in the inboxes that
///   it changes.
/// - No change is missed by reading the chats whose activity numbers are not below `mark.floor` of the previous index,
///   even if transactions commit out of order.
package protocol InboxStore: Sendable {
    /// Returns the chats of a user's inbox with their activity numbers, whatever their number.
    ///
    /// The work depends on the number of the user's chats, never on the number of their messages.
    ///
    /// - Parameter floor: `left` contains the chats that the user left at this activity number or later.
    func inboxIndex(of user: UserID, leftSince floor: Int64) async throws(StoreError) -> InboxIndex

    /// Returns the entries of those of the chats of which the user is a member.
    func inboxEntries(of user: UserID, in chats: [ChatID]) async throws(StoreError) -> InboxEntries
}
