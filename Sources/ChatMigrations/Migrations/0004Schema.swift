/// The schema of 0004 as each database describes it, in the format of `Migration.Scripts.schema`.
enum StreamSchema {
    // SQLite describes a table by its statement, which the new columns change.
    static let sqlite =
        MemberSchema.sqlite.replacing(
            "messages: table messages as 15133aadbd3c81b5",
            with: "messages: table messages as 0000000000000000"
        ) + "\n" + newSQLite

    private static let newSQLite = """
        messages: index messages_open as 0000000000000000
        """

    static let postgresql =
        MemberSchema.postgresql.replacing(
            "messages: CHECK ((char_length(text) <= 5000))",
            with: "messages: CHECK ((char_length(text) <= 5000))"
        ) + "\n" + newPostgreSQL

    private static let newPostgreSQL = """
        messages: cancelled_at timestamp with time zone
        messages: expires_at timestamp with time zone
        messages: reason text
        messages: state text
        messages: ttl bigint
        messages: writer_epoch bigint
        """
}
