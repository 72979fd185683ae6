extension Migration {
    /// Every migration of this program, oldest first.
    ///
    /// Add new migrations at the end, and never edit a released one.
    package static let all: [Migration] = [
        .createChatsAndMessages,
        .createUsersAndServerKeys,
        .createMembers,
        .createWebhooks,
    ]
}
