extension Migration {
    /// Every migration of this program, oldest first.
    ///
    /// A new one is added at the end; a released one is never edited.
    package static let all: [Migration] = [
        .createChatsAndMessages
    ]
}
